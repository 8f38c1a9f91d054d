//! Loading the corpus into PostgreSQL.

use super::{Corpus, EvalError, EvalSettings};
use crate::backend::postgres::PostgresIndex;

/// Documents that are read and written together.
pub(super) const BATCH: usize = 1_000;

/// Makes the index with these settings and loads the documents, with the numbers they have in the source; says how many
/// there are. `tell` hears after each batch how many stand.
pub async fn load(
    index: &PostgresIndex,
    corpus: &Corpus,
    settings: &EvalSettings,
    mut tell: impl FnMut(u64),
) -> Result<u64, EvalError> {
    index.create(corpus.primary_key(), &settings.known).await?;
    let (mut documents, mut stand) = (corpus.documents()?, 0);
    loop {
        let (rest, batch) = documents.batch(BATCH).await?;
        if batch.is_empty() {
            break;
        }
        stand += index.load(&batch).await?.written;
        tell(stand);
        documents = rest;
    }
    index.fold_all().await?;
    // As it is a minute later, when the server has done so by itself.
    index.analyze().await?;
    Ok(stand)
}
