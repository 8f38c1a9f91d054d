//! The journal in PostgreSQL: what is special about it. That it is a journal is in `journal/conformance.rs`.

mod conformance;
mod faults;
mod hand_over;
mod measure;
mod orphans;
mod replicas;
mod sharing;

use std::time::Duration;

use crossfade::{
    document::{DocumentId, Version},
    error::Side,
    journal::{
        Deed, Duty, End, Entry, Intent, Journal, JournalOptions, Mark, Outcome, Seq, Settled,
        postgres::{PostgresJournal, PostgresJournalOptions},
    },
    store::{DEFAULT_SCHEMA, Store},
    testing::{TestDatabase, TestPostgres},
    write::Action,
};
use sqlx::{PgPool, postgres::PgPoolOptions};

/// Short, so that tests need not wait long for its end; long enough for a slow machine.
const LEASE: Duration = Duration::from_secs(2);
const LIMBO: Duration = Duration::from_millis(300);

async fn migrated() -> TestDatabase {
    let database = TestPostgres::database().await.unwrap();
    migrate(database.url()).await;
    database
}

async fn migrate(url: &str) {
    Store::connect(url, DEFAULT_SCHEMA).await.unwrap().migrate().await.unwrap();
}

fn options() -> PostgresJournalOptions {
    PostgresJournalOptions {
        journal: JournalOptions { limbo: LIMBO },
        lease: LEASE,
        ..PostgresJournalOptions::default()
    }
}

async fn open(url: &str) -> PostgresJournal {
    PostgresJournal::connect(url, options()).await.unwrap()
}

/// A look from outside.
async fn outside(url: &str) -> PgPool {
    let url = url.to_owned();
    let pool = PgPoolOptions::new().after_connect(|connection, _| {
        Box::pin(async move {
            sqlx::query("SET search_path = cn_search").execute(connection).await?;
            Ok(())
        })
    });
    pool.connect(&url).await.unwrap()
}

async fn number(pool: &PgPool, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(pool).await.unwrap()
}

fn document(text: &str) -> serde_json::Map<String, serde_json::Value> {
    serde_json::json!({ "text": text }).as_object().unwrap().clone()
}

fn put(id: impl Into<DocumentId>, version: i64) -> Intent {
    Intent {
        index: "movies".into(),
        id: id.into(),
        version: Version(version),
        explicit: false,
        deed: Deed::Change(Action::Put(document("x"))),
        authority: Side::Meili,
    }
}

fn puts(count: i64) -> Vec<Intent> {
    (0..count).map(|n| put(n.to_string(), 100 + n)).collect()
}

fn sweep(version: i64) -> Intent {
    Intent { id: "".into(), deed: Deed::Sweep(None), authority: Side::Pg, ..put("", version) }
}

fn mark(seq: Seq, outcome: Outcome) -> Mark {
    Mark { seq, outcome, document: None }
}

async fn resolve(journal: &PostgresJournal, seqs: &[Seq], outcome: Outcome) {
    let marks: Vec<Mark> = seqs.iter().map(|seq| mark(*seq, outcome)).collect();
    assert_eq!(journal.resolve(&marks).await.unwrap(), []);
}

fn done(entries: &[Entry]) -> Vec<Settled> {
    entries.iter().map(|entry| Settled { seq: entry.seq, end: End::Done { supersedes: false } }).collect()
}

async fn claim(journal: &PostgresJournal, duty: Duty) -> Vec<Entry> {
    journal.claim(duty, 1000).await.unwrap().entries
}

/// Claims, at most twenty seconds long, until `enough`.
async fn claim_until(journal: &PostgresJournal, duty: Duty, enough: impl Fn(&[Entry]) -> bool) -> Vec<Entry> {
    let mut all = Vec::new();
    let claims = async {
        while !enough(&all) {
            let claim = journal.claim(duty, 1000).await.unwrap();
            if claim.entries.is_empty() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            all.extend(claim.entries);
        }
    };
    tokio::time::timeout(Duration::from_secs(20), claims).await.expect("never came");
    all
}

fn seqs(entries: &[Entry]) -> Vec<Seq> {
    entries.iter().map(|entry| entry.seq).collect()
}
