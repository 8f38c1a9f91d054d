//! After the load: what was written meanwhile has to arrive, and then the sides are compared. It ends with evidence, never because nothing
//! was heard.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{Backfill, BackfillError, Comparison, Note};
use crate::{
    drift::{DriftCounts, DriftReport},
    error::Side,
};

/// How often it is looked whether everything has arrived.
const LOOK: Duration = Duration::from_millis(100);
/// How often it is said what is still to arrive.
const TELL: Duration = Duration::from_secs(5);

/// How often the sides are compared and repaired before the job gives up: what differs again and again is written past both layers.
const ROUNDS: u32 = 5;

impl Backfill {
    pub(super) async fn catch_up(&self, note: &dyn Note) -> Result<(), BackfillError> {
        // Searches go by what the planner knows of the words. It needs the owner of the table, who need not be us.
        if let Err(error) = self.target.analyze().await {
            tracing::info!(%error, "the documents were not analyzed; the server does so by itself within a minute");
        }
        self.drained(note).await?;
        let Some(comparison) = &self.comparison else {
            note.say("everything that was written meanwhile has arrived; the sides were not compared");
            return Ok(());
        };
        for round in 1..=ROUNDS {
            let (found, left, agrees) = match comparison {
                Comparison::Check(check) => {
                    let found = check.run(|progress| note.comparing(progress)).await?;
                    let (left, agrees) = (found.counts, found.agrees);
                    (found, left, agrees)
                }
                Comparison::Repair(repair) => {
                    let repaired = repair.run(|progress| note.comparing(progress)).await?;
                    // Only a check that finds nothing proves anything: what was repaired is compared once more.
                    let agrees = repaired.agrees && repaired.check.counts.total() == 0;
                    (repaired.check, repaired.left, agrees)
                }
            };
            // For the gates; the comparison holds without it.
            if let Err(error) = self.jobs.store().evidence().keep_drift(&found.seen()).await {
                tracing::warn!(%error, "the outcome of the comparison is not kept for the gates");
            }
            let DriftReport { documents, counts, in_flight, unsettled, ref settings, .. } = found;
            let DriftCounts { missing, extra, stale, tombstone } = counts;
            note.say(&format!(
                "round {round}: compared {} documents of Meilisearch with {} of PostgreSQL: {missing} missing, {extra} extra, {stale} \
                 stale, {tombstone} deleted there only; {in_flight} were on their way, {unsettled} changed all the time",
                documents.meili, documents.pg
            ));
            for setting in settings {
                note.say(&format!("the setting {} differs between the sides", setting.name));
            }
            if agrees {
                return Ok(());
            }
            let ends = matches!(comparison, Comparison::Check(_)) && counts.total() > 0;
            if ends || round == ROUNDS {
                return Err(BackfillError::Drifting {
                    index: self.target.uid().to_owned(),
                    documents: left.total(),
                    unsettled,
                });
            }
            self.drained(note).await?;
        }
        Ok(())
    }

    /// Waits until all that was written before this call has arrived on both sides.
    async fn drained(&self, note: &dyn Note) -> Result<(), BackfillError> {
        let begun = Instant::now();
        let watermark = match &self.outbox {
            Some(outbox) => Some(outbox.high_watermark(self.patience).await?),
            None => None,
        };
        let mut told = None;
        loop {
            let mut waits = Vec::new();
            for replica in self.jobs.store().replicas().all().await? {
                // What is older than this call; reports are as old as they are.
                let since = begun.elapsed().as_secs_f64() - replica.seen_seconds;
                let pending = replica.journal_pending.unwrap_or(0);
                let old = replica.journal_oldest_seconds.is_none_or(|oldest| oldest >= since);
                if !replica.live {
                    let (name, host, seconds) = (&replica.replica, &replica.host, replica.seen_seconds);
                    waits.push(format!(
                        "a word of {name} on {host}, silent for {seconds:.0} s (`crossfade replicas forget {name}` if it has ended)"
                    ));
                } else if since < 0.0 || (pending > 0 && old) {
                    waits.push(format!("{pending} writes in the journal of {} on {}", replica.replica, replica.host));
                }
            }
            if let (Some(outbox), Some(watermark)) = (&self.outbox, watermark) {
                for side in [Side::Meili, Side::Pg] {
                    let backlog = outbox.backlog(side).await?;
                    if backlog.cursor.is_none_or(|cursor| cursor < watermark) {
                        waits.push(format!("{} rows of the outbox for {side}", backlog.rows));
                    }
                }
            }
            if waits.is_empty() {
                return Ok(());
            }
            // Reports come every two seconds; a short wait needs no words.
            if begun.elapsed() > TELL && told.is_none_or(|told: Instant| told.elapsed() > TELL) {
                note.say(&format!("still to arrive: {}", waits.join(", ")));
                told = Some(Instant::now());
            }
            sleep(LOOK).await;
        }
    }
}
