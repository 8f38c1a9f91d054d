//! What the authority said, kept at once in a file beside the journal: the response need not wait for its turn there.
//!
//! It is written and not synced, as what resolves is: it survives the process. A record counts until the journal has it; once the file
//! has become large, nothing is noted until all of it is there, and it begins anew.

use std::{
    collections::BTreeSet,
    fs::File,
    hash::Hasher,
    io::{self, Read, Seek, Write},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use siphasher::sip::SipHasher13;

use super::super::{Mark, Outcome};
use crate::write::TaskId;

/// Place, task (0: none, else one more), and the checksum of both.
const RECORD: usize = 24;
/// Bytes after which it begins anew.
const LARGE: u64 = 1 << 20;

pub(super) struct Notes(Mutex<Log>);

/// An entry, and the task that Meilisearch gave for it.
pub(super) type Note = (i64, Option<TaskId>);

struct Log {
    file: File,
    length: u64,
    /// What the journal does not have yet.
    open: BTreeSet<i64>,
    /// Nothing was cut off.
    whole: bool,
}

impl Notes {
    /// Of the journal at `path`, whose lock is held; with what the process before has noted, until [`clear`](Self::clear).
    pub(super) fn open(path: &Path) -> io::Result<(Self, Vec<Note>)> {
        let mut file = super::open::private().open(beside(path, "-notes"))?;
        let mut found = Vec::new();
        file.read_to_end(&mut found)?;
        let log = Log { file, length: found.len() as u64, open: BTreeSet::new(), whole: false };
        Ok((Self(Mutex::new(log)), found.chunks(RECORD).map_while(note).collect()))
    }

    /// Begins anew: the journal has all of it.
    pub(super) fn clear(&self) -> io::Result<()> {
        self.log().clear()
    }

    /// Whether all of it was noted.
    pub(super) fn note(&self, marks: &[Mark]) -> bool {
        let records: Option<Vec<[u8; RECORD]>> = marks.iter().map(record).collect();
        let Some(records) = records else { return false };
        let mut log = self.log();
        let noted = log.add(&records.concat());
        if noted {
            log.open.extend(marks.iter().map(|mark| mark.seq.0));
        }
        noted
    }

    /// Whether all of it was noted, so that nobody waits for the journal.
    pub(super) fn have(&self, marks: &[Mark]) -> bool {
        let log = self.log();
        marks.iter().all(|mark| log.open.contains(&mark.seq.0))
    }

    /// The journal has these now.
    pub(super) fn kept(&self, marks: &[Mark]) {
        let mut log = self.log();
        for mark in marks {
            log.open.remove(&mark.seq.0);
        }
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Log {
    fn add(&mut self, records: &[u8]) -> bool {
        if (!self.whole || self.length > LARGE) && (!self.open.is_empty() || self.clear().is_err()) {
            return false;
        }
        if let Err(error) = self.file.write_all(records) {
            tracing::warn!(%error, "an outcome could not be noted beside the journal: responses wait for it");
            // What comes after half a record would not be read.
            self.whole = false;
            return false;
        }
        self.length += records.len() as u64;
        true
    }

    fn clear(&mut self) -> io::Result<()> {
        self.whole = false;
        self.file.set_len(0)?;
        self.file.rewind()?;
        (self.length, self.whole) = (0, true);
        Ok(())
    }
}

/// `None` for what is not noted: that it is refused, or what it has made of a document.
fn record(mark: &Mark) -> Option<[u8; RECORD]> {
    let task = match mark.outcome {
        _ if !mark.can_be_noted() => return None,
        Outcome::Accepted(Some(task)) => task.0.checked_add(1)?,
        _ => 0,
    };
    let mut record = [0; RECORD];
    record[..8].copy_from_slice(&mark.seq.0.to_le_bytes());
    record[8..16].copy_from_slice(&task.to_le_bytes());
    let sum = checksum(&record[..16]);
    record[16..].copy_from_slice(&sum.to_le_bytes());
    Some(record)
}

/// `None` where the process ended in the middle of it.
fn note(record: &[u8]) -> Option<Note> {
    let number = |at: usize| Some(u64::from_le_bytes(record.get(at..at + 8)?.try_into().ok()?));
    let (seq, task, sum) = (number(0)?, number(8)?, number(16)?);
    (sum == checksum(&record[..16])).then_some((seq.cast_signed(), task.checked_sub(1).map(TaskId)))
}

fn checksum(bytes: &[u8]) -> u64 {
    let mut hasher = SipHasher13::new();
    hasher.write(bytes);
    hasher.finish()
}

/// The name of a file that belongs to the journal.
pub(super) fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Seq;

    fn mark(seq: i64, outcome: Outcome) -> Mark {
        Mark { seq: Seq(seq), outcome, document: None }
    }

    fn accepted(seq: i64) -> Mark {
        mark(seq, Outcome::Accepted(Some(TaskId(seq.unsigned_abs() * 3))))
    }

    fn noted(seq: i64) -> Note {
        (seq, Some(TaskId(seq.unsigned_abs() * 3)))
    }

    #[test]
    fn what_is_noted_is_found_up_to_where_the_process_ended() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.db");
        let (notes, found) = Notes::open(&path).unwrap();
        assert!(found.is_empty() && !path.exists());
        notes.clear().unwrap();
        assert!(notes.note(&[accepted(4), accepted(5)]) && notes.note(&[mark(6, Outcome::Accepted(None))]));
        for other in [Outcome::Asked, Outcome::Refused, Outcome::Unknown] {
            assert!(!notes.note(&[accepted(7), mark(8, other)]), "{other:?}");
        }
        let document = Some(crate::document::Document::new());
        assert!(!notes.note(&[Mark { document, ..accepted(9) }]));
        let (notes, found) = Notes::open(&path).unwrap();
        assert_eq!(found, [noted(4), noted(5), (6, None)]);
        assert!(!notes.have(&[accepted(4)]), "those of the process before are nobody's");
        // In the middle of a record, of one that never came, or of one that was written before.
        for cut in [71, 49, 48] {
            notes.log().file.set_len(cut).unwrap();
            assert_eq!(Notes::open(&path).unwrap().1, [noted(4), noted(5)], "{cut}");
        }
        std::fs::write(beside(&path, "-notes"), [vec![7; 24], vec![0; 24]].concat()).unwrap();
        assert_eq!(Notes::open(&path).unwrap().1, []);
    }

    #[test]
    fn it_begins_anew_when_it_is_large_and_the_journal_has_all_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.db");
        let (notes, _) = Notes::open(&path).unwrap();
        notes.clear().unwrap();
        let mut seq = 0;
        while notes.log().length <= LARGE {
            seq += 1;
            assert!(notes.note(&[accepted(seq)]));
            if seq > 1 {
                notes.kept(&[accepted(seq)]);
            }
        }
        assert!(!notes.note(&[accepted(seq + 1)]), "the first is not in the journal");
        assert!(notes.have(&[accepted(1)]) && !notes.have(&[accepted(seq + 1)]));
        assert_eq!(Notes::open(&path).unwrap().1.len() as i64, seq);
        notes.kept(&[accepted(1)]);
        assert!(notes.note(&[accepted(seq + 2)]));
        assert_eq!(Notes::open(&path).unwrap().1, [noted(seq + 2)]);
    }
}
