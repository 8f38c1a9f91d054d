//! Where to read next in a list that moves: pure decisions, so that they can be tried against a model.
//!
//! The server gives stretches of a list by offset. Rows that stay keep their order, but a row that is deleted moves all
//! later ones to the left, and one that is added takes a hole and moves them to the right. So an offset alone skips
//! rows. The ids that were read last are kept as well: what is new begins after them, wherever they stand now.
//!
//! An id by itself proves little: its document may have been deleted and added again somewhere else. So it takes all of
//! the last [`TAIL`] ids to be deleted, and one of them to come back further right, before a row is passed over; and all
//! ids before the end of a shard that are still there have to be met before it ends.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::plan::Bound;

/// The ids that are kept.
pub(super) const TAIL: usize = 32;
const TAIL_LENGTH: u64 = TAIL as u64;

/// How far a shard was read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Cursor {
    /// Where the next unread row stood when the last one was read.
    pub(super) offset: u64,
    /// Rows given so far, also if twice.
    pub(super) count: u64,
    /// The ids read last, [`TAIL`] at most. Fewer are all there were from the beginning of the index.
    pub(super) tail: Vec<String>,
    /// Which ids before the end of the shard were read, one bit each.
    #[serde(default)]
    pub(super) met: u32,
}

/// A stretch of the list, as the server gave it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stretch<'a> {
    /// Where it begins.
    pub(super) begin: u64,
    /// The ids in it.
    pub(super) ids: &'a [&'a str],
    /// How many rows the whole list has.
    pub(super) total: u64,
}

/// Where a shard ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct End<'a> {
    /// The last ids before its end, as they stood when the shards were cut.
    pub(super) ids: &'a [String],
    /// Those of them that are still there.
    pub(super) present: &'a HashSet<String>,
}

/// What a stretch says.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    /// These rows of it are new.
    Rows {
        /// Their places in the stretch.
        rows: Vec<usize>,
        /// After them.
        next: Cursor,
        /// Whether the shard ends after them.
        end: bool,
    },
    /// What was read last stands at the right of what was expected: ask again from here.
    Again(Cursor),
    /// Nothing of what was read last is in it.
    Lost,
}

impl Cursor {
    /// The beginning of a shard.
    pub(super) fn at(lower: Option<Bound>) -> Self {
        let Bound { offset, ids } = lower.unwrap_or_default();
        Self { offset, tail: ids, ..Self::default() }
    }

    /// The beginning of the index, for a reader that has lost its way: reads everything again.
    pub(super) fn restart(&self) -> Self {
        Self { count: self.count, ..Self::default() }
    }

    /// The same, for ids that were found again at `position`.
    pub(super) fn found_at(&self, position: u64) -> Self {
        Self { offset: position + TAIL_LENGTH, ..self.clone() }
    }

    /// The offset and the number to ask for, to get `limit` new rows.
    pub(super) fn ask(&self, limit: usize) -> (u64, u64) {
        (self.offset.saturating_sub(TAIL_LENGTH), TAIL_LENGTH + limit as u64)
    }

    /// Whether it has to be known which ids before the end are still there.
    pub(super) fn nears(&self, end: &[String], stretch: Stretch<'_>) -> bool {
        self.met != 0 || stretch.ids.iter().any(|id| end.iter().any(|known| known == id))
    }

    /// What is new in a stretch; `limit` rows at most.
    pub(super) fn take(&self, stretch: Stretch<'_>, end: Option<End<'_>>, limit: usize) -> Step {
        let Stretch { begin, ids, total } = stretch;
        let read: HashSet<&str> = self.tail.iter().map(String::as_str).collect();
        let from = if self.tail.len() < TAIL && begin == 0 {
            // All that was ever read is known.
            0
        } else {
            // The first one found: if it is at its place all that follows is there, and what was read is known.
            match ids.iter().position(|id| read.contains(id)) {
                Some(found) => found,
                None => return Step::Lost,
            }
        };
        let (reach, ends) = match end.and_then(|end| end.within(self.met, ids)) {
            Some(reach) => (reach, true),
            None => (ids.len(), begin + ids.len() as u64 >= total),
        };
        let mut rows: Vec<usize> = (from..reach).filter(|&at| !read.contains(ids[at])).collect();
        let known = ids.iter().filter(|id| read.contains(**id)).count();
        if !ends && (rows.is_empty() || (from > 0 && known < read.len())) {
            return Step::Again(self.found_at(begin + from as u64));
        }
        let cut = rows.get(limit).copied();
        rows.truncate(limit);
        let upto = cut.unwrap_or(reach);
        let next = Self {
            offset: begin + upto as u64,
            count: self.count + rows.len() as u64,
            tail: self.tail_after(ids, upto),
            met: self.met | end.map_or(0, |end| end.met(&ids[..upto])),
        };
        Step::Rows { rows, next, end: ends && cut.is_none() }
    }

    /// What was read last, once a stretch was read up to there. What was read before and now stands behind that, because
    /// others took holes between, is kept the longest: it is still to be met.
    fn tail_after(&self, ids: &[&str], upto: usize) -> Vec<String> {
        let here: HashSet<&str> = ids.iter().copied().collect();
        let read: HashSet<&str> = self.tail.iter().map(String::as_str).collect();
        let older = self.tail.iter().map(String::as_str).filter(|id| !here.contains(id));
        let (passed, ahead) = ids.split_at(upto);
        let ahead = ahead.iter().copied().filter(|id| read.contains(id));
        let mut tail: Vec<String> = older.chain(passed.iter().copied()).chain(ahead).map(str::to_owned).collect();
        tail.drain(..tail.len().saturating_sub(TAIL));
        tail
    }
}

impl End<'_> {
    /// How much of a stretch belongs to the shard, if the shard ends in it: once every id that is still there was met. If none
    /// is, nobody can tell where the end was; the shard then goes on to the end of the index.
    fn within(&self, met: u32, ids: &[&str]) -> Option<usize> {
        let here = self.met(ids);
        let there = self.ids.iter().take(TAIL).enumerate().filter(|(_, id)| self.present.contains(*id));
        let mut there = there.map(|(bit, _)| 1_u32 << bit).peekable();
        there.peek()?;
        if there.any(|bit| bit & (met | here) == 0) {
            return None;
        }
        let last = ids.iter().rposition(|id| self.ids.iter().any(|known| known == id));
        Some(last.map_or(0, |last| last + 1))
    }

    fn met(&self, ids: &[&str]) -> u32 {
        let bits = self.ids.iter().take(TAIL).enumerate().filter(|(_, id)| ids.contains(&id.as_str()));
        bits.fold(0, |met, (bit, _)| met | 1 << bit)
    }
}

#[cfg(test)]
mod tests;
