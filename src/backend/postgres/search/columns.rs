//! The values that postings hold of some attributes, in all documents.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use sqlx::{PgConnection, Row, postgres::PgRow};

use super::{
    changes::{Changes, Entry},
    sql,
};
use crate::{
    backend::postgres::{
        error::{failed, internal},
        words::{ALL_DOCUMENTS, VALUES, attribute_of, value_word},
    },
    error::BackendError,
};

const DOING: &str = "reading the values of attributes";
/// About how many documents a block has.
const OF_A_BLOCK: usize = 300;

/// The values of some attributes in all documents.
pub(super) struct Columns {
    rows: Vec<PgRow>,
    /// The blocks of each word by their places in `rows`, in the order of their documents.
    blocks: HashMap<String, Vec<usize>>,
    changes: Arc<Changes>,
}

impl Columns {
    /// Reads the values of attributes, and which documents there are. `None` if postings do not hold the values of one.
    pub(super) async fn read<'a>(
        snapshot: &mut PgConnection,
        index: i32,
        attributes: impl IntoIterator<Item = &'a str>,
        changes: &Arc<Changes>,
    ) -> Result<Option<Self>, BackendError> {
        let words: Option<Vec<String>> = attributes.into_iter().map(value_word).collect();
        let Some(mut words) = words else { return Ok(None) };
        words.push(ALL_DOCUMENTS.to_owned());
        let rows = sqlx::query(sql::BLOCKS).bind(index).bind(words).fetch_all(snapshot).await.map_err(failed(DOING))?;
        let mut places: HashMap<String, Vec<(i64, usize)>> = HashMap::new();
        for (place, row) in rows.iter().enumerate() {
            let word: &str = row.try_get(0).map_err(failed(DOING))?;
            let first: i64 = row.try_get(1).map_err(failed(DOING))?;
            match places.get_mut(word) {
                Some(places) => places.push((first, place)),
                None => drop(places.insert(word.to_owned(), vec![(first, place)])),
            }
        }
        let in_order = |(word, mut places): (String, Vec<(i64, usize)>)| {
            places.sort_unstable();
            (word, places.into_iter().map(|(_, place)| place).collect())
        };
        let blocks = places.into_iter().map(in_order).collect();
        Ok(Some(Self { rows, blocks, changes: Arc::clone(changes) }))
    }

    /// The attributes whose values postings hold, in any document.
    pub(super) async fn names(
        snapshot: &mut PgConnection,
        index: i32,
        changes: &Changes,
    ) -> Result<BTreeSet<String>, BackendError> {
        let held: Vec<String> = sqlx::query_scalar(sql::WORDS_BETWEEN)
            .bind(index)
            .bind(VALUES.to_string())
            .bind(ALL_DOCUMENTS)
            .fetch_all(snapshot)
            .await
            .map_err(failed(DOING))?;
        let words = held.iter().chain(changes.words.keys());
        Ok(words.filter_map(|word| attribute_of(word)).map(str::to_owned).collect())
    }

    /// About how many values there are.
    pub(super) fn len(&self) -> usize {
        self.rows.len() * OF_A_BLOCK + self.changes.outdated.len()
    }

    /// Visits the documents that have an attribute, in their order, each with its values, packed.
    pub(super) fn each<'a>(&'a self, attribute: &str, visit: impl FnMut(u64, &'a [u8])) -> Result<(), BackendError> {
        self.each_of(&value_word(attribute).unwrap_or_default(), visit)
    }

    /// Visits all documents, in their order.
    pub(super) fn each_document(&self, mut visit: impl FnMut(u64)) -> Result<(), BackendError> {
        self.each_of(ALL_DOCUMENTS, |ordinal, _| visit(ordinal))
    }

    /// All documents but some, which ascend.
    pub(super) fn documents(&self, without: &[u64]) -> Result<Vec<u64>, BackendError> {
        let mut documents = Vec::new();
        self.each_document(|ordinal| {
            if without.binary_search(&ordinal).is_err() {
                documents.push(ordinal);
            }
        })?;
        Ok(documents)
    }

    fn each_of<'a>(&'a self, word: &str, mut visit: impl FnMut(u64, &'a [u8])) -> Result<(), BackendError> {
        let places = self.blocks.get(word).into_iter().flatten();
        let blocks: Result<Vec<&[u8]>, sqlx::Error> = places.map(|place| self.rows[*place].try_get(2)).collect();
        let blocks = blocks.map_err(failed(DOING))?;
        let merged = self.changes.merge(word, blocks.iter().copied(), |ordinal, entry| match entry {
            Entry::Kept(block, values) => visit(ordinal, blocks[block].get(values).unwrap_or_default()),
            Entry::Changed(values) => visit(ordinal, values),
        });
        merged.ok_or_else(|| internal("reading the values of attributes: a block is damaged; rebuild the postings"))
    }
}
