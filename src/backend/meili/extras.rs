//! What only some searches ask for, in Meilisearch's names.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    document::Document,
    search::{Extras, FacetCounts, FacetStats, Formatting, HitExtras},
};

/// The parameters. What is not asked for is not sent.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Parameters<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    attributes_to_search_on: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    distinct: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    facets: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ranking_score_threshold: Option<f64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    show_ranking_score: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    show_ranking_score_details: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    show_matches_position: bool,
    #[serde(flatten)]
    formatting: Option<Format<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Format<'a> {
    attributes_to_highlight: &'a [String],
    highlight_pre_tag: &'a str,
    highlight_post_tag: &'a str,
    attributes_to_crop: &'a [String],
    crop_length: usize,
    crop_marker: &'a str,
}

/// The ends of the numbers of a facet.
#[derive(Clone, Copy, Deserialize)]
pub(super) struct Ends {
    min: f64,
    max: f64,
}

impl<'a> Parameters<'a> {
    pub(super) fn new(extras: &'a Extras) -> Self {
        let Formatting { highlight, before, behind, crop, crop_length, crop_marker } = &extras.formatting;
        let format = || Format {
            attributes_to_highlight: highlight,
            highlight_pre_tag: before,
            highlight_post_tag: behind,
            attributes_to_crop: crop,
            crop_length: *crop_length,
            crop_marker,
        };
        Self {
            attributes_to_search_on: extras.search_on.as_deref(),
            distinct: extras.distinct.as_deref(),
            facets: extras.facets.as_deref(),
            ranking_score_threshold: extras.score_threshold,
            show_ranking_score: extras.show_score,
            show_ranking_score_details: extras.show_score_details,
            show_matches_position: extras.show_matches,
            formatting: extras.formatting.is_wanted().then(format),
        }
    }
}

/// Takes out of a hit what is no part of its document. Fields that were not asked for are the document's own.
pub(super) fn of_hit(extras: &Extras, hit: &mut Document) -> Option<Box<HitExtras>> {
    if !extras.shows() {
        return None;
    }
    let mut take = |asked: bool, name: &str| if asked { hit.shift_remove(name) } else { None };
    let object = |value: Option<Value>| match value {
        Some(Value::Object(object)) => Some(object),
        _ => None,
    };
    Some(Box::new(HitExtras {
        formatted: object(take(extras.formatting.is_wanted(), "_formatted")),
        matches: object(take(extras.show_matches, "_matchesPosition")),
        score: take(extras.show_score, "_rankingScore").and_then(|score| score.as_f64()),
        score_details: object(take(extras.show_score_details, "_rankingScoreDetails")),
    }))
}

/// The facets of an answer that has some.
pub(super) fn facets(
    values: Option<BTreeMap<String, Document>>,
    stats: Option<BTreeMap<String, Ends>>,
) -> Option<Arc<FacetCounts>> {
    let stats = stats.unwrap_or_default().into_iter();
    let stats = stats.map(|(name, Ends { min, max })| (name, FacetStats { min, max })).collect();
    Some(Arc::new(FacetCounts { values: values?, stats }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn parameters_have_meilisearchs_names_and_only_what_is_asked_for_is_sent() {
        let sent = |extras: &Extras| serde_json::to_value(Parameters::new(extras)).unwrap();
        assert_eq!(sent(&Extras::default()), json!({}));
        let extras = Extras {
            facets: Some(vec!["*".into()]),
            score_threshold: Some(0.5),
            show_matches: true,
            formatting: Formatting { crop: vec!["a:3".into()], ..Formatting::default() },
            ..Extras::default()
        };
        let expected = json!({
            "facets": ["*"], "rankingScoreThreshold": 0.5, "showMatchesPosition": true,
            "attributesToHighlight": [], "highlightPreTag": "<em>", "highlightPostTag": "</em>",
            "attributesToCrop": ["a:3"], "cropLength": 10, "cropMarker": "\u{2026}",
        });
        assert_eq!(sent(&extras), expected);
    }

    #[test]
    fn only_what_was_asked_for_is_taken_out_of_a_hit() {
        let mut hit = json!({"id": 1, "_formatted": {"id": "1"}, "_rankingScore": 0.25}).as_object().unwrap().clone();
        let extras = Extras { show_score: true, ..Extras::default() };
        let taken = of_hit(&extras, &mut hit).unwrap();
        assert_eq!((taken.score, taken.formatted), (Some(0.25), None));
        assert_eq!(Value::Object(hit), json!({"id": 1, "_formatted": {"id": "1"}}));
    }
}
