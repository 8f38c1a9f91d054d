//! Both sides, and what stands on them.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use crossfade::{
    backend::{
        meili::MeiliOptions,
        postgres::{PostgresOptions, VersionedDocument},
    },
    document::{Document, Version},
    store::Store,
    testing::{TestDatabase, TestPostgres, meili::Meili},
};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection, Row};
use tempfile::TempDir;

use super::service::Config;

/// How many documents are listed at a time.
const PAGE: u64 = 1000;

pub(super) struct World {
    pub(super) meili: Meili,
    pub(super) postgres: TestPostgres,
    pub(super) index: String,
    pub(super) folder: TempDir,
    database: TestDatabase,
}

impl World {
    /// Two sides that hold one document, `first`. A fragile one has a PostgreSQL that can be stopped.
    pub(super) async fn new(fragile: bool) -> Self {
        let postgres = if fragile { TestPostgres::private().await } else { TestPostgres::start().await }.unwrap();
        let database = postgres.create_database().await.unwrap();
        Store::connect(database.url(), "cn_search").await.unwrap().migrate().await.unwrap();
        let meili = Meili::start().await.unwrap();
        let settings = json!({ "filterableAttributes": ["kind"], "searchableAttributes": ["title"] });
        let first = json!({ "id": "first", "title": "first" });
        let index = meili.index("processes", &settings, std::slice::from_ref(&first)).await.unwrap();
        let source = MeiliOptions::new(meili.url(), Some(meili.key())).unwrap().index(&*index);
        let target = PostgresOptions::new(database.url()).unwrap().index(&*index);
        target.create("id", &source.settings().await.unwrap()).await.unwrap();
        let first = first.as_object().cloned().unwrap();
        let row = VersionedDocument { id: "first".into(), version: Version(1), ordinal: 0, document: first };
        target.load(&[row]).await.unwrap();
        Self { meili, postgres, index, folder: tempfile::tempdir().unwrap(), database }
    }

    pub(super) fn journal(&self) -> PathBuf {
        self.folder.path().join("journal.db")
    }

    pub(super) fn config(&self, plan: &str) -> Config {
        Config {
            journal: self.journal(),
            database: self.database.url().to_owned(),
            meili: self.meili.url().to_owned(),
            key: self.meili.key().to_owned(),
            index: self.index.clone(),
            plan: plan.to_owned(),
        }
    }

    /// What stands in Meilisearch.
    pub(super) async fn in_meili(&self) -> BTreeMap<String, Value> {
        let source = MeiliOptions::new(self.meili.url(), Some(self.meili.key())).unwrap().index(&*self.index);
        let mut found = BTreeMap::new();
        for offset in (0..).step_by(PAGE as usize) {
            let page = source.documents_in_order(offset, PAGE).await.unwrap().documents;
            let last = (page.len() as u64) < PAGE;
            found.extend(page.into_iter().map(|(id, document)| (id.to_string(), sorted(document))));
            if last {
                break;
            }
        }
        found
    }

    /// What stands in PostgreSQL.
    pub(super) async fn in_pg(&self) -> BTreeMap<String, Value> {
        let mut connection = PgConnection::connect(self.database.url()).await.unwrap();
        let sql = "SELECT id, body::text FROM cn_search.search_documents WHERE NOT deleted";
        let rows = sqlx::query(sql).fetch_all(&mut connection).await.unwrap();
        let row = |row: sqlx::postgres::PgRow| {
            (row.get::<String, _>(0), sorted(serde_json::from_str(&row.get::<String, _>(1)).unwrap()))
        };
        rows.into_iter().map(row).collect()
    }

    /// Both sides must hold the same; what they hold.
    pub(super) async fn equal(&self) -> BTreeMap<String, Value> {
        self.equal_after("all").await
    }

    /// The same after `what`.
    pub(super) async fn equal_after(&self, what: &str) -> BTreeMap<String, Value> {
        let (meili, pg) = (self.in_meili().await, self.in_pg().await);
        let ids: BTreeSet<&String> = meili.keys().chain(pg.keys()).collect();
        let shown = ids.into_iter().map(|id| (id, meili.get(id), pg.get(id)));
        let differing: Vec<_> = shown.filter(|(_, meili, pg)| meili != pg).collect();
        assert!(differing.is_empty(), "after {what} the sides differ (id, meili, pg): {differing:?}");
        pg
    }
}

/// Fields in one order: the sides keep different ones.
fn sorted(document: Document) -> Value {
    let fields: BTreeMap<String, Value> = document.into_iter().collect();
    json!(fields)
}
