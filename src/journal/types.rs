//! What a journal holds.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::duty::{Duties, Duty};
use crate::{
    document::{Document, DocumentId, Version},
    error::Side,
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
    ///
    /// Of [`Duty::Pg`], it is then to be reconciled if an earlier entry of the document with a higher version is still
    /// [`Asked`](Outcome::Asked) or has the duty: that will come over it in PostgreSQL, and may not have in Meilisearch.
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
