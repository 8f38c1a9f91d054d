//! Classes of queries, so that an average does not hide that one kind of search is worse than the others.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{FilterInput, FilterTerm, SearchQuery};
use crate::tokens;

/// A class of queries. A query is in any number of them; here alone they have their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QueryClass {
    /// Among the most frequent ones, which together make up half of what is asked. Only known for a stretch of time.
    Head,
    /// Asked once in a stretch of time.
    Tail,
    /// One to three letters or digits in all (`up`, `R2-D`), none of them [`Cjk`](Self::Cjk), where one or two characters
    /// are a whole word. So little text is the beginning of many words, and much depends on ties.
    Short,
    /// Holds a character of the scripts Han, Hiragana, Katakana or Hangul.
    Cjk,
    /// Has a filter.
    Filter,
    /// Has sort criteria.
    Sorted,
    /// Holds no word, by the usual separators: every document that passes the filter is found.
    Placeholder,
}

/// Letters of a [`QueryClass::Short`] query, at most.
const SHORT: usize = 3;

impl QueryClass {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Head, Self::Tail, Self::Short, Self::Cjk, Self::Filter, Self::Sorted, Self::Placeholder];

    /// Those a query is in by itself. They are decided when it is recorded, since its text may not be kept.
    pub const RECORDED: [Self; 5] = [Self::Short, Self::Cjk, Self::Filter, Self::Sorted, Self::Placeholder];

    /// The [recorded](Self::RECORDED) classes of a query, in their order.
    pub fn of(query: &SearchQuery) -> Vec<Self> {
        Self::RECORDED.into_iter().filter(|class| class.holds(query)).collect()
    }

    /// The value of columns and labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Head => "head",
            Self::Tail => "tail",
            Self::Short => "short",
            Self::Cjk => "cjk",
            Self::Filter => "filter",
            Self::Sorted => "sorted",
            Self::Placeholder => "placeholder",
        }
    }

    fn holds(self, query: &SearchQuery) -> bool {
        match self {
            Self::Head | Self::Tail => false,
            Self::Short => is_short(&query.text),
            Self::Cjk => query.text.chars().any(is_cjk),
            Self::Filter => query.filter.as_ref().is_some_and(narrows),
            Self::Sorted => !query.sort.is_empty(),
            Self::Placeholder => !tokens::has_words(&query.text),
        }
    }
}

impl fmt::Display for QueryClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

fn is_short(text: &str) -> bool {
    let letters = text.chars().filter(|letter| letter.is_alphanumeric()).take(SHORT + 1).count();
    (1..=SHORT).contains(&letters) && !text.chars().any(is_cjk)
}

/// A filter of blank expressions filters nothing.
fn narrows(filter: &FilterInput) -> bool {
    let says = |expression: &String| !expression.trim().is_empty();
    match filter {
        FilterInput::Expression(expression) => says(expression),
        FilterInput::AllOf(terms) => terms.iter().any(|term| match term {
            FilterTerm::Expression(expression) => says(expression),
            FilterTerm::AnyOf(expressions) => expressions.iter().any(says),
        }),
    }
}

/// By the property Script of Unicode 16 (Scripts.txt); signs that several scripts share, such as `、` and `ー`, are of none.
fn is_cjk(letter: char) -> bool {
    matches!(letter,
        // Han
        '\u{2e80}'..='\u{2e99}' | '\u{2e9b}'..='\u{2ef3}' | '\u{2f00}'..='\u{2fd5}' | '\u{3005}' | '\u{3007}'
        | '\u{3021}'..='\u{3029}' | '\u{3038}'..='\u{303b}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}'
        | '\u{f900}'..='\u{fa6d}' | '\u{fa70}'..='\u{fad9}' | '\u{16fe2}'..='\u{16fe3}' | '\u{16ff0}'..='\u{16ff1}'
        | '\u{20000}'..='\u{2a6df}' | '\u{2a700}'..='\u{2ebe0}' | '\u{2ebf0}'..='\u{2ee5d}'
        | '\u{2f800}'..='\u{2fa1d}' | '\u{30000}'..='\u{323af}'
        // Hiragana
        | '\u{3041}'..='\u{3096}' | '\u{309d}'..='\u{309f}' | '\u{1b001}'..='\u{1b11f}' | '\u{1b132}'
        | '\u{1b150}'..='\u{1b152}' | '\u{1f200}'
        // Katakana, with the narrow forms
        | '\u{30a1}'..='\u{30fa}' | '\u{30fd}'..='\u{30ff}' | '\u{31f0}'..='\u{31ff}' | '\u{32d0}'..='\u{32fe}'
        | '\u{3300}'..='\u{3357}' | '\u{ff66}'..='\u{ff6f}' | '\u{ff71}'..='\u{ff9d}' | '\u{1aff0}'..='\u{1affe}'
        | '\u{1b000}' | '\u{1b120}'..='\u{1b122}' | '\u{1b155}' | '\u{1b164}'..='\u{1b167}'
        // Hangul, with the narrow forms
        | '\u{1100}'..='\u{11ff}' | '\u{302e}'..='\u{302f}' | '\u{3131}'..='\u{318e}' | '\u{3200}'..='\u{321e}'
        | '\u{3260}'..='\u{327e}' | '\u{a960}'..='\u{a97c}' | '\u{ac00}'..='\u{d7a3}' | '\u{d7b0}'..='\u{d7fb}'
        | '\u{ffa0}'..='\u{ffdc}')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn classes(text: &str) -> Vec<QueryClass> {
        QueryClass::of(&SearchQuery::new(text))
    }

    #[test]
    fn words_are_short_up_to_three_letters() {
        use QueryClass::Short;
        for text in ["up", "it", " R2 ", "a b", "R2-D", "\u{e9}te", "e\u{301}te", "Ⅱ", "été"] {
            assert_eq!(classes(text), [Short], "{text:?}");
        }
        for text in ["R2-D2", "a b c d", "ab cd", "jaws", "étés"] {
            assert_eq!(classes(text), [], "{text:?}");
        }
    }

    #[test]
    fn the_four_scripts_and_no_others() {
        use QueryClass::Cjk;
        for text in ["梅雨", "梅", "つゆ", "ツユ", "ﾂﾕ", "장마", "ㅈ", "々", "〇", "blade 走", "𠮷", "ㇰ"]
        {
            assert_eq!(classes(text), [Cjk], "{text:?}");
        }
        for text in ["ＡＢＣＤ", "четыре", "ฤดูฝน", "العربية", "ｗｉｄｅ、ー", "㍿"] {
            assert_eq!(classes(text), [], "{text:?}");
        }
    }

    #[test]
    fn a_query_without_words_is_a_placeholder_search() {
        use QueryClass::Placeholder;
        for text in ["", " \u{3000}\t", "!?", "-", "、。", "\"\""] {
            assert_eq!(classes(text), [Placeholder], "{text:?}");
        }
        assert_eq!(classes("🎬"), [], "a sign that parts no words is one");
    }

    #[test]
    fn filters_that_say_something_and_sort_criteria() {
        use QueryClass::{Filter, Sorted};
        for (filter, has) in [
            (json!("year > 1990"), true),
            (json!([["a = 1", "b = 2"], "c = 3"]), true),
            (json!([[""], "c = 3"]), true),
            (json!(""), false),
            (json!(" "), false),
            (json!([]), false),
            (json!([[], [" "]]), false),
        ] {
            let filter: FilterInput = serde_json::from_value(filter).unwrap();
            let query = SearchQuery { filter: Some(filter), ..SearchQuery::new("jaws") };
            assert_eq!(QueryClass::of(&query) == [Filter], has, "{:?}", query.filter);
        }
        let sorted = SearchQuery { sort: vec!["year:desc".to_owned()], ..SearchQuery::new("jaws") };
        assert_eq!(QueryClass::of(&sorted), [Sorted]);
        let filter = Some(FilterInput::Expression("year > 1990".to_owned()));
        let all = SearchQuery { filter, sort: sorted.sort, ..SearchQuery::new("梅") };
        assert_eq!(QueryClass::of(&all), [QueryClass::Cjk, Filter, Sorted]);
    }

    #[test]
    fn names_are_those_of_serde() {
        for class in QueryClass::ALL {
            assert_eq!(serde_json::to_value(class).unwrap(), class.as_str());
        }
    }
}
