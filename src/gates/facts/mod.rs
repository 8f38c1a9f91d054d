//! What is known without samples: measurements, comparisons, backfills, processes. Pure.

use super::{Gate, Look, Metric, Seen, words::in_words};
use crate::store::{Replica, evidence::DriftSeen};

impl Look {
    /// What there is to be seen of a metric that is a fact.
    pub(super) fn fact(&self, gate: &Gate) -> Seen {
        match gate.metric {
            Metric::JudgedNdcgRatio => self.judged(gate),
            Metric::DriftDocuments => self.drifting(gate),
            Metric::BackfillSucceeded => self.backfilled(),
            Metric::ReplicasBehind => self.behind(),
            Metric::JournalPending => self.journals("writes", |replica| replica.journal_pending.map(|n| n as f64), sum),
            Metric::DeadLetters => {
                self.journals("dead letters", |replica| replica.journal_dead_letters.map(|n| n as f64), sum)
            }
            Metric::JournalOldestSeconds => {
                self.journals("the oldest write", |replica| replica.journal_oldest_seconds, f64::max)
            }
            other => Seen::Unknown(format!("{} is no fact", other.name())),
        }
    }

    fn judged(&self, gate: &Gate) -> Seen {
        let run = self.evals.get(&gate.window).and_then(Option::as_ref);
        let Some(run) = run else {
            let advice = "run `crossfade eval --qrels FILE --store` with judgments";
            return Seen::Unknown(format!("no measurement with judgments is recent enough; {advice}"));
        };
        match (run.ndcg_at_10, run.source_ndcg_at_10) {
            (Some(pg), Some(meili)) if meili > 0.0 => Seen::Known {
                value: pg / meili,
                of: format!("NDCG@10 {pg:.3} of pg by {meili:.3} of meili, {} judged queries", run.judged),
            },
            _ => Seen::Unknown("the last measurement does not say how good Meilisearch is by the judgments".to_owned()),
        }
    }

    fn drifting(&self, gate: &Gate) -> Seen {
        let advice = |index: &str| format!("run `crossfade drift check --index {index}`");
        if let Some(job) = self.backfills.iter().find(|job| !self.drift.iter().any(|seen| seen.index == job.target)) {
            return Seen::Unknown(format!("{} was never compared; {}", job.target, advice(&job.target)));
        }
        if self.drift.is_empty() {
            return Seen::Unknown(format!("no index was ever compared; {}", advice("NAME")));
        }
        for seen in &self.drift {
            let age = self.now.duration_since(seen.began);
            if age.unsigned_abs() > gate.window {
                let age = in_words(age.unsigned_abs());
                return Seen::Unknown(format!("{} was compared {age} ago; {}", seen.index, advice(&seen.index)));
            }
            if seen.differing() == 0 && seen.unsettled > 0 {
                let (index, left) = (&seen.index, seen.unsettled);
                return Seen::Unknown(format!(
                    "{left} documents of {index} were changed at each look; {}",
                    advice(index)
                ));
            }
        }
        let differing: u64 = self.drift.iter().map(DriftSeen::differing).sum();
        let documents: u64 = self.drift.iter().map(|seen| seen.meili_documents).sum();
        Seen::Known { value: differing as f64, of: format!("of {documents} documents") }
    }

    fn backfilled(&self) -> Seen {
        if self.backfills.is_empty() {
            return Seen::Unknown("there was no backfill; `crossfade backfill start` makes one".to_owned());
        }
        match self.backfills.iter().find(|job| job.status != "succeeded") {
            Some(job) => Seen::Known { value: 0.0, of: format!("the job {} is {}", job.job_id, job.status) },
            None => Seen::Known { value: 1.0, of: format!("{} indexes", self.backfills.len()) },
        }
    }

    fn behind(&self) -> Seen {
        if self.replicas.is_empty() {
            return Seen::Unknown(
                "no process of the service reports; give the migration `.heartbeat(&store)`".to_owned(),
            );
        }
        // What one goes by that says nothing, or has not heard yet, nobody knows.
        if let Some(silent) = self.replicas.iter().find(|replica| !replica.live) {
            let (name, seconds) = (&silent.replica, silent.seen_seconds);
            let advice = format!("`crossfade replicas forget {name}` if it has ended");
            return Seen::Unknown(format!("{name} has been silent for {seconds:.0} s; {advice}"));
        }
        let (follow, others): (Vec<&Replica>, Vec<&Replica>) =
            self.replicas.iter().partition(|replica| replica.follows(&self.flags));
        if let Some(late) = others.iter().find(|replica| replica.revision < self.flags.revision) {
            return Seen::Unknown(format!("{} has not heard of the last change yet", late.replica));
        }
        let of = match others.first() {
            None => format!("all of {} processes go by these flags", follow.len()),
            Some(first) => format!("{} overrides the table, by a flag file for instance", first.replica),
        };
        Seen::Known { value: others.len() as f64, of }
    }

    /// Over the journals of all processes that live. Several that share one count it several times: rather too much.
    fn journals(&self, what: &str, of: impl Fn(&Replica) -> Option<f64>, together: impl Fn(f64, f64) -> f64) -> Seen {
        let live = self.replicas.iter().filter(|replica| replica.live);
        match live.filter_map(of).reduce(together) {
            Some(value) => Seen::Known { value, of: String::new() },
            None => Seen::Unknown(format!("no process tells of {what} in its journal")),
        }
    }
}

fn sum(one: f64, other: f64) -> f64 {
    one + other
}

#[cfg(test)]
mod tests;
