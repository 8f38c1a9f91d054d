//! How the overlap of settled pairs is spread.

use serde::Serialize;
use sqlx::{PgConnection, query_as};

use super::Window;

/// Settled pairs by their overlap@10.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Histogram {
    /// Pairs by the nearest tenth, from 0 to 1. Since an overlap is a fraction with at most 10 below the line, the first holds those
    /// with no hit in common and the last those with all, and no others.
    pub tenths: [u64; 11],
    /// Pairs in which both sides showed nothing: no tenth holds them.
    pub both_empty: u64,
}

/// `least` and `greatest` also for what another writer may have stored: NaN is greater than every number.
const TENTHS: &str = "
    SELECT CASE WHEN cardinality(meili_ids) = 0 AND cardinality(pg_ids) = 0 THEN -1
        ELSE floor(least(greatest(overlap_at_10, 0), 1) * 10 + 0.5)::int END AS tenth, count(*)
    FROM shadow_read_logs
    WHERE outcome = 'compared' AND settled
        AND created_at >= 'epoch'::timestamptz + $1 * interval '1 microsecond'
        AND created_at < 'epoch'::timestamptz + $2 * interval '1 microsecond'
        AND ($3::text IS NULL OR endpoint = $3)
    GROUP BY 1";

pub(super) async fn read(snapshot: &mut PgConnection, window: &Window) -> Result<Histogram, sqlx::Error> {
    let rows: Vec<(i32, i64)> = query_as(TENTHS)
        .bind(window.since.as_microsecond())
        .bind(window.until.as_microsecond())
        .bind(window.endpoint.as_deref())
        .fetch_all(snapshot)
        .await?;
    let mut histogram = Histogram::default();
    for (tenth, pairs) in rows {
        let pairs = pairs.unsigned_abs();
        match usize::try_from(tenth).ok().and_then(|tenth| histogram.tenths.get_mut(tenth)) {
            Some(held) => *held += pairs,
            None => histogram.both_empty += pairs,
        }
    }
    Ok(histogram)
}
