//! Cuts text into words and tells where each stands: Meilisearch's tokenization, without language segmenters.

use unicode_normalization::char::decompose_compatible;

/// A stretch of text.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// A normalized word.
    Word(String),
    /// A run of separators, and how many of them were hard (ends of sentences).
    Gap {
        /// Hard separators in the run.
        hard: u32,
    },
}

/// Words beyond this position are not indexed.
const LAST_POSITION: u32 = u16::MAX as u32;
/// How far apart the words on both sides of a hard separator, or of two array elements, stand.
const HARD_STEP: u32 = 8;

/// Counts positions through the texts of one attribute.
#[derive(Debug, Default)]
pub(super) struct Positions {
    last: Option<u32>,
    step: u32,
}

impl Positions {
    /// What follows is another array element.
    pub(super) fn next_element(&mut self) {
        self.step = HARD_STEP;
    }

    /// Walks through `text` and emits its words with their positions.
    pub(super) fn walk(&mut self, text: &str, mut emit: impl FnMut(String, u16)) {
        for piece in pieces(text) {
            match piece {
                Piece::Gap { hard: 0 } => self.step = self.step.max(1),
                Piece::Gap { .. } => self.step = HARD_STEP,
                Piece::Word(word) => {
                    let position = self.last.map_or(0, |last| last + self.step.max(1));
                    self.last = Some(position);
                    self.step = 0;
                    if position <= LAST_POSITION {
                        emit(word, position as u16);
                    }
                }
            }
        }
    }
}

/// Cuts `text` at its separators.
pub(super) fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut word = Normalizer::default();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if !is_separator(c) {
            word.push(c);
            continue;
        }
        if !word.text.is_empty() {
            pieces.push(Piece::Word(std::mem::take(&mut word).text));
        }
        let hard = u32::from(is_hard(c, chars.peek().copied()));
        match pieces.last_mut() {
            Some(Piece::Gap { hard: so_far }) => *so_far += hard,
            _ => pieces.push(Piece::Gap { hard }),
        }
    }
    if !word.text.is_empty() {
        pieces.push(Piece::Word(word.text));
    }
    pieces
}

/// Decomposes, lowercases and drops marks, character by character.
#[derive(Default)]
struct Normalizer {
    text: String,
    keeps_marks: bool,
}

impl Normalizer {
    fn push(&mut self, c: char) {
        match c {
            _ if c.is_ascii() => {
                self.keeps_marks = false;
                self.text.push(c.to_ascii_lowercase());
            }
            'æ' | 'Æ' => self.text.push_str("ae"),
            'œ' | 'Œ' => self.text.push_str("oe"),
            // Full-width letters become ASCII but keep their case.
            '\u{ff00}'..='\u{ffef}' => decompose_compatible(c, |part| self.text.push(part)),
            _ => decompose_compatible(c, |part| self.push_part(part)),
        }
    }

    fn push_part(&mut self, part: char) {
        match part {
            '\u{300}'..='\u{36f}' if !self.keeps_marks => {}
            _ if part.is_control() => {}
            _ => {
                self.keeps_marks = matches!(part, '\u{400}'..='\u{52f}' | '\u{3040}'..='\u{30ff}');
                self.text.extend(part.to_lowercase());
            }
        }
    }
}

/// Whether `c` ends a sentence; `.` and `,` do when a space follows.
fn is_hard(c: char, next: Option<char>) -> bool {
    match c {
        '!' | ';' | '?' | '¡' | '¿' | '§' | '¶' | '、' | '。' | '！' | '？' | '；' | '｡' | '､' => true,
        '.' | ',' => next == Some(' '),
        _ => false,
    }
}

/// Whether words end at `c`. Beyond ASCII the common blocks of punctuation only.
fn is_separator(c: char) -> bool {
    match c {
        '$' | '<' | '=' | '>' | '^' | '|' | '~' => false,
        _ if c.is_ascii() => !c.is_ascii_alphanumeric(),
        // These decompose into strings that are words.
        '\u{2011}' | '\u{2025}' | '\u{2026}' | '\u{2033}' | '\u{2034}' | '\u{203c}' | '\u{2047}'..='\u{2049}' => false,
        '¡' | '§' | '«' | '¶' | '·' | '»' | '¿' | '±' | '×' | '÷' | '\u{200c}' => true,
        '\u{2010}'..='\u{2027}' | '\u{2030}'..='\u{205e}' | '\u{2212}'..='\u{22ff}' => true,
        '\u{3000}'..='\u{3003}' | '\u{3008}'..='\u{3011}' | '\u{3014}'..='\u{301f}' | '\u{30a0}' | '\u{30fb}' => true,
        '＄' | '＜' | '＝' | '＞' | '＾' | '｜' | '～' => false,
        '\u{ff01}'..='\u{ff0f}' | '\u{ff1a}'..='\u{ff20}' | '\u{ff3b}'..='\u{ff40}' | '\u{ff5b}'..='\u{ff65}' => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<(String, u16)> {
        let mut words = Vec::new();
        Positions::default().walk(text, |word, position| words.push((word, position)));
        words
    }

    fn texts(text: &str) -> Vec<String> {
        words(text).into_iter().map(|(word, _)| word).collect()
    }

    #[test]
    fn words_are_cut_at_punctuation_but_not_at_operators() {
        assert_eq!(
            texts("AT&T e-mail don’t 3.14 a=b $5 snake_case"),
            ["at", "t", "e", "mail", "don", "t", "3", "14", "a=b", "$5", "snake", "case"]
        );
    }

    #[test]
    fn latin_loses_case_and_marks_cyrillic_keeps_its_marks() {
        assert_eq!(texts("Café ﬁ x² Straße Œuvre"), ["cafe", "fi", "x2", "straße", "oeuvre"]);
        assert_ne!(texts("ё"), texts("е"));
        assert_eq!(texts("ＡＢＣ"), ["ABC"]);
    }

    #[test]
    fn a_hard_separator_is_eight_positions_a_soft_one_is_one() {
        let at = |text| words(text).into_iter().map(|(_, position)| position).collect::<Vec<_>>();
        assert_eq!(at("...one two, three"), [0, 1, 9]);
        assert_eq!(at("one?! two.three"), [0, 8, 9]);
    }

    #[test]
    fn an_array_element_starts_eight_after_the_last_word() {
        let mut positions = Positions::default();
        let mut at = Vec::new();
        for element in ["one two", "", "three"] {
            positions.next_element();
            positions.walk(element, |_, position| at.push(position));
        }
        assert_eq!(at, [0, 1, 9]);
    }
}
