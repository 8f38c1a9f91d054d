//! What searches of an index keep in memory: its settings made ready, and its words.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use sqlx::{PgConnection, types::Json};

use super::sql;
use crate::{
    backend::postgres::error::{failed, index_not_found},
    error::BackendError,
    ranking::{Deriver, Synonyms, Vocabulary},
    settings::IndexSettings,
    tokens::{Segmenter, Tokenizer},
};

/// The indexes that have been searched, by their names.
#[derive(Default)]
pub(in crate::backend::postgres) struct States(Mutex<HashMap<Arc<str>, Arc<State>>>);

/// An index as of some fold.
pub(super) struct State {
    pub(super) number: i32,
    revision: i64,
    fold: i64,
    pub(super) settings: IndexSettings,
    pub(super) tokenizer: Tokenizer,
    synonyms: Synonyms,
    pub(super) vocabulary: Vocabulary,
}

type Row = (i32, i64, i64, bool, bool, i64, Option<Json<IndexSettings>>);

/// Whether what searches go by is there, and how much of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ready {
    /// Every row has been derived under the settings.
    pub(super) derived: bool,
    /// The postings follow the documents: they are not left out for a load, or still being built after it.
    pub(super) postings: bool,
    /// About how many documents there are, in all indexes of the schema.
    pub(super) documents: u64,
}

impl States {
    /// The index as it is now, and whether what searches go by is there. What is in memory is brought up by what has changed since.
    pub(super) async fn of(
        &self,
        connection: &mut PgConnection,
        uid: &str,
        segmenter: &Arc<dyn Segmenter>,
    ) -> Result<(Arc<State>, Ready), BackendError> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(uid).cloned();
        let row: Option<Row> = sqlx::query_as(sql::STATE)
            .bind(uid)
            .bind(known.as_ref().map(|state| state.number))
            .bind(known.as_ref().map(|state| state.revision))
            .fetch_optional(&mut *connection)
            .await
            .map_err(failed("reading the settings"))?;
        let (number, revision, fold, derived, postings, documents, settings) =
            row.ok_or_else(|| index_not_found(uid))?;
        let ready = Ready { derived, postings, documents: documents.unsigned_abs() };
        if let Some(known) = &known
            && settings.is_none()
            && known.fold >= fold
        {
            return Ok((Arc::clone(known), ready));
        }
        let mut state = match (settings, known) {
            (None, Some(known)) => (*known).clone(),
            (Some(Json(settings)), known) => {
                let tokenizer = Tokenizer::new(&settings, Some(Arc::clone(segmenter)));
                let synonyms = Synonyms::new(&settings, &tokenizer);
                // The words are still those that have been read, if it is the same index.
                let words = known.filter(|known| known.number == number);
                let (fold, vocabulary) =
                    words.map_or((-1, Vocabulary::default()), |known| (known.fold, known.vocabulary.clone()));
                State { number, revision, fold, settings, tokenizer, synonyms, vocabulary }
            }
            (None, None) => return Err(index_not_found(uid)),
        };
        if state.fold < fold {
            state.read_words(connection, fold).await?;
        }
        let state = Arc::new(state);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(uid.into(), Arc::clone(&state));
        Ok((state, ready))
    }
}

impl State {
    /// What stands for the words of queries. `fresh` are words that are in no block yet.
    pub(super) fn deriver<'a>(&'a self, vocabulary: &'a Vocabulary) -> Deriver<'a> {
        Deriver::new(vocabulary, &self.settings, &self.synonyms)
    }

    async fn read_words(&mut self, connection: &mut PgConnection, fold: i64) -> Result<(), BackendError> {
        let rows: Vec<(String, bool)> = sqlx::query_as(sql::WORDS)
            .bind(self.number)
            .bind(self.fold)
            .fetch_all(connection)
            .await
            .map_err(failed("reading the words of the index"))?;
        if self.vocabulary.is_empty() {
            self.vocabulary =
                Vocabulary::new(rows.into_iter().filter(|(_, there)| *there).map(|(word, _)| word).collect());
        } else {
            rows.iter().for_each(|(word, there)| self.vocabulary.change(word, *there));
        }
        self.fold = fold;
        Ok(())
    }
}

impl Clone for State {
    fn clone(&self) -> Self {
        Self {
            number: self.number,
            revision: self.revision,
            fold: self.fold,
            settings: self.settings.clone(),
            tokenizer: self.tokenizer.clone(),
            synonyms: self.synonyms.clone(),
            vocabulary: self.vocabulary.clone(),
        }
    }
}

impl fmt::Debug for States {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("States").finish_non_exhaustive()
    }
}
