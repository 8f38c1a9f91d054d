//! Entries that come, change and go.

use std::sync::LazyLock;

use sqlx::{AssertSqlSafe, Row as _, SqliteConnection, sqlite::SqliteRow};

use super::super::{
    super::{Duties, Duty, Outcome},
    error::Sql,
    row::{ACCEPTED, AS_PUT, IF_ACCEPTED, IF_UNKNOWN, NewRow, UNKNOWN, list, outcome_columns},
};
use crate::write::TaskId;

/// How many rows one statement inserts: few statements to prepare, few to run.
const ROWS: [usize; 8] = [128, 64, 32, 16, 8, 4, 2, 1];

/// By [`ROWS`], entries and then their bodies.
static INSERTS: LazyLock<[String; ROWS.len()]> = LazyLock::new(|| {
    ROWS.map(|rows| {
        let entries = vec!["(?,?,?,?,?,?,?,?,?,?,?,?,?,?)"; rows].join(",");
        let bodies = vec!["(?,?,?)"; rows].join(",");
        format!("INSERT INTO entries VALUES {entries}; INSERT INTO bodies (seq, sum, deed) VALUES {bodies}")
    })
});

/// Earlier accepted entries of the same documents that have the duty and are no sweeps.
const SUPERSEDED: &str = "
    SELECT DISTINCT older.seq FROM json_each(?1) CROSS JOIN entries new ON new.seq = json_each.value
    CROSS JOIN entries older ON older.lane = new.lane AND older.seq < new.seq
    WHERE older.duties & ?2 AND older.outcome = 1 AND NOT older.flags & 8 AND older.id = new.id AND older.name = new.name
        AND older.version <= new.version";

/// Those of a list that an earlier entry of the same document with a higher version is yet to come over in PostgreSQL.
const OVERTAKEN: &str = "
    SELECT new.seq FROM json_each(?1) CROSS JOIN entries new ON new.seq = json_each.value
    WHERE EXISTS (SELECT 1 FROM entries older
        WHERE older.lane = new.lane AND older.seq < new.seq AND older.version > new.version
            AND (older.outcome = 0 OR older.duties & 2) AND older.id = new.id AND older.name = new.name)";

/// The plus keeps the planner from walking through all that are asked.
const RESOLVE: &str = "
    UPDATE entries SET outcome = ?2, duties = (plan >> ?3) & 7, due = ?4, task = mark.task
    FROM (SELECT value ->> 0 AS seq, value ->> 1 AS task FROM json_each(?1)) AS mark
    WHERE entries.seq = mark.seq AND +outcome = 0 RETURNING entries.seq, flags, duties";

/// A row, its place and where it stands.
pub(in crate::journal::sqlite) struct Appended<'a> {
    pub(in crate::journal::sqlite) seq: i64,
    pub(in crate::journal::sqlite) row: &'a NewRow,
    pub(in crate::journal::sqlite) outcome: Outcome,
}

/// Times of rows: milliseconds after the opening, and since the epoch.
#[derive(Clone, Copy)]
pub(in crate::journal::sqlite) struct Times {
    pub(in crate::journal::sqlite) began: i64,
    pub(in crate::journal::sqlite) limbo_over: i64,
    pub(in crate::journal::sqlite) at: i64,
}

/// Begins a transaction, inserts, keeps the last place and the highest version, and commits if that `ends` it.
pub(in crate::journal::sqlite) async fn append(
    conn: &mut SqliteConnection,
    begin: &str,
    rows: &[Appended<'_>],
    times: Times,
    (last, highest): (i64, i64),
    ends: bool,
) -> Sql<()> {
    let (mut rest, mut begin) = (rows, begin);
    for (size, insert) in ROWS.iter().zip(INSERTS.iter()) {
        while rest.len() >= *size {
            let (chunk, after) = rest.split_at(*size);
            rest = after;
            let meta = if rest.is_empty() { "; UPDATE meta SET last = ?, highest = ?" } else { "" };
            let end = if rest.is_empty() && ends { "; COMMIT" } else { "" };
            let mut insert = sqlx::query(AssertSqlSafe(format!("{begin}{insert}{meta}{end}")));
            begin = "";
            for Appended { seq, row, outcome } in chunk {
                let (stands, task) = outcome_columns(*outcome);
                let due = if *outcome == Outcome::Unknown { times.limbo_over } else { 0 };
                insert = insert.bind(seq).bind(row.lane).bind(row.idx).bind(row.name.clone()).bind(row.id.clone());
                insert = insert.bind(row.version).bind(row.flags).bind(stands).bind(task).bind(row.duties(*outcome));
                insert = insert.bind(row.plan).bind(times.began).bind(due).bind(times.at);
            }
            for Appended { seq, row, .. } in chunk {
                insert = insert.bind(seq).bind(row.sum).bind(row.deed.clone());
            }
            if rest.is_empty() {
                insert = insert.bind(last).bind(highest);
            }
            insert.execute(&mut *conn).await?;
        }
    }
    Ok(())
}

pub(in crate::journal::sqlite) async fn commit_with_meta(
    conn: &mut SqliteConnection,
    last: i64,
    highest: i64,
) -> Sql<()> {
    let commit = sqlx::query("UPDATE meta SET last = ?, highest = ?; COMMIT").bind(last).bind(highest);
    commit.execute(conn).await.map(|_| ())
}

/// What a resolved entry has become: place, flags, duties.
pub(in crate::journal::sqlite) type Resolved = (i64, i64, Duties);

/// Marks entries that are still asked; `marks` is a list of pairs of place and task. Begins the transaction with `begin`, and
/// commits if that `ends` it.
pub(in crate::journal::sqlite) async fn resolve(
    conn: &mut SqliteConnection,
    begin: &str,
    marks: String,
    known: Outcome,
    as_put: bool,
    due: i64,
    ends: bool,
) -> Sql<Vec<Resolved>> {
    let (outcome, shift) = match known {
        Outcome::Unknown => (UNKNOWN, IF_UNKNOWN),
        _ => (ACCEPTED, IF_ACCEPTED),
    };
    let shift = if as_put { shift + AS_PUT } else { shift };
    let resolve = format!("{begin}{RESOLVE}{}", if ends { "; COMMIT" } else { "" });
    let rows =
        sqlx::query(AssertSqlSafe(resolve)).bind(marks).bind(outcome).bind(shift).bind(due).fetch_all(conn).await?;
    rows.iter().map(resolved).collect()
}

/// Entries with their tasks, as [`resolve`] takes them.
pub(in crate::journal::sqlite) fn marks(marks: impl Iterator<Item = (i64, Option<TaskId>)>) -> String {
    let pairs = marks.map(|(seq, task)| serde_json::json!([seq, task.map(|task| task.0.cast_signed())]));
    serde_json::Value::from_iter(pairs).to_string()
}

fn resolved(row: &SqliteRow) -> Sql<Resolved> {
    let bits: i64 = row.try_get(2)?;
    Ok((row.try_get(0)?, row.try_get(1)?, Duties::from_bits((bits & 7) as u8)))
}

/// Those of a list that are still asked.
pub(in crate::journal::sqlite) async fn asked(conn: &mut SqliteConnection, seqs: String) -> Sql<Vec<i64>> {
    const ASKED_OF: &str = "SELECT seq FROM entries WHERE seq IN (SELECT value FROM json_each(?1)) AND +outcome = 0";
    sqlx::query_scalar(ASKED_OF).bind(seqs).fetch_all(conn).await
}

pub(in crate::journal::sqlite) async fn set_deed(
    conn: &mut SqliteConnection,
    seq: i64,
    deed: &str,
    sum: i64,
) -> Sql<()> {
    const SET_DEED: &str = "UPDATE bodies SET deed = ?2, sum = ?3
        WHERE seq = ?1 AND (SELECT flags & 4 FROM entries WHERE entries.seq = ?1)";
    sqlx::query(SET_DEED).bind(seq).bind(deed.to_owned()).bind(sum).execute(conn).await.map(|_| ())
}

pub(in crate::journal::sqlite) async fn delete(conn: &mut SqliteConnection, seqs: &[i64]) -> Sql<()> {
    const DELETE: &str = "DELETE FROM entries WHERE seq IN (SELECT value FROM json_each(?1));
        DELETE FROM bodies WHERE seq IN (SELECT value FROM json_each(?1))";
    const DELETE_RUN: &str =
        "DELETE FROM entries WHERE seq BETWEEN ?1 AND ?2; DELETE FROM bodies WHERE seq BETWEEN ?1 AND ?2";
    let query = match run_of(seqs) {
        Some((first, last)) => sqlx::query(DELETE_RUN).bind(first).bind(last),
        None => sqlx::query(DELETE).bind(list(seqs.iter().copied())),
    };
    query.execute(conn).await.map(|_| ())
}

/// The first and the last of numbers that follow each other without a gap, as those of a claim mostly do: a range costs less
/// than a list.
fn run_of(seqs: &[i64]) -> Option<(i64, i64)> {
    let (first, last) = (*seqs.first()?, *seqs.last()?);
    let in_order = seqs.windows(2).all(|pair| pair[0] + 1 == pair[1]);
    in_order.then_some((first, last))
}

/// Entries that are alike.
pub(in crate::journal::sqlite) struct Alike {
    pub(in crate::journal::sqlite) flags: i64,
    pub(in crate::journal::sqlite) duties: Duties,
    /// Whether earlier entries are in their lanes.
    pub(in crate::journal::sqlite) followers: bool,
    pub(in crate::journal::sqlite) seqs: Vec<i64>,
}

/// What entries have to do, in few rows: each takes its time on its way from the thread of the connection.
pub(in crate::journal::sqlite) async fn alike(conn: &mut SqliteConnection, seqs: &[i64]) -> Sql<Vec<Alike>> {
    macro_rules! alike {
        ($these:literal) => {
            concat!(
                "SELECT flags, duties,
                    EXISTS (SELECT 1 FROM entries older WHERE older.lane = new.lane AND older.seq < new.seq),
                    json_group_array(seq)
                FROM entries new WHERE ",
                $these,
                " GROUP BY 1, 2, 3"
            )
        };
    }
    let query = match run_of(seqs) {
        Some((first, last)) => sqlx::query(alike!("seq BETWEEN ?1 AND ?2")).bind(first).bind(last),
        None => {
            let listed = alike!("seq IN (SELECT value FROM json_each(?1))");
            sqlx::query(listed).bind(list(seqs.iter().copied()))
        }
    };
    let rows = query.fetch_all(conn).await?;
    let alike = |row: &SqliteRow| {
        let bits: i64 = row.try_get(1)?;
        let seqs: String = row.try_get(3)?;
        Ok(Alike {
            flags: row.try_get(0)?,
            duties: Duties::from_bits((bits & 7) as u8),
            followers: row.try_get(2)?,
            seqs: serde_json::from_str(&seqs).map_err(|error| sqlx::Error::Decode(error.into()))?,
        })
    };
    rows.iter().map(alike).collect()
}

pub(in crate::journal::sqlite) async fn set_duties(
    conn: &mut SqliteConnection,
    seqs: &[i64],
    duties: Duties,
    flags: i64,
) -> Sql<()> {
    const SET: &str = "UPDATE entries SET duties = ?2, flags = flags | ?3
        WHERE seq IN (SELECT value FROM json_each(?1))";
    const SET_RUN: &str = "UPDATE entries SET duties = ?3, flags = flags | ?4 WHERE seq BETWEEN ?1 AND ?2";
    let query = match run_of(seqs) {
        Some((first, last)) => sqlx::query(SET_RUN).bind(first).bind(last),
        None => sqlx::query(SET).bind(list(seqs.iter().copied())),
    };
    query.bind(i64::from(duties.bits())).bind(flags).execute(conn).await.map(|_| ())
}

pub(in crate::journal::sqlite) async fn superseded(
    conn: &mut SqliteConnection,
    by: String,
    duty: Duty,
) -> Sql<Vec<i64>> {
    sqlx::query_scalar(SUPERSEDED).bind(by).bind(i64::from(duty.bit())).fetch_all(conn).await
}

pub(in crate::journal::sqlite) async fn overtaken(conn: &mut SqliteConnection, of: String) -> Sql<Vec<i64>> {
    sqlx::query_scalar(OVERTAKEN).bind(of).fetch_all(conn).await
}
