//! Opening: the file, its lock, its tables, and what the process before this one left.

use std::{
    fs, io,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use sqlx::{
    ConnectOptions, Connection as _, Row as _, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteLockingMode, SqliteSynchronous},
};
use tokio::time::{Instant, sleep};

use super::{
    super::{JournalError, JournalErrorKind, JournalOptions, Outcome},
    SqliteOptions,
    error::{Sql, failed, is_busy},
    notes::{Note, Notes, beside},
    sql::{self, APPLICATION, FORM},
    writer::{Standing, Writer},
};

/// How long the lock of a process that is just ending is waited for.
const ENDING: Duration = Duration::from_secs(2);
const PAGE: u64 = 4096;

pub(super) async fn open(
    path: &Path,
    options: JournalOptions,
    extent: SqliteOptions,
) -> Result<(Box<Writer>, Notes), JournalError> {
    let doing = format!("opening {}", path.display());
    let no_file = |error: io::Error| JournalError::new(JournalErrorKind::Unavailable, doing.as_str()).caused_by(error);
    prepare_file(path).map_err(no_file)?;
    if lost_its_pages(path) {
        let why = "the file is empty, but has a log beside it: it has been cut off";
        return Err(JournalError::new(JournalErrorKind::Damaged, doing.as_str()).caused_by(why));
    }
    let deadline = Instant::now() + ENDING;
    let opened = loop {
        match connect(path, extent).await {
            Err(error) if is_busy(&error) && Instant::now() < deadline => sleep(Duration::from_millis(20)).await,
            opened => break opened,
        }
    };
    let mut conn = opened.map_err(|error| failed(&doing, error))?;
    match marks(&mut conn).await.map_err(|error| failed(&doing, error))? {
        (0, 0, 0) => create(&mut conn).await.map_err(|error| failed(&doing, error))?,
        (APPLICATION, FORM, _) => {}
        (APPLICATION, form, _) => {
            let why = format!("it is of form {form}, and this version of the crate reads form {FORM}");
            return Err(JournalError::new(JournalErrorKind::Internal, doing.as_str()).caused_by(why));
        }
        _ => {
            let why = "it is a database of something else";
            return Err(JournalError::new(JournalErrorKind::Damaged, doing.as_str()).caused_by(why));
        }
    }
    let (notes, noted) = Notes::open(path).map_err(no_file)?;
    take_notes(&mut conn, &noted).await.map_err(|error| failed(&doing, error))?;
    notes.clear().map_err(no_file)?;
    let standing = take_over(&mut conn).await.map_err(|error| failed(&doing, error))?;
    let standing = standing.ok_or_else(|| {
        super::error::damaged(&doing, "its tables and indexes do not hold the same entries".to_owned())
    })?;
    Ok((Box::new(Writer::new(conn, standing, options.limbo, Arc::new(Mutex::new(Vec::new())))), notes))
}

/// SQLite would make it readable for all.
fn prepare_file(path: &Path) -> io::Result<()> {
    let new = !path.exists();
    private().open(path)?;
    if new {
        // The name has to outlive a crash as the content does.
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        #[cfg(unix)]
        fs::File::open(parent)?.sync_all()?;
    }
    Ok(())
}

/// To be read and written by its owner, and nobody else.
pub(super) fn private() -> fs::OpenOptions {
    let mut open = fs::OpenOptions::new();
    open.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut open, 0o600);
    open
}

fn lost_its_pages(path: &Path) -> bool {
    let length = |path: &Path| fs::metadata(path).map_or(0, |found| found.len());
    length(path) == 0 && length(&beside(path, "-wal")) > 0
}

/// The lock is held as long as the connection, and ends with the process, however that ends.
async fn connect(path: &Path, extent: SqliteOptions) -> Sql<SqliteConnection> {
    let mut options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .locking_mode(SqliteLockingMode::Exclusive)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(Duration::from_millis(50))
        .page_size(4096)
        .pragma("cache_size", "-16384")
        .pragma("wal_autocheckpoint", "2000")
        .pragma("journal_size_limit", "33554432");
    if let Some(bytes) = extent.max_bytes {
        options = options.pragma("max_page_count", (bytes / PAGE).max(1).to_string());
    }
    let mut conn = options.disable_statement_logging().connect().await?;
    // Takes the lock.
    sql::run(&mut conn, "BEGIN IMMEDIATE").await?;
    sql::run(&mut conn, "COMMIT").await?;
    Ok(conn)
}

/// Whose file it is, of which form, and how many tables it has.
async fn marks(conn: &mut SqliteConnection) -> Sql<(i64, i64, i64)> {
    let application = sql::number(conn, "PRAGMA application_id").await?;
    let form = sql::number(conn, "PRAGMA user_version").await?;
    let tables = sql::number(conn, "SELECT count(*) FROM sqlite_schema").await?;
    Ok((application, form, tables))
}

async fn create(conn: &mut SqliteConnection) -> Sql<()> {
    let mut transaction = conn.begin().await?;
    sqlx::raw_sql(sql::SCHEMA).execute(&mut *transaction).await?;
    transaction.commit().await
}

/// What the process before this one has noted and not resolved.
async fn take_notes(conn: &mut SqliteConnection, noted: &[Note]) -> Sql<()> {
    if noted.is_empty() {
        return Ok(());
    }
    let marks = sql::marks(noted.iter().copied());
    sql::resolve(conn, "BEGIN IMMEDIATE;", marks, Outcome::Accepted(None), false, 0, true).await.map(|_| ())
}

/// What was being asked is unknown from now on. `None`: table and index are not of one mind.
async fn take_over(conn: &mut SqliteConnection) -> Sql<Option<Standing>> {
    sql::give_up_asked(conn).await?;
    let meta = sqlx::query("SELECT last, highest FROM meta").fetch_one(&mut *conn).await?;
    let last: i64 = meta.try_get(0)?;
    let ([pending, asked, meili, pg, reconcile], indexed) = sql::count(conn).await?;
    let standing = Standing {
        last,
        highest: meta.try_get(1)?,
        pending,
        asked,
        duties: [meili, pg, reconcile],
        letters: sql::number(conn, "SELECT count(*) FROM letters").await?,
    };
    let last_entry = sql::number(conn, "SELECT ifnull(max(seq), 0) FROM entries").await?;
    Ok((pending == indexed && asked == 0 && last_entry <= last).then_some(standing))
}
