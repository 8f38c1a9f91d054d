//! Postings follow what is written: whatever was folded, and whenever.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use crossfade::{
    backend::{
        SearchBackend,
        postgres::{PostgresIndex, VersionedDocument},
        write::{TargetWrite, TargetWriter, Writer, WrittenBy},
    },
    document::{DocumentId, Version},
    error::Side,
    search::SearchQuery,
};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use sqlx::PgConnection;

use super::{Ground, expression, found, ids, settings_of, titled};

const WORDS: [&str; 12] =
    ["red", "reds", "green", "greens", "blue", "blues", "tower", "towel", "sunflower", "sun", "flower", "x"];
const QUERIES: [&str; 12] = [
    "red",
    "red ",
    "green blue",
    "tower",
    "sun flower",
    "sunflower ",
    "x -red",
    "\"red green\"",
    "re",
    "blues red x",
    "gren",
    "",
];
const BY: WrittenBy = WrittenBy { writer: Writer(1), authority: Side::Pg };

fn title(draw: &mut StdRng) -> String {
    let words = draw.random_range(1..6);
    (0..words).map(|_| WORDS[draw.random_range(0..WORDS.len())]).collect::<Vec<_>>().join(" ")
}

fn write(id: usize, version: i64, title: Option<String>) -> TargetWrite {
    let document = title.map(|title| json!({"id": id, "title": title, "body": "green x", "n": id % 3}));
    let document = document.and_then(|document| document.as_object().cloned()).map(Arc::new);
    TargetWrite { id: id.to_string().as_str().into(), version: Version(version), document, age: Some(Duration::ZERO) }
}

/// What an index with the same documents answers that has never been changed.
async fn fresh(ground: &Ground, index: &PostgresIndex) -> PostgresIndex {
    let rows: Vec<(String, String)> = sqlx::query_as(
        "SELECT id, body::text FROM search_documents WHERE index_uid = $1 AND NOT deleted ORDER BY ordinal",
    )
    .bind(index.uid())
    .fetch_all(&mut ground.psql().await)
    .await
    .unwrap();
    let documents: Vec<VersionedDocument> = (0..)
        .zip(rows)
        .map(|(ordinal, (id, body))| VersionedDocument {
            id: DocumentId::from(id),
            version: Version(1),
            ordinal,
            document: serde_json::from_str(&body).unwrap(),
        })
        .collect();
    let fresh = ground.options().index("fresh");
    sqlx::query("DELETE FROM search_indexes WHERE uid = 'fresh'").execute(&mut ground.psql().await).await.unwrap();
    fresh.create("id", &index.settings().await.unwrap()).await.unwrap();
    fresh.load(&documents).await.unwrap();
    fresh
}

async fn assert_alike(ground: &Ground, index: &PostgresIndex, when: &str) {
    let fresh = fresh(ground, index).await;
    for text in QUERIES {
        let query = SearchQuery::new(text);
        let (a, b) = (index.search(&query).await.unwrap(), fresh.search(&query).await.unwrap());
        assert_eq!((ids(&a), a.total), (ids(&b), b.total), "{text:?} {when}");
    }
}

async fn count(psql: &mut PgConnection, table: &'static str) -> i64 {
    let sql = format!("SELECT count(*) FROM {table}");
    sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(psql).await.unwrap()
}

#[tokio::test]
async fn whatever_is_written_is_found_folded_or_not() {
    for seed in 0..4 {
        let ground = Ground::new().await;
        let settings = json!({"searchableAttributes": ["title"], "filterableAttributes": ["n"]});
        let index = ground.index(settings, &titled(&["red x", "green", "blue tower x"])).await;
        let writer = ground.options().writer();
        let mut draw = StdRng::seed_from_u64(seed);
        for step in 0..40 {
            let version = 10 + step;
            match draw.random_range(0..10) {
                0..=3 => {
                    let batch: Vec<TargetWrite> = (0..draw.random_range(1..8))
                        .map(|nth| write(nth * 7 + draw.random_range(0..7), version, Some(title(&mut draw))))
                        .collect();
                    writer.write("things", BY, &batch).await.unwrap();
                }
                4 => {
                    let gone = write(draw.random_range(0..40), version, None);
                    writer.write("things", BY, &[gone]).await.unwrap();
                }
                5 => {
                    // As a backfill does it: with the source's own numbers, that pass from one document to another.
                    let one = |nth: usize| VersionedDocument {
                        id: DocumentId::from((nth * 5).to_string()),
                        version: Version(version),
                        ordinal: ((nth as i64 + step) * 3) % 11,
                        document: json!({"id": nth * 5, "title": WORDS[nth]}).as_object().cloned().unwrap(),
                    };
                    index.load(&(0..4).map(one).collect::<Vec<_>>()).await.unwrap();
                }
                6 => {
                    let filter = expression(&format!("n = {}", draw.random_range(0..3)));
                    writer.sweep("things", BY, Version(version), filter.as_ref()).await.unwrap();
                }
                7 => {
                    let searchable = if draw.random_bool(0.5) { json!(["title"]) } else { json!(["body", "title"]) };
                    let settings = json!({"searchableAttributes": searchable, "filterableAttributes": ["n"]});
                    index.apply_settings(&settings_of(settings)).await.unwrap();
                }
                8 => {
                    let by_hand = "DELETE FROM search_documents WHERE index_uid = 'things' AND id = $1";
                    let id = draw.random_range(0..40).to_string();
                    sqlx::query(by_hand).bind(id).execute(&mut ground.psql().await).await.unwrap();
                }
                _ => {
                    index.fold_all().await.unwrap();
                }
            }
            if step % 4 == 3 {
                assert_alike(&ground, &index, &format!("after step {step} of seed {seed}")).await;
            }
        }
        index.fold_all().await.unwrap();
        assert_alike(&ground, &index, &format!("folded, seed {seed}")).await;
        // When all is deleted, nothing is left.
        writer.sweep("things", BY, Version(1_000), None).await.unwrap();
        sqlx::query("DELETE FROM search_indexes WHERE uid = 'fresh'").execute(&mut ground.psql().await).await.unwrap();
        index.fold_all().await.unwrap();
        let mut psql = ground.psql().await;
        assert_eq!((count(&mut psql, "search_postings").await, count(&mut psql, "search_changes").await), (0, 0));
        assert_eq!(count(&mut psql, "search_vocabulary WHERE there").await, 0);
    }
}

/// Every document holds `x` at every moment, whoever writes, folds and reads.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_folds_and_readers_do_not_disturb_each_other() {
    const DOCUMENTS: usize = 60;
    let ground = Ground::new().await;
    let titles: Vec<String> = (0..DOCUMENTS).map(|n| format!("x {}", WORDS[n % WORDS.len()])).collect();
    let documents = titled(&titles.iter().map(String::as_str).collect::<Vec<_>>());
    let index = ground.index(json!({"searchableAttributes": ["title"]}), &documents).await;
    let (stop, versions) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicI64::new(10)));
    let mut tasks = tokio::task::JoinSet::new();
    for seed in 0..2 {
        let (writer, stop, versions) = (ground.options().writer(), Arc::clone(&stop), Arc::clone(&versions));
        tasks.spawn(async move {
            let mut draw = StdRng::seed_from_u64(seed);
            while !stop.load(Ordering::Relaxed) {
                let version = versions.fetch_add(1, Ordering::Relaxed);
                let one = |draw: &mut StdRng| {
                    write(draw.random_range(1..=DOCUMENTS), version, Some(format!("x {}", title(draw))))
                };
                let mut batch: Vec<TargetWrite> = (0..3).map(|_| one(&mut draw)).collect();
                batch.sort_by(|a, b| a.id.cmp(&b.id));
                batch.dedup_by(|a, b| a.id == b.id);
                writer.write("things", BY, &batch).await.unwrap();
            }
        });
    }
    for _ in 0..2 {
        let (index, stop) = (index.clone(), Arc::clone(&stop));
        tasks.spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                index.fold_all().await.unwrap();
            }
        });
    }
    for turn in 0..300 {
        let hits = index.search(&SearchQuery::new("x ")).await.unwrap();
        assert_eq!(hits.total, DOCUMENTS as u64, "turn {turn}");
        let mut seen = ids(&hits);
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 20, "turn {turn}");
    }
    stop.store(true, Ordering::Relaxed);
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
    assert_alike(&ground, &index, "afterwards").await;
    index.fold_all().await.unwrap();
    assert_alike(&ground, &index, "folded").await;
}

#[tokio::test]
async fn words_are_known_to_who_searched_before_they_came() {
    let ground = Ground::new().await;
    let index = ground.index(json!({}), &titled(&["tower"])).await;
    let other = ground.options().index("things");
    assert!(found(&other, &SearchQuery::new("wonderful ")).await.is_empty());
    let documents: Vec<Value> = vec![json!({"id": 9, "title": "wonderfull"})];
    let documents: Vec<VersionedDocument> =
        super::numbered(&documents).into_iter().map(|document| VersionedDocument { ordinal: 9, ..document }).collect();
    index.load(&documents).await.unwrap();
    // By a typo, which only the vocabulary knows.
    assert_eq!(found(&other, &SearchQuery::new("wonderful ")).await, ["9"]);
    assert_eq!(index.fold_all().await.unwrap(), 2);
    assert_eq!(found(&other, &SearchQuery::new("wonderful ")).await, ["9"]);
    index.delete(&[(DocumentId::from("9"), Version(5))]).await.unwrap();
    index.fold_all().await.unwrap();
    assert!(found(&other, &SearchQuery::new("wonderful ")).await.is_empty());
    index
        .load(
            &documents
                .into_iter()
                .map(|document| VersionedDocument { version: Version(6), ..document })
                .collect::<Vec<_>>(),
        )
        .await
        .unwrap();
    index.fold_all().await.unwrap();
    assert_eq!(found(&other, &SearchQuery::new("wonderful ")).await, ["9"]);
}

#[tokio::test]
async fn a_migration_folds_by_itself() {
    let ground = Ground::new().await;
    let index = ground.index(json!({}), &titled(&["tower", "towel"])).await;
    let stop = tokio_util::sync::CancellationToken::new();
    let upkeep = tokio::spawn(index.upkeep().unwrap()(stop.clone()));
    let mut psql = ground.psql().await;
    let folded = async {
        while count(&mut psql, "search_changes").await > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), folded).await.unwrap();
    stop.cancel();
    upkeep.await.unwrap();
    assert_eq!(found(&index, &SearchQuery::new("towel ")).await, ["2", "1"]);
}

#[tokio::test]
async fn an_emptied_table_leaves_nothing_to_be_found() {
    let ground = Ground::new().await;
    let index = ground.index(json!({}), &titled(&["tower", "wonderfull"])).await;
    index.fold_all().await.unwrap();
    index.load(&super::numbered(&titled(&["tower", "wonderfull", "blue"]))).await.unwrap();
    assert_eq!(found(&index, &SearchQuery::new("wonderful ")).await, ["2"]);
    sqlx::query("TRUNCATE search_documents").execute(&mut ground.psql().await).await.unwrap();
    for text in ["wonderful ", "tower", "blue"] {
        assert!(found(&index, &SearchQuery::new(text)).await.is_empty(), "{text}");
    }
    index.load(&super::numbered(&titled(&["blue"]))).await.unwrap();
    index.fold_all().await.unwrap();
    assert_eq!(found(&index, &SearchQuery::new("blue ")).await, ["1"]);
}
