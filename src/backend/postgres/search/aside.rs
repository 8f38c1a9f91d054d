//! Work that takes milliseconds: not on a thread that others wait for.

use tokio::task::spawn_blocking;

use crate::{backend::postgres::error::internal, error::BackendError};

/// Documents that are looked at where the query is: a millisecond's worth.
const FEW: usize = 10_000;

/// Does work over so many documents, on a thread of its own if they are many: reads of the service share the threads of the
/// runtime. What nobody waits for any more is done to its end, which is some dozen milliseconds away.
pub(super) async fn aside<T: Send + 'static>(
    documents: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, BackendError> {
    if documents <= FEW {
        return Ok(work());
    }
    spawn_blocking(work).await.map_err(|error| internal("ranking").caused_by(error))
}
