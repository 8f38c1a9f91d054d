//! `crossfade ramp`

use std::time::Duration;

use clap::Args;
use crossfade::{
    cutover::{self, CutoverError, RampOptions, Round},
    gates::StepKind,
};
use jiff::Timestamp;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::{database::Database, failure::Failure, gate::file::GateFile, output, stop::Stop};

#[derive(Args)]
#[command(after_help = "\
Looks at the gates again and again, and says when the next step may be taken; with --act it takes the steps itself, each after
the last one has stood for `ramp.dwell` of the gate file. Several may run: one works, the others stand by.

It never goes back: that is done by the guard in the processes of the service, and by `crossfade rollback`. After a
rollback it takes no step until somebody has cleared the latch. The step without an instant way back it proposes only, unless told
otherwise by --up-to target_only.

Examples:
  crossfade ramp                       # proposes
  crossfade ramp --act --up-to canary_more
  crossfade ramp --once --json")]
pub(crate) struct Ramp {
    #[command(flatten)]
    file: GateFile,
    /// Take the steps, and not only propose them.
    #[arg(long)]
    act: bool,
    /// The last kind of step that is taken.
    #[arg(long, value_name = "STEP", default_value = "target_primary", value_parser = kind)]
    up_to: StepKind,
    /// How often to look: 30s, 5m.
    #[arg(long, value_name = "SPAN", default_value = "1m", value_parser = crate::span::positive)]
    every: Duration,
    /// Look once, and end.
    #[arg(long)]
    once: bool,
    /// Under which name steps are kept.
    #[arg(long, value_name = "NAME", default_value = "ramp")]
    by: String,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
}

/// A look that failed, for programs.
#[derive(Serialize)]
struct Failed {
    round: &'static str,
    error: String,
}

pub(crate) async fn run(database: &Database, ramp: Ramp) -> Result<(), Failure> {
    let policy = ramp.file.read()?;
    let options = RampOptions { acts: ramp.act, every: ramp.every, up_to: ramp.up_to, by: ramp.by };
    let controller = cutover::Ramp::new(database.connect().await?, policy, options);
    if ramp.once {
        let round = controller.round().await;
        // Otherwise whoever looks next would have to stand by until the lease has run out.
        controller.leave().await;
        return tell(&Ok(round?), ramp.json);
    }
    let (asked, stop) = (Stop::listen(), CancellationToken::new());
    let mut last = String::new();
    let mut failed = None;
    let rounds = controller.run(stop.clone(), |round| {
        // What is as it was need not be said again.
        let now = line(&round);
        if ramp.json || now != last {
            if let Err(failure) = tell(&round, ramp.json) {
                failed = Some(failure);
                stop.cancel();
            }
            last = now;
        }
    });
    tokio::select! {
        () = rounds => {}
        // It gives its lease back before it ends.
        () = async { asked.asked().await; stop.cancel(); std::future::pending().await } => {}
    }
    failed.map_or(Ok(()), Err)
}

fn tell(round: &Result<Round, CutoverError>, json: bool) -> Result<(), Failure> {
    match round {
        Ok(round) if json => output::line(round)?,
        Err(error) if json => output::line(&Failed { round: "failed", error: error.to_string() })?,
        round => output::text(&format!("{:.0}  {}", Timestamp::now(), line(round)))?,
    }
    Ok(())
}

fn line(round: &Result<Round, CutoverError>) -> String {
    match round {
        Err(error) => format!("cannot look: {error}"),
        Ok(Round::StandsBy) => "stands by: another process does it".to_owned(),
        Ok(Round::Waits { decision }) => {
            let open: Vec<String> = decision
                .gates
                .iter()
                .filter(|judged| judged.counts && judged.verdict != crossfade::gates::Verdict::Pass)
                .map(|judged| format!("{} {}", judged.gate, judged.verdict.as_str()))
                .chain(decision.blocked.iter().cloned())
                .collect();
            format!("{}: {}", decision.verdict.as_str(), open.join(", "))
        }
        Ok(Round::Dwells { until, .. }) => format!("pass; the step stands until {until:.0} before the next"),
        Ok(Round::Proposes { on }) => {
            let what = on.decision.step.as_ref().map_or("", |step| &step.what);
            format!("pass: {what}? `crossfade advance` takes the step (verdict {})", on.verdict_id)
        }
        Ok(Round::Took { taken }) => crate::advance::show(taken),
        Ok(Round::Overtaken) => "somebody has changed a flag in the same moment".to_owned(),
        Ok(Round::Ended) => "the migration is at its end".to_owned(),
    }
}

fn kind(name: &str) -> Result<StepKind, String> {
    let known = StepKind::ALL.into_iter().find(|kind| kind.name() == name);
    known.ok_or_else(|| format!("give one of {}", StepKind::ALL.map(StepKind::name).join(", ")))
}
