//! All documents of both sides, as a stream of stretches. Each side has a task of its own, so that one page is hashed while the
//! next ones are on their way.

use std::sync::Arc;

use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use tokio::{sync::mpsc, task::JoinSet};

use super::{
    DriftCheck, DriftError,
    content::Fingerprints,
    ranges::range_of,
    stitch::{Gap, OVERLAP, Stitch},
};
use crate::{
    backend::{meili::MeiliIndex, postgres::PostgresIndex},
    document::{Document, DocumentId},
    error::{BackendError, BackendErrorKind, Side},
};

/// Pages that are asked of Meilisearch at a time.
const PAGES_UNDER_WAY: usize = 3;
/// Stretches that wait to be taken.
const QUEUE: usize = 4;
/// How far back a page is looked for before the list counts as changing too fast.
const FURTHEST_BACK: u64 = OVERLAP << 8;

/// One document of one side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) id: DocumentId,
    pub(super) range: u16,
    /// The fingerprint of the document under its id.
    pub(super) content: u64,
}

/// Documents of one side, each once as far as nothing moves.
#[derive(Debug)]
pub(super) struct Stretch {
    pub(super) side: Side,
    /// How many documents were read for it.
    pub(super) read: u64,
    pub(super) entries: Vec<Entry>,
    /// How many documents there are, if the side says so.
    pub(super) total: Option<u64>,
}

/// Some ranges, in both forms they are asked for.
#[derive(Clone, Debug)]
pub(super) struct Ranges {
    listed: Arc<[i32]>,
}

/// Both sides from the first document to the last.
#[derive(Debug)]
pub(super) struct Listing {
    /// Each says whether it has read its side to the end.
    tasks: JoinSet<bool>,
    stretches: mpsc::Receiver<Result<Stretch, DriftError>>,
    ended: usize,
}

/// A page of Meilisearch, hashed.
struct Page {
    entries: Vec<Entry>,
    read: u64,
    total: u64,
}

impl Ranges {
    /// Ranges in ascending order.
    pub(super) fn new(listed: Vec<i32>) -> Self {
        Self { listed: listed.into() }
    }

    fn has(&self, range: u16) -> bool {
        self.listed.binary_search(&i32::from(range)).is_ok()
    }
}

impl Listing {
    pub(super) fn begin(check: &DriftCheck, fingerprints: Fingerprints, ranges: Option<Ranges>) -> Self {
        let (sender, stretches) = mpsc::channel(QUEUE);
        let mut tasks = JoinSet::new();
        let meili = of_meili(check.source.clone(), check.options.page, fingerprints, ranges.clone());
        tasks.spawn(send(meili, sender.clone()));
        let pg = of_pg(check.target.clone(), check.options.page, fingerprints, ranges);
        tasks.spawn(send(pg, sender));
        Self { tasks, stretches, ended: 0 }
    }

    /// The next stretch of either side; `None` once both have been read to the end.
    pub(super) async fn next(&mut self) -> Result<Option<Stretch>, DriftError> {
        if let Some(stretch) = self.stretches.recv().await {
            return stretch.map(Some);
        }
        while let Some(ended) = self.tasks.join_next().await {
            // Silence is an end only if nobody fell on the way.
            self.ended += usize::from(ended.map_err(|_| panicked())?);
        }
        if self.ended == 2 { Ok(None) } else { Err(panicked()) }
    }
}

fn panicked() -> DriftError {
    BackendError::new(Side::Meili, BackendErrorKind::Panic, "listing documents of both sides").into()
}

async fn send(
    stretches: impl Stream<Item = Result<Stretch, DriftError>>,
    to: mpsc::Sender<Result<Stretch, DriftError>>,
) -> bool {
    let mut stretches = std::pin::pin!(stretches);
    while let Some(stretch) = stretches.next().await {
        let failed = stretch.is_err();
        // If nobody takes it any more, the other side has failed.
        if to.send(stretch).await.is_err() || failed {
            return false;
        }
    }
    true
}

/// Meilisearch in its own order.
fn of_meili(
    index: MeiliIndex,
    size: u64,
    fingerprints: Fingerprints,
    ranges: Option<Ranges>,
) -> impl Stream<Item = Result<Stretch, DriftError>> {
    let size = size.max(2 * OVERLAP);
    let pages = {
        let index = index.clone();
        let page = move |number: u64| {
            let index = index.clone();
            async move {
                let offset = number * (size - OVERLAP);
                page(&index, offset, size, fingerprints).await.map(|page| (offset, page))
            }
        };
        stream::iter(0..).map(page).buffered(PAGES_UNDER_WAY)
    };
    let state = (Box::pin(pages), Stitch::default(), false);
    stream::try_unfold(state, move |(mut pages, mut stitch, ended)| {
        let (index, ranges) = (index.clone(), ranges.clone());
        async move {
            if ended {
                return Ok(None);
            }
            let Some((offset, first)) = pages.try_next().await? else { return Ok(None) };
            let (total, mut read, mut ended) = (first.total, first.read, first.read < size);
            let mut joined = stitch.join(offset, first.entries);
            let mut back = OVERLAP;
            while let Err(Gap) = joined {
                back *= 4;
                if back > FURTHEST_BACK {
                    return Err(DriftError::Unsteady);
                }
                let from = offset.saturating_sub(back);
                let limit = size + offset - from;
                let earlier = page(&index, from, limit, fingerprints).await?;
                (read, ended) = (read + earlier.read, earlier.read < limit);
                joined = stitch.join(from, earlier.entries);
            }
            let mut entries = joined.unwrap_or_default();
            if let Some(ranges) = &ranges {
                entries.retain(|entry| ranges.has(entry.range));
            }
            let stretch = Stretch { side: Side::Meili, read, entries, total: Some(total) };
            Ok(Some((stretch, (pages, stitch, ended))))
        }
    })
}

async fn page(index: &MeiliIndex, offset: u64, limit: u64, fingerprints: Fingerprints) -> Result<Page, DriftError> {
    let page = index.documents_in_order(offset, limit).await?;
    let read = page.documents.len() as u64;
    let entries = page.documents.into_iter().map(|(id, document)| entry(id, &document, fingerprints)).collect();
    Ok(Page { entries, read, total: page.total })
}

/// PostgreSQL in the order of ids.
fn of_pg(
    index: PostgresIndex,
    size: u64,
    fingerprints: Fingerprints,
    ranges: Option<Ranges>,
) -> impl Stream<Item = Result<Stretch, DriftError>> {
    stream::try_unfold(Some(None), move |after: Option<Option<DocumentId>>| {
        let (index, ranges) = (index.clone(), ranges.clone());
        async move {
            let Some(after) = after else { return Ok(None) };
            let limit = usize::try_from(size).unwrap_or(usize::MAX).max(1);
            let listed = ranges.as_ref().map(|ranges| &*ranges.listed);
            let documents = index.documents_after(after.as_ref(), limit, listed).await?;
            let read = documents.len();
            let last = documents.last().map(|(id, ..)| id.clone());
            let of = |(id, _, document): (DocumentId, _, Document)| entry(id, &document, fingerprints);
            let entries = documents.into_iter().map(of).collect();
            let stretch = Stretch { side: Side::Pg, read: read as u64, entries, total: None };
            Ok(Some((stretch, last.filter(|_| read == limit).map(Some))))
        }
    })
}

fn entry(id: DocumentId, document: &Document, fingerprints: Fingerprints) -> Entry {
    Entry { range: range_of(&id), content: fingerprints.of(&id, document), id }
}
