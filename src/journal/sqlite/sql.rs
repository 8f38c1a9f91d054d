//! Every statement, and what it takes.

use std::sync::{Arc, LazyLock};

use sqlx::{
    AssertSqlSafe, Row as _, SqliteConnection,
    query::Query,
    sqlite::{SqliteArguments, SqliteRow},
};

use super::{
    super::{DeadLetters, Duties, Duty, Outcome},
    error::Sql,
    op::OpenLane,
    row::{
        ACCEPTED, AGELESS, AS_PUT, ASKED, IF_ACCEPTED, IF_UNKNOWN, NewRow, RawEntry, SWEEP, UNKNOWN, list,
        outcome_columns,
    },
};
use crate::{error::Side, write::TaskId};

/// What marks a file as a journal of this crate.
pub(super) const APPLICATION: i64 = 0x4346_4a4c;
/// The form of the tables below.
pub(super) const FORM: i64 = 1;

/// What changes often is apart from documents, which may be large. `lane` and `idx` are hashes, of index and id and of the index.
/// The partial indexes hold what has a duty, in order: a claim reads no further than it has to.
pub(super) const SCHEMA: &str = "
    CREATE TABLE entries (
        seq INTEGER PRIMARY KEY, lane INTEGER NOT NULL, idx INTEGER NOT NULL, name BLOB NOT NULL, id BLOB NOT NULL,
        version INTEGER NOT NULL, flags INTEGER NOT NULL, outcome INTEGER NOT NULL, task INTEGER, duties INTEGER NOT NULL,
        plan INTEGER NOT NULL, began INTEGER NOT NULL, due INTEGER NOT NULL, at INTEGER NOT NULL);
    CREATE TABLE bodies (seq INTEGER PRIMARY KEY, sum INTEGER NOT NULL, deed TEXT NOT NULL);
    CREATE TABLE letters (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, duty INTEGER NOT NULL, lane INTEGER NOT NULL, idx INTEGER NOT NULL,
        name BLOB NOT NULL, id BLOB NOT NULL, version INTEGER NOT NULL, flags INTEGER NOT NULL, plan INTEGER NOT NULL,
        why BLOB NOT NULL, at INTEGER NOT NULL, sum INTEGER NOT NULL, deed TEXT NOT NULL);
    CREATE TABLE meta (one INTEGER PRIMARY KEY CHECK (one = 1), last INTEGER NOT NULL, highest INTEGER NOT NULL);
    INSERT INTO meta VALUES (1, 0, 0);
    CREATE INDEX entries_lane ON entries (lane, seq);
    CREATE INDEX entries_asked ON entries (seq, idx) WHERE outcome = 0;
    CREATE INDEX entries_meili ON entries (seq, idx) WHERE duties & 1;
    CREATE INDEX entries_pg ON entries (seq, idx) WHERE duties & 2;
    CREATE INDEX entries_reconcile ON entries (seq, idx) WHERE duties & 4;
    CREATE INDEX entries_reconcile_now ON entries (seq) WHERE duties = 4;
    CREATE INDEX entries_sweeps ON entries (seq, idx) WHERE flags & 8;
    PRAGMA application_id = 1128680012;
    PRAGMA user_version = 1";

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

const LISTED: &str = "SELECT value FROM json_each(?1)";

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

/// Earlier accepted entries of the same documents that have the duty and are no sweeps.
const SUPERSEDED: &str = "
    SELECT DISTINCT older.seq FROM json_each(?1) CROSS JOIN entries new ON new.seq = json_each.value
    CROSS JOIN entries older ON older.lane = new.lane AND older.seq < new.seq
    WHERE older.duties & ?2 AND older.outcome = 1 AND NOT older.flags & 8 AND older.id = new.id AND older.name = new.name
        AND older.version <= new.version";

/// The plus keeps the planner from walking through all that are asked.
const RESOLVE: &str = "
    UPDATE entries SET outcome = ?2, duties = (plan >> ?3) & 7, due = ?4, task = mark.task
    FROM (SELECT value ->> 0 AS seq, value ->> 1 AS task FROM json_each(?1)) AS mark
    WHERE entries.seq = mark.seq AND +outcome = 0 RETURNING entries.seq, flags, duties";

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
    SELECT json_each.key, e.name, e.id, max(1 + (e.outcome = 1)) FROM json_each(?1)
    CROSS JOIN entries e ON e.lane = json_each.value ->> 0
    WHERE (e.outcome <> 1 OR e.duties & ?2) AND (e.flags & 2) = ?3
    GROUP BY json_each.key, e.name, e.id";

const BURY: &str = "
    INSERT INTO letters (duty, lane, idx, name, id, version, flags, plan, why, at, sum, deed)
    SELECT ?2, lane, idx, name, id, version, flags, plan, ?3, ?4, sum, deed FROM entries JOIN bodies USING (seq)
    WHERE seq = ?1";

const CHOSEN: &str = "(?1 IS NULL OR duty = ?1) AND (?2 IS NULL OR seq IN (SELECT value FROM json_each(?2)))";

fn owned(sql: &Arc<str>) -> Query<'static, sqlx::Sqlite, SqliteArguments> {
    sqlx::query(AssertSqlSafe(Arc::clone(sql)))
}

pub(super) async fn run(conn: &mut SqliteConnection, sql: &'static str) -> Sql<()> {
    sqlx::query(sql).execute(conn).await.map(|_| ())
}

pub(super) async fn number(conn: &mut SqliteConnection, sql: &'static str) -> Sql<i64> {
    sqlx::query_scalar(sql).fetch_one(conn).await
}

/// A row, its place and where it stands.
pub(super) struct Appended<'a> {
    pub(super) seq: i64,
    pub(super) row: &'a NewRow,
    pub(super) outcome: Outcome,
}

/// Times of rows: milliseconds after the opening, and since the epoch.
#[derive(Clone, Copy)]
pub(super) struct Times {
    pub(super) began: i64,
    pub(super) limbo_over: i64,
    pub(super) at: i64,
}

/// Begins a transaction, inserts, keeps the last place and the highest version, and commits if that `ends` it.
pub(super) async fn append(
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

pub(super) async fn commit_with_meta(conn: &mut SqliteConnection, last: i64, highest: i64) -> Sql<()> {
    let commit = sqlx::query("UPDATE meta SET last = ?, highest = ?; COMMIT").bind(last).bind(highest);
    commit.execute(conn).await.map(|_| ())
}

/// What a resolved entry has become: place, flags, duties.
pub(super) type Resolved = (i64, i64, Duties);

/// Marks entries that are still asked; `marks` is a list of pairs of place and task. Begins the transaction with `begin`, and
/// commits if that `ends` it.
pub(super) async fn resolve(
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
pub(super) fn marks(marks: impl Iterator<Item = (i64, Option<TaskId>)>) -> String {
    let pairs = marks.map(|(seq, task)| serde_json::json!([seq, task.map(|task| task.0.cast_signed())]));
    serde_json::Value::from_iter(pairs).to_string()
}

fn resolved(row: &SqliteRow) -> Sql<Resolved> {
    let bits: i64 = row.try_get(2)?;
    Ok((row.try_get(0)?, row.try_get(1)?, Duties::from_bits((bits & 7) as u8)))
}

/// Those of a list that are still asked.
pub(super) async fn asked(conn: &mut SqliteConnection, seqs: String) -> Sql<Vec<i64>> {
    const ASKED_OF: &str = "SELECT seq FROM entries WHERE seq IN (SELECT value FROM json_each(?1)) AND +outcome = 0";
    sqlx::query_scalar(ASKED_OF).bind(seqs).fetch_all(conn).await
}

pub(super) async fn set_deed(conn: &mut SqliteConnection, seq: i64, deed: &str, sum: i64) -> Sql<()> {
    const SET_DEED: &str = "UPDATE bodies SET deed = ?2, sum = ?3
        WHERE seq = ?1 AND (SELECT flags & 4 FROM entries WHERE entries.seq = ?1)";
    sqlx::query(SET_DEED).bind(seq).bind(deed.to_owned()).bind(sum).execute(conn).await.map(|_| ())
}

pub(super) async fn delete(conn: &mut SqliteConnection, seqs: &[i64]) -> Sql<()> {
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
pub(super) struct Alike {
    pub(super) flags: i64,
    pub(super) duties: Duties,
    /// Whether earlier entries are in their lanes.
    pub(super) followers: bool,
    pub(super) seqs: Vec<i64>,
}

/// What entries have to do, in few rows: each takes its time on its way from the thread of the connection.
pub(super) async fn alike(conn: &mut SqliteConnection, seqs: &[i64]) -> Sql<Vec<Alike>> {
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

pub(super) async fn set_duties(conn: &mut SqliteConnection, seqs: &[i64], duties: Duties, flags: i64) -> Sql<()> {
    const SET: &str = "UPDATE entries SET duties = ?2, flags = flags | ?3
        WHERE seq IN (SELECT value FROM json_each(?1))";
    const SET_RUN: &str = "UPDATE entries SET duties = ?3, flags = flags | ?4 WHERE seq BETWEEN ?1 AND ?2";
    let query = match run_of(seqs) {
        Some((first, last)) => sqlx::query(SET_RUN).bind(first).bind(last),
        None => sqlx::query(SET).bind(list(seqs.iter().copied())),
    };
    query.bind(i64::from(duties.bits())).bind(flags).execute(conn).await.map(|_| ())
}

pub(super) async fn superseded(conn: &mut SqliteConnection, by: String, duty: Duty) -> Sql<Vec<i64>> {
    sqlx::query_scalar(SUPERSEDED).bind(by).bind(i64::from(duty.bit())).fetch_all(conn).await
}

pub(super) async fn bury(conn: &mut SqliteConnection, seq: i64, duty: Duty, why: &str, at: i64) -> Sql<()> {
    let query = sqlx::query(BURY).bind(seq).bind(i64::from(duty.bit())).bind(why.as_bytes().to_vec()).bind(at);
    query.execute(conn).await.map(|_| ())
}

/// The next entries after a place that have a duty and nothing before it, or some of them.
pub(super) async fn scan(conn: &mut SqliteConnection, duty: Duty, after: i64, limit: usize) -> Sql<Vec<RawEntry>> {
    let scan = Duty::ALL.iter().zip(SCANS.iter()).find(|(each, _)| **each == duty);
    let Some((_, scan)) = scan else { return Ok(Vec::new()) };
    let limit = i64::try_from(limit.min(AT_ONCE)).unwrap_or(i64::MAX);
    let entries = owned(scan).bind(after).bind(limit).fetch_one(&mut *conn).await?.try_get(0)?;
    entries_of(conn, entries).await
}

pub(super) async fn read(conn: &mut SqliteConnection, seqs: &[i64]) -> Sql<Vec<RawEntry>> {
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
    // Missing, or too long to be read with others.
    for entry in entries.iter_mut().filter(|entry| entry.intent.deed.is_none()) {
        entry.intent.deed = sqlx::query_scalar(DEED).bind(entry.seq).fetch_optional(&mut *conn).await?;
    }
    Ok(entries)
}

/// What stands in the way of a sweep, if anything.
pub(super) async fn blocker(conn: &mut SqliteConnection, duty: Duty, seq: i64, idx: i64) -> Sql<Option<i64>> {
    let blocker = Duty::ALL.iter().zip(BLOCKERS.iter()).find(|(each, _)| **each == duty);
    let Some((_, blocker)) = blocker else { return Ok(None) };
    owned(blocker).bind(seq).bind(idx).fetch_one(conn).await?.try_get(0)
}

pub(super) async fn still_blocks(conn: &mut SqliteConnection, duty: Duty, seq: i64) -> Sql<bool> {
    const STILL: &str = "SELECT 1 FROM entries WHERE seq = ?1 AND (duties & ?2 OR outcome = 0)";
    Ok(sqlx::query(STILL).bind(seq).bind(i64::from(duty.bit())).fetch_optional(conn).await?.is_some())
}

/// By index, the first sweep that PostgreSQL waits for.
pub(super) async fn first_sweeps(conn: &mut SqliteConnection) -> Sql<Vec<(i64, i64)>> {
    const FIRST: &str = "SELECT idx, min(seq) FROM entries WHERE flags & 8 AND +duties & 2 GROUP BY idx";
    sqlx::query_as(FIRST).fetch_all(conn).await
}

/// The rest of documents, by one entry of each: that one, and place, outcome and `due` of another.
pub(super) async fn companions(
    conn: &mut SqliteConnection,
    of: impl Iterator<Item = i64>,
) -> Sql<Vec<(i64, i64, i64, i64)>> {
    sqlx::query_as(COMPANIONS).bind(list(of)).fetch_all(conn).await
}

/// Which of the pairs of lane and place have a later open entry that is not one of `but`: number of the pair, index and id.
pub(super) async fn open_after(
    conn: &mut SqliteConnection,
    duty: Duty,
    pairs: String,
    but: String,
) -> Sql<Vec<OpenLane>> {
    sqlx::query_as(OPEN_AFTER).bind(pairs).bind(i64::from(duty.bit())).bind(but).fetch_all(conn).await
}

/// Of the pairs asked for: number, index and id, and how far the furthest entry is.
pub(super) async fn carried(conn: &mut SqliteConnection, side: Side, pairs: String) -> Sql<Vec<(OpenLane, i64)>> {
    let carry = i64::from(Duties::that_carry(side).bits());
    let decided: i64 = if side == Side::Pg { 2 } else { 0 };
    let rows: Vec<(i64, Vec<u8>, Vec<u8>, i64)> =
        sqlx::query_as(CARRIED).bind(pairs).bind(carry).bind(decided).fetch_all(conn).await?;
    Ok(rows.into_iter().map(|(place, name, id, furthest)| ((place, name, id), furthest)).collect())
}

/// Place, `began` and `at` of the oldest entry.
pub(super) async fn oldest(conn: &mut SqliteConnection) -> Sql<Option<(i64, i64, i64)>> {
    sqlx::query_as("SELECT seq, began, at FROM entries ORDER BY seq LIMIT 1").fetch_optional(conn).await
}

pub(super) async fn indexes(conn: &mut SqliteConnection) -> Sql<Vec<Vec<u8>>> {
    sqlx::query_scalar("SELECT DISTINCT name FROM entries").fetch_all(conn).await
}

pub(super) async fn letters(conn: &mut SqliteConnection, after: i64, limit: i64) -> Sql<Vec<SqliteRow>> {
    const LETTERS: &str = "SELECT seq, duty, flags, why, at, name, id, version, deed, sum FROM letters
        WHERE seq > ?1 ORDER BY seq LIMIT ?2";
    sqlx::query(LETTERS).bind(after).bind(limit).fetch_all(conn).await
}

fn choice(which: &DeadLetters) -> (Option<i64>, Option<String>) {
    match which {
        DeadLetters::All => (None, None),
        DeadLetters::Of(duty) => (Some(i64::from(duty.bit())), None),
        DeadLetters::These(seqs) => (None, Some(list(seqs.iter().map(|seq| seq.0)))),
    }
}

/// Makes entries of letters, from the place after `last` on.
pub(super) async fn redrive(conn: &mut SqliteConnection, which: &DeadLetters, last: i64, times: Times) -> Sql<()> {
    static ENTRIES: LazyLock<Arc<str>> = LazyLock::new(|| {
        format!(
            "INSERT INTO entries SELECT ?3 + row_number() OVER (ORDER BY seq), lane, idx, name, id, version,
                (flags | {AGELESS}) & ~16, {ACCEPTED}, NULL, duty, plan, ?4, 0, ?5 FROM letters WHERE {CHOSEN}"
        )
        .into()
    });
    static BODIES: LazyLock<Arc<str>> = LazyLock::new(|| {
        format!(
            "INSERT INTO bodies SELECT ?3 + row_number() OVER (ORDER BY seq), sum, deed FROM letters WHERE {CHOSEN}"
        )
        .into()
    });
    let (duty, seqs) = choice(which);
    let entries = owned(&ENTRIES).bind(duty).bind(seqs.clone()).bind(last).bind(times.began).bind(times.at);
    entries.execute(&mut *conn).await?;
    owned(&BODIES).bind(duty).bind(seqs).bind(last).execute(conn).await.map(|_| ())
}

/// How many letters there are of a choice, by duty.
pub(super) async fn count_letters(conn: &mut SqliteConnection, which: &DeadLetters) -> Sql<Vec<(i64, i64)>> {
    static COUNT: LazyLock<Arc<str>> =
        LazyLock::new(|| format!("SELECT duty, count(*) FROM letters WHERE {CHOSEN} GROUP BY duty").into());
    let (duty, seqs) = choice(which);
    let rows = owned(&COUNT).bind(duty).bind(seqs).fetch_all(conn).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

pub(super) async fn drop_letters(conn: &mut SqliteConnection, which: &DeadLetters) -> Sql<()> {
    static DROP: LazyLock<Arc<str>> = LazyLock::new(|| format!("DELETE FROM letters WHERE {CHOSEN}").into());
    let (duty, seqs) = choice(which);
    owned(&DROP).bind(duty).bind(seqs).execute(conn).await.map(|_| ())
}

/// Entries in all, being asked, and by duty, as the table has them; and entries as an index has them.
pub(super) async fn count(conn: &mut SqliteConnection) -> Sql<([i64; 5], i64)> {
    const COUNT: &str = "SELECT count(*), ifnull(sum(outcome = 0), 0), ifnull(sum(duties & 1), 0),
        ifnull(sum(duties >> 1 & 1), 0), ifnull(sum(duties >> 2 & 1), 0) FROM entries NOT INDEXED";
    let counted = sqlx::query(COUNT).fetch_one(&mut *conn).await?;
    let mut counts = [0; 5];
    for (at, count) in counts.iter_mut().enumerate() {
        *count = counted.try_get(at)?;
    }
    Ok((counts, number(conn, "SELECT count(*) FROM entries INDEXED BY entries_lane").await?))
}

/// What was being asked when the process before this one ended.
pub(super) async fn give_up_asked(conn: &mut SqliteConnection) -> Sql<()> {
    const GIVE_UP: &str = "UPDATE entries SET outcome = ?1, duties = (plan >> ?2) & 7 WHERE outcome = 0";
    sqlx::query(GIVE_UP).bind(UNKNOWN).bind(IF_UNKNOWN).execute(conn).await.map(|_| ())
}

const _: () = assert!(ASKED == 0 && ACCEPTED == 1 && SWEEP == 8, "as the statements have it");
