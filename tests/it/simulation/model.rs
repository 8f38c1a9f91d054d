//! That the model of PostgreSQL is what PostgreSQL does: calls drawn at random, made to both.

mod dice;

use std::{collections::BTreeMap, sync::Arc};

use crossfade::{
    backend::{
        postgres::{PostgresOptions, PostgresWriter},
        write::{Stamp, Standing, TargetWriter},
    },
    document::DocumentId,
    settings::IndexSettings,
    store::{DEFAULT_SCHEMA, Store},
    testing::TestPostgres,
};
use futures_util::{StreamExt, stream};
use rand::{SeedableRng, rngs::StdRng};
use serde_json::json;
use sqlx::{Connection, PgConnection};

use self::dice::{Call, Dice, HOUR, IDS};
use super::{
    target::{Postgres, PostgresClient},
    world::{Fuse, Line, World},
};

const SEEDS: u64 = 30;
const STEPS: i64 = 60;

/// As if everything had been written an hour earlier.
const AN_HOUR_PASSES: [&str; 2] = [
    "UPDATE cn_search.search_documents SET written_at = written_at - interval '1 hour' WHERE index_uid = $1",
    "UPDATE cn_search.search_sweeps SET swept_at = swept_at - interval '1 hour' WHERE index_uid = $1",
];

/// One call, and what came of it.
#[derive(Debug)]
struct Step {
    /// Whether an hour has gone by before it.
    later: bool,
    call: Call,
    answer: String,
    /// What stands after it.
    stands: String,
}

/// What stands, written so many hours ago.
fn told(mut stands: Vec<Option<Standing>>) -> String {
    for standing in stands.iter_mut().flatten() {
        standing.stamp = Stamp(0);
        standing.written = HOUR * u32::try_from(standing.written.as_secs() / HOUR.as_secs()).unwrap();
    }
    format!("{stands:?}")
}

/// What comes of calls that are drawn, as the model has it.
fn story(seed: u64) -> Vec<Step> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let world = World::new(seed, false);
        // No call fails.
        world.heal();
        let line = Line { world, fuse: Fuse::new(None), name: "model".into() };
        let model = PostgresClient { server: Arc::<Postgres>::default(), line };
        let mut dice = Dice { dice: StdRng::seed_from_u64(seed), step: 0, later: false };
        let (mut story, mut standing) = (Vec::new(), BTreeMap::new());
        for step in 0..STEPS {
            dice.step = step;
            dice.later = dice.one_in(3);
            if dice.later {
                tokio::time::advance(HOUR).await;
            }
            let call = dice.call(&standing);
            let answer = call.make(&model, "model").await;
            let ids = IDS.map(DocumentId::from);
            let stands = model.read("model", &ids).await.unwrap();
            let version = |(id, stands): (DocumentId, &Option<Standing>)| Some((id, stands.as_ref()?.version));
            standing = ids.into_iter().zip(&stands).filter_map(version).collect();
            story.push(Step { later: dice.later, call, answer, stands: told(stands) });
        }
        story
    })
}

/// Makes the calls of a story to a new index of the server, and compares.
async fn retold(seed: u64, url: &str, options: &PostgresOptions, postgres: &PostgresWriter) {
    // In a thread of its own, as it has a clock of its own.
    let story = std::thread::spawn(move || story(seed)).join().unwrap();
    let mut connection = PgConnection::connect(url).await.unwrap();
    let index = format!("seed {seed}");
    let settings: IndexSettings = serde_json::from_value(json!({})).unwrap();
    options.clone().index(index.as_str()).create("id", &settings).await.unwrap();
    for (number, step) in story.iter().enumerate() {
        if step.later {
            for hour in AN_HOUR_PASSES {
                sqlx::query(hour).bind(&index).execute(&mut connection).await.unwrap();
            }
        }
        let answer = step.call.make(postgres, &index).await;
        let stands = told(postgres.read(&index, &IDS.map(DocumentId::from)).await.unwrap());
        let before = || story[..number].iter().map(|step| format!("{step:?}\n")).collect::<String>();
        assert_eq!(answer, step.answer, "seed {seed}, {step:?}, after\n{}", before());
        assert_eq!(stands, step.stands, "seed {seed}, {step:?}, after\n{}", before());
    }
}

#[tokio::test]
async fn target_is_postgres() {
    let database = TestPostgres::database().await.unwrap();
    Store::connect(database.url(), DEFAULT_SCHEMA).await.unwrap().migrate().await.unwrap();
    let options = PostgresOptions::new(database.url()).unwrap();
    let postgres = options.clone().writer();
    let seeds = (0..SEEDS).map(|seed| retold(seed, database.url(), &options, &postgres));
    stream::iter(seeds).for_each_concurrent(4, |told| told).await;
}
