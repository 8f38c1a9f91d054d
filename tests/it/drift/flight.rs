//! Writes that are on their way while the sides are compared.

use std::time::Duration;

use crossfade::{
    backend::write::{TargetWrite, TargetWriter, Writer, WrittenBy},
    document::Version,
    drift::DriftPass,
    error::Side,
    testing::meili::Meili,
};
use http::Method;
use serde_json::{Value, json};

use super::ground::{Ground, PLANTED, Plant, fields};

/// Writes to PostgreSQL, as another replica does.
async fn put_here(ground: &Ground, document: &Value, version: Version) {
    let write = TargetWrite {
        id: document["id"].as_str().unwrap().into(),
        version,
        document: Some(fields(document.clone()).into()),
        age: Some(Duration::ZERO),
    };
    let by = WrittenBy { writer: Writer(7), authority: Side::Meili };
    ground.pg_options().writer().write(&ground.index, by, &[write]).await.unwrap();
}

fn later(n: i64) -> Version {
    Version(PLANTED.0 + n)
}

async fn enqueue(meili: &Meili, index: &str, documents: &Value) {
    let path = format!("/indexes/{index}/documents");
    let reply = meili.client().send(meili.client().call(Method::POST, &path, Some(documents))).await.unwrap();
    assert_eq!(reply.status, 202);
}

#[tokio::test]
async fn what_comes_to_agree_is_not_drift() {
    let ground = Ground::new(Plant { stale: 1, ..Plant::clean(20) }).await;
    let Some(double) = ground.meili.double() else { return };
    double.pause_tasks();
    let added = json!({"id": "added", "title": "new"});
    let changed = json!({"id": "alike-3", "title": "changed"});
    enqueue(&ground.meili, &ground.index, &json!([added, changed])).await;
    put_here(&ground, &added, later(1)).await;
    put_here(&ground, &changed, later(1)).await;
    // The tasks go on once the ranges have been compared: during the settle delay.
    let check = ground.check().settle(Duration::from_millis(200));
    let report = check.run(|progress| {
        if progress.pass == DriftPass::Looks {
            double.resume_tasks();
        }
    });
    let report = report.await.unwrap();
    assert_eq!((report.counts.total(), report.counts.stale), (1, 1));
    assert_eq!((report.in_flight, report.unsettled), (2, 0));
    assert_eq!(report.differences[0].id.as_str(), "stale-0");
}

/// Without the second look it would be reported.
#[tokio::test]
async fn what_is_changed_between_the_looks_is_neither_drift_nor_agreed() {
    let ground = Ground::new(Plant { stale: 2, ..Plant::clean(20) }).await;
    let writing = async {
        for n in 1.. {
            put_here(&ground, &json!({"id": "stale-0", "title": n}), later(n)).await;
        }
    };
    let check = ground.check().settle(Duration::from_millis(100));
    let report = tokio::select! {
        report = check.run(|_| {}) => report.unwrap(),
        () = writing => unreachable!(),
    };
    assert_eq!((report.counts.total(), report.unsettled), (1, 1));
    assert_eq!(report.differences[0].id.as_str(), "stale-1");
    assert!(!report.agrees);
}
