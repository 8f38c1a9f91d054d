//! A search by the parameters Meilisearch names.

use std::fmt::Display;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{Extras, Page, SearchQuery};

/// Why a parameter cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParameterError {
    /// None that is carried over has that name.
    #[error("`{0}` is no parameter that is carried over")]
    Unknown(String),
    /// Its value is of another type than it takes, or out of range.
    #[error("`{name}`: {why}")]
    Malformed {
        /// Of the parameter.
        name: String,
        /// What is wrong with the value.
        why: String,
    },
}

/// A search as far as its parameters have been read.
#[derive(Debug, Default)]
pub struct Parameters {
    query: SearchQuery,
    offset: Option<usize>,
    limit: Option<usize>,
    page: Option<usize>,
    hits_per_page: Option<usize>,
    extras: Extras,
}

impl Parameters {
    /// Reads one parameter, by the name and in the type a body of `POST /indexes/{uid}/search` has.
    pub fn read(&mut self, name: &str, value: Value) -> Result<(), ParameterError> {
        // Asking for nothing extra is no use of a feature.
        if value.is_null() || (value == Value::Bool(false) && is_switch(name)) {
            return Ok(());
        }
        let Self { query, extras, .. } = self;
        match name {
            "q" => query.text = typed(name, value)?,
            "filter" => query.filter = Some(typed(name, value)?),
            "sort" => query.sort = typed(name, value)?,
            "matchingStrategy" => query.matching = typed(name, value)?,
            "attributesToRetrieve" => {
                let fields: Vec<String> = typed(name, value)?;
                query.retrieve = (!fields.iter().any(|field| field == "*")).then_some(fields);
            }
            "offset" => self.offset = Some(typed(name, value)?),
            "limit" => self.limit = Some(typed(name, value)?),
            "page" => self.page = Some(typed(name, value)?),
            "hitsPerPage" => self.hits_per_page = Some(typed(name, value)?),
            "attributesToSearchOn" => extras.search_on = Some(typed(name, value)?),
            "distinct" => extras.distinct = Some(typed(name, value)?),
            "facets" => extras.facets = Some(typed(name, value)?),
            "rankingScoreThreshold" => extras.score_threshold = Some(share(name, value)?),
            "showRankingScore" => extras.show_score = typed(name, value)?,
            "showRankingScoreDetails" => extras.show_score_details = typed(name, value)?,
            "showMatchesPosition" => extras.show_matches = typed(name, value)?,
            "attributesToHighlight" => extras.formatting.highlight = typed(name, value)?,
            "highlightPreTag" => extras.formatting.before = typed(name, value)?,
            "highlightPostTag" => extras.formatting.behind = typed(name, value)?,
            "attributesToCrop" => extras.formatting.crop = typed(name, value)?,
            "cropLength" => extras.formatting.crop_length = typed(name, value)?,
            "cropMarker" => extras.formatting.crop_marker = typed(name, value)?,
            _ => return Err(ParameterError::Unknown(name.to_owned())),
        }
        Ok(())
    }

    /// The query. Either of `page` and `hitsPerPage` selects numbered pages, as in Meilisearch.
    pub fn finish(self) -> SearchQuery {
        let Self { query, extras, .. } = self;
        let page = match (self.page, self.hits_per_page) {
            (None, None) => Page::Window { offset: self.offset.unwrap_or(0), limit: self.limit.unwrap_or(20) },
            (page, size) => Page::Numbered { page: page.unwrap_or(1), hits_per_page: size.unwrap_or(20) },
        };
        let extras = (extras != Extras::default()).then(|| Box::new(extras));
        SearchQuery { page, extras, ..query }
    }
}

impl SearchQuery {
    /// The search that a body of `POST /indexes/{uid}/search` asks for.
    pub fn from_parameters(parameters: Map<String, Value>) -> Result<Self, ParameterError> {
        let mut read = Parameters::default();
        parameters.into_iter().try_for_each(|(name, value)| read.read(&name, value))?;
        Ok(read.finish())
    }
}

impl ParameterError {
    fn malformed(name: &str, why: impl Display) -> Self {
        Self::Malformed { name: name.to_owned(), why: why.to_string() }
    }
}

/// Parameters that are off unless they are true.
pub(crate) fn is_switch(name: &str) -> bool {
    matches!(
        name,
        "showRankingScore"
            | "showRankingScoreDetails"
            | "showMatchesPosition"
            | "showPerformanceDetails"
            | "retrieveVectors"
            | "useNetwork"
    )
}

fn typed<T: DeserializeOwned>(name: &str, value: Value) -> Result<T, ParameterError> {
    T::deserialize(value).map_err(|error| ParameterError::malformed(name, error))
}

/// A number from 0 to 1.
fn share(name: &str, value: Value) -> Result<f64, ParameterError> {
    let share: f64 = typed(name, value)?;
    match (0.0..=1.0).contains(&share) {
        true => Ok(share),
        false => Err(ParameterError::malformed(name, format_args!("{share} is not between 0 and 1"))),
    }
}
