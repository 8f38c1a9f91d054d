//! The queries: `id TAB text`, `id TAB class TAB text`, or a JSON object.

use std::{collections::HashSet, path::Path};

use rand::{SeedableRng, rngs::SmallRng, seq::index};
use serde_json::{Map, Value};

use super::{
    EvalError,
    lines::{Line, Lines},
};
use crate::search::SearchQuery;

/// One query of the file.
#[derive(Clone, Debug, PartialEq)]
pub struct EvalQuery {
    /// What rankings and judgments call it.
    pub id: String,
    /// What kind of query it is, for figures by class.
    pub class: Option<String>,
    /// What a side is asked. Of the text spaces at the ends count: after a last space nothing is taken for the beginning of a word.
    pub search: SearchQuery,
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
    /// A query of words only: the first 20 hits are asked for.
    pub fn new(id: impl Into<String>, class: Option<&str>, text: impl Into<String>) -> Self {
        Self { id: id.into(), class: class.map(str::to_owned), search: SearchQuery::new(text) }
    }

    /// Its words.
    pub fn text(&self) -> &str {
        &self.search.text
    }

    fn parse(line: &str) -> Result<Self, String> {
        // JSON escapes tabs within texts.
        let query =
            if line.starts_with('{') && !line.contains('\t') { Self::of_json(line) } else { Self::of_columns(line) }?;
        if query.id.is_empty() {
            return Err("the id is empty".to_owned());
        }
        Ok(query)
    }

    fn of_columns(line: &str) -> Result<Self, String> {
        match line.split('\t').collect::<Vec<_>>().as_slice() {
            [id, text] => Ok(Self::new(*id, None, *text)),
            [id, class, text] => Ok(Self::new(*id, Some(*class).filter(|class| !class.is_empty()), *text)),
            _ => Err("give `id TAB text`, `id TAB class TAB text` or a JSON object".to_owned()),
        }
    }

    /// `id`, `class`, and the parameters of a search.
    fn of_json(line: &str) -> Result<Self, String> {
        let mut object: Map<String, Value> = serde_json::from_str(line).map_err(|error| error.to_string())?;
        let mut text = |name: &str| match object.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(format!("`{name}` is no text")),
        };
        let (id, class) = (text("id")?.ok_or("it has no `id`")?, text("class")?);
        let search = SearchQuery::from_parameters(object).map_err(|error| error.to_string())?;
        Ok(Self { id, class: class.filter(|class| !class.is_empty()), search })
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
    use serde_json::json;
    use tempfile::NamedTempFile;

    use super::*;
    use crate::search::{FilterInput, MatchingStrategy, Page};

    fn read(text: &str) -> Result<Vec<EvalQuery>, String> {
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let path = file.path().display().to_string();
        read_queries(file.path()).map_err(|error| error.to_string().replace(&path, "FILE"))
    }

    #[test]
    fn both_forms_are_read_and_spaces_kept() {
        let queries = read("a\ttypo\tthe hangovr \nb\tnext\r\nc\t\n").unwrap();
        let read: Vec<_> = queries.iter().map(|query| (&*query.id, query.class.as_deref(), query.text())).collect();
        assert_eq!(read, [("a", Some("typo"), "the hangovr "), ("b", None, "next"), ("c", None, "")]);
    }

    #[test]
    fn an_object_has_the_parameters_of_a_search() {
        let search = json!({"q": "tower ", "filter": "year > 1990", "sort": ["year:asc"], "matchingStrategy": "all", "limit": 5});
        let SearchQuery { text, filter, sort, page, matching, .. } =
            SearchQuery::from_parameters(search.as_object().unwrap().clone()).unwrap();
        assert_eq!((&*text, page, matching), ("tower ", Page::Window { offset: 0, limit: 5 }, MatchingStrategy::All));
        assert_eq!((filter, sort), (Some(FilterInput::Expression("year > 1990".into())), vec!["year:asc".into()]));

        let mut line = search.as_object().unwrap().clone();
        line.extend([("id".into(), json!("a")), ("class".into(), json!("filtered"))]);
        let queries = read(&format!("{}\nb\tplain\n", Value::from(line))).unwrap();
        assert_eq!((&*queries[0].id, queries[0].class.as_deref()), ("a", Some("filtered")));
        assert_eq!(queries[0].search, SearchQuery::from_parameters(search.as_object().unwrap().clone()).unwrap());
        assert_eq!(queries[1], EvalQuery::new("b", None, "plain"));
    }

    #[test]
    fn what_is_wrong_is_told_with_file_and_line() {
        for (text, told) in [
            ("a\tx\n\nb\n", "FILE, line 3: give `id TAB text`, `id TAB class TAB text` or a JSON object"),
            ("a\tx\ty\tz\n", "FILE, line 1: give `id TAB text`, `id TAB class TAB text` or a JSON object"),
            ("\tx\n", "FILE, line 1: the id is empty"),
            ("a\tx\na\ty\n", "FILE, line 2: the query `a` was there before"),
            ("\n", "FILE: it holds no query"),
            (r#"{"q": "x"}"#, "FILE, line 1: it has no `id`"),
            (r#"{"id": 1}"#, "FILE, line 1: `id` is no text"),
            (r#"{"id": "a", "limit": "x"}"#, "FILE, line 1: `limit`: invalid type: string \"x\", expected usize"),
            (r#"{"id": "a", "vector": []}"#, "FILE, line 1: `vector` is no parameter that is carried over"),
        ] {
            assert_eq!(read(text).unwrap_err(), told);
        }
    }

    proptest! {
        #[test]
        fn a_sample_is_in_order_and_the_same_for_a_seed(all in 1usize..60, many in 0usize..70, seed in any::<u64>()) {
            let query = |n: usize| EvalQuery::new(n.to_string(), None, "");
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
