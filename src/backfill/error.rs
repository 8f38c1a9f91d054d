//! What can go wrong with a backfill.

use crate::{
    backfill::source::SourceError,
    drift::DriftError,
    error::BackendError,
    outbox::OutboxError,
    store::{Replica, StoreError},
};

/// A backfill could not be started, looked at or finished.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackfillError {
    /// The control tables could not be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The source could not be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// PostgreSQL could not be written.
    #[error(transparent)]
    Target(#[from] BackendError),
    /// The outbox could not be read.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    /// There is no such job.
    #[error("there is no backfill `{0}`; `crossfade backfill list` shows those there are")]
    NoSuchJob(String),
    /// There is one of that name.
    #[error("there is a backfill `{0}` already; give another name, or go on with it: `crossfade backfill resume {0}`")]
    JobExists(String),
    /// Another one fills the same index.
    #[error(
        "the backfill `{other}` fills the index `{target}` and is not over; go on with it (`crossfade backfill resume {other}`) or end \
         it (`crossfade backfill cancel {other}`)"
    )]
    IndexBusy {
        /// The index.
        target: String,
        /// The other job.
        other: String,
    },
    /// What was asked for does not fit the state of the job.
    #[error("the backfill `{job}` is {status}: {advice}")]
    WrongStatus {
        /// The job.
        job: String,
        /// How it stands.
        status: String,
        /// What to do.
        advice: &'static str,
    },
    /// Not every process of the service writes both sides.
    #[error("{}", not_dual(.0))]
    NotDual(Vec<Replica>),
    /// No process of the service has reported.
    #[error(
        "no process of the service has reported that it writes both sides: start it, with `MigrationBuilder::heartbeat`; or give \
         --without-heartbeats if it has none and search_write_mode has been dual for as long as its longest request takes"
    )]
    NobodyReports,
    /// Something reads from PostgreSQL.
    #[error(
        "postings and indexes cannot be left out of the load while {0}: searches would be refused; leave out --defer-indexes, or set {1} first"
    )]
    IsRead(&'static str, &'static str),
    /// The control tables are not in the database of the index.
    #[error(
        "the control tables and the index `{0}` are in different databases or schemas: rows and checkpoint could not be committed together"
    )]
    Apart(String),
    /// Too many rows have failed.
    #[error(
        "{failed} rows could not be copied, more than the {allowed} that may fail: look at them with `crossfade backfill failures {job}`, \
         mend them or raise --max-failed-rows, and go on with `crossfade backfill resume {job}`"
    )]
    TooManyFailed {
        /// The job.
        job: String,
        /// How many.
        failed: i64,
        /// How many may.
        allowed: i64,
    },
    /// A server could not be reached for too long.
    #[error(
        "gave up after {seconds:.0} s: {why}; the job goes on where it stopped with `crossfade backfill resume {job}`"
    )]
    GaveUp {
        /// The job.
        job: String,
        /// After how long.
        seconds: f64,
        /// The last failure.
        why: String,
    },
    /// The service gives versions to documents.
    #[error(
        "documents of `{0}` have versions that the service gives, so the rows to copy need theirs: say which field or column holds them \
         (--version), or name the outbox whose numbers they are (--outbox)"
    )]
    OtherVersions(String),
    /// Another process has ended it.
    #[error("the backfill `{job}` has failed in another process: {why}")]
    FailedElsewhere {
        /// The job.
        job: String,
        /// Why.
        why: String,
    },
    /// The sides still differ.
    #[error(
        "everything is copied, but the sides still differ on {documents} documents, and {unsettled} change all the time; look at them with \
         `crossfade drift check --index {index}`, repair them with `crossfade drift repair --index {index}`, and go on with the job"
    )]
    Drifting {
        /// The index.
        index: String,
        /// Documents that differ.
        documents: u64,
        /// Documents of which nothing can be said.
        unsettled: u64,
    },
    /// The sides could not be compared.
    #[error(transparent)]
    Drift(#[from] DriftError),
    /// A worker panicked.
    #[error(
        "a worker of the backfill panicked: a bug, report the backtrace from the log; the job goes on with `crossfade backfill resume`"
    )]
    Panicked,
}

fn not_dual(replicas: &[Replica]) -> String {
    let lines = replicas.iter().map(|replica| {
        let Replica { replica: name, host, write_mode, seen_seconds, mode_seconds, live, .. } = replica;
        match (live, write_mode.as_str()) {
            (false, _) => format!(
                "  {name} on {host} has said nothing for {seconds:.0} s: if it has ended, `crossfade replicas forget {name}`",
                seconds = seen_seconds
            ),
            (true, "dual") => {
                format!("  {name} on {host} writes both sides, but only for {mode_seconds:.0} s: wait a moment")
            }
            (true, mode) => format!("  {name} on {host} is in `{mode}`: `crossfade flags set search_write_mode dual --why ..`"),
        }
    });
    let lines: Vec<String> = lines.collect();
    format!("not every process of the service writes both sides, so that rows would be missed:\n{}", lines.join("\n"))
}
