//! What two that write the same see of each other.

use std::time::Duration;

use crossfade::{
    backend::write::{Applied, TargetWrite, TargetWriter},
    document::{Document, Version},
};
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{CONTENDED, INDEX, OURS, Scene, THEIRS, WRITTEN, fields, numbered, replacement, run, write};

fn aged(age: Option<Duration>, write: TargetWrite) -> TargetWrite {
    TargetWrite { age, ..write }
}

#[tokio::test]
async fn a_row_another_wrote_after_this_write_began_is_contended() {
    let scene = Scene::new().await;
    let (now, long) = (Some(Duration::ZERO), Some(Duration::from_secs(2 * 3600)));
    let put = |version| write("1", version, json!({"id": 1}));
    assert_eq!(scene.write(OURS, &[aged(None, put(1))]).await, [WRITTEN], "nobody wrote it before");
    assert_eq!(scene.write(OURS, &[aged(None, put(2))]).await, [WRITTEN], "it was ours");
    // Just now, even if this one has only begun since: transactions may have overlapped.
    assert_eq!(scene.write(THEIRS, &[aged(now, put(3))]).await, [CONTENDED]);
    scene.an_hour_passes().await;
    assert_eq!(scene.write(OURS, &[aged(now, put(4))]).await, [WRITTEN], "it was there before");
    scene.an_hour_passes().await;
    assert_eq!(scene.write(THEIRS, &[aged(long, put(5))]).await, [CONTENDED], "it came while this was under way");
    scene.an_hour_passes().await;
    assert_eq!(scene.write(OURS, &[aged(None, put(6))]).await, [CONTENDED], "nobody knows");
    let older = aged(Some(Duration::MAX), put(7));
    assert_eq!(scene.write(OURS, &[older]).await, [CONTENDED], "it was ours, over theirs, and this had begun before");
    scene.an_hour_passes().await;
    assert_eq!(scene.write(OURS, &[aged(now, put(7))]).await, [WRITTEN], "it was ours, and over");
    // Each document of a batch by its own age, tombstones included.
    scene.write(OURS, &[write("2", 1, Value::Null), write("3", 1, json!({}))]).await;
    scene.an_hour_passes().await;
    let batch = [aged(now, write("3", 2, json!({}))), aged(long, write("2", 2, json!({}))), aged(long, put(8))];
    assert_eq!(scene.write(THEIRS, &batch).await, [WRITTEN, CONTENDED, CONTENDED]);
}

#[tokio::test]
async fn every_way_to_write_marks_the_row_as_written_now() {
    let scene = Scene::new().await;
    let steps: [&str; 6] = ["touch", "replace", "merge", "sweep", "load", "delete"];
    for (n, step) in (0..).zip(steps) {
        let version = 10 * n + 1;
        assert_eq!(scene.write(OURS, &[write("1", version, json!({"id": 1}))]).await.len(), 1);
        scene.an_hour_passes().await;
        let next = Version(version + 1);
        match step {
            "touch" => {
                let touch = [replacement("1", Some(version), None)];
                assert_eq!(scene.writer.replace(INDEX, THEIRS, &touch).await.unwrap(), [true]);
            }
            "replace" => {
                let replace = [replacement("1", Some(version), Some((version + 1, json!({}))))];
                assert_eq!(scene.writer.replace(INDEX, THEIRS, &replace).await.unwrap(), [true]);
            }
            "merge" => {
                scene.writer.merge(INDEX, THEIRS, &[("1".into(), next, Document::new())]).await.unwrap();
            }
            "sweep" => assert_eq!(scene.writer.sweep(INDEX, THEIRS, next, None).await.unwrap(), 1),
            "load" => {
                let loaded = numbered(&[json!({"id": 1})]).remove(0);
                let loaded = crossfade::backend::postgres::VersionedDocument { version: next, ..loaded };
                assert_eq!(scene.index.load(&[loaded]).await.unwrap().written, 1);
            }
            _ => assert_eq!(scene.index.delete(&[("1".into(), next)]).await.unwrap().written, 1),
        }
        let later = write("1", version + 2, json!({"id": 1}));
        assert_eq!(scene.write(OURS, &[later]).await, [CONTENDED], "{step}");
    }
}

#[tokio::test]
async fn rows_are_locked_in_the_order_of_their_ids() {
    let scene = Scene::new().await;
    let (a, b) = (write("a", 1, json!({})), write("b", 1, json!({})));
    scene.write(OURS, &[a.clone(), b.clone()]).await;
    let mut locker = scene.ground.psql().await;
    let mut other = scene.ground.psql().await;
    let touches = [replacement("b", Some(1), None), replacement("a", Some(1), None)];
    let updates = ["b", "a"].map(|id| (id.into(), Version(1), Document::new()));
    let batch = [b, a];
    for way in ["write", "replace", "merge", "sweep"] {
        run(&mut locker, "BEGIN; SELECT FROM search_documents WHERE id = 'a' FOR UPDATE").await;
        let work = async {
            match way {
                "write" => scene.writer.write(INDEX, OURS, &batch).await.map(drop),
                "replace" => scene.writer.replace(INDEX, OURS, &touches).await.map(drop),
                "merge" => scene.writer.merge(INDEX, OURS, &updates).await.map(drop),
                _ => scene.writer.sweep(INDEX, OURS, Version(1), None).await.map(drop),
            }
        };
        let look = async {
            let waiting = "SELECT count(*) FROM pg_stat_activity
                WHERE datname = current_database() AND wait_event_type = 'Lock'";
            while sqlx::query_scalar::<_, i64>(waiting).fetch_one(&mut other).await.unwrap() == 0 {}
            // Whoever waits for the first has not locked the second.
            run(&mut other, "SELECT FROM search_documents WHERE id = 'b' FOR UPDATE NOWAIT").await;
            run(&mut locker, "ROLLBACK").await;
        };
        let look = tokio::time::timeout(Duration::from_secs(20), look);
        let (done, looked) = tokio::join!(work, look);
        done.unwrap();
        looked.unwrap_or_else(|_| panic!("{way} never waited"));
    }
}

#[tokio::test]
async fn batches_that_overlap_all_come_through() {
    let scene = Scene::new().await;
    let rounds = (0..24i64).map(|round| {
        let writer = scene.writer.clone();
        async move {
            // New and old documents, each round in another order, by all ways.
            let mut ids: Vec<i64> = (round / 4 * 5..round / 4 * 5 + 30).collect();
            ids.rotate_left(round as usize);
            let version = Version(round + 1);
            if round % 3 == 0 {
                let batch: Vec<_> = ids.iter().map(|id| (id.to_string().into(), version, Document::new())).collect();
                writer.merge(INDEX, OURS, &batch).await.unwrap().len()
            } else {
                let batch: Vec<_> = ids.iter().map(|id| write(&id.to_string(), round + 1, json!({}))).collect();
                writer.write(INDEX, THEIRS, &batch).await.unwrap().len()
            }
        }
    });
    let rounds = tokio::time::timeout(Duration::from_secs(60), join_all(rounds)).await.unwrap();
    assert!(rounds.iter().all(|answers| *answers == 30));
    // The newest stands, whoever came last.
    for id in 0..55i64 {
        let newest = (0..24i64).rev().find(|round| (round / 4 * 5..round / 4 * 5 + 30).contains(&id)).unwrap();
        assert_eq!(scene.read(&id.to_string()).await.unwrap().version, Version(newest + 1), "{id}");
    }
}

#[tokio::test]
async fn partial_updates_at_the_same_time_lose_none() {
    let scene = Scene::new().await;
    let updates = (0..20).map(|n| {
        let writer = scene.writer.clone();
        let update = [("1".into(), Version(1), fields(&json!({format!("f{n}"): n})))];
        async move { writer.merge(INDEX, OURS, &update).await.unwrap().remove(0).unwrap() }
    });
    let states = join_all(updates).await;
    let document = scene.read("1").await.unwrap().document.unwrap();
    assert_eq!(document.len(), 20, "{document:?}");
    assert!(states.contains(&document), "somebody was told the state that stands");
}

#[tokio::test]
async fn of_replacements_at_the_same_time_one_is_made() {
    let scene = Scene::new().await;
    for expected in [None, Some(1)] {
        let replacements = (0..10).map(|n| {
            let writer = scene.writer.clone();
            let with = Some((if expected.is_none() { 1 } else { 2 + n }, json!({"n": n})));
            let replacement = [replacement("1", expected, with)];
            async move { writer.replace(INDEX, OURS, &replacement).await.unwrap()[0] }
        });
        let done = join_all(replacements).await;
        assert_eq!(done.iter().filter(|done| **done).count(), 1);
        let winner = done.iter().position(|done| *done).unwrap();
        assert_eq!(scene.read("1").await.unwrap().document.unwrap()["n"], winner);
    }
}

#[tokio::test]
async fn a_stale_write_is_told_the_version_it_lost_to() {
    let scene = Scene::new().await;
    let writes = (1..=20i64).map(|version| {
        let writer = scene.writer.clone();
        async move { (version, writer.write(INDEX, OURS, &[write("1", version, json!({}))]).await.unwrap()[0]) }
    });
    for (version, applied) in join_all(writes).await {
        match applied {
            Applied::Stale { current } => assert!(current.0 > version),
            Applied::Written { contended } => assert!(!contended),
        }
    }
    assert_eq!(scene.read("1").await.unwrap().version, Version(20));
}
