//! The PostgreSQL side on a real server.

mod documents;
mod exchanges;
mod extras;
mod facets;
mod failures;
mod filters;
mod memory;
mod oracle;
mod postings;
mod search;
mod values;
mod varied;
mod writes;

use crossfade::{
    backend::{
        SearchBackend,
        postgres::{PostgresIndex, PostgresOptions, VersionedDocument},
    },
    document::{DocumentId, Version},
    search::{FilterInput, SearchHits, SearchQuery},
    settings::IndexSettings,
    testing::{TestDatabase, TestPostgres},
};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};

/// A database with the tables in the default schema.
struct Ground {
    database: TestDatabase,
}

impl Ground {
    async fn new() -> Self {
        Self::in_database(TestPostgres::database().await.unwrap()).await
    }

    async fn in_database(database: TestDatabase) -> Self {
        let mut connection = PgConnection::connect(database.url()).await.unwrap();
        sqlx::raw_sql("CREATE SCHEMA cn_search; SET search_path = cn_search").execute(&mut connection).await.unwrap();
        sqlx::migrate!("./migrations").run_direct(None, &mut connection, false).await.unwrap();
        Self { database }
    }

    async fn psql(&self) -> PgConnection {
        let mut connection = PgConnection::connect(self.database.url()).await.unwrap();
        sqlx::raw_sql("SET search_path = cn_search").execute(&mut connection).await.unwrap();
        connection
    }

    fn options(&self) -> PostgresOptions {
        PostgresOptions::new(self.database.url()).unwrap()
    }

    /// An index of these settings that holds these documents; their `id` is the key, their place the ordinal.
    async fn index(&self, settings: Value, documents: &[Value]) -> PostgresIndex {
        let index = self.options().index("things");
        index.create("id", &settings_of(settings)).await.unwrap();
        index.load(&numbered(documents)).await.unwrap();
        index
    }
}

fn settings_of(settings: Value) -> IndexSettings {
    serde_json::from_value(settings).unwrap()
}

fn numbered(documents: &[Value]) -> Vec<VersionedDocument> {
    let one = |(n, document): (usize, &Value)| VersionedDocument {
        id: DocumentId::from_json(&document["id"]).unwrap(),
        version: Version(1),
        ordinal: n as i64,
        document: document.as_object().unwrap().clone(),
    };
    documents.iter().enumerate().map(one).collect()
}

fn expression(filter: &str) -> Option<FilterInput> {
    Some(FilterInput::Expression(filter.to_owned()))
}

fn ids(hits: &SearchHits) -> Vec<String> {
    hits.ids().iter().map(ToString::to_string).collect()
}

/// The ids a query gives.
async fn found(index: &PostgresIndex, query: &SearchQuery) -> Vec<String> {
    ids(&index.search(query).await.unwrap())
}

/// Documents with a title each, and the ids `1`, `2`, …
fn titled(titles: &[&str]) -> Vec<Value> {
    titles.iter().enumerate().map(|(n, title)| json!({"id": n + 1, "title": title})).collect()
}
