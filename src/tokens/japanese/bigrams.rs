//! Cutting without a dictionary.

use super::classes::{Class, Run, runs};
use crate::tokens::{Piece, Purpose, Segmenter};

/// Words of hiragana that stay whole, in the order of their characters: the commonest particles, endings and helping
/// words of two characters and more, each as a dictionary has it. All other hiragana are single characters.
#[rustfmt::skip]
const HIRAGANA_WORDS: [&str; 50] = [
    "あっ", "あり", "ある", "いう", "いっ", "いる", "おり", "から", "こと", "この",
    "これ", "しかし", "する", "せる", "そこ", "そして", "その", "それ", "たい", "ただし",
    "ため", "だけ", "だっ", "でき", "できる", "でし", "です", "という", "とき", "ところ",
    "として", "ない", "なっ", "など", "なり", "なる", "において", "について", "によって", "により",
    "まし", "ます", "また", "まで", "もの", "よう", "より", "られ", "られる", "れる",
];
/// The most characters a word of the list has.
const LONGEST_HIRAGANA_WORD: usize = 4;

/// Cuts Japanese by the kinds of its characters, for want of a dictionary.
///
/// - Kanji: documents hold every pair of neighbours, two pairs to a position; a query asks for the pairs that follow
///   each other, so that it finds a word wherever in a run of kanji it begins, with its parts one position apart. A
///   run with an odd number of kanji has its last one by itself, too.
/// - Katakana, and letters with digits: the whole run.
/// - Hiragana: the commonest words, and single characters in between.
/// - White space and signs: the whole run. It is for the caller to leave them out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bigrams;

impl Bigrams {
    /// Cuts a text that is to be found. Pieces overlap where kanji stand together, and every character is in one.
    ///
    /// # Examples
    ///
    /// ```
    /// # use crossfade::tokens::Bigrams;
    /// let pieces = Bigrams::cut_document("図書館から");
    /// let pieces: Vec<_> = pieces.iter().map(|piece| (piece.text, piece.step)).collect();
    /// assert_eq!(pieces, [("図書", 1), ("書館", 0), ("館", 1), ("から", 1)]);
    /// ```
    pub fn cut_document(text: &str) -> Vec<Piece<'_>> {
        cut(text, |run, pieces| {
            let kanji = run.characters.len();
            for first in 0..kanji {
                let step = u32::from(first % 2 == 0);
                if first + 1 < kanji {
                    pieces.push(Piece { text: &text[run.bytes(first..first + 2)], step });
                } else if step == 1 {
                    pieces.push(Piece { text: &text[run.bytes(first..kanji)], step });
                }
            }
        })
    }

    /// Cuts a text that is to find. The pieces put together are the text.
    ///
    /// # Examples
    ///
    /// ```
    /// # use crossfade::tokens::Bigrams;
    /// let pieces = Bigrams::cut_query("図書館から");
    /// let pieces: Vec<_> = pieces.iter().map(|piece| (piece.text, piece.step)).collect();
    /// assert_eq!(pieces, [("図書", 1), ("館", 1), ("から", 1)]);
    /// ```
    pub fn cut_query(text: &str) -> Vec<Piece<'_>> {
        cut(text, |run, pieces| {
            let kanji = run.characters.len();
            for first in (0..kanji).step_by(2) {
                pieces.push(Piece { text: &text[run.bytes(first..kanji.min(first + 2))], step: 1 });
            }
        })
    }
}

/// Cuts all but kanji, which are `cut_kanji`'s.
fn cut<'t>(text: &'t str, cut_kanji: impl Fn(&Run, &mut Vec<Piece<'t>>)) -> Vec<Piece<'t>> {
    let mut pieces = Vec::new();
    for run in runs(text) {
        let length = run.characters.len();
        match run.class {
            Class::Kanji => cut_kanji(&run, &mut pieces),
            Class::Hiragana => {
                let mut first = 0;
                while first < length {
                    let longest = LONGEST_HIRAGANA_WORD.min(length - first);
                    let is_word = |count: &usize| HIRAGANA_WORDS.contains(&&text[run.bytes(first..first + count)]);
                    let count = (2..=longest).rev().find(is_word).unwrap_or(1);
                    pieces.push(Piece { text: &text[run.bytes(first..first + count)], step: 1 });
                    first += count;
                }
            }
            Class::Katakana | Class::Letters | Class::Space | Class::Other => {
                pieces.push(Piece { text: &text[run.bytes(0..length)], step: 1 });
            }
        }
    }
    pieces
}

impl Segmenter for Bigrams {
    fn cut<'t>(&self, run: &'t str, purpose: Purpose) -> Vec<Piece<'t>> {
        match purpose {
            Purpose::Document => Self::cut_document(run),
            Purpose::Query => Self::cut_query(run),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn document(text: &str) -> Vec<(&str, u32)> {
        Bigrams::cut_document(text).into_iter().map(|piece| (piece.text, piece.step)).collect()
    }

    fn query(text: &str) -> Vec<&str> {
        Bigrams::cut_query(text).into_iter().map(|piece| piece.text).collect()
    }

    #[test]
    fn kanji_stand_two_pairs_to_a_position() {
        assert_eq!(document("車"), [("車", 1)]);
        assert_eq!(document("東京"), [("東京", 1)]);
        assert_eq!(document("東京都"), [("東京", 1), ("京都", 0), ("都", 1)]);
        assert_eq!(document("国際空港に"), [("国際", 1), ("際空", 0), ("空港", 1), ("に", 1)]);
        assert_eq!(query("国際空港"), ["国際", "空港"]);
        assert_eq!(query("図書館"), ["図書", "館"]);
        assert_eq!(query("人々"), ["人々"]);
    }

    #[test]
    fn hiragana_are_cut_at_common_words_the_longest_first() {
        assert_eq!(query("られるからられ"), ["られる", "から", "られ"]);
        assert_eq!(query("については"), ["について", "は"]);
        assert_eq!(query("すもも"), ["す", "も", "も"]);
    }

    #[test]
    fn other_runs_stay_whole() {
        assert_eq!(query("トートバッグとPS5、１２３円"), ["トートバッグ", "と", "PS5", "、", "１２３", "円"]);
        assert_eq!(query("カール・マルクス"), ["カール", "・", "マルクス"]);
        assert_eq!(query("ﾊﾞﾅﾅ  😀👍🏽"), ["ﾊﾞﾅﾅ", "  ", "😀👍🏽"]);
    }

    #[test]
    fn marks_stay_with_their_character() {
        assert_eq!(query("か\u{3099}辻\u{E0100}町"), ["か\u{3099}", "辻\u{E0100}町"]);
        assert_eq!(query("\u{3099}"), ["\u{3099}"]);
    }

    #[test]
    fn the_list_holds_each_word_once_and_none_is_too_long() {
        assert!(HIRAGANA_WORDS.is_sorted_by(|one, next| one < next));
        assert!(HIRAGANA_WORDS.iter().all(|word| (2..=LONGEST_HIRAGANA_WORD).contains(&word.chars().count())));
    }

    proptest! {
        #[test]
        fn nothing_is_lost(text in "[ 一二東京々あかるれらアッーｱﾞa1!。、😀\u{3099}\u{FE00}]{0,40}|\\PC{0,40}") {
            prop_assert_eq!(query(&text).concat(), text.clone());
            let mut covered = 0;
            let mut positions = 0;
            for Piece { text: piece, step } in Bigrams::cut_document(&text) {
                let start = piece.as_ptr() as usize - text.as_ptr() as usize;
                prop_assert!(!piece.is_empty() && start <= covered);
                covered = covered.max(start + piece.len());
                positions += step;
            }
            prop_assert_eq!(covered, text.len());
            // Both sides count alike.
            prop_assert_eq!(positions as usize, query(&text).len());
        }
    }
}
