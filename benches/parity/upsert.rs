//! What one write costs with the search structures, and without.

use std::{sync::Arc, time::Duration};

use crossfade::{
    backend::{
        postgres::PostgresOptions,
        write::{TargetWrite, TargetWriter, Writer, WrittenBy},
    },
    document::Version,
    error::Side,
    settings::IndexSettings,
    testing::TestPostgres,
};
use serde_json::json;
use sqlx::{Connection, PgConnection};
use tokio::time::Instant;

use crate::{
    corpus::{INDEX, Words, draw, index, load},
    report::median,
};

pub async fn cost(whole: bool) {
    let (documents, writes) = if whole { (100_000, 1_000) } else { (500, 20) };
    let words = Words::read();
    let server = TestPostgres::durable().await.unwrap();
    let database = server.create_database().await.unwrap();
    let index = index(&database).await;
    load(&index, &words, documents).await;
    let writer = PostgresOptions::new(database.url()).unwrap().writer();
    let mut draw = draw();
    let mut put = async |from: i64| -> f64 {
        let mut took = Vec::new();
        for n in from..from + writes {
            let id = (n * 7_919 % documents).to_string();
            let document = json!({"id": id, "title": words.title(&mut draw)}).as_object().cloned().unwrap();
            let write = TargetWrite {
                id: id.as_str().into(),
                version: Version(n + 2),
                document: Some(Arc::new(document)),
                age: Some(Duration::ZERO),
            };
            let begun = Instant::now();
            writer.write(INDEX, WrittenBy { writer: Writer(1), authority: Side::Pg }, &[write]).await.unwrap();
            took.push(begun.elapsed().as_secs_f64() * 1e6);
        }
        median(took)
    };
    let with = put(0).await;
    let begun = Instant::now();
    let folded = index.fold_all().await.unwrap();
    let fold = begun.elapsed().as_secs_f64() * 1e6 / folded.max(1) as f64;
    let mut connection = PgConnection::connect(database.url()).await.unwrap();
    let off = "ALTER TABLE cn_search.search_documents DISABLE TRIGGER search_documents_added;
        ALTER TABLE cn_search.search_documents DISABLE TRIGGER search_documents_changed";
    sqlx::raw_sql(off).execute(&mut connection).await.unwrap();
    let nothing: IndexSettings = serde_json::from_value(json!({"searchableAttributes": []})).unwrap();
    index.apply_settings(&nothing).await.unwrap();
    let without = put(writes).await;
    println!(
        "one upsert into {documents} documents, the median of {writes}, each a transaction that waits for the disk:"
    );
    println!(
        "  with what searches need      {with:>8.0} us, and {fold:.0} us later, when it is folded with {folded} others"
    );
    println!("  without                      {without:>8.0} us");
}
