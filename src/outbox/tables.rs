//! The outbox and the control tables, as the database answers.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use sqlx::{
    AssertSqlSafe, Error, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::time::timeout;

use super::{
    OutboxError, OutboxOptions,
    error::{blames_a_row, is_wrong, names_nothing},
    gaps::Transaction,
    row::{Change, Row},
    sql::{self, OutboxSql},
};
use crate::{error::Side, opaque::opaque_debug};

/// How long to wait for a connection.
const ACQUIRE: Duration = Duration::from_secs(2);
/// How long one attempt at a statement may take, all in all.
const ATTEMPT: Duration = Duration::from_secs(30);
/// The same, to the server.
const ATTEMPT_THERE: &str = "25s";

/// What a process knows of an outbox, and its connections.
pub(super) struct Tables {
    pub(super) options: OutboxOptions,
    pub(super) sql: OutboxSql,
    /// What the control tables call it.
    pub(super) name: String,
    outbox: PgPool,
    control: PgPool,
    /// What last went wrong, by side, until it goes right.
    failing: [Mutex<Option<String>>; 2],
}

/// A transaction that has drawn a number of the outbox and not ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Holder {
    /// The process of the server that serves it; `None`: a prepared transaction, see `pg_prepared_xacts`.
    pub pid: Option<i32>,
    /// The role it logged in with, if this one may see it.
    pub role: Option<String>,
    /// What it calls itself.
    pub application: Option<String>,
    /// `active`, `idle in transaction`, and so on.
    pub state: Option<String>,
    /// How long ago it began.
    pub age: Option<Duration>,
}

/// The sequence of the outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sequence {
    /// Its object id.
    id: i64,
    /// Its lowest number.
    pub(super) first: i64,
}

type RowColumns = (i64, Option<String>, Vec<Option<String>>, Option<String>);
type HolderColumns = (Option<String>, Option<i32>, Option<String>, Option<String>, Option<String>, Option<f64>);

impl Tables {
    pub(super) fn new(options: OutboxOptions) -> Result<Self, OutboxError> {
        let sql = OutboxSql::new(&options)?;
        let schema = &options.control_schema;
        if !is_plain(schema) {
            return Err(OutboxError::InvalidName(schema.clone()));
        }
        if options.pace.batch == 0 || options.pace.lease.is_zero() {
            return Err(OutboxError::InvalidOptions(
                "a batch holds at least one row, and a lease lasts longer than nothing",
            ));
        }
        if matches!(options.ids, super::OutboxIds::Verbatim) && options.columns.keys.len() != 1 {
            return Err(OutboxError::InvalidOptions("an id can be taken as it stands from one key column only"));
        }
        let pool = |options: PgConnectOptions| {
            let options = options.application_name("crossfade outbox").options([
                ("statement_timeout", ATTEMPT_THERE),
                ("idle_in_transaction_session_timeout", "10s"),
                ("tcp_keepalives_idle", "30"),
            ]);
            // Two consumers and whoever looks on.
            PgPoolOptions::new().max_connections(4).acquire_timeout(ACQUIRE).connect_lazy_with(options)
        };
        let control = options.control.clone().options([("search_path", format!("{schema},pg_temp"))]);
        let OutboxOptions { columns, .. } = &options;
        Ok(Self {
            name: options.name.clone().unwrap_or_else(|| format!("{}.{}", columns.schema, columns.table)),
            outbox: pool(options.url.clone()),
            control: pool(control),
            sql,
            options,
            failing: [Mutex::new(None), Mutex::new(None)],
        })
    }

    /// The pool of the control tables.
    pub(super) fn control(&self) -> &PgPool {
        &self.control
    }

    /// How to connect to the outbox's database.
    pub(super) fn outbox(&self) -> &PgPool {
        &self.outbox
    }

    /// An error of a control table.
    pub(super) fn control_error(&self, doing: &'static str) -> impl FnOnce(Error) -> OutboxError {
        move |source| match names_nothing(&source) {
            true => OutboxError::NotMigrated(self.options.control_schema.clone()),
            false => OutboxError::Database { doing, source },
        }
    }

    fn outbox_error(&self, doing: &'static str) -> impl FnOnce(Error) -> OutboxError {
        move |source| match names_nothing(&source) {
            true => OutboxError::NoOutbox { table: self.sql.table.clone(), source },
            false => OutboxError::Database { doing, source },
        }
    }

    /// Whether everything is there, and is as it must be for no row to be skipped.
    pub(super) async fn check(&self) -> Result<Sequence, OutboxError> {
        let sequence = self.sequence().await?;
        self.rows(i64::MAX, 1).await?;
        self.look_up(&[]).await?.map_err(OutboxError::LookupRefused)?;
        Ok(sequence)
    }

    /// The sequence, if its numbers are given out one by one.
    pub(super) async fn sequence(&self) -> Result<Sequence, OutboxError> {
        let query = sqlx::query_as(sql::SEQUENCE)
            .bind(&self.sql.table)
            .bind(&self.options.columns.seq)
            .bind(self.options.sequence.as_deref())
            .fetch_optional(&self.outbox);
        let found: Option<(i64, i64, String, i64, i64, bool)> =
            attempt(query).await.map_err(self.outbox_error("looking for the sequence of the outbox"))?;
        match found {
            None => Err(OutboxError::NoSequence(self.sql.table.clone())),
            Some((id, first, _, 1, 1, false)) => Ok(Sequence { id, first }),
            Some((_, _, sequence, cache, increment, cycle)) => {
                Err(OutboxError::UnsafeSequence { sequence, cache, increment, cycle })
            }
        }
    }

    /// Who has drawn numbers and not ended.
    pub(super) async fn holders(&self, sequence: Sequence) -> Result<Vec<(Transaction, Holder)>, OutboxError> {
        let query = sqlx::query_as(sql::HOLDERS).bind(sequence.id).fetch_all(&self.outbox);
        let rows: Vec<HolderColumns> =
            attempt(query).await.map_err(OutboxError::of("looking who has drawn numbers of the outbox"))?;
        let holder = |(id, pid, role, application, state, age): HolderColumns| {
            let age = age.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
            let transaction = Transaction { id: id.unwrap_or_default(), prepared: pid.is_none() };
            (transaction, Holder { pid, role, application, state, age })
        };
        Ok(rows.into_iter().map(holder).collect())
    }

    /// The highest number that can be seen.
    pub(super) async fn highest(&self) -> Result<i64, OutboxError> {
        let query = sqlx::query_scalar(AssertSqlSafe(&*self.sql.highest)).fetch_one(&self.outbox);
        attempt(query).await.map_err(self.outbox_error("looking for the last row of the outbox"))
    }

    /// The next rows after a number, in order. A row that the database cannot read is among them, with what it said.
    pub(super) async fn rows(&self, after: i64, limit: u32) -> Result<Vec<Row>, OutboxError> {
        let limit = i64::from(limit);
        let query = sqlx::query_as(AssertSqlSafe(&*self.sql.rows)).bind(after).bind(limit).fetch_all(&self.outbox);
        match attempt(query).await {
            Ok(rows) => Ok(rows.into_iter().map(row).collect()),
            Err(error) if blames_a_row(&error) => {
                let seqs = sqlx::query_scalar(AssertSqlSafe(&*self.sql.seqs)).bind(after).bind(limit);
                let seqs: Vec<i64> =
                    attempt(seqs.fetch_all(&self.outbox)).await.map_err(self.outbox_error("numbering the outbox"))?;
                self.one_by_one(seqs).await
            }
            Err(error) => Err(self.outbox_error("reading the outbox")(error)),
        }
    }

    /// Rows by their numbers; those that are gone are left out.
    pub(super) async fn rows_by_seq(&self, seqs: &[i64]) -> Result<Vec<Row>, OutboxError> {
        let query = sqlx::query_as(AssertSqlSafe(&*self.sql.rows_by_seq)).bind(seqs).fetch_all(&self.outbox);
        match attempt(query).await {
            Ok(rows) => Ok(rows.into_iter().map(row).collect()),
            Err(error) if blames_a_row(&error) => match seqs {
                [seq] => Ok(vec![Row { seq: *seq, damage: Some(error.to_string()), ..Row::default() }]),
                _ => self.one_by_one(seqs.to_vec()).await,
            },
            Err(error) => Err(self.outbox_error("reading rows of the outbox")(error)),
        }
    }

    async fn one_by_one(&self, seqs: Vec<i64>) -> Result<Vec<Row>, OutboxError> {
        let mut rows = Vec::with_capacity(seqs.len());
        for seq in seqs {
            rows.extend(Box::pin(self.rows_by_seq(&[seq])).await?);
        }
        Ok(rows)
    }

    /// Which of these rows have a later one, up to `upto`, of the same document.
    pub(super) async fn superseded(&self, seqs: &[i64], upto: i64) -> Result<HashSet<i64>, OutboxError> {
        let ops: Vec<&String> = self.options.upserts.iter().chain(&self.options.deletes).collect();
        let query = sqlx::query_scalar(AssertSqlSafe(&*self.sql.superseded)).bind(seqs).bind(upto).bind(ops);
        let found: Vec<i64> =
            attempt(query.fetch_all(&self.outbox)).await.map_err(self.outbox_error("looking for later rows"))?;
        Ok(found.into_iter().collect())
    }

    /// The present state of these documents, as text, by their place in the list; those that are gone are left out. `None`: the
    /// database refuses because of one of them.
    pub(super) async fn look_up(
        &self,
        changes: &[&Change],
    ) -> Result<Result<HashMap<usize, String>, String>, OutboxError> {
        let Some(lookup) = &self.sql.lookup else { return Ok(Ok(HashMap::new())) };
        let mut query = sqlx::query_as(AssertSqlSafe(&**lookup));
        for column in 0..self.options.columns.keys.len() {
            query = query.bind(changes.iter().map(|change| &*change.row.keys[column]).collect::<Vec<&str>>());
        }
        match attempt(query.fetch_all(&self.outbox)).await {
            Ok(found) => Ok(Ok(found.into_iter().filter_map(place).collect())),
            Err(error) if blames_a_row(&error) => Ok(Err(error.to_string())),
            Err(error) if is_wrong(&error) => Err(OutboxError::Lookup(error)),
            Err(error) => Err(OutboxError::of("looking up documents")(error)),
        }
    }

    /// Notes what goes wrong for a side, or that it goes right.
    pub(super) fn note(&self, side: Side, failing: Option<String>) {
        *self.failing[side as usize].lock().unwrap_or_else(PoisonError::into_inner) = failing;
    }

    /// What was noted last.
    pub(super) fn noted(&self, side: Side) -> Option<String> {
        self.failing[side as usize].lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A name that needs no quoting anywhere, as the control tables want it.
fn is_plain(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    (1..=63).contains(&name.len()) && name.bytes().all(plain) && !name.starts_with(|first: char| first.is_ascii_digit())
}

fn row((seq, op, keys, document): RowColumns) -> Row {
    Row { seq, op, keys, document, damage: None }
}

/// A row of a lookup without a document says that there is none.
fn place((n, document): (i64, Option<String>)) -> Option<(usize, String)> {
    Some((usize::try_from(n).ok()?.checked_sub(1)?, document?))
}

/// One attempt, with a deadline.
pub(super) async fn attempt<T>(statement: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    timeout(ATTEMPT, statement).await.unwrap_or(Err(Error::PoolTimedOut))
}

impl Holder {
    /// Several of them, for a message.
    pub(super) fn list(holders: &[Self]) -> String {
        holders.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(pid) = self.pid else { return f.write_str("a prepared transaction") };
        write!(f, "pid {pid}")?;
        for part in [&self.role, &self.application, &self.state].into_iter().flatten().filter(|part| !part.is_empty()) {
            write!(f, ", {part}")?;
        }
        match self.age {
            Some(age) => write!(f, ", since {} s", age.as_secs()),
            None => Ok(()),
        }
    }
}

opaque_debug!(Tables);
