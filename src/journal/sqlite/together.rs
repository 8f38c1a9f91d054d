//! What is to be reconciled of a document is given out together, when the last of it is due.

use std::collections::{BTreeMap, BTreeSet};

use tokio::time::Instant;

use super::{
    claim::RawClaim,
    error::Sql,
    row::{RawEntry, SWEEP},
    sql,
    writer::Writer,
};
use crate::journal::{Duties, Duty};

/// A document of which something was found.
#[derive(Default)]
struct Document {
    found: BTreeSet<i64>,
    /// The rest of it.
    rest: Vec<i64>,
    /// When the last of it is due, if it has to be waited for.
    until: Option<Instant>,
}

impl Writer {
    /// Completes the documents of what was found, which are the entries from this one on. Those that have to wait are taken
    /// out, and those that go beyond the limit; says whether any has to wait.
    pub(super) async fn together(
        &mut self,
        from: usize,
        limit: usize,
        now: Instant,
        claim: &mut RawClaim,
    ) -> Sql<bool> {
        let mut documents = documents(&claim.entries[from..]);
        self.find_rest(&mut documents, now).await?;
        let mut room = limit.saturating_sub(from);
        let (mut rest, mut beyond, mut waiting) = (Vec::new(), Vec::new(), Vec::new());
        for document in documents.into_values() {
            match document.until {
                Some(until) => waiting.push((document, until)),
                None if room == 0 => beyond.extend(document.found),
                None => {
                    room = room.saturating_sub(document.found.len() + document.rest.len());
                    rest.extend(document.rest);
                }
            }
        }
        if !rest.is_empty() {
            let rest = sql::read(&mut self.conn, &rest).await?;
            rest.iter().for_each(|entry| self.book.queue(Duty::Reconcile).meet(entry.seq));
            claim.entries.extend(rest);
        }
        let left: BTreeSet<i64> =
            waiting.iter().flat_map(|(document, _)| &document.found).chain(&beyond).copied().collect();
        claim.entries.retain(|entry| !left.contains(&entry.seq));
        claim.entries.sort_by_key(|entry| entry.seq);
        let again = !waiting.is_empty();
        let queue = self.book.queue(Duty::Reconcile);
        queue.ready.extend(beyond);
        queue.put_off(waiting.into_iter().flat_map(|(document, until)| {
            document.found.into_iter().chain(document.rest).map(move |seq| (seq, until))
        }));
        Ok(again)
    }

    async fn find_rest(&mut self, documents: &mut BTreeMap<i64, Document>, now: Instant) -> Sql<()> {
        if documents.is_empty() {
            return Ok(());
        }
        // Nobody has claimed any of it: then the lane would not have been free.
        for (first, seq, outcome, due) in sql::companions(&mut self.conn, documents.keys().copied()).await? {
            let Some(document) = documents.get_mut(&first).filter(|document| !document.found.contains(&seq)) else {
                continue;
            };
            let queue = self.book.queue(Duty::Reconcile);
            let due = if queue.knows(seq) { queue.due(seq) } else { self.due(seq, outcome, Duties::RECONCILE, due) };
            document.until = document.until.max(due.filter(|due| *due > now));
            document.rest.push(seq);
        }
        Ok(())
    }
}

/// By the first of what was found of each. A sweep is given out alone.
fn documents(found: &[RawEntry]) -> BTreeMap<i64, Document> {
    let (mut documents, mut firsts) = (BTreeMap::<i64, Document>::new(), BTreeMap::new());
    for entry in found.iter().filter(|entry| entry.flags & SWEEP == 0) {
        let first = *firsts.entry(entry.document()).or_insert(entry.seq);
        documents.entry(first).or_default().found.insert(entry.seq);
    }
    documents
}
