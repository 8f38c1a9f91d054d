//! The report: overall, by class, and where it is worst.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Serialize;

use super::{Case, Figures, WorstQuery, worst::worst};
use crate::{document::DocumentId, error::Side};

/// What was measured.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct EvalReport {
    /// Over all queries.
    #[serde(flatten)]
    pub overall: Figures,
    /// By class; queries without one are in none.
    pub by_class: BTreeMap<String, Figures>,
    /// Queries that a side did not answer, and why.
    pub failed: Vec<FailedQuery>,
    /// Where the sides differ most, the worst first.
    pub worst: Vec<WorstQuery>,
}

/// A query that a side did not answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FailedQuery {
    /// The query.
    pub query_id: String,
    /// Which side.
    pub side: Side,
    /// Why.
    pub error: String,
}

/// How a report is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportOptions {
    /// How many of the worst queries are listed; first 20.
    pub worst: usize,
    /// What the intervals are drawn by.
    pub seed: u64,
}

impl Default for ReportOptions {
    fn default() -> Self {
        Self { worst: 20, seed: 1 }
    }
}

impl EvalReport {
    /// Sums cases up.
    pub fn of(cases: &[Case], options: &ReportOptions) -> Self {
        let mut classes: BTreeMap<&str, Vec<&Case>> = BTreeMap::new();
        for case in cases {
            if let Some(class) = &case.query.class {
                classes.entry(class).or_default().push(case);
            }
        }
        let figures = |cases: &[&Case]| Figures::of(cases, options.seed);
        Self {
            overall: figures(&cases.iter().collect::<Vec<_>>()),
            by_class: classes.into_iter().map(|(class, cases)| (class.to_owned(), figures(&cases))).collect(),
            failed: cases.iter().flat_map(FailedQuery::of).collect(),
            worst: worst(cases, options.worst),
        }
    }

    /// The documents that the worst queries list.
    pub fn listed(&self) -> HashSet<DocumentId> {
        self.worst.iter().flat_map(WorstQuery::ids).cloned().collect()
    }

    /// Names the documents that the worst queries list.
    pub fn label(&mut self, labels: &HashMap<DocumentId, String>) {
        self.worst.iter_mut().for_each(|query| query.label(labels));
    }
}

impl FailedQuery {
    fn of(case: &Case) -> impl Iterator<Item = Self> {
        let source = case.source.as_ref().map(|source| (Side::Meili, source));
        let sides = [Some((Side::Pg, &case.target)), source].into_iter().flatten();
        let failed = sides.filter_map(|(side, answer)| Some((side, answer.error.clone()?)));
        failed.map(|(side, error)| Self { query_id: case.query.id.clone(), side, error })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::{Answer, EvalQuery, Judgments};

    fn query(id: &str, class: Option<&str>) -> EvalQuery {
        EvalQuery::new(id, class, format!("text of {id}"))
    }

    fn answer(ids: &[&str], total: u64, millis: Option<f64>) -> Answer {
        let ids = ids.iter().map(|id| DocumentId::from(*id)).collect();
        Answer { ids, total: Some(total), millis, ..Answer::default() }
    }

    fn failed(millis: f64) -> Answer {
        Answer { millis: Some(millis), error: Some("too slow".to_owned()), ..Answer::default() }
    }

    /// Four queries: alike, half alike, failed, and nothing on both sides.
    fn report() -> EvalReport {
        let queries = [query("a", Some("x")), query("b", Some("x")), query("c", Some("y")), query("d", None)];
        let target = vec![
            answer(&["1", "2"], 2, Some(1.0)),
            answer(&["1", "2"], 2, Some(2.0)),
            failed(30.0),
            answer(&[], 0, Some(3.0)),
        ];
        let source = vec![
            answer(&["1", "2"], 2, None),
            answer(&["3", "2"], 4, None),
            answer(&["1"], 1, None),
            answer(&[], 0, None),
        ];
        let cases = Case::put_together(&queries, target, Some(source), &Judgments::default());
        EvalReport::of(&cases, &ReportOptions::default())
    }

    #[test]
    fn figures_by_hand() {
        let EvalReport { overall, by_class, .. } = report();
        assert_eq!((overall.queries, overall.errors, overall.both_empty), (4, 1, 1));
        // 1, 1/2, 0, 1.
        assert_eq!(overall.overlap_at_10, Some(0.625));
        assert_eq!((overall.identical_top_20, overall.top1), (Some(0.5), Some(1.0 / 3.0)));
        // 0, 1/2, 1, 0.
        assert_eq!((overall.totals_equal, overall.totals_error), (Some(0.5), Some(0.375)));
        assert_eq!((overall.p50_ms, overall.ndcg_at_10, overall.judged), (Some(2.5), None, 0));
        assert_eq!(overall.source.unwrap(), Default::default());
        assert_eq!(by_class.keys().collect::<Vec<_>>(), ["x", "y"]);
        assert_eq!((by_class["x"].overlap_at_10, by_class["x"].p50_ms), (Some(0.75), Some(1.5)));
        let [low, high] = by_class["x"].overlap_at_10_interval.unwrap();
        assert!((0.5..=0.75).contains(&low) && (0.75..=1.0).contains(&high));
        assert_eq!((by_class["y"].overlap_at_10, by_class["y"].errors), (Some(0.0), 1));
    }

    #[test]
    fn the_worst_come_first_and_what_is_alike_does_not_come() {
        let mut report = report();
        assert_eq!(report.worst.iter().map(|query| &*query.query_id).collect::<Vec<_>>(), ["c", "b"]);
        assert_eq!(report.failed.len(), 1);
        assert_eq!((report.failed[0].side, &*report.failed[0].error), (Side::Pg, "too slow"));
        report.label(&HashMap::from([("3".into(), "three".to_owned())]));
        let half = &report.worst[1];
        assert_eq!((half.pg[1].other_place, half.pg[0].other_place), (Some(2), None));
        assert_eq!((half.source[0].label.as_deref(), &half.source[1].label), (Some("three"), &None));
        assert_eq!((half.total, half.source_total, half.overlap_at_10), (Some(2), Some(4), Some(0.5)));
        assert_eq!(report.listed().len(), 3);
    }

    #[test]
    fn without_a_source_there_are_latencies_and_no_parity() {
        let cases =
            Case::put_together(&[query("a", None)], vec![answer(&["1"], 1, Some(4.0))], None, &Judgments::default());
        let report = EvalReport::of(&cases, &ReportOptions::default());
        assert_eq!(
            (report.overall.overlap_at_10, report.overall.p95_ms, &report.overall.source),
            (None, Some(4.0), &None)
        );
        assert!(report.worst.is_empty());
        let shown = serde_json::to_value(&report).unwrap();
        assert!(shown["overlap_at_10"].is_null() && shown["by_class"].as_object().unwrap().is_empty());
    }
}
