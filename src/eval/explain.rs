//! Why a hit stands where it stands: what each ranking rule says of it.

use std::collections::HashMap;

use super::{EvalReport, WorstQuery};
use crate::{
    backend::SearchBackend,
    document::{Document, DocumentId},
    search::{Extras, Page, SearchQuery},
};

/// How deep a document of the other side is looked for.
const DEEP: usize = 200;

impl EvalReport {
    /// Asks the worst queries once more, for what each ranking rule says of the hits that are listed. A live `source` says it of its own hits; for
    /// recorded ones PostgreSQL does, if it finds them too. What cannot be told is left out: the figures stand without it.
    pub async fn explain(&mut self, target: &dyn SearchBackend, source: Option<&dyn SearchBackend>) {
        for query in &mut self.worst {
            let ours = details(target, &query.q).await;
            let theirs = match source {
                Some(source) => details(source, &query.q).await,
                None => ours.clone(),
            };
            query.explain(&ours, &theirs);
        }
    }
}

impl WorstQuery {
    fn explain(&mut self, ours: &HashMap<DocumentId, Document>, theirs: &HashMap<DocumentId, Document>) {
        self.pg.iter_mut().for_each(|listed| listed.rules = ours.get(&listed.id).cloned());
        self.source.iter_mut().for_each(|listed| listed.rules = theirs.get(&listed.id).cloned());
    }
}

async fn details(side: &dyn SearchBackend, text: &str) -> HashMap<DocumentId, Document> {
    let extras = Extras { show_score_details: true, ..Extras::default() };
    let page = Page::Window { offset: 0, limit: DEEP };
    let query = SearchQuery { page, extras: Some(Box::new(extras)), ..SearchQuery::new(text) };
    match side.search(&query).await {
        Ok(found) => found
            .hits
            .iter()
            .filter_map(|hit| Some((hit.id.clone(), hit.extras.as_ref()?.score_details.clone()?)))
            .collect(),
        Err(error) => {
            tracing::debug!(%error, text, "a query could not be explained");
            HashMap::new()
        }
    }
}

/// What the rules say, in one line: words kept of all, typos, and the scores of the others.
pub fn in_one_line(rules: &Document) -> String {
    let number = |rule: &serde_json::Value, name: &str| rule.get(name).and_then(serde_json::Value::as_u64);
    let one = |(name, rule): (&String, &serde_json::Value)| {
        let kept = number(rule, "matchingWords").zip(number(rule, "maxMatchingWords"));
        match (
            name.as_str(),
            kept,
            number(rule, "typoCount"),
            rule.get("matchType").and_then(serde_json::Value::as_str),
        ) {
            (_, Some((kept, all)), _, None) => format!("{name} {kept}/{all}"),
            (_, _, Some(typos), _) => format!("{name} {typos}"),
            (_, kept, _, Some(stage)) => {
                format!("{name} {stage}{}", kept.map(|(kept, all)| format!(" {kept}/{all}")).unwrap_or_default())
            }
            _ => match rule.get("score").and_then(serde_json::Value::as_f64) {
                Some(score) => format!("{name} {score:.3}"),
                None => format!("{name} {}", rule.get("value").unwrap_or(&serde_json::Value::Null)),
            },
        }
    };
    rules.iter().map(one).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rules_are_told_in_one_line() {
        let rules = json!({
            "words": {"order": 0, "matchingWords": 2, "maxMatchingWords": 3, "score": 0.66},
            "typo": {"order": 1, "typoCount": 1, "maxTypoCount": 2, "score": 0.75},
            "proximity": {"order": 2, "score": 0.5},
            "year:desc": {"order": 3, "value": 1999.0},
            "exactness": {"order": 4, "matchType": "noExactMatch", "matchingWords": 1, "maxMatchingWords": 2, "score": 0.2},
        });
        assert_eq!(
            in_one_line(rules.as_object().unwrap()),
            "words 2/3, typo 1, proximity 0.500, year:desc 1999.0, exactness noExactMatch 1/2"
        );
    }
}
