//! Entries as rows.

use std::{borrow::Cow, hash::Hasher, sync::Arc, time::Duration};

use jiff::Timestamp;
use siphasher::sip::SipHasher13;
use sqlx::FromRow;

use super::{
    super::{DeadLetter, Deed, Duties, Duty, Entry, Intent, JournalError, JournalErrorKind, Outcome, Seq},
    asking::Caller,
};
use crate::{
    document::{DocumentId, Version},
    error::Side,
    write::TaskId,
};

/// The shard of sweeps; those of documents are below it.
pub(super) const SWEEPS: i16 = 64;

const ESCAPE: char = '\u{1}';
/// In characters.
const LONGEST_REASON: usize = 2_000;

/// An intent on its way into the table.
pub(super) struct NewRow {
    pub(super) lane: i64,
    pub(super) shard: i16,
    pub(super) intent: Intent,
    pub(super) deed: String,
    pub(super) outcome: Outcome,
    pub(super) if_accepted: i16,
    pub(super) if_unknown: i16,
    pub(super) duties: i16,
    /// Who will resolve it.
    pub(super) caller: Arc<Caller>,
}

/// An entry that was found for a claim.
#[derive(FromRow)]
pub(super) struct Found {
    pub(super) seq: i64,
    pub(super) lane: i64,
    pub(super) shard: i16,
    pub(super) epoch: i64,
    index_uid: String,
    id: String,
    version: i64,
    explicit: bool,
    authority: String,
    deed: String,
    outcome: String,
    task: Option<i64>,
    redo: bool,
    tries: i32,
    age: Option<i64>,
}

#[derive(FromRow)]
pub(super) struct LetterRow {
    seq: i64,
    duty: String,
    why: String,
    at: i64,
    index_uid: String,
    id: String,
    version: i64,
    explicit: bool,
    authority: String,
    deed: String,
}

impl NewRow {
    pub(super) fn new(intent: &Intent, outcome: Outcome, caller: &Arc<Caller>) -> Result<Self, JournalError> {
        let deed = serde_json::to_string(&intent.deed).map_err(|error| {
            JournalError::new(JournalErrorKind::Internal, "writing an intent as JSON").caused_by(error)
        })?;
        let lane = lane(&intent.index, &intent.id);
        let duties = |outcome| i16::from(Duties::of(intent, outcome).bits());
        Ok(Self {
            lane,
            shard: if matches!(intent.deed, Deed::Sweep(_)) { SWEEPS } else { shard(lane) },
            intent: intent.clone(),
            deed,
            outcome,
            if_accepted: duties(Outcome::Accepted(None)),
            if_unknown: duties(Outcome::Unknown),
            duties: duties(outcome),
            caller: Arc::clone(caller),
        })
    }
}

impl Found {
    pub(super) fn is_sweep(&self) -> bool {
        self.shard == SWEEPS
    }

    pub(super) fn into_entry(self) -> Result<Entry, JournalError> {
        let intent =
            intent(self.seq, self.index_uid, self.id, self.version, self.explicit, &self.authority, &self.deed)?;
        Ok(Entry {
            seq: Seq(self.seq),
            intent,
            outcome: match self.outcome.as_str() {
                "accepted" => Outcome::Accepted(self.task.map(|task| TaskId(task.cast_unsigned()))),
                _ => Outcome::Unknown,
            },
            redo: self.redo,
            attempts: self.tries.unsigned_abs(),
            age: self.age.map(|micros| Duration::from_micros(micros.max(0).unsigned_abs())),
        })
    }
}

impl LetterRow {
    pub(super) fn into_letter(self) -> Result<DeadLetter, JournalError> {
        let duty = Duty::ALL.into_iter().find(|duty| duty.as_str() == self.duty);
        Ok(DeadLetter {
            seq: Seq(self.seq),
            duty: duty.ok_or_else(|| damaged(self.seq))?,
            intent: intent(
                self.seq,
                self.index_uid,
                self.id,
                self.version,
                self.explicit,
                &self.authority,
                &self.deed,
            )?,
            why: from_text(self.why),
            at: Timestamp::from_microsecond(self.at).unwrap_or(Timestamp::UNIX_EPOCH),
        })
    }
}

fn intent(
    seq: i64,
    index: String,
    id: String,
    version: i64,
    explicit: bool,
    authority: &str,
    deed: &str,
) -> Result<Intent, JournalError> {
    Ok(Intent {
        index: from_text(index).into(),
        id: from_text(id).into(),
        version: Version(version),
        explicit,
        deed: serde_json::from_str(deed).map_err(|error| damaged(seq).caused_by(error))?,
        authority: match authority {
            "meili" => Side::Meili,
            "pg" => Side::Pg,
            _ => return Err(damaged(seq)),
        },
    })
}

fn damaged(seq: i64) -> JournalError {
    JournalError::new(JournalErrorKind::Damaged, format!("reading the entry {seq}"))
}

/// The same in every process of whatever version: replicas share the table.
pub(super) fn lane(index: &str, id: &DocumentId) -> i64 {
    let mut hasher = SipHasher13::new_with_keys(0, 0);
    hasher.write(index.as_bytes());
    hasher.write_u8(0);
    hasher.write(id.as_str().as_bytes());
    hasher.finish().cast_signed()
}

fn shard(lane: i64) -> i16 {
    // Six bits.
    i16::try_from(lane & 63).unwrap_or_default()
}

/// As PostgreSQL can hold it as text, which has no NUL.
pub(super) fn to_text(text: &str) -> Cow<'_, str> {
    if text.contains(['\0', ESCAPE]) {
        text.replace(ESCAPE, "\u{1}1").replace('\0', "\u{1}0").into()
    } else {
        text.into()
    }
}

/// What [`to_text`] was given.
pub(super) fn from_text(text: String) -> String {
    if text.contains(ESCAPE) { text.replace("\u{1}0", "\0").replace("\u{1}1", "\u{1}") } else { text }
}

/// A reason, of a bearable length.
pub(super) fn reason(why: &str) -> String {
    let end = why.char_indices().nth(LONGEST_REASON).map_or(why.len(), |(at, _)| at);
    to_text(&why[..end]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Replicas of another version, or on other hardware, must find the same.
    #[test]
    fn the_lane_of_a_document_never_changes() {
        // SipHash-1-3 with the key 0 of b"movies\x001", worked out apart from this code.
        let reference = {
            let mut hasher = SipHasher13::new_with_keys(0, 0);
            hasher.write(b"movies\x001");
            hasher.finish().cast_signed()
        };
        assert_eq!(lane("movies", &"1".into()), reference);
        assert_ne!(lane("movies", &"12".into()), lane("movies1", &"2".into()));
        assert!((0..64).contains(&shard(-1)) && (0..64).contains(&shard(i64::MIN)));
    }

    #[test]
    fn text_comes_back_as_it_was_and_is_stored_without_nul() {
        for text in ["", "plain", "a\0b", "\u{1}", "\u{1}0", "\0\u{1}1\u{1}\0", "\u{1}\u{1}0\u{1f600}"] {
            let stored = to_text(text).into_owned();
            assert!(!stored.contains('\0'));
            assert_eq!(from_text(stored), text);
        }
        assert_eq!(reason(&"\u{1f600}".repeat(5_000)).chars().count(), LONGEST_REASON);
    }
}
