//! What has changed since the last fold, and is in no block.

use std::{
    collections::{BTreeMap, HashSet},
    ops::Range,
};

use sqlx::PgConnection;

use super::sql;
use crate::{
    backend::postgres::{
        error::{failed, internal},
        postings::each_entry,
        words,
    },
    error::BackendError,
    ranking::Vocabulary,
};

/// Documents that have changed since the last fold.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// The ordinals of which what the blocks say is no longer so.
    pub(super) outdated: HashSet<u64>,
    /// By word, the documents that hold it now, ascending, with the places.
    pub(super) words: BTreeMap<String, BTreeMap<u64, Vec<u8>>>,
}

/// What a document has of a word.
pub(super) enum Entry<'a> {
    /// What stands at a place in one of the blocks, by its number.
    Kept(usize, Range<usize>),
    /// What it has come to have since the last fold.
    Changed(&'a [u8]),
}

/// The ordinal that the blocks have, the one it has now, and its words.
type Row = (Option<i64>, Option<i64>, Option<Vec<u8>>);

impl Changes {
    pub(super) async fn read(connection: &mut PgConnection, uid: &str) -> Result<Self, BackendError> {
        let rows: Vec<Row> = sqlx::query_as(sql::CHANGES)
            .bind(uid)
            .fetch_all(connection)
            .await
            .map_err(failed("reading what has changed"))?;
        let mut changes = Self::default();
        for (was, now, packed) in rows {
            changes.outdated.extend(was.map(i64::unsigned_abs));
            let (Some(now), Some(packed)) = (now, packed) else { continue };
            let now = now.unsigned_abs();
            changes.outdated.insert(now);
            words::each(&packed, |word, places| {
                let known = match changes.words.get_mut(word) {
                    Some(known) => known,
                    None => changes.words.entry(word.to_owned()).or_default(),
                };
                known.insert(now, places.to_vec());
            })
            .ok_or_else(|| internal("reading what has changed: the words of a document are damaged"))?;
        }
        Ok(changes)
    }

    /// Visits the documents that hold a word, in their order, given its blocks in theirs. `None`: a block is damaged.
    pub(super) fn merge<'a, 'b>(
        &'a self,
        word: &str,
        blocks: impl IntoIterator<Item = &'b [u8]>,
        mut visit: impl FnMut(u64, Entry<'a>),
    ) -> Option<()> {
        let mut changed = self.words.get(word).into_iter().flatten().peekable();
        for (nth, block) in blocks.into_iter().enumerate() {
            each_entry(block, |ordinal, place| {
                let ordinal = ordinal.unsigned_abs();
                while let Some((before, entry)) = changed.next_if(|(other, _)| **other < ordinal) {
                    visit(*before, Entry::Changed(entry));
                }
                if self.outdated.is_empty() || !self.outdated.contains(&ordinal) {
                    visit(ordinal, Entry::Kept(nth, place));
                }
            })?;
        }
        changed.for_each(|(ordinal, entry)| visit(*ordinal, Entry::Changed(entry)));
        Some(())
    }

    /// The words with those that are in no block yet; `None` if there are none.
    pub(super) fn complete(&self, vocabulary: &Vocabulary) -> Option<Vocabulary> {
        let mut complete: Option<Vocabulary> = None;
        for word in self.words.keys().filter(|word| words::is_of_text(word) && !vocabulary.holds(word)) {
            complete.get_or_insert_with(|| vocabulary.clone()).change(word, true);
        }
        complete
    }
}
