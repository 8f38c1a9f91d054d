//! Deleting by a filter, and what is left of deletions.

use std::time::Duration;

use crossfade::{
    backend::write::{Swept, TargetWrite, TargetWriter},
    document::{DocumentId, Version},
    error::{BackendErrorKind, Side},
    search::{FilterInput, SearchQuery},
};
use serde_json::{Value, json};

use super::{CONTENDED, INDEX, OURS, Scene, THEIRS, WRITTEN, expression, found, run, standing, write};

async fn swept(scene: &Scene, swept: Swept<'_>) -> Vec<String> {
    let mut all: Vec<DocumentId> = Vec::new();
    loop {
        let page = scene.writer.swept(INDEX, swept, all.last(), 2).await.unwrap();
        assert!(page.len() <= 2);
        if page.is_empty() {
            return all.iter().map(ToString::to_string).collect();
        }
        all.extend(page);
    }
}

async fn five() -> Scene {
    let scene = Scene::new().await;
    // "3" is newer than the sweeps to come.
    let batch = [1, 2, 3, 4, 5].map(|n| {
        let version = if n == 3 { 20 } else { n };
        write(&n.to_string(), version, json!({"id": n, "n": n}))
    });
    scene.write(OURS, &batch).await;
    scene
}

#[tokio::test]
async fn a_sweep_leaves_tombstones_of_its_version_and_spares_what_is_newer() {
    let scene = five().await;
    let filter = expression("n >= 2").unwrap();
    let matching = Swept::Matching(Some(&filter), Version(10));
    assert_eq!(swept(&scene, matching).await, ["2", "4", "5"]);
    assert_eq!(scene.writer.sweep(INDEX, THEIRS, Version(10), Some(&filter)).await.unwrap(), 3);
    assert_eq!(found(&scene.index, &SearchQuery::default()).await, ["1", "3"]);
    assert_eq!(scene.read("4").await, standing(10, Value::Null, Side::Pg));
    assert_eq!(scene.read("3").await.unwrap().version, Version(20));
    assert_eq!(swept(&scene, Swept::Tombstones(Version(10))).await, ["2", "4", "5"]);
    assert!(swept(&scene, Swept::Tombstones(Version(11))).await.is_empty());
    assert!(swept(&scene, matching).await.is_empty());
    // An older write does not bring anything back.
    let late = write("2", 9, json!({"id": 2, "n": 2}));
    assert!(matches!(scene.write(OURS, &[late]).await[..], [crossfade::backend::write::Applied::Stale { .. }]));
    // Without a filter: everything. A version is not newer than itself.
    assert_eq!(swept(&scene, Swept::Matching(None, Version(20))).await, ["1", "3"]);
    assert_eq!(scene.writer.sweep(INDEX, THEIRS, Version(20), None).await.unwrap(), 2);
    assert_eq!(scene.index.document_count().await.unwrap(), 0);
}

#[tokio::test]
async fn filters_that_cannot_be_trusted_delete_nothing() {
    let scene = five().await;
    let expression = |text: &str| FilterInput::Expression(text.to_owned());
    for (filter, kind) in [
        (expression(""), BackendErrorKind::InvalidQuery),
        (FilterInput::AllOf(vec![]), BackendErrorKind::InvalidQuery),
        (expression("t = 1"), BackendErrorKind::InvalidQuery),
        (expression("n ="), BackendErrorKind::InvalidQuery),
        (expression("_geoRadius(1, 2, 3)"), BackendErrorKind::Unsupported),
    ] {
        let error = scene.writer.sweep(INDEX, OURS, Version(99), Some(&filter)).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{filter:?} {error}");
        let matching = Swept::Matching(Some(&filter), Version(99));
        assert_eq!(scene.writer.swept(INDEX, matching, None, 9).await.unwrap_err().kind(), kind, "{filter:?}");
    }
    run(&mut scene.ground.psql().await, "UPDATE search_indexes SET generation = generation + 1").await;
    let filter = expression("n != 77");
    let error = scene.writer.sweep(INDEX, OURS, Version(99), Some(&filter)).await.unwrap_err();
    assert_eq!(error.kind(), BackendErrorKind::Unavailable, "rows are still to be derived: later it can be done");
    assert_eq!(scene.index.document_count().await.unwrap(), 5);
}

#[tokio::test]
async fn a_write_that_began_before_a_sweep_is_contended() {
    let scene = Scene::new().await;
    let aged = |seconds, id: &str| TargetWrite {
        age: Some(Duration::from_secs(seconds)),
        ..write(id, 1, json!({"id": id, "n": 1}))
    };
    assert_eq!(scene.write(OURS, &[aged(7_200, "1")]).await, [WRITTEN]);
    assert!(swept(&scene, Swept::Tombstones(Version(5))).await.is_empty());
    // New documents too, and by whomever.
    assert_eq!(scene.write(OURS, &[aged(0, "2"), aged(7_200, "1")]).await, [CONTENDED, CONTENDED]);
    scene.an_hour_passes().await;
    assert_eq!(scene.write(OURS, &[aged(0, "3"), aged(7_200, "4")]).await, [WRITTEN, CONTENDED]);
    let unknown = TargetWrite { age: None, ..write("5", 1, json!({})) };
    assert_eq!(scene.write(OURS, &[unknown]).await, [CONTENDED]);
    // Another index is none of its business.
    let other = scene.ground.options().index("other");
    other.create("id", &super::super::settings_of(json!({}))).await.unwrap();
    assert_eq!(scene.writer.write("other", OURS, &[aged(7_200, "1")]).await.unwrap(), [WRITTEN]);
}

#[tokio::test]
async fn a_write_under_way_is_either_listed_or_contended() {
    let scene = Scene::new().await;
    let mut locker = scene.ground.psql().await;
    let mut watcher = scene.ground.psql().await;
    // The write has begun, and looked whether there was a sweep, but cannot insert: somebody else may.
    run(
        &mut locker,
        "BEGIN; INSERT INTO search_documents (index_uid, id, version, ordinal, generation, body, facets, words)
         VALUES ('things', 'z', 1, 0, 0, '{}', '{}', '')",
    )
    .await;
    let batch = [write("z", 1, json!({"id": "z", "n": 1}))];
    let writing = scene.writer.write(INDEX, OURS, &batch);
    let listing = async {
        let waiting = "SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND wait_event_type = 'Lock'";
        while sqlx::query_scalar::<_, i64>(waiting).fetch_one(&mut watcher).await.unwrap() == 0 {}
        let listing = scene.writer.swept(INDEX, Swept::Matching(None, Version(10)), None, 10);
        tokio::pin!(listing);
        let early = tokio::time::timeout(Duration::from_millis(300), &mut listing).await;
        run(&mut locker, "ROLLBACK").await;
        match early {
            Ok(listed) => listed.unwrap(),
            Err(_) => listing.await.unwrap(),
        }
    };
    let (written, listed) = tokio::join!(writing, listing);
    let contended = written.unwrap() == [CONTENDED];
    assert!(contended || listed == [DocumentId::from("z")], "a sweep passed it by");
}

#[tokio::test]
async fn tombstones_are_purged_by_age_only() {
    let scene = Scene::new().await;
    scene.write(OURS, &[write("old", 5, Value::Null), write("live", 5, json!({"id": "live"}))]).await;
    scene.an_hour_passes().await;
    scene.an_hour_passes().await;
    scene.write(OURS, &[write("fresh", 5, Value::Null)]).await;
    let hours = |hours: u64| Duration::from_secs(3600 * hours);
    assert_eq!(scene.writer.purge_tombstones(INDEX, hours(3)).await.unwrap(), 0);
    assert_eq!(scene.writer.purge_tombstones("other", hours(1)).await.unwrap(), 0);
    assert_eq!(scene.writer.purge_tombstones(INDEX, hours(1)).await.unwrap(), 1);
    assert_eq!(scene.read("old").await, None);
    assert_eq!(scene.read("fresh").await, standing(5, Value::Null, Side::Meili));
    assert_eq!(scene.read("live").await, standing(5, json!({"id": "live"}), Side::Meili));
    // Which is why it must be long ago: nothing holds off an older write now.
    assert_eq!(scene.write(OURS, &[write("old", 1, json!({"id": "old"}))]).await, [WRITTEN]);
}
