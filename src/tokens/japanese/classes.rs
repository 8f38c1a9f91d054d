//! Kinds of characters, as far as runs of them are cut differently.

use std::iter;
use std::ops::Range;

/// A kind of character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// Ideographs, the repetition mark 々 and the like.
    Kanji,
    Hiragana,
    Katakana,
    /// Letters and digits of every other script.
    Letters,
    Space,
    /// Signs, punctuation, emoji.
    Other,
}

/// A run of characters of one class.
pub(super) struct Run {
    pub(super) class: Class,
    /// Where each of its characters stands, in bytes: a base with the marks that belong to it.
    pub(super) characters: Vec<Range<usize>>,
}

impl Run {
    /// Where the characters `range` of the run stand, in bytes. The range must not be empty.
    pub(super) fn bytes(&self, range: Range<usize>) -> Range<usize> {
        self.characters[range.start].start..self.characters[range.end - 1].end
    }
}

/// Cuts `text` where the class changes.
pub(super) fn runs(text: &str) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for (start, character) in text.char_indices() {
        let end = start + character.len_utf8();
        let last = runs.last_mut();
        match last {
            Some(run) if belongs_to_base(character) => match run.characters.last_mut() {
                Some(base) => base.end = end,
                None => run.characters.push(start..end),
            },
            Some(run) if run.class == class(character) => run.characters.push(start..end),
            _ => runs.push(Run { class: class(character), characters: iter::once(start..end).collect() }),
        }
    }
    runs
}

/// Marks that say how the character before is voiced or drawn.
fn belongs_to_base(character: char) -> bool {
    matches!(character, '\u{3099}' | '\u{309A}' | 'ﾞ' | 'ﾟ' | '\u{FE00}'..='\u{FE0F}' | '\u{E0100}'..='\u{E01EF}')
}

fn class(character: char) -> Class {
    match character {
        '々' | '〆' | '〇' => Class::Kanji,
        '\u{2E80}'..='\u{2FDF}' | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' => Class::Kanji,
        '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{3FFFD}' => Class::Kanji,
        '\u{3041}'..='\u{309F}' => Class::Hiragana,
        '\u{30FB}' | '\u{30A0}' => Class::Other,
        '\u{30A1}'..='\u{30FF}' | '\u{31F0}'..='\u{31FF}' | '\u{FF66}'..='\u{FF9F}' => Class::Katakana,
        _ if character.is_alphanumeric() => Class::Letters,
        _ if character.is_whitespace() => Class::Space,
        _ => Class::Other,
    }
}
