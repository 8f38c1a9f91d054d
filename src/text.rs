//! Text to words, the same for documents and queries.

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// Meilisearch reads no more words of a query.
const MOST_QUERY_WORDS: usize = 10;

/// The words of a query, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueryWords {
    /// Normalized, at most ten.
    pub words: Vec<String>,
    /// Whether the last one may be the beginning of a word: nothing follows it in what the user typed.
    pub open: bool,
}

/// The words of a text: decomposed (NFKD), marks stripped, lowercased, cut at everything that is neither letter nor digit.
pub fn words(text: &str) -> Vec<String> {
    let folded: String = text.nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase).collect();
    folded.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

impl QueryWords {
    /// Reads a query. Words that `is_stop_word` says are dropped, unless one is still being typed.
    pub fn read(text: &str, is_stop_word: impl Fn(&str) -> bool) -> Self {
        let mut words = words(text);
        let last_char = text.nfkd().filter(|c| !is_combining_mark(*c)).last();
        let mut open = last_char.is_some_and(char::is_alphanumeric);
        let typed = if open { words.pop() } else { None };
        words.retain(|word| !is_stop_word(word));
        words.extend(typed);
        if words.len() > MOST_QUERY_WORDS {
            words.truncate(MOST_QUERY_WORDS);
            open = false;
        }
        Self { open: open && !words.is_empty(), words }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_folded_and_cut() {
        assert_eq!(words("Don't—Café ﬁn_x²\0É"), ["don", "t", "cafe", "fin", "x2", "e"]);
        assert_eq!(words(" ;'\\:* "), Vec::<String>::new());
    }

    #[test]
    fn the_last_word_is_open_until_something_follows() {
        let read = |text| QueryWords::read(text, |word| word == "the");
        assert_eq!(read("big sle"), QueryWords { words: vec!["big".into(), "sle".into()], open: true });
        assert!(!read("big sle ").open && !read("big sle.").open && read("cafe\u{301}").open && !read("").open);
        assert_eq!(read("the big the").words, ["big", "the"]);
        assert_eq!(read("the big the "), QueryWords { words: vec!["big".into()], open: false });
    }

    #[test]
    fn ten_words_are_read() {
        let read = QueryWords::read("1 2 3 4 5 6 7 8 9 10 11", |_| false);
        assert_eq!((read.words.len(), read.open), (10, false));
        assert!(QueryWords::read("1 2 3 4 5 6 7 8 9 10", |_| false).open);
    }
}
