//! Text to words, the same for documents and queries.

use std::fmt;

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// Bytes of the longest word that is looked for; as in Meilisearch no document is found by a longer one.
pub const LONGEST_WORD: usize = 250;
/// Meilisearch reads no more words of a query.
const MOST_QUERY_WORDS: usize = 10;
/// The words of a query that are looked at, those not read included.
const MOST_QUERY_PIECES: usize = 1_000;

/// The words of a query, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueryWords {
    /// Folded, at most ten.
    pub words: Vec<String>,
    /// Whether the last one may be the beginning of a word: nothing follows it in what the user typed.
    pub open: bool,
    /// The words written with a minus: no document found may hold one of them.
    pub without: Vec<String>,
}

/// The query has words in quotation marks, which must stand side by side. That is not offered here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HasPhrase;

/// The words of a text without its stop words: cut at everything that is neither letter nor digit, decomposed (NFKD), and
/// then folded, which means stripped of marks and lowercased.
///
/// `is_stop_word` sees a word [decomposed](decompose) and not yet folded, as in Meilisearch: `the` does not stop `The`.
pub fn words(text: &str, is_stop_word: impl Fn(&str) -> bool) -> Vec<String> {
    let text = decompose(text);
    let words = pieces(&text).filter(|piece| !is_stop_word(piece.word)).map(|piece| fold(piece.word));
    words.filter(|word| !word.is_empty()).collect()
}

/// The form in which stop words are compared.
pub fn decompose(text: &str) -> String {
    text.nfkd().collect()
}

impl QueryWords {
    /// Reads a query. Stop words (see [`words`]) are dropped, unless one is still being typed.
    pub fn read(text: &str, is_stop_word: impl Fn(&str) -> bool) -> Result<Self, HasPhrase> {
        let text = decompose(text);
        // A mark opens a phrase, the next one closes it, or the end.
        if text.split('"').skip(1).step_by(2).any(|phrase| pieces(phrase).next().is_some()) {
            return Err(HasPhrase);
        }
        let mut read = Self::default();
        for Piece { word, rest, negated } in pieces(&text).take(MOST_QUERY_PIECES) {
            read.open = false;
            if read.words.len() == MOST_QUERY_WORDS {
                break;
            }
            let open = rest.is_empty() && !negated;
            let folded = fold(word);
            if folded.is_empty() || (is_stop_word(word) && !open) {
                continue;
            }
            if !negated {
                read.words.push(folded);
                read.open = open;
            } else if folded.len() <= LONGEST_WORD {
                read.without.push(folded);
            }
        }
        Ok(read)
    }
}

/// A word as it stands in a decomposed text.
struct Piece<'a> {
    word: &'a str,
    /// What follows it.
    rest: &'a str,
    /// Whether a minus is written to it, after white space or at the start.
    negated: bool,
}

fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let is_of_word = |c: char| c.is_alphanumeric() || is_combining_mark(c);
    let mut end = 0;
    text.split_inclusive(move |c| !is_of_word(c)).filter_map(move |chunk| {
        let before = &text[..end];
        end += chunk.len();
        let word = chunk.trim_end_matches(|c| !is_of_word(c));
        let negated = before.strip_suffix('-').is_some_and(|b| b.chars().next_back().is_none_or(char::is_whitespace));
        let rest = &text[before.len() + word.len()..];
        (!word.is_empty()).then_some(Piece { word, rest, negated })
    })
}

/// Letters and digits only, whatever lowercasing made of the word.
fn fold(word: &str) -> String {
    let letters = word.chars().filter(|c| !is_combining_mark(*c));
    letters.flat_map(char::to_lowercase).filter(|c| c.is_alphanumeric()).collect()
}

impl fmt::Display for HasPhrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("words in quotation marks are not offered here")
    }
}

impl std::error::Error for HasPhrase {}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> QueryWords {
        QueryWords::read(text, |word| word == "the").unwrap()
    }

    #[test]
    fn words_are_folded_and_cut() {
        let words = |text| words(text, |_| false);
        assert_eq!(words("Don't—Café ﬁn_x²\0É"), ["don", "t", "cafe", "fin", "x2", "e"]);
        assert_eq!(words(" ;'\\:* \u{301} "), Vec::<String>::new());
    }

    #[test]
    fn stop_words_are_compared_before_folding() {
        assert_eq!(words("The the été ete", |word| word == "the" || word == decompose("été")), ["the", "ete"]);
        assert_eq!(read("The big ").words, ["the", "big"]);
    }

    #[test]
    fn the_last_word_is_open_until_something_follows() {
        assert_eq!(read("big sle").words, ["big", "sle"]);
        assert!(read("big sle").open && read("cafe\u{301}").open);
        for text in ["big sle ", "big sle.", "", "big -sle", "big the "] {
            assert!(!read(text).open, "{text:?}");
        }
        assert_eq!(read("the big the").words, ["big", "the"]);
        assert_eq!(read("the big the ").words, ["big"]);
    }

    #[test]
    fn ten_words_are_read() {
        let more = read("1 2 3 4 5 6 7 8 9 10 11 -12");
        assert_eq!((more.words.len(), more.open, more.without.len()), (10, false, 0));
        assert!(read("1 2 3 4 5 6 7 8 9 10").open);
    }

    #[test]
    fn a_minus_before_a_word_negates_it() {
        for (text, words, without) in [
            ("Batman -Robin", vec!["batman"], vec!["robin"]),
            ("-a\t-b c", vec!["c"], vec!["a", "b"]),
            ("-a-b", vec!["b"], vec!["a"]),
            ("a-b - c --d (-e", vec!["a", "b", "c", "d", "e"], vec![]),
            ("a -the", vec!["a"], vec![]),
        ] {
            let read = read(text);
            assert_eq!(
                (read.words, read.without),
                (words.into_iter().map(str::to_owned).collect(), without.into_iter().map(str::to_owned).collect()),
                "{text}"
            );
        }
        assert!(read(&format!("a -{}", "x".repeat(LONGEST_WORD + 1))).without.is_empty());
    }

    #[test]
    fn phrases_are_refused_and_lone_marks_are_not() {
        for phrase in ["\"a b\"", "a \"b", "-\"a\"", "\"\" \"a\""] {
            assert_eq!(QueryWords::read(phrase, |_| false), Err(HasPhrase), "{phrase}");
        }
        for plain in ["a \"", "\"\" a", "“a b”", "12'' a"] {
            assert!(QueryWords::read(plain, |_| false).is_ok(), "{plain}");
        }
    }
}
