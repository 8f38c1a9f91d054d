//! Why the hits of the worst queries stand where they stand: what each ranking rule says of them.

use std::collections::HashMap;

use super::{EvalReport, WorstQuery};
use crate::{
    backend::{SearchBackend, ranking_rules},
    document::{Document, DocumentId},
    search::SearchQuery,
};

impl EvalReport {
    /// Asks the worst queries once more, for what each ranking rule says of the hits that are listed. A live `source` says it of its own hits; for
    /// recorded ones PostgreSQL does, if it finds them too. What cannot be told is left out: the figures stand without it.
    pub async fn explain(&mut self, target: &dyn SearchBackend, source: Option<&dyn SearchBackend>) {
        for query in &mut self.worst {
            let ours = details(target, &query.q).await;
            let theirs = match source {
                Some(source) => details(source, &query.q).await,
                None => ours.clone(),
            };
            query.explain(&ours, &theirs);
        }
    }
}

impl WorstQuery {
    fn explain(&mut self, ours: &HashMap<DocumentId, Document>, theirs: &HashMap<DocumentId, Document>) {
        self.pg.iter_mut().for_each(|listed| listed.rules = ours.get(&listed.id).cloned());
        self.source.iter_mut().for_each(|listed| listed.rules = theirs.get(&listed.id).cloned());
    }
}

async fn details(side: &dyn SearchBackend, text: &str) -> HashMap<DocumentId, Document> {
    ranking_rules(side, &SearchQuery::new(text)).await.unwrap_or_else(|error| {
        tracing::debug!(%error, text, "a query could not be explained");
        HashMap::new()
    })
}
