//! The repair under way.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::time::{Instant, sleep, sleep_until};

use super::{DriftRepair, LeftOver, RepairPlan, RepairReport, deciding_side};
use crate::{
    backend::write::{Replacement, Writer, WrittenBy},
    document::{DocumentId, Version},
    drift::{
        Difference, DriftError, DriftPass, DriftProgress,
        looks::Looks,
        report::Tally,
        scan::{Scan, Tell},
    },
    dual_write::{DualWrites, VersionClock},
    error::Side,
    journal::{DeadLetters, Journal, Redrive},
};

/// Documents that are under way at a time, at most.
const MOST_AT_ONCE: u32 = 500;
/// Batches in a second, as long as those are not too large.
const BATCHES_A_SECOND: u32 = 4;
/// Deletions that are never too many.
const FEW_DELETIONS: u64 = 100;
/// How often the journal is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// The version of a tombstone for a document that PostgreSQL has never known: below those that writes have, so that one which
/// is still on its way is not beaten by it.
const LOWEST: Version = Version(0);

pub(super) struct Mend<'a> {
    repair: &'a DriftRepair,
    authority: Side,
    writes: DualWrites,
    clock: VersionClock,
    index: Arc<str>,
    /// Who marks rows.
    writer: Writer,
    /// When the next batch may begin.
    next: Instant,
    /// What could not be done, and why.
    dead: HashMap<DocumentId, String>,
}

impl<'a> Mend<'a> {
    pub(super) fn new(repair: &'a DriftRepair, authority: Side, writes: DualWrites, clock: VersionClock) -> Self {
        let (index, writer) = (Arc::from(repair.check.index()), Writer(rand::random()));
        Self { repair, authority, writes, clock, index, writer, next: Instant::now(), dead: HashMap::new() }
    }

    pub(super) async fn run(mut self, tell: Tell<'_>) -> Result<RepairReport, DriftError> {
        let began = Instant::now();
        let (mut repaired, mut unsettled, mut left) = (0, 0, Tally::default());
        let (keep, mut left_over) = (self.repair.check.options.keep, Vec::new());
        let mut scan = Scan::begin(&self.repair.check, tell).await?;
        while let Some(drifted) = scan.next(tell).await? {
            self.check_deletions(&scan)?;
            self.mend(&drifted, tell).await?;
            let ids = drifted.into_iter().map(|difference| difference.id).collect();
            let looks = Looks::new(&self.repair.check, scan.fingerprints());
            let looked = looks.look(ids, Duration::ZERO, &mut |_, _| {}).await?;
            repaired += looked.agreed_at_once + looked.came_to_agree;
            unsettled += looked.unsettled.len() as u64;
            for difference in looked.drifted {
                left.add(&difference, 0);
                if left_over.len() < keep {
                    let why = self.dead.remove(&difference.id).unwrap_or_else(|| AGAIN.to_owned());
                    left_over.push(LeftOver { id: difference.id, kind: difference.kind, why });
                }
            }
            self.dead.clear();
        }
        let check = scan.finish();
        // After what was found, what is left of it.
        left.counts.show();
        Ok(RepairReport {
            authority: self.authority,
            agrees: left.counts.total() == 0 && unsettled == 0 && check.unsettled == 0,
            check,
            repaired,
            left: left.counts,
            left_over,
            unsettled,
            seconds: began.elapsed().as_secs_f64(),
        })
    }

    /// Refuses to delete a large part of a side. By what has been found so far, this group included.
    fn check_deletions(&self, scan: &Scan<'_>) -> Result<(), DriftError> {
        let (plan, held) = (RepairPlan::of(scan.counts(), self.authority), scan.documents());
        let side = self.authority.other();
        let (deletions, documents) = match side {
            Side::Meili => (plan.meili.deleted, held.meili),
            Side::Pg => (plan.pg.deleted, held.pg),
        };
        let few = deletions <= FEW_DELETIONS || deletions.saturating_mul(10) <= documents;
        if few || self.repair.allow_deletions {
            return Ok(());
        }
        Err(DriftError::TooManyDeletions { deletions, documents, side })
    }

    /// Repairs documents, as many at a time and in a second as is allowed.
    async fn mend(&mut self, drifted: &[Difference], tell: Tell<'_>) -> Result<(), DriftError> {
        let rate = self.repair.rate.max(1);
        let at_once = (rate / BATCHES_A_SECOND).clamp(1, MOST_AT_ONCE);
        let mut progress = DriftProgress { candidates: drifted.len() as u64, ..DriftProgress::of(DriftPass::Repair) };
        tell(progress);
        for batch in drifted.chunks(at_once as usize) {
            sleep_until(self.next).await;
            self.next = Instant::now() + Duration::from_secs_f64(batch.len() as f64 / f64::from(rate));
            if deciding_side(self.repair.plan.load())? != self.authority {
                return Err(DriftError::PlanChanged);
            }
            let documents = match self.authority {
                Side::Meili => self.copied_from_meili(batch),
                Side::Pg => self.sent_from_pg(batch).await?,
            };
            self.writes.resync(&self.index, &documents).await?;
            self.drained().await?;
            self.collect_dead().await?;
            progress.looked_at += batch.len() as u64;
            tell(progress);
        }
        Ok(())
    }

    /// Under versions above what stands: Meilisearch is copied also where PostgreSQL had decided.
    fn copied_from_meili(&self, batch: &[Difference]) -> Vec<(DocumentId, Version)> {
        let above = |difference: &Difference| {
            self.clock.observe(difference.version.unwrap_or_default());
            (difference.id.clone(), self.clock.next())
        };
        batch.iter().map(above).collect()
    }

    /// Marks what is as it was found as decided by PostgreSQL; what it has never known gets a tombstone, since nothing is
    /// deleted from Meilisearch but what PostgreSQL has deleted.
    async fn sent_from_pg(&self, batch: &[Difference]) -> Result<Vec<(DocumentId, Version)>, DriftError> {
        let mark = |difference: &Difference| Replacement {
            id: difference.id.clone(),
            expected: difference.version,
            stamp: None,
            with: difference.version.is_none().then_some((LOWEST, None)),
        };
        let marks: Vec<Replacement> = batch.iter().map(mark).collect();
        let by = WrittenBy { writer: self.writer, authority: Side::Pg };
        let marked = self.repair.target.replace(&self.index, by, &marks).await?;
        // The others have been written meanwhile: that write sees to both sides.
        let marked = marks.into_iter().zip(marked).filter(|(_, marked)| *marked);
        Ok(marked.map(|(mark, _)| (mark.id, Version(i64::MIN))).collect())
    }

    /// Waits until the worker has nothing left to do.
    async fn drained(&self) -> Result<(), DriftError> {
        let (mut least, mut since) = (u64::MAX, Instant::now());
        loop {
            let status = self.writes.journal().status().await?;
            if status.pending == 0 {
                return Ok(());
            }
            if status.pending < least {
                (least, since) = (status.pending, Instant::now());
            }
            if since.elapsed() >= self.repair.patience {
                let why = status.failing.into_iter().next().map(|(.., why)| why);
                let why = why.unwrap_or_else(|| "they are written all the time; repair again".to_owned());
                return Err(DriftError::Stuck { pending: status.pending, after: self.repair.patience, why });
            }
            sleep(LOOK_EVERY).await;
        }
    }

    async fn collect_dead(&mut self) -> Result<(), DriftError> {
        let journal = self.writes.journal();
        let letters = journal.dead_letters(None, MOST_AT_ONCE as usize).await?;
        if letters.is_empty() {
            return Ok(());
        }
        self.dead.extend(letters.into_iter().map(|letter| (letter.intent.id, letter.why)));
        journal.dispose(&DeadLetters::All, Redrive::Drop).await?;
        Ok(())
    }
}

const AGAIN: &str = "it was written in between, and the sides still differ; check again";
