//! `crossfade flags`

use clap::{Args, Subcommand};
use crossfade::{
    gates::{Look, last_step},
    plan::{self, Flag, FlagSet, Phase, Plan, WriteMode},
    store::{FlagChange, Latch, Store, StoreError, StoredFlag, StoredFlags},
};
use serde::Serialize;

use crate::{failure::Failure, gate::file::GateFile, output};

#[derive(Args)]
#[command(after_help = "\
`crossfade advance` takes the steps of a migration on evidence. By hand:
  crossfade flags set search_write_mode dual --why 'write both sides'
  crossfade flags set shadow_sample_rate 5 --why 'compare 5 % of the reads'
  crossfade flags set search_read_pg_percent 5 --why 'prepare the canary'
  crossfade flags set search_read_backend pg --why 'canary: 5 % of the readers'
  crossfade flags set search_read_pg_percent 100 --why 'cut over; Meilisearch is kept current'
  crossfade flags set search_write_mode pg_only --why 'done; Meilisearch is no longer written'

Back at any time before the last step, at once and for every reader, also while PostgreSQL is down:
  crossfade rollback --why 'worse than before'

Back after the last step takes longer: Meilisearch has missed the writes of the time on pg_only,
and must be brought up to date before anybody reads from it:
  crossfade flags set search_write_mode dual --why 'write both again'

The emergency brake, which also ends the writes to PostgreSQL and marks it stale:
  crossfade flags set search_write_mode meili_only --why 'PostgreSQL is in trouble'")]
pub(crate) struct Flags {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Show the flags in the table, and the phase they make.
    Get {
        /// Only this flag, and only its value.
        flag: Option<String>,
        #[command(flatten)]
        format: Format,
    },
    /// Set a flag. Takes effect in every replica at once, except where a local flag file overrides it.
    #[command(after_help = "\
Flags and values (the default first):
  search_write_mode       meili_only, dual, pg_only: one step at a time
  search_read_backend     meili, pg
  search_read_pg_percent  100 ... 0: the share of readers on pg
  shadow_sample_rate      0 ... 100: the share of reads that is compared")]
    Set {
        /// The name of the flag.
        flag: String,
        /// Its new value.
        value: String,
        /// Set search_write_mode=pg_only although pg has not answered all readers for long enough, or drift is not known to be 0.
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        gates: GateFile,
        #[command(flatten)]
        change: Change,
        #[command(flatten)]
        format: Format,
    },
    /// Show who changed what, when and why; the newest first.
    History {
        /// How many changes.
        #[arg(long, default_value_t = 20, value_name = "N")]
        limit: u32,
        #[command(flatten)]
        format: Format,
    },
    /// Allow reads from PostgreSQL again, after a backfill or a drift repair has brought it up to date.
    ClearStale {
        #[command(flatten)]
        change: Change,
        #[command(flatten)]
        format: Format,
    },
}

#[derive(Args)]
pub(crate) struct Change {
    /// Who changes it; kept in the history.
    // A container often has no USER: that must not stand in the way of a rollback.
    #[arg(long, env = "USER", value_name = "NAME", default_value = "unknown")]
    pub(crate) by: String,
    /// The reason; kept in the history.
    #[arg(long, value_name = "TEXT", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub(crate) why: String,
}

#[derive(Args)]
pub(crate) struct Format {
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// The answer of `get`, `set` and `clear-stale`.
#[derive(Serialize)]
struct Shown {
    phase: Phase,
    revision: i64,
    target_stale: bool,
    latch: Option<Latch>,
    flags: Vec<ShownFlag>,
}

#[derive(Serialize)]
struct ShownFlag {
    flag: &'static str,
    value: String,
    /// Who set it and when; nothing for a default.
    set: Option<Set>,
}

#[derive(Serialize)]
struct Set {
    by: String,
    at: String,
}

pub(crate) async fn run(store: &Store, flags: Flags) -> Result<(), Failure> {
    let table = store.flags();
    match flags.command {
        Command::Get { flag: None, format } => show(&table.read().await?, &format),
        Command::Get { flag: Some(name), format } => {
            let flag: Flag = name.parse().map_err(refused)?;
            let shown = Shown::of(&table.read().await?)?;
            match shown.flags.iter().find(|shown| shown.flag == flag.name()) {
                Some(shown) if format.json => Ok(output::json(shown)?),
                shown => Ok(output::text(shown.map_or("", |shown| &shown.value))?),
            }
        }
        Command::Set { flag, value, force, gates, change, format } => {
            if !force && (flag.as_str(), value.as_str()) == (Flag::WriteMode.name(), WriteMode::PgOnly.as_str()) {
                has_a_way_back(store, &gates).await?;
            }
            table.set(&flag, &value, &change.by, &change.why).await?;
            show(&table.read().await?, &format)
        }
        Command::ClearStale { change, format } => {
            table.clear_stale(&change.by, &change.why).await?;
            show(&table.read().await?, &format)
        }
        Command::History { limit, format } => {
            let history = table.history(limit).await?;
            if format.json {
                return Ok(output::json(&history)?);
            }
            let row = |change: FlagChange| {
                let FlagChange { flag, old, new, who, db_user, why, when } = change;
                [when.to_string(), flag, old, new, who, db_user, why]
            };
            let rows: Vec<[String; 7]> = history.into_iter().map(row).collect();
            Ok(output::text(&output::columns(["WHEN", "FLAG", "OLD", "NEW", "WHO", "DB USER", "WHY"], &rows))?)
        }
    }
}

/// The step without an instant way back is not taken by a slip of the hand.
async fn has_a_way_back(store: &Store, gates: &GateFile) -> Result<(), Failure> {
    let policy = gates.read()?;
    let look = Look::take(store, &policy).await?;
    // Where readers are not all on PostgreSQL the rules refuse it, and say so better.
    let all_readers = look.phase().map_err(refused)? == Phase::TargetPrimary;
    match last_step(&policy, &look) {
        blocked if all_readers && !blocked.is_empty() => Err(Failure::NoWayBackYet(blocked.join("; "))),
        _ => Ok(()),
    }
}

fn show(stored: &StoredFlags, format: &Format) -> Result<(), Failure> {
    let shown = Shown::of(stored)?;
    if format.json {
        return Ok(output::json(&shown)?);
    }
    Ok(output::text(&shown.to_text())?)
}

impl Shown {
    fn of(stored: &StoredFlags) -> Result<Self, Failure> {
        let set = FlagSet::parse(stored.reading().texts).map_err(refused)?;
        let values = set.over(plan::Flags::default());
        let flag = |flag: Flag| {
            let row = stored.flags.iter().find(|row| row.flag == flag.name());
            ShownFlag { flag: flag.name(), value: values.text(flag), set: row.map(Set::of) }
        };
        Ok(Self {
            phase: Plan::new(values).phase(),
            revision: stored.revision,
            target_stale: stored.target_stale,
            latch: stored.latch.clone(),
            flags: Flag::ALL.into_iter().map(flag).collect(),
        })
    }

    fn to_text(&self) -> String {
        let rows: Vec<[String; 4]> = self.flags.iter().map(ShownFlag::to_row).collect();
        let mut text = output::columns(["FLAG", "VALUE", "SET BY", "SET AT"], &rows);
        text.push_str(&format!("\n\nphase: {}", self.phase));
        if self.target_stale {
            text.push_str(
                "\nstale: PostgreSQL has missed writes; reads from it are refused until a backfill or a drift repair \
                 and `crossfade flags clear-stale`",
            );
        }
        if let Some(Latch { by, why, at }) = &self.latch {
            let (by, why) = (output::plain(by), output::plain(why));
            text.push_str(&format!(
                "\nlatched: rolled back by {by} at {at}: {why}; reads from PostgreSQL are refused until `crossfade rollback \
                 clear --why ...`"
            ));
        }
        text
    }
}

impl ShownFlag {
    fn to_row(&self) -> [String; 4] {
        let (by, at) = self.set.as_ref().map_or(("(default)", ""), |set| (&set.by, &set.at));
        [self.flag.to_owned(), self.value.clone(), by.to_owned(), at.to_owned()]
    }
}

impl Set {
    fn of(row: &StoredFlag) -> Self {
        Self { by: row.updated_by.clone(), at: row.updated_at.to_string() }
    }
}

/// The same refusal as the database would give.
pub(crate) fn refused(refusal: plan::Refusal) -> Failure {
    StoreError::Refused { rule: refusal.rule().name().to_owned(), message: refusal.to_string() }.into()
}
