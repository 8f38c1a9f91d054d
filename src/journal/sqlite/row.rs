//! Intents as rows.
//!
//! Texts of the service (names, ids, why something failed) are blobs, because SQLite's texts end at a NUL; what is done is
//! JSON, in which a NUL is written as an escape. So is what many entries are read from at once.

use std::{hash::Hasher, time::Duration};

use serde::{Deserialize, Deserializer};
use serde_json::Value;
use siphasher::sip::SipHasher13;
use sqlx::{Row as _, sqlite::SqliteRow};
use tokio::time::Instant;

use super::{
    super::{Deed, Duties, Entry, Intent, JournalError, Outcome, Seq},
    error::{Sql, damaged},
};
use crate::{
    document::{Document, DocumentId, Version},
    error::Side,
    write::{Action, TaskId},
};

pub(super) const ASKED: i64 = 0;
pub(super) const ACCEPTED: i64 = 1;
pub(super) const UNKNOWN: i64 = 2;

const EXPLICIT: i64 = 1;
const BY_PG: i64 = 2;
const CHANGE: i64 = 4;
/// Also in the statements.
pub(super) const SWEEP: i64 = 8;
pub(super) const REDO: i64 = 16;
/// Nobody knows how long ago the write began.
pub(super) const AGELESS: i64 = 32;

/// Where in `plan` the duties stand that follow once something is known.
pub(super) const IF_ACCEPTED: i64 = 0;
pub(super) const IF_UNKNOWN: i64 = 3;
/// The same once the change is a put.
pub(super) const AS_PUT: i64 = 6;

/// An intent, ready to be bound.
pub(super) struct NewRow {
    pub(super) lane: i64,
    pub(super) idx: i64,
    pub(super) name: Vec<u8>,
    pub(super) id: Vec<u8>,
    pub(super) version: i64,
    pub(super) flags: i64,
    pub(super) plan: i64,
    pub(super) deed: String,
    pub(super) sum: i64,
}

/// An entry as it was read.
pub(super) struct RawEntry {
    pub(super) seq: i64,
    pub(super) lane: i64,
    pub(super) idx: i64,
    pub(super) flags: i64,
    pub(super) outcome: i64,
    pub(super) duties: Duties,
    /// Milliseconds after the opening.
    pub(super) due: i64,
    began: i64,
    task: Option<i64>,
    pub(super) intent: RawIntent,
    pub(super) attempts: u32,
    pub(super) age: Option<Duration>,
}

/// An intent as it was read.
pub(super) struct RawIntent {
    name: Vec<u8>,
    id: Vec<u8>,
    version: i64,
    flags: i64,
    sum: Option<i64>,
    /// `None`: it is missing.
    pub(super) deed: Option<String>,
}

/// What documents of one lane have in common. Lanes of different documents may be the same: then one waits for the other.
pub(super) fn lane(index: &str, id: &str) -> i64 {
    hash(&[index.as_bytes(), id.as_bytes()])
}

pub(super) fn hash(parts: &[&[u8]]) -> i64 {
    let mut hasher = SipHasher13::new();
    for part in parts {
        hasher.write_usize(part.len());
        hasher.write(part);
    }
    hasher.finish().cast_signed()
}

/// The deed of a put as it is stored, with its checksum.
pub(super) fn put_deed(document: &Document) -> Result<(String, i64), JournalError> {
    stored(&Deed::Change(Action::Put(document.clone())))
}

fn stored(deed: &Deed) -> Result<(String, i64), JournalError> {
    let text = serde_json::to_string(deed).map_err(|error| {
        JournalError::new(super::super::JournalErrorKind::Internal, "writing an intent as JSON").caused_by(error)
    })?;
    let sum = hash(&[text.as_bytes()]);
    Ok((text, sum))
}

impl NewRow {
    pub(super) fn of(intent: &Intent) -> Result<Self, JournalError> {
        let (deed, sum) = stored(&intent.deed)?;
        let change = matches!(intent.deed, Deed::Change(_));
        let duties = |intent: &Intent, outcome| i64::from(Duties::of(intent, outcome).bits());
        let both = |intent: &Intent| {
            (duties(intent, Outcome::Accepted(None)) << IF_ACCEPTED) | (duties(intent, Outcome::Unknown) << IF_UNKNOWN)
        };
        let as_put = if change {
            let Intent { index, id, version, explicit, deed: _, authority } = intent;
            let deed = Deed::Change(Action::Put(Document::new()));
            let (index, id) = (index.clone(), id.clone());
            both(&Intent { index, id, version: *version, explicit: *explicit, deed, authority: *authority })
        } else {
            both(intent)
        };
        let flag = |holds: bool, flag: i64| if holds { flag } else { 0 };
        Ok(Self {
            lane: lane(&intent.index, intent.id.as_str()),
            idx: hash(&[intent.index.as_bytes()]),
            name: intent.index.as_bytes().to_vec(),
            id: intent.id.as_str().as_bytes().to_vec(),
            version: intent.version.0,
            flags: flag(intent.explicit, EXPLICIT)
                | flag(intent.authority == Side::Pg, BY_PG)
                | flag(change, CHANGE)
                | flag(matches!(intent.deed, Deed::Sweep(_)), SWEEP),
            plan: both(intent) | (as_put << AS_PUT),
            deed,
            sum,
        })
    }

    pub(super) fn duties(&self, outcome: Outcome) -> i64 {
        match outcome {
            Outcome::Accepted(_) => (self.plan >> IF_ACCEPTED) & 7,
            Outcome::Unknown => (self.plan >> IF_UNKNOWN) & 7,
            Outcome::Asked | Outcome::Refused => 0,
        }
    }
}

/// The columns `outcome` and `task`.
pub(super) fn outcome_columns(outcome: Outcome) -> (i64, Option<i64>) {
    match outcome {
        Outcome::Accepted(task) => (ACCEPTED, task.map(|task| task.0.cast_signed())),
        Outcome::Unknown => (UNKNOWN, None),
        Outcome::Asked | Outcome::Refused => (ASKED, None),
    }
}

/// The columns of an entry, in the order in which statements give them.
type Columns = (i64, i64, i64, i64, i64, i64, i64, i64, Option<i64>, String, String, i64, Option<i64>, Option<String>);

impl<'de> Deserialize<'de> for RawEntry {
    fn deserialize<D: Deserializer<'de>>(columns: D) -> Result<Self, D::Error> {
        let (seq, lane, idx, flags, outcome, duties, due, began, task, name, id, version, sum, deed) =
            Columns::deserialize(columns)?;
        let duties = Duties::from_bits((duties & 7) as u8);
        let intent = RawIntent { name: name.into_bytes(), id: id.into_bytes(), version, flags, sum, deed };
        Ok(Self { seq, lane, idx, flags, outcome, duties, due, began, task, intent, attempts: 0, age: None })
    }
}

impl RawEntry {
    /// What it is about; others of its lane may be about something else.
    pub(super) fn document(&self) -> (i64, &[u8], &[u8]) {
        (self.lane, &self.intent.name, &self.intent.id)
    }

    /// Fills in what this process knows.
    pub(super) fn given_out(&mut self, attempts: u32, opened: Instant, before: i64, now: Instant) {
        self.attempts = attempts;
        let ours = self.seq > before && self.flags & AGELESS == 0;
        self.age = ours.then(|| (now - opened).saturating_sub(millis(self.began)));
    }

    pub(super) fn entry(&self) -> Result<Entry, JournalError> {
        let outcome = match self.outcome {
            ACCEPTED => Outcome::Accepted(self.task.map(|task| TaskId(task.cast_unsigned()))),
            _ => Outcome::Unknown,
        };
        Ok(Entry {
            seq: Seq(self.seq),
            intent: self.intent.intent(self.seq)?,
            outcome,
            redo: self.flags & REDO != 0,
            attempts: self.attempts,
            age: self.age,
        })
    }
}

impl RawIntent {
    /// Reads name, id, version, deed and checksum from this column on.
    pub(super) fn read(row: &SqliteRow, at: usize, flags: i64) -> Sql<Self> {
        let (name, id, version) = (row.try_get(at)?, row.try_get(at + 1)?, row.try_get(at + 2)?);
        let (deed, sum) = (row.try_get(at + 3)?, row.try_get(at + 4)?);
        Ok(Self { name, id, version, flags, sum, deed })
    }

    pub(super) fn intent(&self, seq: i64) -> Result<Intent, JournalError> {
        let wrong = |what: &str| damaged("reading an intent", format!("{what} of entry {seq} is not what was written"));
        let text = |bytes, what: &str| std::str::from_utf8(bytes).map_err(|_| wrong(what));
        let (deed, sum) = self.deed.as_ref().zip(self.sum).ok_or_else(|| wrong("the document"))?;
        if hash(&[deed.as_bytes()]) != sum {
            return Err(wrong("the document"));
        }
        Ok(Intent {
            index: text(&self.name, "the index")?.into(),
            id: DocumentId::from(text(&self.id, "the id")?),
            version: Version(self.version),
            explicit: self.flags & EXPLICIT != 0,
            deed: serde_json::from_str(deed).map_err(|_| wrong("the document"))?,
            authority: if self.flags & BY_PG != 0 { Side::Pg } else { Side::Meili },
        })
    }
}

/// Numbers as one parameter, for `json_each`.
pub(super) fn list(numbers: impl IntoIterator<Item = i64>) -> String {
    Value::from_iter(numbers).to_string()
}

pub(super) fn millis(count: i64) -> Duration {
    Duration::from_millis(u64::try_from(count).unwrap_or(0))
}
