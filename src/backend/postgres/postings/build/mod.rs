//! Building postings from documents, after a load that has left them out.
//!
//! When a build begins, changes are noted again. A document that nothing has been noted of is as it was then, whenever it is read, and
//! one of which something has been noted is taken as the first note says it was. So what is written is the postings as of one moment, though it
//! is read and written in many transactions, and a build that was broken off is gone on with. The folds after it bring what has changed since.
//!
//! The words of all documents are sorted on the disk, and the blocks of each word are written once. A build goes on after the last
//! word that was written; reading and sorting is done again.

mod chunk;
mod runs;
mod sorter;
pub(super) mod sql;

use std::io;

use futures_util::TryStreamExt;
use sqlx::PgPool;

use self::{chunk::Chunk, runs::Runs, sorter::Sorter};
use super::{
    changes::Changes,
    fold::{Fold, MOST_WORDS, Noted},
};
use crate::{
    backend::postgres::{
        error::{failed, index_not_found, internal},
        sql::BEGIN_UNHURRIED,
        words,
    },
    error::BackendError,
};

const DOING: &str = "building the postings";
/// Documents that are read by one statement: in one snapshot, which holds back vacuum.
const PAGE: i64 = 50_000;
/// Documents that have changed, of which what they were is written by one transaction.
const NOTED: i64 = 500;
/// The share of the work that is reading and sorting.
const READING: f64 = 0.5;

/// How a build has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::backend::postgres) enum Built {
    /// The postings are kept from now on.
    All,
    /// Somebody else builds, or all documents are gone: whoever still wants it begins again.
    Replaced,
}

/// The right to build.
struct Build<'a> {
    pool: &'a PgPool,
    uid: &'a str,
    number: i32,
    epoch: i64,
    /// The words up to this one stand.
    word: String,
}

/// Builds the postings of an index that has none, or goes on with that; nothing if they are kept.
pub(in crate::backend::postgres) async fn build(pool: &PgPool, uid: &str) -> Result<Built, BackendError> {
    let state: Option<(i32, String)> =
        sqlx::query_as(sql::STATE).bind(uid).fetch_optional(pool).await.map_err(failed(DOING))?;
    let (number, state) = state.ok_or_else(|| index_not_found(uid))?;
    match &*state {
        "kept" => return Ok(Built::All),
        "deferred" => begin(pool, uid, number).await?,
        _ => {}
    }
    let taken: Option<(i64, String)> =
        sqlx::query_as(sql::TAKE).bind(number).fetch_optional(pool).await.map_err(failed(DOING))?;
    let Some((epoch, word)) = taken else { return Ok(Built::Replaced) };
    let build = Build { pool, uid, number, epoch, word };
    let Some(runs) = build.sort().await? else { return Ok(Built::Replaced) };
    build.write(runs).await
}

/// Removes what was there before the load, and has changes noted from now on.
async fn begin(pool: &PgPool, uid: &str, number: i32) -> Result<(), BackendError> {
    let mut forget = pool.begin_with(BEGIN_UNHURRIED).await.map_err(failed(DOING))?;
    let deferred = sqlx::query(sql::HOLD_DEFERRED).bind(uid).fetch_optional(&mut *forget).await;
    if deferred.map_err(failed(DOING))?.is_none() {
        // Somebody else has begun since.
        return Ok(());
    }
    sqlx::query(sql::LOCK_FOLDS).bind(number).execute(&mut *forget).await.map_err(failed(DOING))?;
    for statement in [sql::FORGET_POSTINGS, sql::FORGET_WORDS] {
        sqlx::query(statement).bind(number).execute(&mut *forget).await.map_err(failed(DOING))?;
    }
    sqlx::query(sql::FORGET_CHANGES).bind(uid).execute(&mut *forget).await.map_err(failed(DOING))?;
    forget.commit().await.map_err(failed(DOING))?;

    let mut begin = pool.begin_with(BEGIN_UNHURRIED).await.map_err(failed(DOING))?;
    sqlx::query(sql::NOT_FOR_LONG).execute(&mut *begin).await.map_err(failed(DOING))?;
    let begun = sqlx::query(sql::BEGIN).bind(uid).execute(&mut *begin).await.map_err(failed(DOING))?;
    if begun.rows_affected() == 1 {
        sqlx::query(sql::LOCK_WRITERS).execute(&mut *begin).await.map_err(failed(DOING))?;
        sqlx::query(sql::ADD).bind(number).execute(&mut *begin).await.map_err(failed(DOING))?;
    }
    begin.commit().await.map_err(failed(DOING))
}

impl Build<'_> {
    /// Reads all documents. `None`: somebody else builds.
    async fn sort(&self) -> Result<Option<Runs>, BackendError> {
        let mut sorter = Sorter::new().map_err(on_disk)?;
        let mut count = self.pool.begin_with(sql::BEGIN_PAGE).await.map_err(failed(DOING))?;
        let documents: i64 =
            sqlx::query_scalar(sql::DOCUMENTS).bind(self.uid).fetch_one(&mut *count).await.map_err(failed(DOING))?;
        count.commit().await.map_err(failed(DOING))?;
        let (mut after, mut read) = (-1, 0);
        loop {
            let (last, rows) = self.page(after, &mut sorter).await?;
            (after, read) = (last, read + rows);
            let share = READING * (read as f64 / documents.max(1) as f64).min(1.0);
            if !self.moved(self.pool, None, share).await? {
                return Ok(None);
            }
            if rows < PAGE {
                return sorter.sorted().map(Some).map_err(on_disk);
            }
        }
    }

    /// Reads the documents after an ordinal; the last one, and how many.
    async fn page(&self, after: i64, sorter: &mut Sorter) -> Result<(i64, i64), BackendError> {
        let mut page = self.pool.begin_with(sql::BEGIN_PAGE).await.map_err(failed(DOING))?;
        let (mut last, mut count) = (after, 0);
        let query = sqlx::query_as::<_, (i64, Vec<u8>)>(sql::PAGE).bind(self.uid).bind(after).bind(PAGE);
        let mut rows = query.fetch(&mut *page);
        while let Some((ordinal, packed)) = rows.try_next().await.map_err(failed(DOING))? {
            words::each(&packed, |word, places| {
                if word > &*self.word {
                    sorter.add(word, ordinal.unsigned_abs(), places);
                }
            })
            .ok_or_else(|| internal("building the postings: the words of a document are damaged; derive them again"))?;
            sorter.spill_if_full().map_err(on_disk)?;
            (last, count) = (ordinal, count + 1);
        }
        drop(rows);
        page.commit().await.map_err(failed(DOING))?;
        Ok((last, count))
    }

    /// Writes the blocks, word by word.
    async fn write(&self, mut runs: Runs) -> Result<Built, BackendError> {
        while let Some(chunk) = Chunk::read(&mut runs).map_err(on_disk)? {
            let mut transaction = self.pool.begin_with(sql::BEGIN_WORDS).await.map_err(failed(DOING))?;
            let share = READING + (1.0 - READING) * runs.share();
            if !self.moved(&mut *transaction, chunk.whole(), share).await? {
                return Ok(Built::Replaced);
            }
            let mut fold = Fold::new(&mut transaction, self.number);
            fold.words(chunk.words()).await?;
            fold.vocabulary().await?;
            transaction.commit().await.map_err(failed(DOING))?;
        }
        if !self.noted().await? {
            return Ok(Built::Replaced);
        }
        let mut end = self.pool.begin_with(BEGIN_UNHURRIED).await.map_err(failed(DOING))?;
        let ended = sqlx::query(sql::END).bind(self.number).bind(self.epoch);
        if ended.execute(&mut *end).await.map_err(failed(DOING))?.rows_affected() == 0 {
            return Ok(Built::Replaced);
        }
        sqlx::query(sql::KEEP).bind(self.uid).execute(&mut *end).await.map_err(failed(DOING))?;
        end.commit().await.map_err(failed(DOING))?;
        Ok(Built::All)
    }

    /// Writes what was left out since it had changed by the time it was to be read, as it was when the build began; and what has changed
    /// since then, once more.
    async fn noted(&self) -> Result<bool, BackendError> {
        let mut after = String::new();
        loop {
            let mut transaction = self.pool.begin_with(sql::BEGIN_WORDS).await.map_err(failed(DOING))?;
            if !self.moved(&mut *transaction, None, READING).await? {
                return Ok(false);
            }
            let rows: Vec<(String, Option<i64>, Option<Vec<u8>>)> = sqlx::query_as(sql::NOTED)
                .bind(self.uid)
                .bind(&after)
                .bind(NOTED)
                .fetch_all(&mut *transaction)
                .await
                .map_err(failed(DOING))?;
            let Some((last, ..)) = rows.last() else { return Ok(true) };
            after.clone_from(last);
            let then: Vec<Noted> =
                rows.into_iter().map(|(_, ordinal, words)| (None, None, ordinal, words, Vec::new())).collect();
            let changes = Changes::new(&then)?;
            let mut fold = Fold::new(&mut transaction, self.number);
            for some in changes.chunks(MOST_WORDS) {
                fold.words(some).await?;
            }
            fold.vocabulary().await?;
            transaction.commit().await.map_err(failed(DOING))?;
        }
    }

    /// Notes how far it is, and locks that; whether this is who builds.
    async fn moved<'c>(
        &self,
        by: impl sqlx::PgExecutor<'c>,
        word: Option<&str>,
        share: f64,
    ) -> Result<bool, BackendError> {
        let moved = sqlx::query(sql::MOVE).bind(self.number).bind(self.epoch).bind(word).bind(share);
        Ok(moved.execute(by).await.map_err(failed(DOING))?.rows_affected() == 1)
    }
}

fn on_disk(error: io::Error) -> BackendError {
    internal("building the postings: sorting words in the folder for temporary files").caused_by(error)
}
