//! The source asked a second time: how much it agrees with itself bounds how much anybody can agree with it.

use std::time::Duration;

use super::worker::Sides;
use crate::{backend::ask, document::DocumentId, error::Side, search::SearchQuery, telemetry};

/// Draws whether Meilisearch is asked once more: never at 0, always at 1.
pub(super) fn drawn(share: f64) -> bool {
    rand::random::<f64>() < share
}

/// Its second answer. A failure is counted, and is none of the pair's business.
pub(super) async fn ask_again(sides: &Sides, query: &SearchQuery, deadline: Duration) -> Option<Vec<DocumentId>> {
    match ask(sides.get(Side::Meili), query, deadline).await {
        Ok(hits) => Some(hits.ids()),
        Err(error) => {
            tracing::debug!(%error, "meilisearch did not answer a second time");
            telemetry::shadow_noise_failed(error.kind());
            None
        }
    }
}
