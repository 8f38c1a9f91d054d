//! Every statement, and what it takes.

mod letters;
mod reading;
mod writing;

use std::sync::Arc;

use sqlx::{AssertSqlSafe, Row as _, SqliteConnection, query::Query, sqlite::SqliteArguments};

pub(super) use self::{
    letters::{bury, count_letters, drop_letters, letters, redrive},
    reading::{blocker, carried, companions, first_sweeps, index_carried, open_after, read, scan, still_blocks},
    writing::{
        Alike, Appended, Times, alike, append, asked, commit_with_meta, delete, marks, overtaken, resolve, set_deed,
        set_duties, superseded,
    },
};
use super::{
    error::Sql,
    row::{ACCEPTED, ASKED, IF_UNKNOWN, SWEEP, UNKNOWN},
};

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

const LISTED: &str = "SELECT value FROM json_each(?1)";

fn owned(sql: &Arc<str>) -> Query<'static, sqlx::Sqlite, SqliteArguments> {
    sqlx::query(AssertSqlSafe(Arc::clone(sql)))
}

pub(super) async fn run(conn: &mut SqliteConnection, sql: &'static str) -> Sql<()> {
    sqlx::query(sql).execute(conn).await.map(|_| ())
}

pub(super) async fn number(conn: &mut SqliteConnection, sql: &'static str) -> Sql<i64> {
    sqlx::query_scalar(sql).fetch_one(conn).await
}

/// Place, `began` and `at` of the oldest entry.
pub(super) async fn oldest(conn: &mut SqliteConnection) -> Sql<Option<(i64, i64, i64)>> {
    sqlx::query_as("SELECT seq, began, at FROM entries ORDER BY seq LIMIT 1").fetch_optional(conn).await
}

pub(super) async fn indexes(conn: &mut SqliteConnection) -> Sql<Vec<Vec<u8>>> {
    sqlx::query_scalar("SELECT DISTINCT name FROM entries").fetch_all(conn).await
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
