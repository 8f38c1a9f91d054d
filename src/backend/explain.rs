//! Why a hit stands where it stands: what each ranking rule says of it.

use std::collections::HashMap;

use serde_json::Value;

use super::SearchBackend;
use crate::{
    document::{Document, DocumentId},
    error::BackendError,
    search::{Page, SearchQuery},
};

/// How deep hits are looked for, beside those of the page asked for.
const DEEP: usize = 200;

/// Asks a side what each ranking rule says of the hits of `query`, from the first on and 200 deep at least, as Meilisearch's
/// `_rankingScoreDetails`.
pub async fn ranking_rules(
    side: &dyn SearchBackend,
    query: &SearchQuery,
) -> Result<HashMap<DocumentId, Document>, BackendError> {
    let mut extras = query.extras.clone().unwrap_or_default();
    extras.show_score_details = true;
    let limit = query.page.offset().saturating_add(query.page.limit()).max(DEEP);
    let query = SearchQuery { page: Page::Window { offset: 0, limit }, extras: Some(extras), ..query.clone() };
    let found = side.search(&query).await?;
    let details =
        found.hits.iter().filter_map(|hit| Some((hit.id.clone(), hit.extras.as_ref()?.score_details.clone()?)));
    Ok(details.collect())
}

/// What the rules say, in one line: words kept of all, typos, and the scores of the others.
pub fn in_one_line(rules: &Document) -> String {
    let number = |rule: &Value, name: &str| rule.get(name).and_then(Value::as_u64);
    let one = |(name, rule): (&String, &Value)| {
        let kept = number(rule, "matchingWords").zip(number(rule, "maxMatchingWords"));
        let stage = rule.get("matchType").and_then(Value::as_str);
        match (name.as_str(), kept, number(rule, "typoCount"), stage) {
            (_, Some((kept, all)), _, None) => format!("{name} {kept}/{all}"),
            (_, _, Some(typos), _) => format!("{name} {typos}"),
            (_, kept, _, Some(stage)) => {
                format!("{name} {stage}{}", kept.map(|(kept, all)| format!(" {kept}/{all}")).unwrap_or_default())
            }
            _ => match rule.get("score").and_then(Value::as_f64) {
                Some(score) => format!("{name} {score:.3}"),
                None => format!("{name} {}", rule.get("value").unwrap_or(&Value::Null)),
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
