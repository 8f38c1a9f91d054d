//! Reading a page: asks until the answer shows where the rows are that were read last.

use std::collections::HashSet;

use super::{
    MeiliSource, Page, Shard, SourceError,
    plan::{self, Bound},
    window::{Cursor, End, Step, Stretch, TAIL},
};
use crate::{
    backfill::source::fields::{parse, text, unavailable},
    document::DocumentId,
};

/// Questions for one page; it takes more only if the index changes faster than it is asked.
const MOST_QUESTIONS: usize = 16;
/// Ids looked through at once when the place was lost: first, and at most.
const FIRST_LOOK: u64 = 256;
const LONGEST_LOOK: u64 = 20_000;

impl MeiliSource {
    pub(super) async fn page(&self, shard: &Shard, after: Option<&str>, limit: usize) -> Result<Page, SourceError> {
        let bound = |text: &Option<String>| text.as_deref().map(|text| parse::<Bound>(text, "the bounds")).transpose();
        let (lower, upper) = (bound(&shard.lower)?, bound(&shard.upper)?);
        let base = lower.as_ref().map_or(0, |lower| lower.offset);
        let upper = upper.map(|upper| upper.ids).unwrap_or_default();
        let mut cursor = match after {
            Some(after) => parse(after, "the cursor")?,
            None => Cursor::at(lower),
        };
        for _ in 0..MOST_QUESTIONS {
            let (begin, length) = cursor.ask(limit.max(1));
            let listed = self.index.documents_in_order(begin, length).await;
            let listed = listed.map_err(|error| self.failed("reading documents", error))?;
            let ids: Vec<&str> = listed.documents.iter().map(|(id, _)| id.as_str()).collect();
            let stretch = Stretch { begin, ids: &ids, total: listed.total };
            let present = if cursor.nears(&upper, stretch) { Some(self.still_there(&upper).await?) } else { None };
            let end = present.as_ref().map(|present| End { ids: &upper, present });
            match cursor.take(stretch, end, limit.max(1)) {
                Step::Rows { rows, next, end } => {
                    let wanted: HashSet<usize> = rows.into_iter().collect();
                    let documents = listed.documents.into_iter().enumerate().filter(|(at, _)| wanted.contains(at));
                    let row = |(count, (_, (id, document)))| {
                        self.row(id, document, plan::ordinal(&shard.key, base, cursor.count + count))
                    };
                    let rows = (0..).zip(documents).map(row).collect();
                    return Ok(Page { rows, cursor: Some(text(&next)?), end });
                }
                Step::Again(next) => cursor = next,
                Step::Lost => cursor = self.find(cursor, begin).await?,
            }
        }
        let why = "the index changes faster than it can be read";
        Err(unavailable(format!("reading documents of `{}`: {why}", self.index.uid())))
    }

    async fn still_there(&self, ids: &[String]) -> Result<HashSet<String>, SourceError> {
        let ids: Vec<DocumentId> = ids.iter().map(|id| DocumentId::from(id.as_str())).collect();
        let found = self.index.documents(&ids).await;
        let found = found.map_err(|error| self.failed("looking for the end of a shard", error))?;
        Ok(found.into_keys().map(|id| id.as_str().to_owned()).collect())
    }

    /// Looks for the ids that were read last: before `begin` in ever longer steps, then behind it. If none is left, all
    /// begins again.
    async fn find(&self, cursor: Cursor, begin: u64) -> Result<Cursor, SourceError> {
        let known: HashSet<&str> = cursor.tail.iter().map(String::as_str).collect();
        let (mut upto, mut length) = (begin, FIRST_LOOK);
        while upto > 0 {
            let from = upto.saturating_sub(length);
            // A little further: they may move meanwhile.
            let (found, _) = self.look(&known, from, upto - from + TAIL as u64).await?;
            if let Some(position) = found {
                return Ok(cursor.found_at(position));
            }
            (upto, length) = (from, (length * 2).min(LONGEST_LOOK));
        }
        let mut from = begin;
        loop {
            let (found, more) = self.look(&known, from, LONGEST_LOOK + TAIL as u64).await?;
            if let Some(position) = found {
                return Ok(cursor.found_at(position));
            }
            if !more {
                break;
            }
            from += LONGEST_LOOK;
        }
        tracing::warn!(
            index = self.index.uid(),
            "the {TAIL} documents that were read last are all deleted: a shard is read again from the beginning"
        );
        Ok(cursor.restart())
    }

    /// Where the first of these ids stands in a stretch, and whether others follow it.
    async fn look(&self, known: &HashSet<&str>, from: u64, length: u64) -> Result<(Option<u64>, bool), SourceError> {
        let listed = self.index.ids_in_order(from, length).await;
        let listed = listed.map_err(|error| self.failed("looking for the documents that were read last", error))?;
        let found = (from..).zip(&listed.documents).find(|(_, (id, _))| known.contains(id.as_str()));
        let found = found.map(|(position, _)| position);
        // An empty stretch ends it too: a server that has no more to give would be asked for ever.
        Ok((found, !listed.documents.is_empty() && from + length < listed.total))
    }
}
