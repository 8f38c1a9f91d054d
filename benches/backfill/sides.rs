//! From Meilisearch (the double), and comparing the two sides afterwards.

use crossfade::{
    backend::meili::MeiliOptions, backfill::source::MeiliSource, drift::DriftCheck, testing::meili::Meili,
};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    ground::{Ground, INDEX},
    report::{Budget, verdict},
};

pub async fn compared(whole: bool) {
    let documents = if whole { 100_000 } else { 1_000 };
    let ground = Ground::new(1).await;
    let meili = Meili::start().await.unwrap();
    let post = |n: usize| -> Value {
        let content: Vec<String> = (1..=12).map(|g| format!("w{}", (n * g * 7_919) % 20_000)).collect();
        json!({"id": format!("p{n}"), "topic_id": format!("topic{}", n % 7), "kind": 1, "created_at": 1_700_000_000 + n, "content": content.join(" ")})
    };
    let posts: Vec<Value> = (0..documents).map(post).collect();
    let settings = json!({"searchableAttributes": ["content"], "filterableAttributes": ["topic_id", "kind", "created_at"], "sortableAttributes": ["created_at"]});
    let index = meili.index("bench", &settings, &posts).await.unwrap();
    let source = || MeiliOptions::new(meili.url(), Some(meili.key())).unwrap().index(&*index);
    let begun = Instant::now();
    let job = ground.backfill("meili", MeiliSource::new(source()), false).await.job;
    let rate = documents as f64 / begun.elapsed().as_secs_f64();
    assert_eq!(job.written_rows, documents as i64);
    println!("{documents} documents from Meilisearch: {rate:.0} a second, all indexes in place");
    let report = DriftCheck::new(source(), ground.target.clone()).run(|_| {}).await.unwrap();
    assert!(report.agrees, "{INDEX}: {report:?}");
    println!("drift_check_seconds: {:.2}", report.seconds);
    verdict(&format!("drift check of {documents} clean documents"), report.seconds, "s", Budget::AtMost(10.0), "");
    meili.close().await.unwrap();
}
