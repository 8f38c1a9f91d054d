//! Two sides that agree, and what is planted so that they do not.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use crossfade::{
    backend::{
        meili::MeiliOptions,
        postgres::{PostgresIndex, PostgresOptions, VersionedDocument},
        write::{Replacement, TargetWriter, Writer, WrittenBy},
    },
    document::{Document, DocumentId, Version},
    drift::{DriftCheck, DriftCounts, DriftKind, DriftRepair, DriftReport},
    error::Side,
    plan::{Flags, PlanHandle, ReadBackend, WriteMode},
    settings::IndexSettings,
    store::{DEFAULT_SCHEMA, Store},
    testing::{TestDatabase, TestPostgres, meili::Meili},
};
use http::Method;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};

/// The version of everything that is planted.
pub(crate) const PLANTED: Version = Version(1_700_000_000_000_000_000);

pub(crate) struct Ground {
    pub(crate) meili: Meili,
    pub(crate) database: TestDatabase,
    pub(crate) index: String,
}

/// How many documents there are, and how many differ in each way.
#[derive(Clone, Copy)]
pub(crate) struct Plant {
    pub(crate) alike: usize,
    pub(crate) missing: usize,
    pub(crate) extra: usize,
    pub(crate) stale: usize,
    pub(crate) tombstone: usize,
}

impl Plant {
    pub(crate) fn clean(alike: usize) -> Self {
        Self { alike, missing: 0, extra: 0, stale: 0, tombstone: 0 }
    }

    pub(crate) fn of_each(alike: usize, each: usize) -> Self {
        Self { alike, missing: each, extra: each, stale: each, tombstone: each }
    }

    pub(crate) fn counts(self) -> DriftCounts {
        DriftCounts {
            missing: self.missing as u64,
            extra: self.extra as u64,
            stale: self.stale as u64,
            tombstone: self.tombstone as u64,
        }
    }

    fn ids(self, kind: DriftKind) -> Vec<String> {
        let many = self.counts().of(kind);
        (0..many).map(|n| format!("{}-{n}", kind.as_str())).collect()
    }

    /// Every id that differs, with how.
    pub(crate) fn differing(self) -> BTreeMap<String, DriftKind> {
        DriftKind::ALL.into_iter().flat_map(|kind| self.ids(kind).into_iter().map(move |id| (id, kind))).collect()
    }
}

pub(crate) fn fields(value: Value) -> Document {
    value.as_object().unwrap().clone()
}

fn alike(n: usize) -> Value {
    json!({"id": format!("alike-{n}"), "title": format!("title {n}"), "year": n, "nested": {"a": n, "b": [n, null]}})
}

/// The same document, as the other side may show it.
fn turned(n: usize) -> Value {
    json!({"nested": {"b": [n, null], "a": n}, "year": n as f64, "title": format!("title {n}"), "id": format!("alike-{n}")})
}

fn of_meili(id: &str) -> Value {
    json!({"id": id, "title": "as Meilisearch has it", "year": 1990, "only_here": true})
}

fn of_pg(id: &str) -> Value {
    json!({"id": id, "title": "as PostgreSQL has it", "year": 1990})
}

impl Ground {
    pub(crate) async fn new(plant: Plant) -> Self {
        Self::in_database(TestPostgres::database().await.unwrap(), plant).await
    }

    pub(crate) async fn in_database(database: TestDatabase, plant: Plant) -> Self {
        let stale = plant.ids(DriftKind::Stale);
        let mut there: Vec<Value> = (0..plant.alike).map(alike).collect();
        for kind in [DriftKind::Missing, DriftKind::Stale, DriftKind::Tombstone] {
            there.extend(plant.ids(kind).iter().map(|id| of_meili(id)));
        }
        let mut here: Vec<Value> = (0..plant.alike).map(turned).collect();
        here.extend(plant.ids(DriftKind::Extra).iter().chain(&stale).map(|id| of_pg(id)));
        let ground = Self::with(database, &there, &here).await;
        let gone = |id: String| (DocumentId::from(id), PLANTED);
        let gone: Vec<_> = plant.ids(DriftKind::Tombstone).into_iter().map(gone).collect();
        ground.target().delete(&gone).await.unwrap();
        ground
    }

    /// Documents of Meilisearch and of PostgreSQL.
    pub(crate) async fn of(there: &[Value], here: &[Value]) -> Self {
        Self::with(TestPostgres::database().await.unwrap(), there, here).await
    }

    async fn with(database: TestDatabase, there: &[Value], here: &[Value]) -> Self {
        let meili = Meili::start().await.unwrap();
        let index = meili.index("drift", &json!({}), there).await.unwrap();
        Store::connect(database.url(), DEFAULT_SCHEMA).await.unwrap().migrate().await.unwrap();
        let ground = Self { meili, database, index };
        ground.target().create("id", &IndexSettings::default()).await.unwrap();
        let load = |(n, document): (usize, &Value)| VersionedDocument {
            id: DocumentId::from_json(&document["id"]).unwrap(),
            version: PLANTED,
            ordinal: n as i64,
            document: fields(document.clone()),
        };
        let load: Vec<VersionedDocument> = here.iter().enumerate().map(load).collect();
        ground.target().load(&load).await.unwrap();
        ground
    }

    pub(crate) fn meili_options(&self) -> MeiliOptions {
        MeiliOptions::new(self.meili.url(), Some(self.meili.key())).unwrap()
    }

    pub(crate) fn pg_options(&self) -> PostgresOptions {
        PostgresOptions::new(self.database.url()).unwrap()
    }

    pub(crate) fn target(&self) -> PostgresIndex {
        self.pg_options().index(self.index.as_str())
    }

    /// A check that does not wait long.
    pub(crate) fn check(&self) -> DriftCheck {
        let source = self.meili_options().timeout(Duration::from_secs(30)).index(self.index.as_str());
        DriftCheck::new(source, self.pg_options().read_only().index(self.index.as_str()))
            .settle(Duration::from_millis(20))
    }

    pub(crate) fn repair(&self, authority: Side) -> DriftRepair {
        let target = Arc::new(self.pg_options().writer());
        self.repair_with(authority, target)
    }

    pub(crate) fn repair_with(&self, authority: Side, target: Arc<dyn TargetWriter>) -> DriftRepair {
        let source = Arc::new(self.meili_options().timeout(Duration::from_secs(30)).writer());
        DriftRepair::new(self.check().keep(usize::MAX), source, target, plan(authority)).rate(u32::MAX)
    }

    pub(crate) async fn psql(&self) -> PgConnection {
        let mut connection = PgConnection::connect(self.database.url()).await.unwrap();
        sqlx::raw_sql("SET search_path = cn_search").execute(&mut connection).await.unwrap();
        connection
    }

    /// Adds or replaces in Meilisearch, and waits for it.
    pub(crate) async fn put_there(&self, document: &Value) {
        let path = format!("/indexes/{}/documents", self.index);
        self.meili.write(Method::POST, &path, Some(&json!([document]))).await.unwrap();
    }

    /// Marks rows as decided by a side.
    pub(crate) async fn mark(&self, ids: &[String], authority: Side) {
        let by = WrittenBy { writer: Writer(1), authority };
        let mark =
            |id: &String| Replacement { id: id.as_str().into(), expected: Some(PLANTED), stamp: None, with: None };
        let marks: Vec<Replacement> = ids.iter().map(mark).collect();
        let marked = self.pg_options().writer().replace(&self.index, by, &marks).await.unwrap();
        assert!(marked.into_iter().all(|marked| marked));
    }

    /// All documents of Meilisearch, read otherwise than a check does.
    pub(crate) async fn all_there(&self) -> BTreeMap<String, Document> {
        let path = format!("/indexes/{}/documents?limit=1000000", self.index);
        let client = self.meili.client();
        let listed = client.send(client.call(Method::GET, &path, None)).await.unwrap().json();
        let by_id = |document: &Value| (document["id"].as_str().unwrap().to_owned(), fields(document.clone()));
        listed["results"].as_array().unwrap().iter().map(by_id).collect()
    }

    /// All documents of PostgreSQL, by SQL.
    pub(crate) async fn all_here(&self) -> BTreeMap<String, Document> {
        let rows: Vec<(String, String)> =
            sqlx::query_as("SELECT id, body::text FROM search_documents WHERE NOT deleted AND index_uid = $1")
                .bind(&self.index)
                .fetch_all(&mut self.psql().await)
                .await
                .unwrap();
        rows.into_iter().map(|(id, body)| (id, serde_json::from_str(&body).unwrap())).collect()
    }

    /// Both sides hold the same; and if a document differed, it is now as the side of `right` had it.
    pub(crate) async fn assert_alike(&self, plant: Plant, right: Side) {
        let (there, here) = (self.all_there().await, self.all_here().await);
        let mut expected: BTreeMap<String, Document> =
            (0..plant.alike).map(|n| (format!("alike-{n}"), fields(alike(n)))).collect();
        for (id, kind) in plant.differing() {
            let document = match (right, kind) {
                (Side::Meili, DriftKind::Extra) | (Side::Pg, DriftKind::Missing | DriftKind::Tombstone) => continue,
                (Side::Meili, _) => of_meili(&id),
                (Side::Pg, _) => of_pg(&id),
            };
            expected.insert(id, fields(document));
        }
        assert_eq!(there, expected);
        assert_eq!(here.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
        for (id, document) in here {
            if !id.starts_with("alike-") {
                assert_eq!(document, expected[&id], "{id}");
            }
        }
    }
}

/// A plan in which this side decides.
pub(crate) fn plan(authority: Side) -> PlanHandle {
    let read_backend = if authority == Side::Pg { ReadBackend::Pg } else { ReadBackend::Meili };
    PlanHandle::fixed(Flags { write_mode: WriteMode::Dual, read_backend, ..Flags::default() })
}

/// What a report lists, by id.
pub(crate) fn listed(report: &DriftReport) -> BTreeMap<String, DriftKind> {
    report.differences.iter().map(|difference| (difference.id.to_string(), difference.kind)).collect()
}
