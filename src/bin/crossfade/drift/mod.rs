//! `crossfade drift`

mod progress;
mod show;

use std::{sync::Arc, time::Duration};

use clap::{Args, Subcommand};
use crossfade::{
    drift::{DriftCheck, DriftRepair, DriftSample, RepairPlan, RepairReport, deciding_side},
    plan::{self, FlagSet, Flagging, Plan, PlanHandle},
    store::{Store, StoreError, StoredFlags, evidence::DriftSeen},
};
use tokio_util::sync::CancellationToken;

use self::progress::Progress;
use crate::{database::Database, failure::Failure, meili::MeiliIndex, output};

/// Differences that are listed for people, and for programs.
const LISTED: (usize, usize) = (20, 1000);

#[derive(Args)]
#[command(after_help = "\
Documents on which the sides differ, from the point of view of PostgreSQL:
  missing    Meilisearch has it, PostgreSQL has never known it
  extra      PostgreSQL has it, Meilisearch has not
  stale      both have it, with different content
  tombstone  Meilisearch has it, PostgreSQL has deleted it

Examples:
  export MEILI_URL=http://meili.internal:7700 MEILI_MASTER_KEY=...
  crossfade drift check --index posts
  crossfade drift check --index posts --settle 10s --json > drift.json
  crossfade drift repair --index posts --dry-run
  crossfade drift repair --index posts --rate 200
  crossfade drift repair --index posts --clear-stale --why 'repaired after the outage'
  crossfade drift sample --index posts --documents 500

`check` and `sample` only read, and may run at any time. They end with exit code 0 only if everything was read and nothing
differs, and with 1 if something does, settings included. `repair` copies documents from the side that decides writes (the
one that answers all reads) to the other, and needs search_write_mode=dual; it leaves settings alone.")]
pub(crate) struct Drift {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Compare all documents and the settings of an index on both sides.
    Check {
        #[command(flatten)]
        looking: Looking,
    },
    /// Copy what differs from the side that decides to the other one.
    Repair {
        #[command(flatten)]
        looking: Looking,
        /// Only show what would be done; nothing that could write is opened.
        #[arg(long, conflicts_with_all = ["clear_stale", "rate"])]
        dry_run: bool,
        /// Documents repaired in a second, at most.
        #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..))]
        rate: u32,
        /// Delete also more than a tenth of a side, because the one that decides does not have those documents.
        #[arg(long, conflicts_with = "dry_run")]
        allow_deletions: bool,
        /// If nothing differs any more, allow reads from PostgreSQL again after the emergency brake.
        #[arg(long, requires = "why")]
        clear_stale: bool,
        /// The reason for that; kept in the history of the flags.
        #[arg(long, value_name = "TEXT", requires = "clear_stale",
            value_parser = clap::builder::NonEmptyStringValueParser::new())]
        why: Option<String>,
        /// Who does it; kept in the history.
        #[arg(long, env = "USER", value_name = "NAME", default_value = "unknown")]
        by: String,
    },
    /// Compare documents drawn at random from each side: quick, but no proof.
    Sample {
        #[command(flatten)]
        looking: Looking,
        /// How many documents are drawn from each side.
        #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..))]
        documents: u64,
    },
}

#[derive(Args)]
struct Looking {
    #[command(flatten)]
    index: MeiliIndex,
    /// How long a write may take to stand on both sides: 2s, 500ms, 1m.
    #[arg(long, value_name = "SPAN", default_value = "2s", value_parser = crate::span::any)]
    settle: Duration,
    /// How many differences are listed; all are counted [default: 20, or 1000 with --json].
    #[arg(long, value_name = "N")]
    list: Option<usize>,
    /// With what the documents hold, which may be confidential.
    #[arg(long, requires = "json")]
    values: bool,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(database: &Database, drift: Drift) -> Result<(), Failure> {
    // Told apart first: a side that is away otherwise shows only after a while.
    let store = database.connect().await?;
    match drift.command {
        Command::Check { looking } => check(database, &store, &looking).await,
        Command::Sample { looking, documents } => sample(database, &looking, documents).await,
        Command::Repair { looking, dry_run: true, .. } => dry_run(database, &store, &looking).await,
        Command::Repair { looking, rate, allow_deletions, clear_stale, why, by, dry_run: false } => {
            let stored = store.flags().read().await?;
            deciding_side(plan_of(&stored)?)?;
            let report =
                repair(database, &store, &looking, |repair| repair.rate(rate).allow_deletions(allow_deletions)).await?;
            let stale = stored.target_stale;
            let cleared = match why.filter(|_| clear_stale && stale && report.agrees) {
                Some(why) => {
                    store.flags().clear_stale(&by, &why).await?;
                    true
                }
                None => false,
            };
            if looking.json {
                output::json(&show::Repaired { report: &report, target_stale: stale && !cleared })?;
            } else {
                output::text(&show::repair(&report, stale, cleared))?;
            }
            keep(&store, &report.seen()).await;
            if report.agrees { Ok(()) } else { Err(Failure::StillDiffering) }
        }
    }
}

async fn check(database: &Database, store: &Store, looking: &Looking) -> Result<(), Failure> {
    let mut progress = Progress::new();
    let report = looking.check(database)?.run(|now| progress.tell(now)).await;
    progress.end();
    let report = report?;
    if looking.json {
        output::json(&report)?;
    } else {
        output::text(&show::check(&report))?;
    }
    keep(store, &report.seen()).await;
    if report.agrees && report.settings.is_empty() { Ok(()) } else { Err(Failure::Differing) }
}

/// For the gate on drift. Whoever may only read still has his answer.
async fn keep(store: &Store, seen: &DriftSeen) {
    if let Err(error) = store.evidence().keep_drift(seen).await {
        eprintln!("note: the outcome is not kept for `crossfade gate`: {error}");
    }
}

async fn sample(database: &Database, looking: &Looking, documents: u64) -> Result<(), Failure> {
    let sampled = DriftSample::new(looking.check(database)?, documents).run().await?;
    if looking.json {
        output::json(&sampled)?;
    } else {
        output::text(&show::sample(&sampled))?;
    }
    if sampled.agrees() { Ok(()) } else { Err(Failure::Differing) }
}

/// There is no writer in here.
async fn dry_run(database: &Database, store: &Store, looking: &Looking) -> Result<(), Failure> {
    let authority = deciding_side(plan_of(&store.flags().read().await?)?)?;
    let mut progress = Progress::new();
    let report = looking.check(database)?.run(|now| progress.tell(now)).await;
    progress.end();
    let report = report?;
    let plan = RepairPlan::of(&report.counts, authority);
    if looking.json {
        output::json(&show::Planned { check: &report, would_do: plan })?;
    } else {
        output::text(&show::dry_run(&report, &plan))?;
    }
    Ok(())
}

async fn repair(
    database: &Database,
    store: &Store,
    looking: &Looking,
    with: impl FnOnce(DriftRepair) -> DriftRepair,
) -> Result<RepairReport, Failure> {
    // Followed, not only read: should another side become the one that decides, the repair stops.
    let (plan, watcher) = PlanHandle::watch(Flagging::new().table(store.flags().watch())).await;
    let source = Arc::new(looking.index.options()?.writer());
    let target = Arc::new(database.postgres()?.writer());
    let repair = with(DriftRepair::new(looking.check(database)?, source, target, plan));
    let (mut progress, stop) = (Progress::new(), CancellationToken::new());
    let repairing = async {
        let _stop = stop.clone().drop_guard();
        repair.run(|now| progress.tell(now)).await
    };
    let (report, _) = tokio::join!(Box::pin(repairing), watcher.run(stop.clone()));
    progress.end();
    Ok(report?)
}

impl Looking {
    fn check(&self, database: &Database) -> Result<DriftCheck, Failure> {
        let source = self.index.options()?.index(self.index.name());
        let target = database.postgres()?.read_only().index(self.index.name());
        let listed = if self.json { LISTED.1 } else { LISTED.0 };
        let check = DriftCheck::new(source, target).settle(self.settle).values(self.values);
        Ok(check.keep(self.list.unwrap_or(listed)))
    }
}

/// The plan that the flags in the table make.
fn plan_of(stored: &StoredFlags) -> Result<Plan, Failure> {
    let refused = |refusal: plan::Refusal| {
        Failure::from(StoreError::Refused { rule: refusal.rule().name().to_owned(), message: refusal.to_string() })
    };
    let set = FlagSet::parse(stored.reading().texts).map_err(refused)?;
    Ok(Plan::new(set.over(plan::Flags::default())))
}
