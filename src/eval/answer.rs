//! What a side answered to one query.

use crate::{document::DocumentId, error::BackendError, search::SearchHits};

/// What a side answered to one query, now or when it was recorded.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// The ids of the hits, best first.
    pub ids: Vec<DocumentId>,
    /// What the side scored them with, where that is known.
    pub scores: Vec<f64>,
    /// How many documents match in all; `None` if that was not recorded.
    pub total: Option<u64>,
    /// How long it took, in milliseconds; `None` if it was recorded.
    pub millis: Option<f64>,
    /// Why there is none: it counts as empty then, and equals no other.
    pub error: Option<String>,
}

impl Answer {
    pub(super) fn of(answer: Result<&SearchHits, &BackendError>, millis: f64) -> Self {
        let millis = Some(millis);
        match answer {
            Ok(hits) => Self { ids: hits.ids(), total: Some(hits.total), millis, ..Self::default() },
            Err(error) => Self { millis, error: Some(error.to_string()), ..Self::default() },
        }
    }
}
