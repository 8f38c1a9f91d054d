//! What only some searches ask for: scores, facets, formatted texts, one hit for each value.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::document::Document;

/// What a search asks for beside its hits. [`Default`] asks for nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Extras {
    /// The searchable attributes that are searched; `None` is all. Others are refused.
    pub search_on: Option<Vec<String>>,
    /// The attribute of which the answer shows each value once, in place of the one in the settings.
    pub distinct: Option<String>,
    /// The facets whose values are counted; `*` stands for anything.
    pub facets: Option<Vec<String>>,
    /// Hits of a lower score are left out, and not counted in the total.
    pub score_threshold: Option<f64>,
    /// Whether hits show their score.
    pub show_score: bool,
    /// Whether they show what each ranking rule says.
    pub show_score_details: bool,
    /// Whether they show where the words of the query stand in their fields.
    pub show_matches: bool,
    /// How texts are shown a second time.
    pub formatting: Formatting,
}

/// How texts are shown: with the words of the query marked, and cut to what stands around them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Formatting {
    /// The attributes in which words are marked; `*` is all.
    pub highlight: Vec<String>,
    /// What comes before a word.
    pub before: String,
    /// What comes behind it.
    pub behind: String,
    /// The attributes that are cut, `overview` or `overview:10`; `*` is all.
    pub crop: Vec<String>,
    /// How many words are left of them, where the attribute does not say.
    pub crop_length: usize,
    /// What stands for what has been cut.
    pub crop_marker: String,
}

/// The values of facets among all documents found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FacetCounts {
    /// For each facet its values, as they are shown, and how many documents have each, in the order of the settings.
    pub values: BTreeMap<String, Map<String, Value>>,
    /// The ends of the numbers of each facet that has some.
    pub stats: BTreeMap<String, FacetStats>,
}

/// The ends of the numbers of a facet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FacetStats {
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
}

/// What a hit shows beside its document. What was not asked for is `None`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HitExtras {
    /// The document with its texts formatted; numbers are texts there.
    pub formatted: Option<Document>,
    /// For each field that holds words of the query, where: byte offsets and lengths.
    pub matches: Option<Document>,
    /// How well it matches, from 0 to 1.
    pub score: Option<f64>,
    /// What each ranking rule says.
    pub score_details: Option<Document>,
}

impl Extras {
    /// Whether the scores of hits matter.
    pub fn scores(&self) -> bool {
        self.show_score || self.show_score_details || self.score_threshold.is_some()
    }

    /// Whether hits show anything beside their documents.
    pub fn shows(&self) -> bool {
        self.show_score || self.show_score_details || self.show_matches || self.formatting.is_wanted()
    }
}

impl Formatting {
    /// Whether any text is to be formatted.
    pub fn is_wanted(&self) -> bool {
        !self.highlight.is_empty() || !self.crop.is_empty()
    }
}

impl Default for Formatting {
    /// Meilisearch's own defaults: nothing is formatted.
    fn default() -> Self {
        Self {
            highlight: Vec::new(),
            before: "<em>".to_owned(),
            behind: "</em>".to_owned(),
            crop: Vec::new(),
            crop_length: 10,
            crop_marker: "\u{2026}".to_owned(),
        }
    }
}
