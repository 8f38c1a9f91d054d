//! `crossfade advance`

use clap::Args;
use crossfade::{
    cutover::{self, Taken},
    gates::StepKind,
};

use crate::{database::Database, failure::Failure, gate::file::GateFile, output};

#[derive(Args)]
#[command(after_help = "\
Takes the next step of the migration if all gates before it pass, and keeps who took it, why, and on which verdict:

  write both sides -> compare 5, 25, 50 % of the reads -> answer 5, 25, 50, 100 % of the readers from pg -> write pg only

--override takes it although gates hold or fail. It does not take a step over a latched rollback, nor the last one, after which
there is no instant way back, before pg has answered all readers for the time that the gate file states and drift is 0.

Exit codes: 0 taken, 3 not taken, 4 the database cannot be reached.")]
pub(crate) struct Advance {
    #[command(flatten)]
    file: GateFile,
    /// The reason; kept.
    #[arg(long, value_name = "TEXT", required_if_eq("overriding", "true"),
        value_parser = clap::builder::NonEmptyStringValueParser::new(), default_value_if("overriding", "false", "the gates pass"))]
    why: Option<String>,
    /// Take the step although the verdict is no pass.
    #[arg(long = "override")]
    overriding: bool,
    /// Who takes it; kept.
    #[arg(long, env = "USER", value_name = "NAME", default_value = "unknown")]
    by: String,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(database: &Database, advance: Advance) -> Result<(), Failure> {
    let policy = advance.file.read()?;
    let why = advance.why.as_deref().unwrap_or("the gates pass");
    let terms = cutover::Advance { by: &advance.by, why, overriding: advance.overriding };
    let taken = cutover::advance(&database.connect().await?, &policy, terms).await?;
    if advance.json {
        output::json(&taken)?
    } else {
        output::text(&show(&taken))?
    }
    Ok(())
}

pub(crate) fn show(taken: &Taken) -> String {
    let Some(step) = &taken.on.decision.step else { return "no step".to_owned() };
    let word = if taken.overridden { "overriding" } else { "on" };
    let mut text = format!(
        "taken: {} ({word} verdict {}, {}), revision {}",
        step.what,
        taken.on.verdict_id,
        taken.on.decision.verdict.as_str(),
        taken.revision
    );
    for (flag, value) in &step.sets {
        text.push_str(&format!("\n  {flag} = {value}"));
    }
    if step.kind == StepKind::TargetOnly {
        text.push_str(
            "\nMeilisearch is no longer written: from here there is no instant way back. `crossfade flags set search_write_mode \
             dual` writes both again, and Meilisearch has to be brought up to date before anybody reads from it.",
        );
    } else if step.kind >= StepKind::Canary {
        text.push_str("\nback at any time, at once: crossfade rollback --why TEXT");
    }
    text
}
