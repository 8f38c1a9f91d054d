//! Into the journal: intents, and what the authority said of them.

use std::sync::Arc;

use sqlx::PgConnection;
use tokio::time::{Instant, timeout};

use super::{
    super::{Deed, Duties, Intent, JournalError, Mark, Outcome, Seq},
    PostgresJournal, Shared,
    asking::Waiting,
    connect::{REQUEST_DEADLINE, within},
    error::Failure,
    row::{NewRow, to_text},
    sql,
};
use crate::{
    document::{Document, DocumentId, Version},
    error::Side,
    write::Action,
};

const APPENDING: &str = "appending";
const RESOLVING: &str = "noting what the authority said";

/// What is to be noted.
pub(super) struct MarkRow {
    seq: i64,
    outcome: &'static str,
    task: Option<i64>,
    deed: Option<String>,
}

impl PostgresJournal {
    pub(super) async fn append_all(&self, intents: &[Intent], outcome: Outcome) -> Result<Vec<Seq>, JournalError> {
        let waiting = Waiting::new();
        let rows: Result<Vec<NewRow>, JournalError> =
            intents.iter().map(|intent| NewRow::new(intent, stored_as(outcome), waiting.caller())).collect();
        let submitted = timeout(REQUEST_DEADLINE, self.appends.submit(rows?)).await;
        let seqs = submitted.unwrap_or_else(|_| Err(Failure::late(APPENDING))).map_err(Failure::told)?;
        waiting.answered();
        if outcome == Outcome::Refused {
            let mark = |seq: &Seq| Mark { seq: *seq, outcome, document: None };
            self.resolve_all(&seqs.iter().map(mark).collect::<Vec<_>>()).await?;
        }
        Ok(seqs)
    }

    pub(super) async fn resolve_all(&self, marks: &[Mark]) -> Result<Vec<Seq>, JournalError> {
        // Whatever comes of it: should it fail, and not be tried again, they are given up in time.
        let _ended = self.shared.asking.end_with(marks.iter().map(|mark| mark.seq.0).collect());
        let rows: Vec<MarkRow> =
            marks.iter().filter_map(|mark| MarkRow::new(mark).transpose()).collect::<Result<_, _>>()?;
        let submitted = timeout(REQUEST_DEADLINE, self.marks.submit(rows)).await;
        let noted = submitted.unwrap_or_else(|_| Err(Failure::late(RESOLVING))).map_err(Failure::told)?;
        let told = marks.iter().filter(|mark| mark.outcome != Outcome::Asked);
        Ok(told.zip(noted).filter(|(_, noted)| !noted).map(|(mark, _)| mark.seq).collect())
    }
}

/// One that was refused already is resolved as such at once.
fn stored_as(outcome: Outcome) -> Outcome {
    if outcome == Outcome::Refused { Outcome::Asked } else { outcome }
}

impl MarkRow {
    /// `None` if it says nothing.
    fn new(mark: &Mark) -> Result<Option<Self>, JournalError> {
        let Some((outcome, task)) = columns(mark.outcome) else { return Ok(None) };
        let put = |document: &Document| serde_json::to_string(&Deed::Change(Action::Put(document.clone())));
        let deed =
            mark.document.as_ref().map(put).transpose().map_err(|error| {
                JournalError::new(super::super::JournalErrorKind::Internal, RESOLVING).caused_by(error)
            })?;
        Ok(Some(Self { seq: mark.seq.0, outcome, task, deed }))
    }
}

/// The outcome and its task; `None` while it is asked.
fn columns(outcome: Outcome) -> Option<(&'static str, Option<i64>)> {
    match outcome {
        Outcome::Asked => None,
        Outcome::Accepted(task) => Some(("accepted", task.map(|task| task.0.cast_signed()))),
        Outcome::Refused => Some(("refused", None)),
        Outcome::Unknown => Some(("unknown", None)),
    }
}

impl Shared {
    /// Appends a batch durably.
    pub(super) async fn append(self: Arc<Self>, rows: Vec<NewRow>) -> Result<Vec<Seq>, Failure> {
        let statement = async {
            let mut connection = self.pools.appends.acquire().await?;
            self.show_life(&mut connection).await?;
            self.insert(&mut connection, &rows).await
        };
        let mut seqs = within(REQUEST_DEADLINE, APPENDING, statement).await?;
        // In the order of the rows, whatever order they are returned in.
        seqs.sort_unstable();
        let asked = rows.iter().zip(&seqs).filter(|(row, _)| row.outcome == Outcome::Asked);
        self.asking.begin(asked.map(|(row, seq)| (*seq, Arc::clone(&row.caller))));
        Ok(seqs.into_iter().map(Seq).collect())
    }

    /// Before the first entry, and from time to time: what a dead process has asked is given up.
    async fn show_life(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        let now = Instant::now();
        if self.touched().is_none_or(|touched| now.duration_since(touched) > self.options.lease / 4) {
            sqlx::query(sql::TOUCH)
                .bind(self.process)
                .bind(self.options.lease.as_secs_f64())
                .execute(connection)
                .await?;
            self.touch(now);
        }
        Ok(())
    }

    async fn insert(&self, connection: &mut PgConnection, rows: &[NewRow]) -> Result<Vec<i64>, sqlx::Error> {
        let highest = rows.iter().map(|row| row.intent.version).max().unwrap_or(Version(0));
        let outcome = |row: &NewRow| columns(row.outcome).unwrap_or(("asked", None));
        sqlx::query_scalar(sql::APPEND)
            .bind(self.process)
            .bind(highest.0)
            .bind(self.options.journal.limbo.as_secs_f64())
            .bind(column(rows, |row| row.lane))
            .bind(column(rows, |row| row.shard))
            .bind(column(rows, |row| to_text(&row.intent.index)))
            .bind(column(rows, |row| to_text(row.intent.id.as_str())))
            .bind(column(rows, |row| row.intent.version.0))
            .bind(column(rows, |row| row.intent.explicit))
            .bind(column(rows, |row| row.intent.authority.as_str()))
            .bind(column(rows, |row| row.deed.as_str()))
            .bind(column(rows, |row| outcome(row).0))
            .bind(column(rows, |row| outcome(row).1))
            .bind(column(rows, |row| row.if_accepted))
            .bind(column(rows, |row| row.if_unknown))
            .bind(column(rows, |row| row.duties))
            .fetch_all(connection)
            .await
    }

    /// Notes a batch of outcomes; says of each whether its entry was still asked.
    pub(super) async fn mark(self: Arc<Self>, rows: Vec<MarkRow>) -> Result<Vec<bool>, Failure> {
        let statement = sqlx::query_scalar(sql::RESOLVE)
            .bind(self.options.journal.limbo.as_secs_f64())
            .bind(put_accepted_by(Side::Meili))
            .bind(put_accepted_by(Side::Pg))
            .bind(column(&rows, |row| row.seq))
            .bind(column(&rows, |row| row.outcome))
            .bind(column(&rows, |row| row.task))
            .bind(column(&rows, |row| row.deed.as_deref()))
            .fetch_all(&self.pools.marks);
        let noted: std::collections::HashSet<i64> =
            within(REQUEST_DEADLINE, RESOLVING, statement).await?.into_iter().collect();
        Ok(rows.iter().map(|row| noted.contains(&row.seq)).collect())
    }
}

/// The duties of a partial update that has become a put.
fn put_accepted_by(authority: Side) -> i16 {
    let put = Intent {
        index: "".into(),
        id: DocumentId::new(""),
        version: Version(0),
        explicit: false,
        deed: Deed::Change(Action::Put(Document::new())),
        authority,
    };
    i16::from(Duties::of(&put, Outcome::Accepted(None)).bits())
}

fn column<'a, R, T>(rows: &'a [R], value: impl Fn(&'a R) -> T) -> Vec<T> {
    rows.iter().map(value).collect()
}
