//! `crossfade replay`: pairs of the shadow log, asked again.

mod show;

use std::{collections::HashMap, sync::Arc, time::Duration};

use clap::Args;
use crossfade::{
    backend::{meili::MeiliOptions, postgres::PoolSize},
    replay::{Replay as Asking, ReplayError, ReplaySummary, Replayed},
    store::{ShadowRow, Store},
};
use jiff::Timestamp;
use serde::Serialize;

use crate::{database::Database, failure::Failure, meili::MeiliServer, output};

/// How long a side may take.
const DEADLINE: Duration = Duration::from_secs(30);

#[derive(Args)]
#[command(after_help = "\
A pair is asked again as it was: the same text, filter, sort, page and options, on both sides at the same moment, without
the reader. Verdicts, by overlap@10, then agreement NDCG@10, then how many documents differ on the page:
  fixed           the sides differed, or the compared one failed, and nothing differs any more
  better          nearer to each other than they were
  same            as near as they were
  worse           further apart
  not_comparable  a side failed now, or the one that was to answer failed then

In the table, `*` marks what differs between the sides at that time; `+` came, `-` went and `~` moved since then.

Examples:
  export MEILI_URL=http://meili.internal:7700 MEILI_MASTER_KEY=...
  crossfade replay --worst 10 --since 24h
  crossfade replay 4711
  crossfade replay 4711 4712 --explain
  crossfade replay 4711 --index posts_v2 --json

It only reads. Exit codes: 0 every pair was asked on both sides and none is worse than it was, 1 a side failed, a pair is
worse or a row cannot be asked again; 2 wrong usage, 4 the database cannot be reached")]
pub(crate) struct Replay {
    /// Rows of the shadow log, by their column `id`.
    #[arg(value_name = "ID", required_unless_present = "worst", conflicts_with = "worst")]
    ids: Vec<i64>,
    /// The worst pairs instead: settled ones that differ, one of each request.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    worst: Option<u32>,
    /// How far to look back for them: 90m, 24h, 7d.
    #[arg(long, default_value = "24h", value_name = "SPAN", requires = "worst", value_parser = crate::span::positive)]
    since: Duration,
    /// Ask this index on both sides, in place of the one that the read named.
    #[arg(long, value_name = "NAME", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    index: Option<String>,
    /// Ask also what each ranking rule says of the documents that differ.
    #[arg(long)]
    explain: bool,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: MeiliServer,
}

/// All that was found, for programs.
#[derive(Default, Serialize)]
struct Found {
    replayed: Vec<Replayed>,
    refused: Vec<Refused>,
}

/// A row that cannot be asked again.
#[derive(Serialize)]
struct Refused {
    id: i64,
    error: String,
}

#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    found: &'a Found,
    summary: ReplaySummary,
}

pub(crate) async fn run(database: &Database, replay: Replay) -> Result<(), Failure> {
    let meili = replay.server.options()?.timeout(DEADLINE);
    let store = database.connect().await?;
    let mut sides = Sides { database, meili, replay: &replay, by_index: HashMap::new() };
    let mut found = Found::default();
    for row in rows(&store, &replay).await? {
        let replayed = match row {
            Ok(row) => sides.ask(&row).await,
            Err(missing) => Err((missing, ReplayError::NoSuchRow(missing).into())),
        };
        match replayed {
            Ok(replayed) => found.replayed.push(replayed),
            // Of one row that was named there is nothing else to say.
            Err((_, failure)) if replay.ids.len() == 1 => return Err(failure),
            Err((id, Failure::Replay(error))) => found.refused.push(Refused { id, error: error.to_string() }),
            Err((_, failure)) => return Err(failure),
        }
    }
    let summary = ReplaySummary::of(&found.replayed);
    if replay.json {
        output::json(&Shown { found: &found, summary })?;
    } else {
        output::text(&show::text(&found, &summary, replay.worst.is_some()))?;
    }
    match (summary.is_well(), found.refused.len()) {
        (true, 0) => Ok(()),
        (_, refused) => Err(Failure::Replayed(show::trouble(&summary, refused))),
    }
}

/// The rows to ask, or the numbers of those that are not there.
async fn rows(store: &Store, replay: &Replay) -> Result<Vec<Result<ShadowRow, i64>>, Failure> {
    let rows = store.shadow_rows();
    if let Some(worst) = replay.worst {
        // Further back than time goes is: from the beginning.
        let since = Timestamp::now().checked_sub(replay.since).unwrap_or(Timestamp::UNIX_EPOCH);
        return Ok(rows.worst(since, worst).await?.into_iter().map(Ok).collect());
    }
    let mut found = Vec::with_capacity(replay.ids.len());
    for id in &replay.ids {
        found.push(rows.get(*id).await?.ok_or(*id));
    }
    Ok(found)
}

/// Both sides, one pair of each index that is asked.
struct Sides<'a> {
    database: &'a Database,
    meili: MeiliOptions,
    replay: &'a Replay,
    by_index: HashMap<String, Asking>,
}

impl Sides<'_> {
    async fn ask(&mut self, row: &ShadowRow) -> Result<Replayed, (i64, Failure)> {
        let failed = |failure: Failure| (row.id, failure);
        let refused = |error: ReplayError| failed(error.into());
        let query = row.request.as_ref().map_err(|why| refused(ReplayError::of(row, why)))?;
        let index = self.replay.index.as_deref().or(query.index.as_deref());
        let index = index.ok_or_else(|| refused(ReplayError::NoIndex(row.id)))?;
        self.of(index).map_err(failed)?.run(row).await.map_err(refused)
    }

    fn of(&mut self, index: &str) -> Result<&Asking, Failure> {
        if !self.by_index.contains_key(index) {
            let pool =
                PoolSize { max_connections: 2, acquire_timeout: Duration::from_secs(5), statement_timeout: DEADLINE };
            let pg = self.database.postgres()?.application_name("crossfade replay").read_only().pool(pool);
            let (meili, pg) = (self.meili.clone().index(index), pg.index(index));
            let asking = Asking::new(Arc::new(meili), Arc::new(pg)).deadline(DEADLINE).explain(self.replay.explain);
            self.by_index.insert(index.to_owned(), asking.index(Some(index)));
        }
        self.by_index.get(index).ok_or(Failure::NoMeili)
    }
}
