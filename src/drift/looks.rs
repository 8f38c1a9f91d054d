//! The second look: documents that seemed to differ are read again by their ids, until it is known whether they do.
//!
//! What differs at two looks in a row, with nothing changed in between, is drift. What comes to agree was on its way.

use std::time::Duration;

use tokio::time::sleep;

use super::{Difference, DriftCheck, DriftError, DriftKind, Values, content::Fingerprints};
use crate::{
    backend::write::Standing,
    document::{Document, DocumentId, Version},
};

/// Documents read at once.
const AT_ONCE: usize = 500;

/// What became of documents that were looked at.
#[derive(Debug, Default)]
pub(super) struct Looked {
    pub(super) drifted: Vec<Difference>,
    /// How many agreed at the first look, and how many came to agree.
    pub(super) agreed_at_once: u64,
    pub(super) came_to_agree: u64,
    /// Those that differed at each look, and had changed in between.
    pub(super) unsettled: Vec<DocumentId>,
}

/// What stands of a document on both sides.
struct Pair {
    id: DocumentId,
    meili: Option<Document>,
    pg: Option<Standing>,
}

/// A pair as it was seen: one that is seen again has not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    meili: Option<u64>,
    pg: Option<(Version, Option<u64>)>,
}

/// How documents are looked at.
pub(super) struct Looks<'a> {
    check: &'a DriftCheck,
    fingerprints: Fingerprints,
}

impl<'a> Looks<'a> {
    pub(super) fn new(check: &'a DriftCheck, fingerprints: Fingerprints) -> Self {
        Self { check, fingerprints }
    }

    /// Looks at documents, for the first time after `pause`, then after the settle delay. Tells how many are still open, and
    /// how many of those have been read.
    pub(super) async fn look(
        &self,
        ids: Vec<DocumentId>,
        pause: Duration,
        tell: &mut (dyn FnMut(u64, u64) + Send),
    ) -> Result<Looked, DriftError> {
        let looks = self.check.options.looks.max(1);
        let mut looked = Looked::default();
        let mut open: Vec<(DocumentId, Option<Seen>)> = ids.into_iter().map(|id| (id, None)).collect();
        for look in 1..=looks {
            if open.is_empty() {
                break;
            }
            sleep(if look == 1 { pause } else { self.check.options.settle }).await;
            let (of, mut read, mut still) = (open.len() as u64, 0, Vec::new());
            for some in open.chunks(AT_ONCE) {
                tell(of, read);
                for (pair, before) in self.read(some).await?.into_iter().zip(some.iter().map(|(_, seen)| *seen)) {
                    let seen = pair.seen(self.fingerprints);
                    match seen.kind() {
                        None if look == 1 => looked.agreed_at_once += 1,
                        None => looked.came_to_agree += 1,
                        Some(kind) if looks == 1 || before == Some(seen) => {
                            looked.drifted.push(pair.difference(kind, self.fingerprints, self.check.options.values));
                        }
                        Some(_) => still.push((pair.id, Some(seen))),
                    }
                }
                read += some.len() as u64;
            }
            tell(of, read);
            open = still;
        }
        looked.unsettled = open.into_iter().map(|(id, _)| id).collect();
        Ok(looked)
    }

    async fn read(&self, some: &[(DocumentId, Option<Seen>)]) -> Result<Vec<Pair>, DriftError> {
        let ids: Vec<DocumentId> = some.iter().map(|(id, _)| id.clone()).collect();
        let (meili, pg) =
            tokio::try_join!(self.check.source.settled_documents(&ids), self.check.target.standing(&ids))?;
        Ok(ids.into_iter().zip(meili).zip(pg).map(|((id, meili), pg)| Pair { id, meili, pg }).collect())
    }
}

impl Pair {
    fn seen(&self, fingerprints: Fingerprints) -> Seen {
        let content = |document: &Document| fingerprints.content(document);
        let pg = self.pg.as_ref().map(|standing| (standing.version, standing.document.as_ref().map(content)));
        Seen { meili: self.meili.as_ref().map(content), pg }
    }

    fn difference(self, kind: DriftKind, fingerprints: Fingerprints, values: bool) -> Difference {
        let version = self.pg.as_ref().map(|standing| standing.version);
        let pg = self.pg.and_then(|standing| standing.document);
        let fields = match (&self.meili, &pg) {
            (Some(meili), Some(pg)) => fingerprints.fields_that_differ(meili, pg),
            _ => Vec::new(),
        };
        let values = values.then(|| Box::new(Values { meili: self.meili, pg }));
        Difference { id: self.id, kind, version, fields, values }
    }
}

impl Seen {
    /// How the sides differ, if they do.
    fn kind(self) -> Option<DriftKind> {
        match (self.meili, self.pg) {
            (Some(_), None) => Some(DriftKind::Missing),
            (Some(_), Some((_, None))) => Some(DriftKind::Tombstone),
            (None, Some((_, Some(_)))) => Some(DriftKind::Extra),
            (Some(meili), Some((_, Some(pg)))) => (meili != pg).then_some(DriftKind::Stale),
            (None, None | Some((_, None))) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_has_its_kind() {
        let (v, row) = (Version(1), |content| Some((Version(1), Some(content))));
        for (meili, pg, kind) in [
            (Some(1), None, Some(DriftKind::Missing)),
            (Some(1), Some((v, None)), Some(DriftKind::Tombstone)),
            (None, row(1), Some(DriftKind::Extra)),
            (Some(1), row(2), Some(DriftKind::Stale)),
            (Some(1), row(1), None),
            (None, None, None),
            (None, Some((v, None)), None),
        ] {
            assert_eq!(Seen { meili, pg }.kind(), kind, "{meili:?} {pg:?}");
        }
    }
}
