//! What has changed since the last fold, and is in no block.

use std::collections::{BTreeMap, HashSet};

use sqlx::PgConnection;

use super::sql;
use crate::{
    backend::postgres::{
        error::{failed, internal},
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

    /// The words with those that are in no block yet; `None` if there are none.
    pub(super) fn complete(&self, vocabulary: &Vocabulary) -> Option<Vocabulary> {
        let mut complete: Option<Vocabulary> = None;
        for word in self.words.keys().filter(|word| words::is_of_text(word) && !vocabulary.holds(word)) {
            complete.get_or_insert_with(|| vocabulary.clone()).change(word, true);
        }
        complete
    }
}
