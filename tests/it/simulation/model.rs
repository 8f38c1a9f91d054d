//! That the model of PostgreSQL is what PostgreSQL does: calls drawn at random, made to both.

mod dice;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crossfade::{
    backend::{
        postgres::{PostgresOptions, PostgresWriter},
        write::{Standing, TargetWriter},
    },
    document::{DocumentId, Version},
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
    /// Whether PostgreSQL may call a write contended that has met nobody, see [`Others`].
    wary: bool,
    answer: String,
    /// What stands after it.
    stands: String,
}

/// Documents that were last changed by something else than a write. PostgreSQL keeps for them too whether they were
/// contended, for a write that is made once more; and takes what it keeps for that of any write of the same version.
#[derive(Default)]
struct Others(BTreeSet<DocumentId>);

impl Others {
    /// Whether a call writes one of them under the version it has.
    fn met(&self, call: &Call, standing: &BTreeMap<DocumentId, Version>) -> bool {
        let Call::Write(_, batch) = call else { return false };
        batch.iter().any(|write| self.0.contains(&write.id) && standing.get(&write.id) == Some(&write.version))
    }

    fn note(&mut self, call: &Call, before: &BTreeMap<DocumentId, Version>, after: &BTreeMap<DocumentId, Version>) {
        match call {
            Call::Write(_, batch) => {
                for write in batch {
                    if before.get(&write.id) != Some(&write.version) && after.get(&write.id) == Some(&write.version) {
                        self.0.remove(&write.id);
                    }
                }
            }
            Call::Merge(_, batch) => self.0.extend(batch.iter().map(|(id, ..)| id.clone())),
            Call::Replace(_, batch) => {
                let replaced = batch.iter().filter(|replacement| replacement.with.is_some());
                self.0.extend(replaced.map(|replacement| replacement.id.clone()));
            }
            Call::Sweep(..) => self.0.extend(IDS.map(DocumentId::from)),
            Call::Matching(..) | Call::Tombstones(..) => {}
        }
    }
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
        let (mut story, mut others, mut standing) = (Vec::new(), Others::default(), BTreeMap::new());
        for step in 0..STEPS {
            dice.step = step;
            dice.later = dice.one_in(3);
            if dice.later {
                tokio::time::advance(HOUR).await;
            }
            let call = dice.call(&standing);
            let wary = others.met(&call, &standing);
            let answer = call.make(&model, "model").await;
            let ids = IDS.map(DocumentId::from);
            let stands = model.read("model", &ids).await.unwrap();
            let version = |(id, stands): (DocumentId, &Option<Standing>)| Some((id, stands.as_ref()?.version));
            let after = ids.into_iter().zip(&stands).filter_map(version).collect();
            others.note(&call, &standing, &after);
            standing = after;
            story.push(Step { later: dice.later, call, wary, answer, stands: format!("{stands:?}") });
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
        let stands = format!("{:?}", postgres.read(&index, &IDS.map(DocumentId::from)).await.unwrap());
        let before = || story[..number].iter().map(|step| format!("{step:?}\n")).collect::<String>();
        let told = |answer: &str| {
            if step.wary { answer.replace("contended: true", "contended: false") } else { answer.to_owned() }
        };
        assert_eq!(told(&answer), told(&step.answer), "seed {seed}, {step:?}, after\n{}", before());
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
