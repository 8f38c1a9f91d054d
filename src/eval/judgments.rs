//! Relevance judgments: `query TAB document TAB grade`.

use std::{collections::HashMap, path::Path};

use super::{
    EvalError, EvalQuery,
    lines::{Line, Lines},
};
use crate::{
    document::DocumentId,
    relevance::{Gain, ndcg_at_k},
};

/// What people judged relevant, by query.
#[derive(Clone, Debug, Default)]
pub struct Judgments {
    by_query: HashMap<String, HashMap<DocumentId, u32>>,
}

impl Judgments {
    /// Reads judgments; a grade below 0 is 0. Fails on a line that is none, and if none of the queries is judged.
    pub fn read(path: &Path, queries: &[EvalQuery]) -> Result<Self, EvalError> {
        let mut judgments = Self::default();
        for line in Lines::open(path)? {
            let Line { number, text } = line?;
            judgments.add(&text).map_err(|why| EvalError::line(path, number, why))?;
        }
        if !queries.iter().any(|query| judgments.by_query.contains_key(&query.id)) {
            return Err(EvalError::content(path, "none of the queries is judged in it"));
        }
        Ok(judgments)
    }

    fn add(&mut self, line: &str) -> Result<(), String> {
        let form = || "give `query TAB document TAB grade`".to_owned();
        let [query, document, grade] = line.split('\t').collect::<Vec<_>>()[..] else { return Err(form()) };
        let grade: i64 = grade.trim().parse().map_err(|_| format!("the grade `{grade}` is no integer"))?;
        let grade = u32::try_from(grade.max(0)).map_err(|_| format!("the grade {grade} is too high"))?;
        if query.is_empty() || document.is_empty() {
            return Err(form());
        }
        self.by_query.entry(query.to_owned()).or_default().insert(document.into(), grade);
        Ok(())
    }

    /// The grade of a document; `None` if it was not judged.
    pub fn grade(&self, query: &str, document: &DocumentId) -> Option<u32> {
        self.by_query.get(query)?.get(document).copied()
    }

    /// The documents that are relevant to a query, the best grade first.
    pub fn relevant(&self, query: &str) -> Vec<DocumentId> {
        let judged = self.by_query.get(query).into_iter().flatten();
        let mut relevant: Vec<_> = judged.filter(|(_, grade)| **grade > 0).collect();
        relevant.sort_by(|one, next| next.1.cmp(one.1).then_with(|| one.0.cmp(next.0)));
        relevant.into_iter().map(|(id, _)| id.clone()).collect()
    }

    /// NDCG@10 with linear gain; `None` for a query of which no relevant document is known.
    pub fn ndcg_at_10(&self, query: &str, ids: &[DocumentId]) -> Option<f64> {
        let judged = self.by_query.get(query)?;
        let grades: Vec<u32> = ids.iter().map(|id| judged.get(id).copied().unwrap_or(0)).collect();
        let all: Vec<u32> = judged.values().copied().collect();
        ndcg_at_k(Gain::Linear, &grades, &all, 10)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::NamedTempFile;

    use super::*;

    fn read(text: &str) -> Result<Judgments, String> {
        let file = NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        let path = file.path().display().to_string();
        let queries = [EvalQuery::new("a", None, "")];
        Judgments::read(file.path(), &queries).map_err(|error| error.to_string().replace(&path, "FILE"))
    }

    #[test]
    fn grades_make_an_ndcg() {
        let judgments = read("a\tm1\t1\na\tm2\t3\nb\tm1\t-1\na\tm3\t0\n").unwrap();
        assert_eq!(judgments.relevant("a"), ["m2".into(), "m1".into()]);
        assert_eq!((judgments.grade("b", &"m1".into()), judgments.grade("a", &"m9".into())), (Some(0), None));
        let ndcg = judgments.ndcg_at_10("a", &["m1".into(), "m9".into(), "m2".into()]).unwrap();
        // 1 + 3/2, of the ideal 3 + 1/log2(3).
        assert!((ndcg - 2.5 / 3.630_929_8).abs() < 1e-6, "{ndcg}");
        assert_eq!(judgments.ndcg_at_10("a", &[]), Some(0.0));
        assert_eq!((judgments.ndcg_at_10("b", &["m1".into()]), judgments.ndcg_at_10("c", &[])), (None, None));
    }

    #[test]
    fn what_is_wrong_is_told_with_file_and_line() {
        for (text, told) in [
            ("a\tm1\t1\na\tm1\n", "FILE, line 2: give `query TAB document TAB grade`"),
            ("a\t\t1\n", "FILE, line 1: give `query TAB document TAB grade`"),
            ("a\tm1\thigh\n", "FILE, line 1: the grade `high` is no integer"),
            ("z\tm1\t1\n", "FILE: none of the queries is judged in it"),
        ] {
            assert_eq!(read(text).unwrap_err(), told);
        }
    }
}
