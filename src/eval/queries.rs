//! The queries: `id TAB text`, or `id TAB class TAB text`.

use std::{collections::HashSet, path::Path};

use rand::{SeedableRng, rngs::SmallRng, seq::index};

use super::{
    EvalError,
    lines::{Line, Lines},
};
use crate::search::SearchQuery;

/// One query of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvalQuery {
    /// What rankings and judgments call it.
    pub id: String,
    /// What kind of query it is, for figures by class.
    pub class: Option<String>,
    /// The words, spaces at the ends included: after a last space nothing is taken for the beginning of a word.
    pub text: String,
}

/// Reads queries. Fails on a line of fewer or more columns, on an empty id, and on one that was there before.
pub fn read_queries(path: &Path) -> Result<Vec<EvalQuery>, EvalError> {
    parse(Lines::open(path)?)
}

/// So many of the queries, drawn by the seed, in their order; all if there are not more.
pub fn sample(queries: Vec<EvalQuery>, many: usize, seed: u64) -> Vec<EvalQuery> {
    if many >= queries.len() {
        return queries;
    }
    let drawn: HashSet<usize> = index::sample(&mut SmallRng::seed_from_u64(seed), queries.len(), many).iter().collect();
    queries.into_iter().enumerate().filter_map(|(at, query)| drawn.contains(&at).then_some(query)).collect()
}

impl EvalQuery {
    /// As a side is asked: the first 20, nothing else said.
    pub fn question(&self) -> SearchQuery {
        SearchQuery::new(self.text.clone())
    }

    fn parse(line: &str) -> Result<Self, &'static str> {
        let columns: Vec<&str> = line.split('\t').collect();
        let (id, class, text) = match columns.as_slice() {
            [id, text] => (*id, None, *text),
            [id, class, text] => (*id, Some(*class).filter(|class| !class.is_empty()), *text),
            _ => return Err("give `id TAB text` or `id TAB class TAB text`"),
        };
        if id.is_empty() {
            return Err("the id is empty");
        }
        Ok(Self { id: id.to_owned(), class: class.map(str::to_owned), text: text.to_owned() })
    }
}

fn parse(lines: Lines) -> Result<Vec<EvalQuery>, EvalError> {
    let path = lines.path().to_owned();
    let (mut queries, mut known) = (Vec::new(), HashSet::new());
    for line in lines {
        let Line { number, text } = line?;
        let query = EvalQuery::parse(&text).map_err(|why| EvalError::line(&path, number, why))?;
        if !known.insert(query.id.clone()) {
            return Err(EvalError::line(&path, number, format!("the query `{}` was there before", query.id)));
        }
        queries.push(query);
    }
    if queries.is_empty() {
        return Err(EvalError::content(&path, "it holds no query"));
    }
    Ok(queries)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;
    use tempfile::NamedTempFile;

    use super::*;

    fn read(text: &str) -> Result<Vec<EvalQuery>, String> {
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let path = file.path().display().to_string();
        read_queries(file.path()).map_err(|error| error.to_string().replace(&path, "FILE"))
    }

    #[test]
    fn both_forms_are_read_and_spaces_kept() {
        let queries = read("a\ttypo\tthe hangovr \nb\tnext\r\nc\t\n").unwrap();
        let read: Vec<_> = queries.iter().map(|query| (&*query.id, query.class.as_deref(), &*query.text)).collect();
        assert_eq!(read, [("a", Some("typo"), "the hangovr "), ("b", None, "next"), ("c", None, "")]);
    }

    #[test]
    fn what_is_wrong_is_told_with_file_and_line() {
        for (text, told) in [
            ("a\tx\n\nb\n", "FILE, line 3: give `id TAB text` or `id TAB class TAB text`"),
            ("a\tx\ty\tz\n", "FILE, line 1: give `id TAB text` or `id TAB class TAB text`"),
            ("\tx\n", "FILE, line 1: the id is empty"),
            ("a\tx\na\ty\n", "FILE, line 2: the query `a` was there before"),
            ("\n", "FILE: it holds no query"),
        ] {
            assert_eq!(read(text).unwrap_err(), told);
        }
    }

    proptest! {
        #[test]
        fn a_sample_is_in_order_and_the_same_for_a_seed(all in 1usize..60, many in 0usize..70, seed in any::<u64>()) {
            let query = |n: usize| EvalQuery { id: n.to_string(), class: None, text: String::new() };
            let queries: Vec<_> = (0..all).map(query).collect();
            let drawn = sample(queries.clone(), many, seed);
            prop_assert_eq!(drawn.len(), many.min(all));
            prop_assert_eq!(&drawn, &sample(queries.clone(), many, seed));
            let places: Vec<usize> = drawn.iter().map(|query| query.id.parse().unwrap()).collect();
            prop_assert!(places.is_sorted_by(|one, next| one < next));
        }

        #[test]
        fn no_line_panics(text in "[a-c\t\n\r ]{0,40}") {
            let _ = read(&text);
        }
    }
}
