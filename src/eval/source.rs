//! An index of its own in Meilisearch for one measurement.

use std::time::Duration;

use super::{Answer, Corpus, EvalError, EvalQuery, EvalSettings, load::BATCH};
use crate::{
    backend::meili::{MeiliIndex, MeiliOptions},
    document::Document,
    write::TaskId,
};

/// How long Meilisearch may take to index a batch.
const LONGEST_TASK: Duration = Duration::from_secs(3_600);
/// How long deleting the index may take.
const LONGEST_DELETION: Duration = Duration::from_secs(60);

/// An index under a name nobody else uses. It stays until [`remove`](Self::remove).
#[derive(Debug)]
pub struct MeiliScratch {
    index: MeiliIndex,
    creation: TaskId,
}

impl MeiliScratch {
    /// Has the index made on a server. The key needs the rights `indexes.*`, `settings.update`, `documents.add`,
    /// `search` and `tasks.get`.
    ///
    /// Is not to be dropped half-way: the request may still be on its way then.
    pub async fn create(options: MeiliOptions, primary_key: &str) -> Result<Self, EvalError> {
        let index = options.index(format!("crossfade_eval_{:016x}", rand::random::<u64>()));
        let creation = index.begin_creation(primary_key).await?;
        Ok(Self { index, creation })
    }

    /// The index.
    pub fn index(&self) -> &MeiliIndex {
        &self.index
    }

    /// Puts the settings in force and adds the documents in their order, one batch after the other, so that their
    /// internal numbers follow the lines; says how many there are. `tell` hears after each batch how many stand.
    pub async fn load(
        &self,
        corpus: &Corpus,
        settings: &EvalSettings,
        mut tell: impl FnMut(u64),
    ) -> Result<u64, EvalError> {
        self.index.created(self.creation, LONGEST_TASK).await?;
        self.index.change_settings(&settings.raw, LONGEST_TASK).await?;
        let (mut documents, mut stand) = (corpus.documents()?, 0);
        loop {
            let (rest, batch) = documents.batch(BATCH).await?;
            if batch.is_empty() {
                return Ok(stand);
            }
            let batch: Vec<Document> = batch.into_iter().map(|versioned| versioned.document).collect();
            self.index.add_documents(&batch, LONGEST_TASK).await?;
            stand += batch.len() as u64;
            tell(stand);
            documents = rest;
        }
    }

    /// Asks for the scores of what was answered, to record them. A query whose scores cannot be had keeps none.
    pub async fn score(&self, queries: &[EvalQuery], answers: &mut [Answer], mut tell: impl FnMut(usize)) {
        for (done, (query, answer)) in (1..).zip(queries.iter().zip(answers)) {
            if answer.error.is_none() {
                answer.scores = self.index.ranking_scores(&query.search).await.unwrap_or_default();
            }
            tell(done);
        }
    }

    /// Deletes the index.
    pub async fn remove(self) -> Result<(), EvalError> {
        let deleted = self.index.delete(LONGEST_DELETION).await;
        deleted.map_err(|source| EvalError::NotDeleted { index: self.index.uid().to_owned(), source })
    }
}
