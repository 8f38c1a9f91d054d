//! Folds: changes of documents become changes of blocks.

use std::collections::{HashMap, HashSet};

use sqlx::{PgConnection, PgPool};

use super::{
    block::{self, Block},
    changes::{Changes, OfWord},
    sql,
};
use crate::{
    backend::postgres::{
        error::{failed, index_not_found, internal},
        sql::BEGIN_UNHURRIED,
        words::is_of_text,
    },
    error::BackendError,
};

const DOING: &str = "folding changes into the postings";
/// Words whose blocks are changed by one statement.
pub(super) const MOST_WORDS: usize = 1_000;

/// What a fold has come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::backend::postgres) struct Folded {
    /// Documents whose changes are in the blocks now.
    pub documents: u64,
    /// Whether somebody else was folding: nothing was done then.
    pub busy: bool,
}

/// A document: the ordinal and the words that the blocks have of it, those it has now, and what was noted of it.
pub(super) type Noted = (Option<i64>, Option<Vec<u8>>, Option<i64>, Option<Vec<u8>>, Vec<i64>);

/// Bytes of words that are folded at a time.
const MOST_BYTES: i64 = 8 << 20;

/// Folds the changes of `limit` documents at most. `wait`: also if somebody else is folding now.
pub(in crate::backend::postgres) async fn fold(
    pool: &PgPool,
    uid: &str,
    limit: i64,
    wait: bool,
) -> Result<Folded, BackendError> {
    let mut transaction = pool.begin_with(BEGIN_UNHURRIED).await.map_err(failed(DOING))?;
    let lock: Option<(i32, bool)> = sqlx::query_as(sql::LOCK)
        .bind(uid)
        .bind(wait)
        .fetch_optional(&mut *transaction)
        .await
        .map_err(failed(DOING))?;
    let (number, alone) = lock.ok_or_else(|| index_not_found(uid))?;
    if !alone {
        return Ok(Folded { documents: 0, busy: true });
    }
    let noted: Vec<Noted> = sqlx::query_as(sql::CHANGES)
        .bind(uid)
        .bind(limit)
        .bind(MOST_BYTES)
        .fetch_all(&mut *transaction)
        .await
        .map_err(failed(DOING))?;
    if noted.is_empty() {
        return Ok(Folded::default());
    }
    let changes = Changes::new(&noted)?;
    let mut fold = Fold::new(&mut transaction, number);
    for some in changes.chunks(MOST_WORDS) {
        fold.words(some).await?;
    }
    fold.vocabulary().await?;
    let seqs: Vec<i64> = noted.iter().flat_map(|(.., seqs)| seqs).copied().collect();
    let forget = sqlx::query(sql::FORGET_CHANGES).bind(uid).bind(seqs);
    forget.execute(&mut *transaction).await.map_err(failed(DOING))?;
    transaction.commit().await.map_err(failed(DOING))?;
    Ok(Folded { documents: noted.len() as u64, busy: false })
}

/// Whether more than so many changes wait.
pub(in crate::backend::postgres) async fn more_than(
    connection: &mut PgConnection,
    uid: &str,
    changes: i64,
) -> Result<bool, BackendError> {
    let more = sqlx::query_scalar(sql::MORE_THAN).bind(uid).bind(changes);
    more.fetch_one(connection).await.map_err(failed(DOING))
}

/// The indexes with changes that wait, and how many.
pub(in crate::backend::postgres) async fn changed_indexes(
    connection: &mut PgConnection,
) -> Result<Vec<(String, i64)>, BackendError> {
    sqlx::query_as(sql::CHANGED_INDEXES).fetch_all(connection).await.map_err(failed("looking for changes to fold"))
}

/// Changes of words on their way into the blocks, in a transaction.
pub(super) struct Fold<'a> {
    connection: &'a mut PgConnection,
    number: i32,
    /// Words that had no block and have one now; and the other way round.
    come: Vec<String>,
    gone: Vec<String>,
}

/// Blocks by columns.
#[derive(Default)]
struct Rows {
    words: Vec<String>,
    firsts: Vec<i64>,
    lasts: Vec<i64>,
    entries: Vec<Vec<u8>>,
}

impl<'a> Fold<'a> {
    /// A fold of the index with this number.
    pub(super) fn new(connection: &'a mut PgConnection, number: i32) -> Self {
        Self { connection, number, come: Vec::new(), gone: Vec::new() }
    }

    /// Makes changes to the blocks.
    pub(super) async fn words(&mut self, changes: Vec<OfWord<'_>>) -> Result<(), BackendError> {
        let mut blocks = self.blocks(&changes).await?;
        let without: Vec<&str> =
            (0..).zip(&changes).filter(|(nth, _)| !blocks.contains_key(nth)).map(|(_, (word, _))| *word).collect();
        let there: HashSet<String> = self.there(&without).await?;
        let (mut removed, mut written) = (Rows::default(), Rows::default());
        let mut emptied = Vec::new();
        for (nth, (word, of_word)) in (0..).zip(changes) {
            let old = blocks.remove(&nth).unwrap_or_default();
            let is_new = old.is_empty() && !there.contains(word);
            let mut left = 0;
            for (first, now) in merge(&old, &of_word).ok_or_else(|| {
                internal("folding changes into the postings: a block is damaged; rebuild the postings")
            })? {
                left += now.len();
                if let Some(first) = first.filter(|first| now.iter().all(|block| block.first != *first)) {
                    removed.words.push(word.to_owned());
                    removed.firsts.push(first);
                }
                for Block { first, last, entries } in now {
                    written.words.push(word.to_owned());
                    written.firsts.push(first);
                    written.lasts.push(last);
                    written.entries.push(entries);
                }
            }
            match (is_new, left) {
                (true, 1..) => self.come.push(word.to_owned()),
                (false, 0) => emptied.push(word.to_owned()),
                _ => {}
            }
        }
        let remove = sqlx::query(sql::REMOVE_BLOCKS).bind(self.number).bind(removed.words).bind(removed.firsts);
        remove.execute(&mut *self.connection).await.map_err(failed(DOING))?;
        let write = sqlx::query(sql::WRITE_BLOCKS).bind(self.number).bind(written.words).bind(written.firsts);
        let write = write.bind(written.lasts).bind(written.entries);
        write.execute(&mut *self.connection).await.map_err(failed(DOING))?;
        let emptied_words: Vec<&str> = emptied.iter().map(String::as_str).collect();
        let there = self.there(&emptied_words).await?;
        self.gone.extend(emptied.into_iter().filter(|word| !there.contains(word)));
        Ok(())
    }

    /// The blocks that the changes fall into, by the place of the word.
    async fn blocks(&mut self, changes: &[OfWord<'_>]) -> Result<HashMap<i64, Vec<(i64, Vec<u8>)>>, BackendError> {
        let (mut words, mut low, mut high) = (Vec::new(), Vec::new(), Vec::new());
        for (word, of_word) in changes {
            let (Some((first, _)), Some((last, _))) = (of_word.first(), of_word.last()) else { continue };
            words.push(*word);
            low.push(*first);
            high.push(*last);
        }
        let rows: Vec<(i64, i64, Vec<u8>)> = sqlx::query_as(sql::BLOCKS)
            .bind(self.number)
            .bind(words)
            .bind(low)
            .bind(high)
            .fetch_all(&mut *self.connection)
            .await
            .map_err(failed(DOING))?;
        let mut blocks: HashMap<i64, Vec<(i64, Vec<u8>)>> = HashMap::new();
        for (nth, first, entries) in rows {
            blocks.entry(nth - 1).or_default().push((first, entries));
        }
        Ok(blocks)
    }

    async fn there(&mut self, words: &[&str]) -> Result<HashSet<String>, BackendError> {
        if words.is_empty() {
            return Ok(HashSet::new());
        }
        let there = sqlx::query_scalar(sql::WORDS_THERE).bind(self.number).bind(words);
        let there: Vec<String> = there.fetch_all(&mut *self.connection).await.map_err(failed(DOING))?;
        Ok(there.into_iter().collect())
    }

    /// Tells which words have come and gone. Once, at the end.
    pub(super) async fn vocabulary(&mut self) -> Result<(), BackendError> {
        let fold: i64 = sqlx::query_scalar(sql::COUNT_FOLD)
            .bind(self.number)
            .fetch_one(&mut *self.connection)
            .await
            .map_err(failed(DOING))?;
        let come = self.come.drain(..).map(|word| (word, true));
        let words = come.chain(self.gone.drain(..).map(|word| (word, false)));
        let (words, there): (Vec<String>, Vec<bool>) = words.filter(|(word, _)| is_of_text(word)).unzip();
        if !words.is_empty() {
            let write = sqlx::query(sql::WRITE_WORDS).bind(self.number).bind(fold).bind(words).bind(there);
            write.execute(&mut *self.connection).await.map_err(failed(DOING))?;
        }
        Ok(())
    }
}

/// The blocks of a word that change: the first ordinal of each as it was (`None`: there was none), and what it becomes. `None` if a block is damaged.
fn merge(old: &[(i64, Vec<u8>)], changes: &[(i64, Option<&[u8]>)]) -> Option<Vec<(Option<i64>, Vec<Block>)>> {
    if old.is_empty() {
        return Some(vec![(None, block::change(&[], changes)?)]);
    }
    let mut merged = Vec::new();
    let mut rest = changes;
    for (nth, (first, entries)) in old.iter().enumerate() {
        // What lies before the first block goes into it.
        let next = old.get(nth + 1).map_or(i64::MAX, |(first, _)| *first);
        let these = rest.partition_point(|(ordinal, _)| *ordinal < next || next == i64::MAX);
        let (these, others) = rest.split_at(these);
        rest = others;
        if !these.is_empty() {
            merged.push((Some(*first), block::change(entries, these)?));
        }
    }
    Some(merged)
}
