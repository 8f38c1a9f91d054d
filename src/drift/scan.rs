//! The passes of a check, one after the other.

use std::{
    collections::{HashMap, VecDeque, hash_map},
    mem,
};

use jiff::Timestamp;
use tokio::time::Instant;

use super::{
    Difference, DriftCheck, DriftCounts, DriftError, DriftPass, DriftProgress, DriftReport, PerSide,
    content::Fingerprints,
    listing::{Entry, Listing, Ranges},
    looks::Looks,
    ranges::Sums,
    report::Tally,
    settings::compare_settings,
};
use crate::{document::DocumentId, error::Side};

/// A check that is under way: what differs comes out group by group, so that it need not be held all at once.
pub(super) struct Scan<'a> {
    check: &'a DriftCheck,
    fingerprints: Fingerprints,
    /// Ranges that differ, yet to be looked into.
    groups: VecDeque<Vec<i32>>,
    tally: Tally,
    report: DriftReport,
    began: Instant,
}

/// A document that has been listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Listed {
    /// On one side so far, with this content.
    Once(Side, u64),
    /// With different contents.
    Differing,
}

pub(super) type Tell<'t> = &'t mut (dyn FnMut(DriftProgress) + Send);

impl<'a> Scan<'a> {
    /// Compares the settings, and then all ranges.
    pub(super) async fn begin(check: &'a DriftCheck, tell: Tell<'_>) -> Result<Self, DriftError> {
        let (began, at, fingerprints) = (Instant::now(), Timestamp::now(), Fingerprints::draw());
        let (meili, pg) = tokio::try_join!(check.source.settings(), check.target.settings())?;
        let settings = compare_settings(&meili, &pg);
        let (mut meili, mut pg, mut documents) = (Sums::new(), Sums::new(), PerSide::default());
        let listing = Listing::begin(check, fingerprints, None);
        let take = |side: Side, entries: Vec<Entry>| {
            documents.add(side, entries.len() as u64);
            let sums = if side == Side::Meili { &mut meili } else { &mut pg };
            for entry in entries {
                sums.add(entry.range, entry.content);
            }
        };
        read(listing, DriftPass::Ranges, take, tell).await?;
        let groups: VecDeque<Vec<i32>> = meili.differing(&pg, check.options.most_entries).into();
        let report = DriftReport {
            index: check.source.uid().to_owned(),
            agrees: false,
            documents,
            counts: Default::default(),
            differences: Vec::new(),
            in_flight: 0,
            unsettled: 0,
            ranges: groups.iter().map(|group| group.len() as u64).sum(),
            settings,
            began: at,
            seconds: 0.0,
        };
        Ok(Self { check, fingerprints, groups, tally: Tally::default(), report, began })
    }

    /// What differs in the next group of ranges; `None` when all have been looked into.
    pub(super) async fn next(&mut self, tell: Tell<'_>) -> Result<Option<Vec<Difference>>, DriftError> {
        let Some(group) = self.groups.pop_front() else { return Ok(None) };
        let mut listed: HashMap<DocumentId, Listed> = HashMap::new();
        let listing = Listing::begin(self.check, self.fingerprints, Some(Ranges::new(group)));
        let take = |side: Side, entries: Vec<Entry>| {
            for entry in entries {
                match_up(&mut listed, side, entry);
            }
        };
        read(listing, DriftPass::Documents, take, tell).await?;
        let candidates: Vec<DocumentId> = mem::take(&mut listed).into_keys().collect();
        let mut tell = |candidates, looked_at| {
            tell(DriftProgress { candidates, looked_at, ..DriftProgress::of(DriftPass::Looks) });
        };
        let looks = Looks::new(self.check, self.fingerprints);
        let looked = looks.look(candidates, self.check.options.settle, &mut tell).await?;
        for difference in &looked.drifted {
            self.tally.add(difference, self.check.options.keep);
        }
        self.report.in_flight += looked.agreed_at_once + looked.came_to_agree;
        self.report.unsettled += looked.unsettled.len() as u64;
        Ok(Some(looked.drifted))
    }

    pub(super) fn finish(self) -> DriftReport {
        let Tally { counts, kept } = self.tally;
        counts.show();
        DriftReport {
            agrees: counts.total() == 0 && self.report.unsettled == 0,
            counts,
            differences: kept,
            seconds: self.began.elapsed().as_secs_f64(),
            ..self.report
        }
    }

    /// What has been found so far.
    pub(super) fn counts(&self) -> &DriftCounts {
        &self.tally.counts
    }

    /// The documents that were read.
    pub(super) fn documents(&self) -> PerSide {
        self.report.documents
    }

    pub(super) fn fingerprints(&self) -> Fingerprints {
        self.fingerprints
    }
}

/// Reads both sides to their ends.
async fn read(
    mut listing: Listing,
    pass: DriftPass,
    mut take: impl FnMut(Side, Vec<Entry>),
    tell: Tell<'_>,
) -> Result<(), DriftError> {
    let mut progress = DriftProgress::of(pass);
    tell(progress);
    while let Some(stretch) = listing.next().await? {
        progress.read.add(stretch.side, stretch.read);
        progress.total = stretch.total.or(progress.total);
        take(stretch.side, stretch.entries);
        tell(progress);
    }
    Ok(())
}

/// What both sides show alike goes; what is left differs, or has moved while it was listed.
fn match_up(listed: &mut HashMap<DocumentId, Listed>, side: Side, entry: Entry) {
    match listed.entry(entry.id) {
        hash_map::Entry::Vacant(place) => {
            place.insert(Listed::Once(side, entry.content));
        }
        hash_map::Entry::Occupied(mut place) => match *place.get() {
            Listed::Once(other, content) if other != side && content == entry.content => {
                place.remove();
            }
            _ => {
                place.insert(Listed::Differing);
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_both_sides_show_alike_goes() {
        let mut listed = HashMap::new();
        let mut see = |side, id: &str, content| {
            match_up(&mut listed, side, Entry { id: id.into(), range: 0, content });
        };
        for id in ["alike", "stale", "missing", "twice"] {
            see(Side::Meili, id, 1);
        }
        see(Side::Meili, "twice", 1);
        for (id, content) in [("alike", 1), ("stale", 2), ("extra", 1), ("twice", 1)] {
            see(Side::Pg, id, content);
        }
        let mut left: Vec<String> = listed.keys().map(ToString::to_string).collect();
        left.sort();
        assert_eq!(left, ["extra", "missing", "stale", "twice"]);
    }
}
