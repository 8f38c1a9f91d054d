//! What the drill found, as a page or as one JSON object.

use std::{fmt, time::Duration};

use axum::{Router, body::Body};
use crossfade::{plan::Phase, store::Report};
use http::Request;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::{
    fault::Guarded,
    live::Live,
    outage,
    proof::Proof,
    walk::{Result, Walked},
};

pub struct Results {
    pub walked: Walked,
    pub report: Report,
    /// What the pairs show by phase, and on which engine.
    pub live: Live,
    pub proof: Proof,
    /// Of the service's metrics: writes that were tried again.
    pub retried: u64,
    /// Dead letters in the journal.
    pub dead: u64,
    /// Searches that the double answered from a recording; `None` for a real server.
    pub recorded: Option<u64>,
}

pub fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e5).round() / 1e2
}

/// The sum of a counter over its labels, as the service shows it.
pub async fn metric(router: Router, name: &str) -> Result<u64> {
    let Ok(response) = router.oneshot(Request::get("/metrics").body(Body::empty())?).await;
    let page = response.into_body().collect().await?.to_bytes();
    let page = String::from_utf8_lossy(&page);
    let lines = page.lines().filter(|line| line.starts_with(name));
    Ok(lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum())
}

impl Results {
    /// Whether all went as it should; otherwise what did not.
    pub fn verdict(&self) -> std::result::Result<(), String> {
        let (failed, Proof { lost, drift, .. }) = (self.walked.failed, &self.proof);
        if failed == 0 && self.proof.holds() && self.walked.rollback.missing == 0 {
            self.gates()?;
            let backfilled = self.walked.backfill.as_ref().ok_or("nothing was copied")?;
            return backfilled.verdict();
        }
        let missing = self.walked.rollback.missing;
        let examples: String = self.proof.examples.iter().map(|example| format!("\n  {example}")).collect();
        Err(format!(
            "{failed} reads failed, {lost} acknowledged writes are lost, {drift} documents differ, and after the \
             rollback Meilisearch did not show {missing}{examples}"
        ))
    }

    /// Whether gates held where too little was known, and the way was gone to its end.
    fn gates(&self) -> std::result::Result<(), String> {
        let Walked { passages, ended, .. } = &self.walked;
        if *ended != Phase::TargetOnly {
            return Err(format!("the way ended in {ended}"));
        }
        let of_samples = |gate: &String| gate.ends_with("samples)");
        if self.live.of_phase(Phase::Shadow.as_str()).is_none_or(|measured| measured.settled == 0) {
            return Err("no pair of the shadow phases was settled: nothing is known of the overlap".to_owned());
        }
        if !passages.iter().any(|passage| passage.held > 0 && passage.first_held.iter().any(of_samples)) {
            return Err("no gate held for want of samples".to_owned());
        }
        Ok(())
    }

    /// Against what the overlap was measured.
    fn reference(&self) -> String {
        match self.recorded {
            Some(answers) => format!("{} ({answers} of them given)", self.live.engine),
            None => self.live.engine.to_string(),
        }
    }

    /// How long half of the bursts of writes took to stand on both sides, and the slowest; `None` if none was waited for.
    fn stood(&self) -> Option<(Duration, Duration)> {
        let stood = &self.walked.stood;
        Some((*stood.get(stood.len() / 2)?, *stood.last()?))
    }

    pub fn json(&self) -> Value {
        let Self { walked, report, proof, .. } = self;
        let outcomes = report.overall.outcomes.iter().map(|(outcome, count)| (outcome.clone(), json!(count.stored)));
        let mut results = json!({
            "requests": walked.requests,
            "failed_requests": walked.failed,
            "shadow_outcomes": outcomes.collect::<serde_json::Map<_, _>>(),
            "overlap_at_10": report.overall.compared.overlap_at_10,
            "latency_ms": report.overall.compared.latency_ms,
            "rollback_ms": milliseconds(walked.rollback.to_last_pg_answer),
            "rollback_caught_up_ms": milliseconds(walked.rollback.caught_up),
            "writes_acknowledged": walked.writes.acknowledged,
            "writes_refused": walked.writes.refused,
            "writes_retried": self.retried,
            "writes_dead": self.dead,
            "writes_lost": proof.lost,
            "drift_documents": proof.drift,
            "documents": { "meili": proof.meili, "pg": proof.pg },
            "gates": walked.passages,
            "guard": walked.guarded,
            "ended": walked.ended,
            "outages": walked.outages,
            "task_faults": walked.task_faults,
            "drained_ms": milliseconds(walked.drained),
            "phases": walked.phases,
            "compared_with": self.reference(),
            "live": self.live,
            "bursts": {
                "waited_for": walked.stood.len(),
                "stood_p50_ms": self.stood().map(|(half, _)| milliseconds(half)),
                "stood_max_ms": self.stood().map(|(_, slowest)| milliseconds(slowest)),
            },
            "report": report,
        });
        if let (Some(results), Some(backfill)) = (results.as_object_mut(), &walked.backfill) {
            results.extend(backfill.json());
        }
        results
    }
}

impl fmt::Display for Results {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { walked, report, proof, retried, dead, .. } = self;
        let (rollback, writes) = (&walked.rollback, &walked.writes);
        let line = |f: &mut fmt::Formatter<'_>, label: &str, text: String| writeln!(f, "{label:<17}{text}");
        let ms = |duration| format!("{:.0} ms", milliseconds(duration));
        writeln!(f, "\n{report}")?;
        line(f, "compared with", self.reference())?;
        for (number, measured) in self.live.phases.iter().enumerate() {
            line(f, if number == 0 { "measured live" } else { "" }, measured.to_string())?;
        }
        line(f, "reads", format!("{} in all, {} failed", walked.requests, walked.failed))?;
        if let Some(backfill) = &walked.backfill {
            for (label, text) in backfill.lines() {
                line(f, label, text)?;
            }
        }
        let held = walked.passages.iter().filter(|passage| passage.held > 0).count();
        let overridden = walked.passages.iter().filter(|passage| passage.overridden).count();
        let steps = walked.passages.len();
        line(
            f,
            "gates",
            format!("{steps} steps: {held} after gates had held, {overridden} overridden; ended in {}", walked.ended),
        )?;
        if let Some(Guarded { rolled_back_ms, told_ms, .. }) = &walked.guarded {
            let told = format!("{told_ms:.0} ms after the return of PostgreSQL its table knew");
            line(f, "guard", format!("rolled back {rolled_back_ms:.0} ms after the fault, by itself; {told}"))?;
        }
        let to_last = milliseconds(rollback.to_last_pg_answer);
        line(f, "rollback", format!("{to_last} ms from the change of the flag to the last answer from pg"))?;
        let caught_up = ms(rollback.caught_up);
        line(f, "", format!("{caught_up} until Meilisearch showed every write that pg had decided"))?;
        let made = format!("{} acknowledged, {} refused", writes.acknowledged, writes.refused);
        line(f, "writes", format!("{made}, {retried} tried again, {dead} dead, {} lost", proof.lost))?;
        if let Some((half, slowest)) = self.stood() {
            let bursts = walked.stood.len();
            line(
                f,
                "",
                format!("{bursts} bursts stood {} after their last write, the slowest {}", ms(half), ms(slowest)),
            )?;
        }
        line(
            f,
            "task faults",
            format!("{} tasks of accepted writes canceled, failed or forgotten", walked.task_faults),
        )?;
        for outage in &walked.outages {
            let (name, down, up) = (outage::name(outage.side), outage.down_ms, outage.caught_up_ms);
            let waiting = format!("{} writes waited, and stood {up:.0} ms after its return", outage.waiting);
            line(f, "outage", format!("{name} was down for {down:.0} ms; {waiting}"))?;
        }
        line(f, "journal", format!("empty {} after the last write", ms(walked.drained)))?;
        for (label, side) in [("in Meilisearch", &proof.meili), ("in PostgreSQL", &proof.pg)] {
            line(f, label, format!("{} documents, sha256 {}", side.documents, side.hash))?;
        }
        write!(f, "{:<17}{} documents differ", "drift", proof.drift)
    }
}
