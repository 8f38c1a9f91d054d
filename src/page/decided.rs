//! What the gates decided, as the page shows it.

use super::{ClassRow, DriftSeen, Noise, Page, VerdictRow, VerdictTable};
use crate::{
    gates::{ClassQuality, Decision, Goal, Judged},
    store::evidence,
};

impl Page {
    /// Everything that a decision says: verdicts, quality by class, the noise floor.
    pub fn decision(self, decision: &Decision, latch: Option<String>) -> Self {
        let page = self.verdicts(VerdictTable {
            overall: decision.verdict,
            next_step: decision.step.as_ref().map(|step| step.what.clone()),
            rows: decision.gates.iter().map(VerdictRow::from).collect(),
            latch,
        });
        let page = page.classes(decision.classes.iter().map(ClassRow::from).collect());
        match decision.noise {
            Some(noise) => page.noise(Noise { pairs: noise.pairs, overlap: noise.overlap_at_10 }),
            None => page,
        }
    }

    /// The last comparison of each index, as it was kept.
    pub fn compared(self, checks: Vec<evidence::DriftSeen>) -> Self {
        self.drift(checks.into_iter().map(DriftSeen::from).collect())
    }
}

impl From<&Judged> for VerdictRow {
    fn from(judged: &Judged) -> Self {
        Self {
            gate: judged.gate.clone(),
            class: judged.class.map(|class| class.to_string()),
            verdict: judged.verdict,
            value: judged.value,
            lower: judged.lower,
            upper: judged.upper,
            threshold: judged.goal.threshold(),
            at_least: matches!(judged.goal, Goal::AtLeast(_)),
            unit: judged.unit.name(),
            samples: judged.samples.unwrap_or(0),
            min_samples: judged.samples.map_or(0, |_| judged.min_samples),
            why: judged.why.clone(),
            counts: judged.counts,
        }
    }
}

impl From<&ClassQuality> for ClassRow {
    fn from(quality: &ClassQuality) -> Self {
        Self {
            class: quality.class.to_string(),
            pairs: quality.pairs,
            overlap: quality.overlap_at_10,
            identical_order: quality.identical_order,
            agreement: quality.agreement_ndcg_at_10,
            pg_p95_ms: quality.pg_p95_ms,
        }
    }
}

impl From<evidence::DriftSeen> for DriftSeen {
    fn from(seen: evidence::DriftSeen) -> Self {
        let kinds =
            [("missing", seen.missing), ("extra", seen.extra), ("stale", seen.stale), ("tombstone", seen.tombstone)];
        Self {
            index: seen.index,
            checked_at: seen.began,
            meili_documents: seen.meili_documents,
            pg_documents: seen.pg_documents,
            differing: kinds.into_iter().map(|(kind, documents)| (kind.to_owned(), documents)).collect(),
        }
    }
}
