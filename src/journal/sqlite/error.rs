//! What SQLite's result codes say about a journal.

use super::super::{JournalError, JournalErrorKind};

/// Results of statements.
pub(super) type Sql<T> = Result<T, sqlx::Error>;

/// SQLite's result codes, extended ones in the upper bytes: <https://sqlite.org/rescode.html>.
const BUSY: i64 = 5;
const LOCKED: i64 = 6;
const READONLY: i64 = 8;
const IOERR: i64 = 10;
const CORRUPT: i64 = 11;
const FULL: i64 = 13;
const CANTOPEN: i64 = 14;
const NOTADB: i64 = 26;
const PERM: i64 = 3;
const IOERR_FSYNC: i64 = IOERR | (4 << 8);
const IOERR_DIR_FSYNC: i64 = IOERR | (5 << 8);

pub(super) fn failed(doing: &str, error: sqlx::Error) -> JournalError {
    JournalError::new(kind(&error), doing).caused_by(error)
}

pub(super) fn damaged(doing: &str, found: String) -> JournalError {
    JournalError::new(JournalErrorKind::Damaged, doing).caused_by(found)
}

pub(super) fn is_busy(error: &sqlx::Error) -> bool {
    code(error).is_some_and(|code| matches!(code & 0xff, BUSY | LOCKED))
}

/// After a failed fsync nobody knows what of the file is on disk, and the next fsync would not say.
pub(super) fn leaves_disk_unknown(error: &sqlx::Error) -> bool {
    code(error).is_some_and(|code| matches!(code, IOERR_FSYNC | IOERR_DIR_FSYNC))
}

fn kind(error: &sqlx::Error) -> JournalErrorKind {
    if matches!(error, sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) | sqlx::Error::RowNotFound) {
        return JournalErrorKind::Damaged;
    }
    match code(error).map(|code| code & 0xff) {
        Some(BUSY | LOCKED) => JournalErrorKind::InUse,
        Some(FULL) => JournalErrorKind::Full,
        Some(CORRUPT | NOTADB) => JournalErrorKind::Damaged,
        Some(IOERR | CANTOPEN | READONLY | PERM) => JournalErrorKind::Unavailable,
        _ => JournalErrorKind::Internal,
    }
}

fn code(error: &sqlx::Error) -> Option<i64> {
    error.as_database_error()?.code()?.parse().ok()
}
