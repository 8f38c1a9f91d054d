//! Writing one chunk: by one statement, and if that is refused, taken apart until the rows that are to blame stand alone.

use sqlx::Acquire;

use super::{
    lease::{Chunk, Committed, Failed, Lease},
    page::{Ready, Rows},
};
use crate::backend::postgres::{LoadCounts, LoadFailure, PostgresIndex};

/// Writes a page, with its checkpoint, in one transaction.
pub(super) async fn write(
    target: &PostgresIndex,
    lease: &Lease,
    page: &Ready,
    next_rows: u32,
) -> Result<Committed, LoadFailure> {
    let mut transaction = target.begin_load().await?;
    let counts = match page.rows.places.is_empty() {
        true => LoadCounts::default(),
        false => page.rows.columns.write(&mut transaction, target).await?,
    };
    let cursor = page.cursor.as_deref();
    let chunk = Chunk { counts, failed: &page.unreadable, cursor, rows: next_rows, end: page.end };
    lease.commit(transaction, &chunk).await
}

/// The same for a page of which PostgreSQL has refused something: row by row where it must be, in one transaction still.
pub(super) async fn write_apart(
    target: &PostgresIndex,
    lease: &Lease,
    page: &Ready,
    next_rows: u32,
) -> Result<Committed, LoadFailure> {
    let mut transaction = target.begin_load().await?;
    let mut failed = page.unreadable.clone();
    let counts = apart(target, &page.rows, &mut transaction, &mut failed).await?;
    let chunk = Chunk { counts, failed: &failed, cursor: page.cursor.as_deref(), rows: next_rows, end: page.end };
    lease.commit(transaction, &chunk).await
}

/// Writes what can be written of these rows, and collects the others.
pub(super) async fn apart(
    target: &PostgresIndex,
    rows: &Rows,
    transaction: &mut sqlx::PgTransaction<'_>,
    failed: &mut Vec<Failed>,
) -> Result<LoadCounts, LoadFailure> {
    let Rows { columns, places } = rows;
    let mut counts = LoadCounts { written: 0, stale: columns.older() };
    // Halves that are still to be tried, the first one last.
    let mut halves = Vec::from_iter(std::iter::once(0..columns.len()));
    while let Some(some) = halves.pop() {
        if some.is_empty() {
            continue;
        }
        let mut attempt = transaction.begin().await.map_err(LoadFailure::of("setting a savepoint"))?;
        match columns.part(some.clone()).write(&mut attempt, target).await {
            Ok(LoadCounts { written, stale }) => {
                attempt.commit().await.map_err(LoadFailure::of("releasing a savepoint"))?;
                counts.written += written;
                counts.stale += stale;
            }
            Err(LoadFailure::Rejected(why)) => {
                attempt.rollback().await.map_err(LoadFailure::of("going back to a savepoint"))?;
                if some.len() > 1 {
                    let middle = some.start + some.len() / 2;
                    halves.extend([middle..some.end, some.start..middle]);
                } else if let Some((id, place)) = columns.row(some.start) {
                    failed.push(Failed {
                        place: places.get(place).cloned().unwrap_or_default(),
                        id: Some(id.to_owned()),
                        reason: "rejected",
                        why: why.to_string(),
                    });
                }
            }
            Err(failure) => return Err(failure),
        }
    }
    Ok(counts)
}
