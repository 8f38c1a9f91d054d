//! The shadow log on a real PostgreSQL: nothing is stored twice, nothing vanishes uncounted.

mod faults;
mod frequency;
mod report;
mod requests;
mod storing;

use std::time::{Duration, SystemTime};

use crossfade::{
    document::DocumentId,
    error::Side,
    plan::Phase,
    search::{QueryClass, SearchQuery},
    shadow::{Leg, Outcome, RequestAbsent, ShadowRecord, StoredRequest},
    store::{DEFAULT_SCHEMA, Redaction, ShadowLogOptions, Store},
    testing::{TestDatabase, TestPostgres},
};
use metrics_util::debugging::{DebugValue, Snapshotter};
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use sqlx::{
    PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

/// How many records the table of losses knows of.
const LOST: &str = "SELECT coalesce(sum(lost), 0)::bigint FROM shadow_log_losses";

/// A migrated store, and a pool of the test's own to look at its tables.
struct Tables {
    store: Store,
    pool: PgPool,
}

impl Tables {
    /// In a database of its own, which goes when the second value is dropped.
    async fn fresh() -> (Self, TestDatabase) {
        let database = TestPostgres::database().await.unwrap();
        (Self::at(database.url()).await, database)
    }

    async fn at(url: &str) -> Self {
        let store = Store::connect(url, DEFAULT_SCHEMA).await.unwrap();
        store.migrate().await.unwrap();
        let options: PgConnectOptions = url.parse().unwrap();
        let pool = PgPoolOptions::new().connect_lazy_with(options.options([("search_path", DEFAULT_SCHEMA)]));
        Self { store, pool }
    }

    async fn number(&self, query: &'static str) -> i64 {
        sqlx::query_scalar(query).fetch_one(&self.pool).await.unwrap()
    }

    /// Waits until `query`, a `SELECT` of one bool, is true.
    async fn until(&self, query: &'static str) {
        let waiting = async {
            while !sqlx::query_scalar::<_, bool>(query).fetch_one(&self.pool).await.unwrap_or(false) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(20), waiting).await;
        waited.unwrap_or_else(|_| panic!("never came true: {query}"));
    }
}

/// The sum of a counter over all its labels, as recorded on this thread since the last look.
fn counter(snapshotter: &Snapshotter, name: &str) -> u64 {
    let metrics = snapshotter.snapshot().into_vec().into_iter().filter(|(key, ..)| key.key().name() == name);
    metrics.map(|(.., value)| if let DebugValue::Counter(count) = value { count } else { 0 }).sum()
}

/// Options under which everything is stored in plain and soon.
fn plain() -> ShadowLogOptions {
    ShadowLogOptions { interval: Duration::from_millis(5), redaction: Redaction::off(), ..ShadowLogOptions::default() }
}

/// `count` records of every shape, the same for one seed. The query of each is its number.
fn records(seed: u64, count: usize) -> Vec<ShadowRecord> {
    let mut random = StdRng::seed_from_u64(seed);
    (0..count).map(|number| any_record(&mut random, number)).collect()
}

fn any_record(random: &mut StdRng, number: usize) -> ShadowRecord {
    // Twelve minutes back at most, to the microsecond, which is what the table resolves.
    let age = Duration::from_micros(random.random_range(1_000_000..720_000_000));
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_micros() as u64;
    let outcome = if random.random_bool(0.8) { Outcome::Compared } else { *Outcome::ALL.choose(random).unwrap() };
    let (meili, pg) = match outcome {
        Outcome::Compared => (leg(random), leg(random)),
        Outcome::ShadowError | Outcome::ShadowTimeout => (leg(random), Leg::default()),
        _ => (Leg::default(), Leg::default()),
    };
    let overlap = || crossfade::relevance::overlap_at_k(meili.ids.as_ref().unwrap(), pg.ids.as_ref().unwrap(), 10);
    ShadowRecord {
        at: SystemTime::UNIX_EPOCH + Duration::from_micros(now) - age,
        endpoint: (*["GET /v1/search", "POST /indexes/{}/search", "typed"].choose(random).unwrap()).into(),
        user: ["", "alice", "bob"].choose(random).unwrap().to_string().into(),
        query: number.to_string(),
        classes: QueryClass::RECORDED.into_iter().filter(|_| random.random_bool(0.3)).collect(),
        request: match random.random_range(0..10) {
            0 => None,
            1 => Some(Err(RequestAbsent::TooLarge)),
            2 => Some(Err(RequestAbsent::Unstorable)),
            _ => Some(StoredRequest::of(&SearchQuery::new(format!("{number} \"{{'\\")))),
        },
        offset: *[0, 0, 0, 20].choose(random).unwrap(),
        limit: *[0, 10, 20].choose(random).unwrap(),
        primary: *[Side::Meili, Side::Pg].choose(random).unwrap(),
        outcome,
        error_kind: if outcome == Outcome::ShadowError { "unavailable" } else { "" },
        phase: *Phase::ALL.choose(random).unwrap(),
        plan_version: random.random_range(0..100),
        settled: *[None, Some(true), Some(false)].choose(random).unwrap(),
        overlap_at_10: (outcome == Outcome::Compared).then(overlap),
        noise_overlap_at_10: (outcome == Outcome::Compared && random.random_bool(0.3)).then(|| random.random()),
        meili,
        pg,
    }
}

/// Up to 20 ids out of a few, so that lists overlap, some of them hard to quote.
fn leg(random: &mut StdRng) -> Leg {
    let pool: Vec<DocumentId> = (0..22)
        .map(|n| DocumentId::new(n.to_string()))
        .chain([r#"q"u\o,te"#, "{}", "NULL"].map(DocumentId::from))
        .collect();
    let shown = *[0, 3, 10, 20].choose(random).unwrap();
    Leg {
        ids: Some(pool.sample(random, shown).cloned().collect()),
        latency: Some(Duration::from_micros(random.random_range(100..90_000))),
    }
}
