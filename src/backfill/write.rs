//! Writing one chunk: by one statement, and if that is refused, taken apart until the rows that are to blame stand alone.

use sqlx::Acquire;

use super::{
    lease::{Chunk, Committed, Failed, Lease},
    page::{Ready, derive},
    source::SourceDocument,
};
use crate::backend::postgres::{LoadCounts, LoadFailure, LoadSettings, PostgresIndex};

/// Writes a page, with its checkpoint, in one transaction.
pub(super) async fn write(
    target: &PostgresIndex,
    lease: &Lease,
    page: &Ready,
    next_rows: u32,
) -> Result<Committed, LoadFailure> {
    let mut transaction = target.begin_load().await?;
    let counts = match page.rows.is_empty() {
        true => LoadCounts::default(),
        false => page.columns.write(&mut transaction, target).await?,
    };
    let cursor = page.cursor.as_deref();
    let chunk = Chunk { counts, failed: &page.unreadable, cursor, rows: next_rows, end: page.end };
    lease.commit(transaction, &chunk).await
}

/// The same for a page of which PostgreSQL has refused something: row by row where it must be, in one transaction still.
pub(super) async fn write_apart(
    target: &PostgresIndex,
    settings: &LoadSettings,
    lease: &Lease,
    page: &Ready,
    next_rows: u32,
) -> Result<Committed, LoadFailure> {
    let mut transaction = target.begin_load().await?;
    let mut failed = page.unreadable.clone();
    let counts = apart(target, settings, lease.row_version, &page.rows, &mut transaction, &mut failed).await?;
    let chunk = Chunk { counts, failed: &failed, cursor: page.cursor.as_deref(), rows: next_rows, end: page.end };
    lease.commit(transaction, &chunk).await
}

/// Writes what can be written of these rows, and collects the others.
pub(super) async fn apart(
    target: &PostgresIndex,
    settings: &LoadSettings,
    version: i64,
    rows: &[(String, SourceDocument)],
    transaction: &mut sqlx::PgTransaction<'_>,
    failed: &mut Vec<Failed>,
) -> Result<LoadCounts, LoadFailure> {
    let mut counts = LoadCounts::default();
    // Halves that are still to be tried, the first one last.
    let mut halves = vec![rows];
    while let Some(some) = halves.pop() {
        if some.is_empty() {
            continue;
        }
        let columns = derive(some, settings, version).await.map_err(LoadFailure::Lasting)?;
        let mut attempt = transaction.begin().await.map_err(LoadFailure::of("setting a savepoint"))?;
        match columns.write(&mut attempt, target).await {
            Ok(LoadCounts { written, stale }) => {
                attempt.commit().await.map_err(LoadFailure::of("releasing a savepoint"))?;
                counts.written += written;
                counts.stale += stale;
            }
            Err(LoadFailure::Rejected(why)) => {
                attempt.rollback().await.map_err(LoadFailure::of("going back to a savepoint"))?;
                match some {
                    [(place, document)] => failed.push(Failed {
                        place: place.clone(),
                        id: Some(document.id.as_str().to_owned()),
                        reason: "rejected",
                        why: why.to_string(),
                    }),
                    _ => {
                        let (first, second) = some.split_at(some.len() / 2);
                        halves.extend([second, first]);
                    }
                }
            }
            Err(failure) => return Err(failure),
        }
    }
    Ok(counts)
}
