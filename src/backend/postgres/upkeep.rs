//! What the PostgreSQL side needs done in the background: changes are folded into the postings.

use std::time::Duration;

use sqlx::PgPool;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::{
    error::failed,
    postings::{changed_indexes, fold},
};
use crate::{error::BackendError, telemetry};

/// How often changes are looked for.
const TICK: Duration = Duration::from_secs(1);
/// The same after a failure: the server may be away, and others tell.
const AFTER_FAILURE: Duration = Duration::from_secs(5);
/// Documents of one fold: it is done within a second, and others may have their turn.
const MOST: i64 = 1_000;

/// Folds the changes of all indexes of the schema until `stop`.
pub(super) async fn run(pool: PgPool, stop: CancellationToken) {
    loop {
        let pause = match stop.run_until_cancelled(fold_all(&pool)).await {
            None => return,
            Some(Ok(true)) => Duration::ZERO,
            Some(Ok(false)) => TICK,
            Some(Err(error)) => {
                telemetry::fold_failed();
                tracing::debug!(%error, "changes could not be folded into the postings; searches read them all the same");
                AFTER_FAILURE
            }
        };
        if stop.run_until_cancelled(sleep(pause)).await.is_none() {
            return;
        }
    }
}

/// Folds some changes of each index; whether there may be more at once.
async fn fold_all(pool: &PgPool) -> Result<bool, BackendError> {
    let mut connection = pool.acquire().await.map_err(failed("connecting to fold changes"))?;
    let changed = changed_indexes(&mut connection).await?;
    drop(connection);
    telemetry::changes_pending(changed.iter().map(|(_, changes)| changes.unsigned_abs()).sum());
    let mut more = false;
    for (uid, _) in changed {
        let folded = fold(pool, &uid, MOST, false).await?;
        telemetry::folded(folded.documents);
        more |= folded.documents >= MOST.unsigned_abs();
    }
    Ok(more)
}
