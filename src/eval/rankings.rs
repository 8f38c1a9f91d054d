//! Recorded rankings, a JSON object a line: `{"query_id", "class", "q", "ids", "scores", "estimated_total_hits"}`.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Deserializer, Serialize, de::Error};

use super::{
    Answer, EvalError, EvalQuery,
    lines::{Line, Lines},
};
use crate::document::DocumentId;

/// What was answered to one query, as a line of the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ranking {
    /// The query.
    pub query_id: String,
    /// Its class.
    #[serde(default)]
    pub class: Option<String>,
    /// Its text.
    pub q: String,
    /// The ids of the hits, best first.
    #[serde(deserialize_with = "ids")]
    pub ids: Vec<DocumentId>,
    /// Meilisearch's ranking scores of the hits.
    #[serde(default)]
    pub scores: Vec<f64>,
    /// How many documents match, as far as Meilisearch says.
    #[serde(default)]
    pub estimated_total_hits: Option<u64>,
    /// Why there was no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// The rankings of a file.
#[derive(Clone, Debug)]
pub struct Rankings {
    path: PathBuf,
    by_query: HashMap<String, Ranking>,
}

/// Reads rankings. Fails on a line that is none, and on a second one of the same query.
pub fn read_rankings(path: &Path) -> Result<Rankings, EvalError> {
    let mut by_query = HashMap::new();
    for line in Lines::open(path)? {
        let Line { number, text } = line?;
        let ranking: Ranking =
            serde_json::from_str(&text).map_err(|error| EvalError::line(path, number, error.to_string()))?;
        let id = ranking.query_id.clone();
        if by_query.insert(id.clone(), ranking).is_some() {
            return Err(EvalError::line(path, number, format!("the query `{id}` was there before")));
        }
    }
    Ok(Rankings { path: path.to_owned(), by_query })
}

/// Writes what a side answered, one line a query.
pub fn write_rankings(path: &Path, queries: &[EvalQuery], answers: &[Answer]) -> Result<(), EvalError> {
    let write = || {
        let mut file = BufWriter::new(File::create(path)?);
        for (query, answer) in queries.iter().zip(answers) {
            serde_json::to_writer(&mut file, &Ranking::of(query, answer)).map_err(io::Error::from)?;
            file.write_all(b"\n")?;
        }
        file.flush()
    };
    write().map_err(EvalError::unwritable(path))
}

impl Ranking {
    fn of(query: &EvalQuery, answer: &Answer) -> Self {
        Self {
            query_id: query.id.clone(),
            class: query.class.clone(),
            q: query.text().to_owned(),
            ids: answer.ids.clone(),
            scores: answer.scores.clone(),
            estimated_total_hits: answer.total,
            error: answer.error.clone(),
        }
    }

    fn into_answer(self) -> Answer {
        let Self { ids, scores, estimated_total_hits, error, .. } = self;
        Answer { ids, scores, total: estimated_total_hits, millis: None, error }
    }
}

impl Rankings {
    /// Gives queries without a class the one they were recorded with.
    pub fn classify(&self, queries: &mut [EvalQuery]) {
        for query in queries.iter_mut().filter(|query| query.class.is_none()) {
            query.class = self.by_query.get(&query.id).and_then(|ranking| ranking.class.clone());
        }
    }

    /// The answers to these queries, in their order. Fails if one is missing, or was recorded for another text.
    pub fn in_order_of(mut self, queries: &[EvalQuery]) -> Result<Vec<Answer>, EvalError> {
        let mut answer = |query: &EvalQuery| {
            let wrong = |why: &str| EvalError::content(&self.path, format!("the query `{}` {why}", query.id));
            let ranking = self.by_query.remove(&query.id).ok_or_else(|| wrong("is not in it"))?;
            if ranking.q != query.text() {
                return Err(wrong("was recorded with another text"));
            }
            Ok(ranking.into_answer())
        };
        queries.iter().map(&mut answer).collect()
    }
}

/// Ids are texts or integers.
fn ids<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<DocumentId>, D::Error> {
    let values: Vec<serde_json::Value> = Vec::deserialize(deserializer)?;
    let ids: Option<Vec<_>> = values.iter().map(DocumentId::from_json).collect();
    ids.ok_or_else(|| D::Error::custom("an id is neither a text nor an integer"))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::NamedTempFile;

    use super::*;

    fn query(id: &str, text: &str) -> EvalQuery {
        EvalQuery::new(id, None, text)
    }

    fn read(text: &str) -> Result<Rankings, String> {
        let file = NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        let path = file.path().display().to_string();
        read_rankings(file.path()).map_err(|error| error.to_string().replace(&path, "FILE"))
    }

    #[test]
    fn what_is_written_is_read_again() {
        let file = NamedTempFile::new().unwrap();
        let mut queries = vec![query("a", "x"), query("b", "y")];
        queries[0].class = Some("typo".to_owned());
        let found = Answer { ids: vec!["m1".into()], scores: vec![0.5], total: Some(7), ..Answer::default() };
        let failed = Answer { error: Some("timeout".to_owned()), ..Answer::default() };
        let answers = [found, failed];
        write_rankings(file.path(), &queries, &answers).unwrap();
        let rankings = read_rankings(file.path()).unwrap();
        let mut plain = vec![query("b", "y"), query("a", "x")];
        rankings.classify(&mut plain);
        assert_eq!(plain[1].class.as_deref(), Some("typo"));
        let [found, failed] = answers;
        assert_eq!(rankings.in_order_of(&plain).unwrap(), [failed, found]);
    }

    #[test]
    fn integers_are_ids_and_what_may_be_missing_may() {
        let rankings = read(r#"{"query_id":"a","q":"x","ids":[1,"m2"]}"#).unwrap();
        let answers = rankings.in_order_of(&[query("a", "x")]).unwrap();
        assert_eq!((&answers[0].ids, answers[0].total), (&vec!["1".into(), "m2".into()], None));
    }

    #[test]
    fn what_is_wrong_is_told() {
        let one = r#"{"query_id":"a","q":"x","ids":[]}"#;
        assert!(read(&format!("{one}\n{{}}")).unwrap_err().starts_with("FILE, line 2: missing field `query_id`"));
        assert_eq!(read(&format!("{one}\n{one}")).unwrap_err(), "FILE, line 2: the query `a` was there before");
        let lost = read(r#"{"query_id":"a","q":"x","ids":[[]]}"#).unwrap_err();
        assert!(lost.starts_with("FILE, line 1: an id is neither"), "{lost}");
        for (asked, told) in [
            (query("b", "x"), "the query `b` is not in it"),
            (query("a", "y"), "the query `a` was recorded with another"),
        ] {
            let error = read(one).unwrap().in_order_of(&[asked]).unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
    }
}
