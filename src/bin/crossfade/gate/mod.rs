//! `crossfade gate`

pub(crate) mod file;
mod show;

use std::process::ExitCode;

use clap::Args;
use crossfade::{
    cutover::{Kept, judge},
    gates::{DEFAULTS, Metric, Verdict},
};

pub(crate) use self::show::decision as show;
use crate::{database::Database, failure::Failure, gate::file::GateFile, output};

#[derive(Args)]
#[command(after_help = "\
Says whether the migration may take its next step: pass, hold (not enough is known yet) or fail. May be asked as often as one
likes: its bounds hold at every look. Each verdict is kept, with all it was reached by.

Exit codes: 0 pass, 1 fail, 2 hold; 3 the gate file is refused, 4 the database cannot be reached.

Examples:
  crossfade gate
  crossfade gate --gates gates.toml --json | jq '.gates[] | select(.verdict != \"pass\")'
  crossfade gate --defaults > gates.toml
  crossfade gate --query overlap_at_10")]
pub(crate) struct Gate {
    #[command(flatten)]
    file: GateFile,
    /// Print the gates that stand unless a file says otherwise, as a gate file.
    #[arg(long, conflicts_with_all = ["query", "json"])]
    defaults: bool,
    /// Print the query that feeds a metric.
    #[arg(long, value_name = "METRIC", conflicts_with = "json", value_parser = metric)]
    query: Option<Metric>,
    /// Who asks; kept with the verdict.
    #[arg(long, env = "USER", value_name = "NAME", default_value = "unknown")]
    by: String,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(database: &Database, gate: Gate) -> Result<ExitCode, Failure> {
    if gate.defaults {
        output::text(DEFAULTS.trim_end())?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(metric) = gate.query {
        output::text(&output::unindented(metric.query()))?;
        return Ok(ExitCode::SUCCESS);
    }
    let policy = gate.file.read()?;
    let kept = judge(&database.connect().await?, &policy, &gate.by).await?;
    if gate.json {
        output::json(&kept)?
    } else {
        output::text(&show(&kept))?
    }
    Ok(code(&kept))
}

fn code(kept: &Kept) -> ExitCode {
    ExitCode::from(match kept.decision.verdict {
        Verdict::Pass => 0,
        Verdict::Fail => 1,
        Verdict::Hold => 2,
    })
}

fn metric(name: &str) -> Result<Metric, String> {
    name.parse().map_err(|()| format!("give one of {}", Metric::ALL.map(Metric::name).join(", ")))
}
