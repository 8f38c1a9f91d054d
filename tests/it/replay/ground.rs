//! Two sides that agree, until the settings of one are wrong, and reads of them in the shadow log.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use crossfade::{
    backend::{
        SearchBackend,
        meili::MeiliOptions,
        postgres::{PostgresIndex, PostgresOptions, VersionedDocument},
    },
    document::{DocumentId, Version},
    error::Side,
    plan::Phase,
    relevance::overlap_at_k,
    replay::{Replay, Replayed},
    search::{QueryClass, SearchQuery},
    settings::IndexSettings,
    shadow::{Leg, Outcome, ShadowRecord, ShadowSink, StoredRequest},
    store::{DEFAULT_SCHEMA, Redaction, ShadowLog, ShadowLogOptions, Store},
    testing::{TestDatabase, TestPostgres, meili::Meili},
};
use http::Method;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use tokio_util::sync::CancellationToken;

pub(super) struct Ground {
    pub(super) meili: Meili,
    pub(super) database: TestDatabase,
    pub(super) store: Store,
    pub(super) index: String,
}

/// How a read is kept in the log.
pub(super) struct Kept {
    pub(super) outcome: Outcome,
    pub(super) primary: Side,
    pub(super) settled: Option<bool>,
    pub(super) age: Duration,
    pub(super) redaction: Redaction,
}

impl Default for Kept {
    fn default() -> Self {
        Self {
            outcome: Outcome::Compared,
            primary: Side::Meili,
            settled: Some(true),
            age: Duration::ZERO,
            redaction: Redaction::off(),
        }
    }
}

/// `m0` to `m29`: five storms in titles, ten in overviews, one in a cast.
fn film(n: usize) -> Value {
    let title = if n.is_multiple_of(6) { "storm" } else { "calm" };
    let overview = if n % 3 == 1 { "a storm comes" } else { "nothing happens" };
    let cast = if n == 2 { "storm" } else { "nobody" };
    let kind = if n.is_multiple_of(2) { "even" } else { "odd" };
    json!({"id": format!("m{n}"), "title": title, "overview": overview, "cast": cast, "kind": kind, "year": 1990 + n})
}

/// The settings of Meilisearch, but for what is searched.
pub(super) fn wrong(searchable: &[&str]) -> Value {
    json!({"searchableAttributes": searchable, "filterableAttributes": ["year", "kind"], "sortableAttributes": ["year"]})
}

/// All films, as PostgreSQL takes them.
fn load() -> Vec<VersionedDocument> {
    let load = |n: usize| VersionedDocument {
        id: DocumentId::new(format!("m{n}")),
        version: Version(1),
        ordinal: n as i64,
        document: film(n).as_object().unwrap().clone(),
    };
    (0..30).map(load).collect()
}

impl Ground {
    pub(super) async fn new() -> Self {
        let (database, meili) = (TestPostgres::database().await.unwrap(), Meili::start().await.unwrap());
        let films: Vec<Value> = (0..30).map(film).collect();
        let settings = wrong(&["title", "overview"]);
        let index = meili.index("replay", &settings, &films).await.unwrap();
        let store = Store::connect(database.url(), DEFAULT_SCHEMA).await.unwrap();
        store.migrate().await.unwrap();
        let ground = Self { meili, database, store, index };
        ground.pg().create("id", &serde_json::from_value::<IndexSettings>(settings).unwrap()).await.unwrap();
        ground.pg().load(&load()).await.unwrap();
        ground
    }

    /// An index of PostgreSQL with the settings of Meilisearch.
    pub(super) async fn stand_in(&self) -> Arc<dyn SearchBackend> {
        let index = PostgresOptions::new(self.database.url()).unwrap().index("stand_in");
        let settings = wrong(&["title", "overview"]);
        index.create("id", &serde_json::from_value::<IndexSettings>(settings).unwrap()).await.unwrap();
        index.load(&load()).await.unwrap();
        Arc::new(index)
    }

    fn pg(&self) -> PostgresIndex {
        PostgresOptions::new(self.database.url()).unwrap().index(self.index.as_str())
    }

    pub(super) fn sides(&self) -> (Arc<dyn SearchBackend>, Arc<dyn SearchBackend>) {
        let meili = MeiliOptions::new(self.meili.url(), Some(self.meili.key())).unwrap();
        (Arc::new(meili.index(self.index.as_str())), Arc::new(self.pg()))
    }

    /// Changes the settings of PostgreSQL alone.
    pub(super) async fn settings(&self, settings: &Value) {
        self.pg().apply_settings(&serde_json::from_value(settings.clone()).unwrap()).await.unwrap();
    }

    /// Deletes on both sides.
    pub(super) async fn delete(&self, id: &str) {
        self.meili.write(Method::DELETE, &format!("/indexes/{}/documents/{id}", self.index), None).await.unwrap();
        self.pg().delete(&[(id.into(), Version(2))]).await.unwrap();
    }

    pub(super) async fn sql(&self, sql: &'static str) {
        let mut connection = PgConnection::connect(self.database.url()).await.unwrap();
        sqlx::raw_sql("SET search_path = cn_search").execute(&mut connection).await.unwrap();
        sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    }

    /// Asks both sides, as they are now, and keeps the pair. The number of its row.
    pub(super) async fn read(&self, query: &SearchQuery) -> i64 {
        self.read_as(query, Kept::default()).await
    }

    pub(super) async fn read_as(&self, query: &SearchQuery, kept: Kept) -> i64 {
        let (meili, pg) = self.sides();
        // As the service would: the request names its index.
        let query = SearchQuery { index: Some(self.index.as_str().into()), ..query.clone() };
        let (meili, pg) = (meili.search(&query).await.unwrap().ids(), pg.search(&query).await.unwrap().ids());
        let overlap = overlap_at_k(&meili, &pg, 10);
        let failed = match kept.outcome {
            Outcome::Compared => None,
            Outcome::PrimaryError => Some(kept.primary),
            _ => Some(kept.primary.other()),
        };
        let leg = |side: Side, ids: Vec<DocumentId>| {
            let answered = failed != Some(side);
            Leg { ids: answered.then_some(ids), latency: answered.then_some(Duration::from_millis(3)) }
        };
        let record = ShadowRecord {
            at: SystemTime::now() - kept.age,
            endpoint: "GET /v1/search".into(),
            user: query.user.clone().unwrap_or_default(),
            query: query.text.trim().to_lowercase(),
            classes: QueryClass::of(&query),
            request: Some(StoredRequest::of(&query)),
            offset: query.page.offset(),
            limit: query.page.limit(),
            primary: kept.primary,
            outcome: kept.outcome,
            error_kind: "",
            phase: Phase::Shadow,
            plan_version: 1,
            settled: kept.settled,
            meili: leg(Side::Meili, meili),
            pg: leg(Side::Pg, pg),
            overlap_at_10: failed.is_none().then_some(overlap),
            noise_overlap_at_10: None,
        };
        let options = ShadowLogOptions { redaction: kept.redaction, ..ShadowLogOptions::default() };
        let (log, writer) = ShadowLog::new(&self.store, options);
        log.record(record);
        drop(log);
        assert_eq!(writer.run(CancellationToken::new()).await.stored, 1);
        let mut connection = PgConnection::connect(self.database.url()).await.unwrap();
        let last = sqlx::query_scalar("SELECT max(id) FROM cn_search.shadow_read_logs");
        last.fetch_one(&mut connection).await.unwrap()
    }

    pub(super) async fn replay(&self, id: i64) -> Replayed {
        let row = self.store.shadow_rows().get(id).await.unwrap().unwrap();
        let (meili, pg) = self.sides();
        Replay::new(meili, pg).run(&row).await.unwrap()
    }
}
