//! What a command fails with, and the exit code of each.

use std::{io, path::PathBuf, process::ExitCode};

use crossfade::{
    backfill::{
        BackfillError,
        source::{SourceError, SourceErrorKind},
    },
    cutover::CutoverError,
    drift::DriftError,
    error::{BackendError, BackendErrorKind},
    eval::EvalError,
    gates::PolicyError,
    journal::{JournalError, JournalErrorKind},
    outbox::OutboxError,
    page::PlotError,
    replay::ReplayError,
    store::StoreError,
    tokens::DictionaryError,
};

#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("no database: set DATABASE_URL, or give --database-url")]
    NoDatabase,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(
        "nothing was changed: {0}; `crossfade advance` takes the step when it is time, --force sets the flag all the same"
    )]
    NoWayBackYet(String),
    #[error(transparent)]
    Gates(PolicyError),
    #[error(transparent)]
    Cutover(#[from] CutoverError),
    #[error("no journal: give --journal PATH for a file, or --journal-url (or DATABASE_URL) for a database")]
    NoJournal,
    #[error("there is no file {}; give the path that the service opens its journal at", .0.display())]
    NoSuchFile(PathBuf),
    #[error(
        "another process has this journal open: stop the service first, or read `journal_pending`, `journal_oldest_seconds` \
         and `journal_dead_letters` among its metrics; a file is open to one process at a time, also for reading"
    )]
    InUse,
    #[error("there is no dead letter {0}, and nothing was changed; `crossfade journal list` shows those there are")]
    NoSuchLetter(String),
    #[error(
        "dropped dead letters are writes that will never stand on the side that refused them, and nothing was dropped yet; \
         look at them with `crossfade journal list`, and give --yes to drop them"
    )]
    NotConfirmed,
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error("no Meilisearch: set MEILI_URL, or give --meili-url")]
    NoMeili,
    #[error("the Japanese dictionary cannot be read: {0}")]
    Dictionary(#[from] DictionaryError),
    #[error(transparent)]
    Backend(#[from] BackendError),
    #[error(transparent)]
    Drift(#[from] DriftError),
    #[error(
        "the sides differ; `crossfade drift repair --dry-run` shows what would be done about documents, and settings are \
         put in force by the program that made the index"
    )]
    Differing,
    #[error("not everything could be repaired; see why above, and repair again when that is mended")]
    StillDiffering,
    #[error(transparent)]
    Backfill(#[from] BackfillError),
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    #[error("the job was cancelled meanwhile")]
    Cancelled,
    #[error("{0} rows could not be copied this time either; `crossfade backfill failures` shows why")]
    RowsFailedAgain(u64),
    #[error("the job `{0}` was made by another program: it cannot be worked on from here")]
    ForeignJob(String),
    #[error("the job `{0}` goes by an outbox: name it again with --outbox")]
    OutboxNeeded(String),
    #[error("`{0}` is no outbox; give SCHEMA.TABLE")]
    NoOutboxName(String),
    #[error("there is no process `{0}`; `crossfade replicas list` shows those there are")]
    NoSuchReplica(String),
    #[error(transparent)]
    Eval(#[from] EvalError),
    #[error("--schema names a schema that is already loaded: give --reuse as well, or leave it out")]
    SchemaWithoutReuse,
    #[error("the overall overlap@10 is {overlap:.4}, and --min-overlap is {least}")]
    Overlap { overlap: f64, least: f64 },
    #[error(transparent)]
    Replay(#[from] ReplayError),
    #[error("{0}")]
    Replayed(String),
    #[error("asked to stop; what was made for the measurement was taken away")]
    Interrupted,
    #[error("the file {} cannot be read: {}", .0.display(), .1)]
    Unreadable(PathBuf, #[source] io::Error),
    #[error(
        "no way to roll back by: set DATABASE_URL for the flag table, or give --flag-file or --admin, which need no database"
    )]
    NoWayBack,
    #[error("no way worked, and nothing was changed as far as is known; each says why above")]
    NoWayWorked,
    #[error(
        "rolled back, but {0} live processes were not seen to follow; `crossfade rollback status` shows them, and --admin or \
         --flag-file reach one that is cut off from the table"
    )]
    NotFollowed(usize),
    #[error("something stands in the way of a rollback, see above")]
    NotReady,
    #[error("the latch is cleared, but the flag file {} still overrides the table: {}", .0.display(), .1)]
    FlagFile(PathBuf, String),
    #[error(transparent)]
    Page(#[from] PlotError),
    #[error("the file {} cannot be written: {}; what was there before is unchanged", .0.display(), .1)]
    Unwritable(PathBuf, #[source] io::Error),
    #[error("the output cannot be written: {0}")]
    Output(#[from] io::Error),
}

impl Failure {
    /// As the help lists them.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::NoJournal | Self::NoSuchFile(_) | Self::NotConfirmed => 2,
            Self::NoDatabase | Self::Store(StoreError::InvalidUrl | StoreError::InvalidSchema(_)) => 2,
            Self::Store(StoreError::Refused { .. }) | Self::Gates(_) | Self::NoWayBackYet(_) => 3,
            Self::Store(StoreError::Unreachable { .. }) => 4,
            Self::Cutover(CutoverError::Store(StoreError::Unreachable { .. })) => 4,
            Self::Cutover(CutoverError::NotKept { .. }) => 1,
            Self::Cutover(_) => 3,
            Self::Journal(error) if error.kind() == JournalErrorKind::Unavailable => 4,
            Self::InUse => 4,
            Self::NoMeili | Self::Dictionary(_) => 2,
            Self::Drift(DriftError::NotDual { .. }) => 3,
            Self::Drift(error) if error.is_outage() => 4,
            Self::Backend(error) if error.kind() == BackendErrorKind::Unavailable => 4,
            Self::Drift(_) | Self::Backend(_) | Self::Differing | Self::StillDiffering => 1,
            Self::NoOutboxName(_) | Self::OutboxNeeded(_) | Self::Unreadable(..) => 2,
            Self::Backfill(BackfillError::Store(StoreError::Unreachable { .. }) | BackfillError::GaveUp { .. }) => 4,
            Self::Backfill(
                BackfillError::NotDual(_)
                | BackfillError::NobodyReports
                | BackfillError::IsRead(..)
                | BackfillError::IndexBusy { .. }
                | BackfillError::WrongStatus { .. },
            ) => 3,
            Self::Source(error) if error.kind() == SourceErrorKind::Unavailable => 4,
            Self::Backfill(_) | Self::Source(_) | Self::Outbox(_) | Self::Cancelled | Self::RowsFailedAgain(_) => 1,
            Self::ForeignJob(_) | Self::NoSuchReplica(_) => 1,
            Self::NoWayBack => 2,
            Self::NoWayWorked => 4,
            Self::NotFollowed(_) | Self::NotReady | Self::FlagFile(..) => 1,
            Self::SchemaWithoutReuse | Self::Eval(EvalError::File { .. }) => 2,
            Self::Eval(EvalError::Store(StoreError::InvalidUrl)) => 2,
            Self::Eval(EvalError::Store(StoreError::Unreachable { .. })) => 4,
            Self::Eval(EvalError::Backend(error)) if error.kind() == BackendErrorKind::Unavailable => 4,
            Self::Replay(ReplayError::Store(StoreError::Unreachable { .. })) => 4,
            Self::Replay(ReplayError::NoIndex(_)) => 2,
            Self::Replay(_) | Self::Replayed(_) => 1,
            Self::Eval(_) | Self::Overlap { .. } | Self::Interrupted => 1,
            Self::Store(_) | Self::Journal(_) | Self::NoSuchLetter(_) | Self::Output(_) => 1,
            Self::Page(_) | Self::Unwritable(..) => 1,
        })
    }
}
