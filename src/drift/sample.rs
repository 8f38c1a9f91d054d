//! Looking at some documents, again and again.

use std::{collections::BTreeSet, time::Duration};

use jiff::Timestamp;
use serde::Serialize;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::{
    Difference, DriftCheck, DriftCounts, DriftError, PerSide, content::Fingerprints, looks::Looks, report::Tally,
};
use crate::document::DocumentId;

/// Documents on one page of Meilisearch that is drawn.
const DRAWN_AT_ONCE: u64 = 10;

/// Compares documents that are drawn at random from each side. That finds large drift soon and cheaply; only a
/// [`DriftCheck`] shows that there is none.
#[derive(Clone, Debug)]
pub struct DriftSample {
    check: DriftCheck,
    documents: u64,
}

/// What a sample found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DriftSampled {
    /// The index in Meilisearch.
    pub index: String,
    /// Documents drawn, by the side they were drawn from.
    pub drawn: PerSide,
    /// How many of them differ.
    pub counts: DriftCounts,
    /// The first of those that differ.
    pub differences: Vec<Difference>,
    /// Documents that differed at first, and came to agree.
    pub in_flight: u64,
    /// Documents that differed at each look, and were changed between all of them.
    pub unsettled: u64,
    /// When it began.
    pub began: Timestamp,
    /// How long it took.
    pub seconds: f64,
}

/// Draws a sample every now and then, and shows what it found by the gauge
/// [`DRIFT_DOCUMENTS`](crate::telemetry::DRIFT_DOCUMENTS).
#[derive(Clone, Debug)]
pub struct DriftAudit {
    sample: DriftSample,
    interval: Duration,
}

impl DriftSample {
    /// A sample of so many documents from each side, with the options of a check.
    pub fn new(check: DriftCheck, documents: u64) -> Self {
        Self { check, documents }
    }

    /// Draws it and compares.
    pub async fn run(&self) -> Result<DriftSampled, DriftError> {
        let (began, at, check) = (Instant::now(), Timestamp::now(), &self.check);
        let wanted = usize::try_from(self.documents).unwrap_or(usize::MAX);
        let (meili, pg) =
            tokio::try_join!(self.draw_from_meili(), async { Ok(check.target.some_documents(wanted).await?) })?;
        let drawn = PerSide { meili: meili.len() as u64, pg: pg.len() as u64 };
        let ids: BTreeSet<DocumentId> = meili.into_iter().chain(pg).collect();
        let looks = Looks::new(check, Fingerprints::draw());
        let looked = looks.look(ids.into_iter().collect(), Duration::ZERO, &mut |_, _| {}).await?;
        let mut tally = Tally::default();
        for difference in &looked.drifted {
            tally.add(difference, check.options.keep);
        }
        tally.counts.show();
        Ok(DriftSampled {
            index: check.index().to_owned(),
            drawn,
            counts: tally.counts,
            differences: tally.kept,
            in_flight: looked.came_to_agree,
            unsettled: looked.unsettled.len() as u64,
            began: at,
            seconds: began.elapsed().as_secs_f64(),
        })
    }

    /// Small pages at places drawn at random; all documents if there are no more than are wanted.
    async fn draw_from_meili(&self) -> Result<BTreeSet<DocumentId>, DriftError> {
        let source = &self.check.source;
        let total = source.documents_in_order(0, 1).await?.total;
        let wanted = self.documents.min(total);
        let mut drawn = BTreeSet::new();
        let all = wanted == total;
        let mut offset = 0;
        // Pages that overlap give less: after twice as many pages as should do, what there is has to do.
        for _ in 0..2 * wanted.div_ceil(DRAWN_AT_ONCE) {
            if drawn.len() as u64 >= wanted {
                break;
            }
            if !all {
                offset = rand::random_range(0..=total.saturating_sub(DRAWN_AT_ONCE));
            }
            let page = source.documents_in_order(offset, DRAWN_AT_ONCE).await?;
            let room = (wanted as usize).saturating_sub(drawn.len());
            drawn.extend(page.documents.into_iter().map(|(id, _)| id).take(room));
            offset += DRAWN_AT_ONCE;
        }
        Ok(drawn)
    }
}

impl DriftSampled {
    /// Whether none of the documents drawn differs.
    pub fn agrees(&self) -> bool {
        self.counts.total() == 0 && self.unsettled == 0
    }
}

impl DriftAudit {
    /// An audit that draws a sample after each interval.
    pub fn new(sample: DriftSample, interval: Duration) -> Self {
        Self { sample, interval }
    }

    /// Goes on until `stop`. A sample that fails is logged, and the gauge keeps what the last one found. For
    /// [`run_along`](crate::migration::MigrationBuilder::run_along).
    pub async fn run(self, stop: CancellationToken) {
        let audit = async {
            loop {
                self.once().await;
                sleep(self.interval).await;
            }
        };
        stop.run_until_cancelled(audit).await;
    }

    async fn once(&self) {
        match self.sample.run().await {
            Ok(sampled) if sampled.agrees() => {}
            Ok(sampled) => tracing::warn!(
                index = sampled.index,
                missing = sampled.counts.missing,
                extra = sampled.counts.extra,
                stale = sampled.counts.stale,
                tombstone = sampled.counts.tombstone,
                unsettled = sampled.unsettled,
                "documents drawn at random differ between the sides; a drift check shows which, and a repair mends them"
            ),
            Err(error) => tracing::warn!(%error, "no sample could be drawn to look for drift"),
        }
    }
}
