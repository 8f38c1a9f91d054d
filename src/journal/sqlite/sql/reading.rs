//! What is looked at.

use std::sync::{Arc, LazyLock};

use sqlx::{Row as _, SqliteConnection};

use super::{
    super::{
        super::{Duties, Duty},
        error::Sql,
        op::OpenLane,
        row::{RawEntry, list},
    },
    LISTED, owned,
};
use crate::error::Side;

/// Entries that are read at once.
const AT_ONCE: usize = 1_000;
/// Deeds longer than this are read one by one: so many of them would be more than SQLite puts into one text.
const LONG: usize = 50_000;

/// Entries as one row, which is an array of arrays: a row takes longer on its way from the thread of the connection than an entry
/// takes to be read. [`RawEntry`] is read from each.
fn as_one(chosen: &str) -> Arc<str> {
    format!(
        "SELECT json_group_array(json_array(seq, lane, idx, flags, outcome, duties, due, began, task,
            CAST(name AS TEXT), CAST(id AS TEXT), version, sum, CASE WHEN length(deed) <= {LONG} THEN deed END))
        FROM (SELECT e.*, b.sum, b.deed FROM entries e LEFT JOIN bodies b ON b.seq = e.seq WHERE {chosen})"
    )
    .into()
}

static SCANS: LazyLock<[Arc<str>; 3]> = LazyLock::new(|| {
    Duty::ALL.map(|duty| {
        let owed = match duty {
            Duty::Meili => "e.duties & 1",
            Duty::Pg => "e.duties & 2",
            Duty::Reconcile => "e.duties = 4",
        };
        as_one(&format!("{owed} AND e.seq > ?1 ORDER BY e.seq LIMIT ?2"))
    })
});

static READ: LazyLock<Arc<str>> = LazyLock::new(|| as_one(&format!("e.seq IN ({LISTED}) ORDER BY e.seq")));

/// The newest entry before a sweep that has the duty, or is being asked.
static BLOCKERS: LazyLock<[Arc<str>; 3]> = LazyLock::new(|| {
    Duty::ALL.map(|duty| {
        let newest = |owed: &str| {
            format!("SELECT seq FROM entries WHERE {owed} AND seq < ?1 AND idx = ?2 ORDER BY seq DESC LIMIT 1")
        };
        let owed = newest(&format!("duties & {}", duty.bit()));
        format!("SELECT max(seq) FROM (SELECT * FROM ({owed}) UNION ALL SELECT * FROM ({}))", newest("outcome = 0"))
            .into()
    })
});

/// What else is to be reconciled of the documents of these entries. The plus keeps the planner from walking through all that
/// is to be reconciled.
const COMPANIONS: &str = "
    SELECT one.seq, e.seq, e.outcome, e.due FROM json_each(?1) CROSS JOIN entries one ON one.seq = json_each.value
    CROSS JOIN entries e ON e.lane = one.lane AND e.seq <> one.seq
    WHERE +e.duties = 4 AND NOT e.flags & 8 AND e.id = one.id AND e.name = one.name";

const OPEN_AFTER: &str = "
    SELECT DISTINCT json_each.key, e.name, e.id FROM json_each(?1)
    CROSS JOIN entries e ON e.lane = json_each.value ->> 0 AND e.seq > json_each.value ->> 1
    WHERE (e.duties & ?2 OR e.outcome = 0) AND NOT (?2 = 1 AND e.flags & 2)
        AND e.seq NOT IN (SELECT value FROM json_each(?3))";

/// With what `Carried::of` reads.
const CARRIED: &str = "
    SELECT json_each.key, e.name, e.id, max(1 + (e.outcome = 1 AND e.duties & ?2 <> 0)) FROM json_each(?1)
    CROSS JOIN entries e ON e.lane = json_each.value ->> 0
    WHERE (e.outcome <> 1 OR e.duties & ?2 OR NOT e.flags & 4) AND (e.flags & 2) = ?3
    GROUP BY json_each.key, e.name, e.id";

/// The same for an index: each half ends with the first that is found.
const INDEX_CARRIED: &str = "
    SELECT CASE
        WHEN EXISTS (SELECT 1 FROM entries WHERE name = ?1 AND (flags & 2) = ?3 AND outcome = 1 AND duties & ?2) THEN 2
        WHEN EXISTS (SELECT 1 FROM entries WHERE name = ?1 AND (flags & 2) = ?3
            AND (outcome <> 1 OR NOT flags & 4)) THEN 1 END";

/// The next entries after a place that have a duty and nothing before it, or some of them.
pub(in crate::journal::sqlite) async fn scan(
    conn: &mut SqliteConnection,
    duty: Duty,
    after: i64,
    limit: usize,
) -> Sql<Vec<RawEntry>> {
    let scan = Duty::ALL.iter().zip(SCANS.iter()).find(|(each, _)| **each == duty);
    let Some((_, scan)) = scan else { return Ok(Vec::new()) };
    let limit = i64::try_from(limit.min(AT_ONCE)).unwrap_or(i64::MAX);
    let entries = owned(scan).bind(after).bind(limit).fetch_one(&mut *conn).await?.try_get(0)?;
    entries_of(conn, entries).await
}

pub(in crate::journal::sqlite) async fn read(conn: &mut SqliteConnection, seqs: &[i64]) -> Sql<Vec<RawEntry>> {
    let mut read = Vec::with_capacity(seqs.len());
    for some in seqs.chunks(AT_ONCE) {
        let entries = owned(&READ).bind(list(some.iter().copied())).fetch_one(&mut *conn).await?.try_get(0)?;
        read.append(&mut entries_of(conn, entries).await?);
    }
    Ok(read)
}

async fn entries_of(conn: &mut SqliteConnection, entries: String) -> Sql<Vec<RawEntry>> {
    const DEED: &str = "SELECT deed FROM bodies WHERE seq = ?1";
    let mut entries: Vec<RawEntry> =
        serde_json::from_str(&entries).map_err(|error| sqlx::Error::Decode(error.into()))?;
    // SQLite promises no order within an aggregate; mostly this finds them sorted.
    entries.sort_unstable_by_key(|entry| entry.seq);
    // Missing, or too long to be read with others.
    for entry in entries.iter_mut().filter(|entry| entry.intent.deed.is_none()) {
        entry.intent.deed = sqlx::query_scalar(DEED).bind(entry.seq).fetch_optional(&mut *conn).await?;
    }
    Ok(entries)
}

/// What stands in the way of a sweep, if anything.
pub(in crate::journal::sqlite) async fn blocker(
    conn: &mut SqliteConnection,
    duty: Duty,
    seq: i64,
    idx: i64,
) -> Sql<Option<i64>> {
    let blocker = Duty::ALL.iter().zip(BLOCKERS.iter()).find(|(each, _)| **each == duty);
    let Some((_, blocker)) = blocker else { return Ok(None) };
    owned(blocker).bind(seq).bind(idx).fetch_one(conn).await?.try_get(0)
}

pub(in crate::journal::sqlite) async fn still_blocks(conn: &mut SqliteConnection, duty: Duty, seq: i64) -> Sql<bool> {
    const STILL: &str = "SELECT 1 FROM entries WHERE seq = ?1 AND (duties & ?2 OR outcome = 0)";
    Ok(sqlx::query(STILL).bind(seq).bind(i64::from(duty.bit())).fetch_optional(conn).await?.is_some())
}

/// By index, the first sweep that PostgreSQL waits for.
pub(in crate::journal::sqlite) async fn first_sweeps(conn: &mut SqliteConnection) -> Sql<Vec<(i64, i64)>> {
    const FIRST: &str = "SELECT idx, min(seq) FROM entries WHERE flags & 8 AND +duties & 2 GROUP BY idx";
    sqlx::query_as(FIRST).fetch_all(conn).await
}

/// The rest of documents, by one entry of each: that one, and place, outcome and `due` of another.
pub(in crate::journal::sqlite) async fn companions(
    conn: &mut SqliteConnection,
    of: impl Iterator<Item = i64>,
) -> Sql<Vec<(i64, i64, i64, i64)>> {
    sqlx::query_as(COMPANIONS).bind(list(of)).fetch_all(conn).await
}

/// Which of the pairs of lane and place have a later open entry that is not one of `but`: number of the pair, index and id.
pub(in crate::journal::sqlite) async fn open_after(
    conn: &mut SqliteConnection,
    duty: Duty,
    pairs: String,
    but: String,
) -> Sql<Vec<OpenLane>> {
    sqlx::query_as(OPEN_AFTER).bind(pairs).bind(i64::from(duty.bit())).bind(but).fetch_all(conn).await
}

/// Of the pairs asked for: number, index and id, and how far the furthest entry is.
pub(in crate::journal::sqlite) async fn carried(
    conn: &mut SqliteConnection,
    side: Side,
    pairs: String,
) -> Sql<Vec<(OpenLane, i64)>> {
    let (carry, decided) = decided(side);
    let rows: Vec<(i64, Vec<u8>, Vec<u8>, i64)> =
        sqlx::query_as(CARRIED).bind(pairs).bind(carry).bind(decided).fetch_all(conn).await?;
    Ok(rows.into_iter().map(|(place, name, id, furthest)| ((place, name, id), furthest)).collect())
}

/// How far the furthest entry of an index is.
pub(in crate::journal::sqlite) async fn index_carried(
    conn: &mut SqliteConnection,
    side: Side,
    index: Vec<u8>,
) -> Sql<Option<i64>> {
    let (carry, decided) = decided(side);
    sqlx::query_scalar(INDEX_CARRIED).bind(index).bind(carry).bind(decided).fetch_one(conn).await
}

/// The duties by which what a side decided is carried, and the flag of that.
fn decided(side: Side) -> (i64, i64) {
    (i64::from(Duties::that_carry(side).bits()), if side == Side::Pg { 2 } else { 0 })
}
