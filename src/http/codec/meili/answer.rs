//! Hits as Meilisearch shows them, in the order of its own fields.

use std::time::Duration;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::search::{FacetCounts, Hit, HitExtras, Page, SearchHits, SearchQuery};

/// The body of an answer.
pub(super) fn answer(query: &SearchQuery, hits: &SearchHits, took: Duration) -> Value {
    let documents: Vec<Value> = hits.hits.iter().map(hit).collect();
    let mut answer = json!({ "hits": documents, "query": query.text, "processingTimeMs": took.as_millis() as u64 });
    match query.page {
        Page::Window { offset, limit } => {
            answer["limit"] = json!(limit);
            answer["offset"] = json!(offset);
            answer["estimatedTotalHits"] = json!(hits.total);
        }
        Page::Numbered { page, hits_per_page } => {
            answer["hitsPerPage"] = json!(hits_per_page);
            answer["page"] = json!(page);
            answer["totalPages"] =
                json!(if hits_per_page == 0 { 0 } else { hits.total.div_ceil(hits_per_page as u64) });
            answer["totalHits"] = json!(hits.total);
        }
    }
    if let Some(facets) = &hits.facets {
        let FacetCounts { values, stats } = &**facets;
        answer["facetDistribution"] = json!(values);
        let stats = stats.iter().map(|(name, ends)| (name.clone(), json!({ "min": ends.min, "max": ends.max })));
        answer["facetStats"] = Value::Object(stats.collect());
    }
    answer["requestUid"] = json!(Uuid::now_v7());
    answer
}

fn hit(hit: &Hit) -> Value {
    let mut shown = hit.document.clone();
    if let Some(extras) = &hit.extras {
        let HitExtras { formatted, matches, score, score_details } = &**extras;
        // Meilisearch leaves out what is formatted to nothing.
        let formatted = formatted.as_ref().filter(|formatted| !formatted.is_empty());
        put(&mut shown, "_formatted", formatted.cloned().map(Value::Object));
        put(&mut shown, "_matchesPosition", matches.clone().map(Value::Object));
        put(&mut shown, "_rankingScore", score.map(Value::from));
        put(&mut shown, "_rankingScoreDetails", score_details.clone().map(Value::Object));
    }
    Value::Object(shown)
}

fn put(shown: &mut Map<String, Value>, name: &str, value: Option<Value>) {
    if let Some(value) = value {
        shown.insert(name.to_owned(), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::FacetStats;

    #[test]
    fn extras_stand_where_meilisearch_has_them() {
        let document = |value: Value| value.as_object().unwrap().clone();
        let extras = HitExtras {
            formatted: Some(document(json!({"id": "1"}))),
            matches: Some(document(json!({}))),
            score: Some(0.5),
            score_details: Some(document(json!({"words": {"order": 0}}))),
        };
        let hit = Hit { extras: Some(Box::new(extras)), ..Hit::new("1", document(json!({"id": 1}))) };
        let mut facets = FacetCounts::default();
        facets.values.insert("y".into(), document(json!({"1990": 2})));
        facets.stats.insert("y".into(), FacetStats { min: 1990.0, max: 1990.5 });
        let hits = SearchHits { facets: Some(facets.into()), ..SearchHits::new([hit], 1) };
        let mut shown = answer(&SearchQuery::new("x"), &hits, Duration::from_millis(3));
        shown["requestUid"] = json!("");
        assert_eq!(
            shown.to_string(),
            concat!(
                r#"{"hits":[{"id":1,"_formatted":{"id":"1"},"_matchesPosition":{},"_rankingScore":0.5,"#,
                r#""_rankingScoreDetails":{"words":{"order":0}}}],"query":"x","processingTimeMs":3,"limit":20,"#,
                r#""offset":0,"estimatedTotalHits":1,"facetDistribution":{"y":{"1990":2}},"#,
                r#""facetStats":{"y":{"min":1990.0,"max":1990.5}},"requestUid":""}"#
            )
        );
    }
}
