//! What a journal holds.

use std::{fmt, sync::Arc, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    document::{Document, DocumentId, Version},
    error::{BoxError, Side},
    search::FilterInput,
    write::{Action, TaskId},
};

/// The place of an entry: later ones are higher.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seq(pub i64);

/// A write that is to stand on both sides.
#[derive(Clone, Debug, PartialEq)]
pub struct Intent {
    /// The index it is about.
    pub index: Arc<str>,
    /// The document; empty for a sweep, which is about all of them.
    pub id: DocumentId,
    /// Which of its writes this is.
    pub version: Version,
    /// Whether the service gave the version. Then the higher one wins everywhere; otherwise the version was made by a
    /// clock, and the authority's own order of writes wins.
    pub explicit: bool,
    /// What is done.
    pub deed: Deed,
    /// The side whose outcome decides it.
    pub authority: Side,
}

/// What an intent does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Deed {
    /// Something to one document.
    Change(Action),
    /// What stands at the authority is copied to the other side.
    Resync,
    /// Every document that passes the filter is deleted; without a filter, every document.
    Sweep(Option<FilterInput>),
}

/// What is known of the authority's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is being asked. Nothing is done yet.
    Asked,
    /// It said yes; Meilisearch by a task that is to be followed, if it was told.
    Accepted(Option<TaskId>),
    /// It said no: the entry goes.
    Refused,
    /// Nobody knows: the caller went away, the connection broke, the process died. Once the journal's
    /// [`limbo`](super::JournalOptions::limbo) is over, the authority is asked what stands.
    Unknown,
}

/// Something that is still to be done for an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Duty {
    /// To see to it that it stands on Meilisearch: to follow its task if Meilisearch is the authority, to write it if not.
    Meili,
    /// To write it to PostgreSQL.
    Pg,
    /// To compare the sides, and to copy from the one that is right to the other.
    Reconcile,
}

/// A set of duties.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Duties(u8);

/// What the authority said of an entry.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    /// Which entry.
    pub seq: Seq,
    /// What it said.
    pub outcome: Outcome,
    /// What a partial update has made of the document: the entry is a [`Put`](Action::Put) of it from now on.
    pub document: Option<Document>,
}

impl Mark {
    /// Whether [`note`](super::Journal::note) may keep it.
    pub(super) fn can_be_noted(&self) -> bool {
        matches!(self.outcome, Outcome::Accepted(_)) && self.document.is_none()
    }
}

/// An entry with something to do.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its place.
    pub seq: Seq,
    /// The write.
    pub intent: Intent,
    /// [`Accepted`](Outcome::Accepted) or [`Unknown`](Outcome::Unknown).
    pub outcome: Outcome,
    /// Whether Meilisearch is known to have lost it, so that it has to be written there again.
    pub redo: bool,
    /// How often the duty it was claimed for has failed, outages not counted.
    pub attempts: u32,
    /// How long ago it was appended; `None` if that was before a restart.
    pub age: Option<Duration>,
}

/// What a claim found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Claim {
    /// The entries, oldest first.
    pub entries: Vec<Entry>,
    /// When the next one comes due by itself, if one will.
    pub next: Option<Duration>,
}

/// How a claim ends.
#[derive(Clone, Debug, PartialEq)]
pub struct Settled {
    /// Which entry.
    pub seq: Seq,
    /// How.
    pub end: End,
}

/// How a claim ends.
#[derive(Clone, Debug, PartialEq)]
pub enum End {
    /// The duty is done. If it `supersedes`, so it is for earlier accepted entries of the same document, unless they are
    /// claimed for it, are sweeps, or have a higher version.
    Done {
        /// Whether this was about the whole document.
        supersedes: bool,
    },
    /// The duty is done, and others follow.
    Then {
        /// Which.
        duties: Duties,
        /// See [`Entry::redo`].
        redo: bool,
    },
    /// To be done later.
    Retry {
        /// After this time at the earliest.
        after: Duration,
        /// What went wrong, for [`Status`]; `None` if nothing did.
        why: Option<String>,
        /// Whether this counts as one of the entry's [`attempts`](Entry::attempts).
        counts: bool,
    },
    /// It cannot be done: a dead letter. Other duties stay, and these follow.
    Dead {
        /// Why not.
        why: String,
        /// Which follow.
        then: Duties,
    },
}

/// Something that could not be done.
#[derive(Clone, Debug, PartialEq)]
pub struct DeadLetter {
    /// The place of the letter.
    pub seq: Seq,
    /// What could not be done.
    pub duty: Duty,
    /// The write.
    pub intent: Intent,
    /// Why not.
    pub why: String,
    /// Since when.
    pub at: Timestamp,
}

/// A choice of dead letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeadLetters {
    /// All of them.
    All,
    /// Those of one duty.
    Of(Duty),
    /// These.
    These(Vec<Seq>),
}

/// What becomes of dead letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redrive {
    /// The duty is tried again, as a new entry of the old version. It comes after what was appended since, and loses against
    /// a newer version.
    Again,
    /// They are dropped: the sides may then differ.
    Drop,
}

/// The state of a journal.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Status {
    /// Entries in all.
    pub pending: u64,
    /// Entries whose authority is being asked.
    pub asked: u64,
    /// Entries that have to be written to Meilisearch, or confirmed there.
    pub meili: u64,
    /// Entries that have to be written to PostgreSQL.
    pub pg: u64,
    /// Entries that have to be reconciled.
    pub reconcile: u64,
    /// The age of the oldest entry, in seconds.
    pub oldest_seconds: Option<f64>,
    /// Dead letters.
    pub dead_letters: u64,
    /// What last went wrong, by duty, with how many entries wait because of it.
    pub failing: Vec<(Duty, u64, String)>,
}

/// The journal could not do what was asked.
#[derive(Debug)]
pub struct JournalError {
    kind: JournalErrorKind,
    doing: String,
    source: Option<BoxError>,
}

/// What kind of failure it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JournalErrorKind {
    /// It cannot be reached, or did not answer in time.
    Unavailable,
    /// There is no room left.
    Full,
    /// What it holds cannot be read.
    Damaged,
    /// Another process has it open.
    InUse,
    /// Another worker has taken over what this one had claimed.
    Fenced,
    /// Anything else.
    Internal,
}

impl Duty {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Meili, Self::Pg, Self::Reconcile];

    /// The value of labels, columns and commands.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Meili => "meili",
            Self::Pg => "pg",
            Self::Reconcile => "reconcile",
        }
    }

    /// The bit of the set.
    pub const fn bit(self) -> u8 {
        match self {
            Self::Meili => 1,
            Self::Pg => 2,
            Self::Reconcile => 4,
        }
    }
}

impl Duties {
    /// None.
    pub const NONE: Self = Self(0);
    /// To see to it that it stands on Meilisearch.
    pub const MEILI: Self = Self(Duty::Meili.bit());
    /// To compare and copy.
    pub const RECONCILE: Self = Self(Duty::Reconcile.bit());
    /// To write to PostgreSQL.
    pub const PG: Self = Self(Duty::Pg.bit());

    /// The set of these bits; others are left out.
    pub fn from_bits(bits: u8) -> Self {
        Self(bits & 7)
    }

    /// The bits.
    pub fn bits(self) -> u8 {
        self.0
    }

    /// Whether it holds a duty.
    pub fn has(self, duty: Duty) -> bool {
        self.0 & duty.bit() != 0
    }

    /// With those of another set.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Without one.
    #[must_use]
    pub fn without(self, duty: Duty) -> Self {
        Self(self.0 & !duty.bit())
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// What has to be done for an entry once this is known of the authority.
    ///
    /// | authority | | accepted | unknown |
    /// | --- | --- | --- | --- |
    /// | Meilisearch | put, delete | meili (follow) and pg | reconcile |
    /// | Meilisearch | merge, sweep | meili (follow), then what follows | reconcile; a sweep: pg |
    /// | PostgreSQL | put, delete, merge | meili (write), then reconcile | reconcile |
    /// | PostgreSQL | sweep | pg (list what was swept) | pg |
    /// | either | resync | reconcile | reconcile |
    pub fn of(intent: &Intent, outcome: Outcome) -> Self {
        let (meili, pg) = (Self::MEILI, Self::PG);
        match (outcome, &intent.deed, intent.authority) {
            (Outcome::Asked | Outcome::Refused, ..) => Self::NONE,
            (Outcome::Unknown, Deed::Sweep(_), _) => pg,
            (Outcome::Unknown, ..) | (_, Deed::Resync, _) => Self::RECONCILE,
            (_, Deed::Sweep(_), Side::Pg) => pg,
            (_, Deed::Sweep(_) | Deed::Change(Action::Merge(_)), _) => meili,
            (_, Deed::Change(_), Side::Meili) => meili.and(pg),
            (_, Deed::Change(_), Side::Pg) => meili,
        }
    }
}

impl Duties {
    /// Those by which the other side is given what this one has decided. PostgreSQL's are reconciled in the end only to see
    /// whether anything came in between; what a partial update made in Meilisearch is copied then.
    pub(super) fn that_carry(decided: Side) -> Self {
        match decided {
            Side::Meili => Self::MEILI.and(Self::PG).and(Self::RECONCILE),
            Side::Pg => Self::MEILI,
        }
    }
}

impl fmt::Debug for Duties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(Duty::ALL.iter().filter(|duty| self.has(**duty))).finish()
    }
}

impl JournalError {
    /// An error of `kind` while `doing` (a phrase that completes "while …").
    pub fn new(kind: JournalErrorKind, doing: impl Into<String>) -> Self {
        Self { kind, doing: doing.into(), source: None }
    }

    /// The same with its cause.
    pub fn caused_by(mut self, source: impl Into<BoxError>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// How it failed.
    pub fn kind(&self) -> JournalErrorKind {
        self.kind
    }
}

impl JournalErrorKind {
    /// The value of metric labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unavailable => "unavailable",
            Self::Full => "full",
            Self::Damaged => "damaged",
            Self::InUse => "in_use",
            Self::Fenced => "fenced",
            Self::Internal => "internal",
        }
    }

    /// What to do next.
    pub fn hint(self) -> &'static str {
        match self {
            Self::Unavailable => "check that its disk or database can be reached",
            Self::Full => "make room on its disk; nothing was lost, the write was not taken",
            Self::Damaged => {
                "move the file aside and start anew, then run a drift check: what was waiting in it is on one side only"
            }
            Self::InUse => "stop the other process, or give each its own journal",
            Self::Fenced => "nothing: the other worker goes on",
            Self::Internal => "see the cause",
        }
    }
}

impl fmt::Display for JournalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the journal failed ({}) while {}; {}", self.kind.as_str(), self.doing, self.kind.hint())?;
        match &self.source {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for JournalError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
