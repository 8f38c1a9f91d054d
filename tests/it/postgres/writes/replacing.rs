//! Compare and swap: replacements, copies, touches, and partial updates.

use std::time::Duration;

use crossfade::{
    backend::write::{Replacement, Standing, TargetWriter},
    document::{Document, DocumentId, Version},
    error::Side,
    search::SearchQuery,
};
use serde_json::{Value, json};

use super::{INDEX, OURS, Scene, THEIRS, fields, found, replacement, standing, write};

#[tokio::test]
async fn a_replacement_is_made_only_of_the_version_expected() {
    let scene = Scene::new().await;
    let batch = ["1", "2", "3", "4"].map(|id| write(id, 5, json!({"id": id})));
    scene.write(OURS, &batch).await;
    scene.write(OURS, &[write("4", 5, Value::Null)]).await;
    let new = |version| Some((version, json!({"new": true})));
    let replaced = [
        replacement("9", Some(5), new(6)),
        replacement("1", Some(4), new(6)),
        // Under compare and swap even an older version may follow.
        replacement("2", Some(5), new(3)),
        replacement("3", None, new(6)),
        replacement("4", None, new(6)),
        replacement("8", None, new(6)),
        replacement("7", None, None),
        replacement("6", Some(1), None),
    ];
    let done = scene.writer.replace(INDEX, THEIRS, &replaced).await.unwrap();
    assert_eq!(done, [false, false, true, false, false, true, true, false]);
    for (id, stands) in [
        ("1", standing(5, json!({"id": "1"}), Side::Meili)),
        ("2", standing(3, json!({"new": true}), Side::Pg)),
        ("3", standing(5, json!({"id": "3"}), Side::Meili)),
        ("4", standing(5, Value::Null, Side::Meili)),
        ("6", None),
        ("7", None),
        ("8", standing(6, json!({"new": true}), Side::Pg)),
        ("9", None),
    ] {
        assert_eq!(scene.read(id).await, stands, "{id}");
    }
    // A tombstone is replaced, and put in place, like anything else.
    let replaced = [replacement("4", Some(5), new(7)), replacement("1", Some(5), Some((7, Value::Null)))];
    assert_eq!(scene.writer.replace(INDEX, THEIRS, &replaced).await.unwrap(), [true, true]);
    assert_eq!(scene.read("4").await, standing(7, json!({"new": true}), Side::Pg));
    assert_eq!(scene.read("1").await, standing(7, Value::Null, Side::Pg));
}

#[tokio::test]
async fn a_mark_is_in_the_way_of_a_replacement_that_was_decided_before() {
    let scene = Scene::new().await;
    scene.write(THEIRS, &[write("1", 5, json!({"id": "1"}))]).await;
    let stamp = async || Some(scene.writer.read(INDEX, &["1".into()]).await.unwrap()[0].as_ref().unwrap().stamp);
    let decided = |stamp| Replacement { stamp, ..replacement("1", Some(5), Some((6, json!({"copied": true})))) };
    let before = stamp().await;
    // By the same authority, so that nothing else tells.
    assert_eq!(scene.writer.replace(INDEX, THEIRS, &[replacement("1", Some(5), None)]).await.unwrap(), [true]);
    assert_eq!(scene.writer.replace(INDEX, OURS, &[decided(before)]).await.unwrap(), [false]);
    assert_eq!(scene.read("1").await, standing(5, json!({"id": "1"}), Side::Pg));
    let now = stamp().await;
    assert_eq!(scene.writer.replace(INDEX, OURS, &[decided(now)]).await.unwrap(), [true]);
}

#[tokio::test]
async fn a_copy_from_meilisearch_keeps_in_mind_which_write_it_has_taken_the_place_of() {
    let scene = Scene::new().await;
    let replace = async |by, expected, version, document| {
        let replacement = [replacement("1", Some(expected), Some((version, document)))];
        assert_eq!(scene.writer.replace(INDEX, by, &replacement).await.unwrap(), [true]);
    };
    let copy = |version, document, over, authority| {
        let copied_over = Some(Version(over));
        standing(version, document, authority).map(|standing| Standing { copied_over, ..standing })
    };
    scene.write(OURS, &[write("1", 5, json!({"n": 1}))]).await;
    replace(OURS, 5, 6, json!({"n": 2})).await;
    assert_eq!(scene.read("1").await, copy(6, json!({"n": 2}), 5, Side::Meili));
    // Of several copies the first took the place of a write.
    replace(OURS, 6, 7, Value::Null).await;
    assert_eq!(scene.read("1").await, copy(7, Value::Null, 5, Side::Meili));
    // Whoever decides it from now on, it is what was copied.
    assert_eq!(scene.writer.replace(INDEX, THEIRS, &[replacement("1", Some(7), None)]).await.unwrap(), [true]);
    assert_eq!(scene.read("1").await, copy(7, Value::Null, 5, Side::Pg));
    // PostgreSQL copies nothing: what it puts in place is a write.
    replace(THEIRS, 7, 8, json!({"n": 3})).await;
    assert_eq!(scene.read("1").await, standing(8, json!({"n": 3}), Side::Pg));
    replace(OURS, 8, 9, json!({"n": 4})).await;
    assert_eq!(scene.read("1").await, copy(9, json!({"n": 4}), 8, Side::Meili));
    scene.an_hour_passes().await;
    scene.write(OURS, &[write("1", 10, json!({"n": 5}))]).await;
    assert_eq!(scene.read("1").await, standing(10, json!({"n": 5}), Side::Meili));
    // One that was not there took no place.
    let new = [replacement("2", None, Some((1, json!({}))))];
    assert_eq!(scene.writer.replace(INDEX, OURS, &new).await.unwrap(), [true]);
    assert_eq!(scene.read("2").await, standing(1, json!({}), Side::Meili));
}

#[tokio::test]
async fn a_touch_leaves_what_stands_as_it_is_and_touches_no_index() {
    let scene = Scene::new().await;
    let batch: Vec<_> = (0..3).map(|n| write(&n.to_string(), 5, json!({"id": n, "t": "red", "n": n}))).collect();
    scene.write(THEIRS, &batch).await;
    let touches: Vec<_> = (0..3).map(|n| replacement(&n.to_string(), Some(5), None)).collect();
    // A writer of its own, whose connections end with it: the server counts then.
    let toucher = scene.ground.options().writer();
    assert_eq!(toucher.replace(INDEX, OURS, &touches).await.unwrap(), [true; 3]);
    drop(toucher);
    // All but the authority, which is the one given.
    assert_eq!(scene.read("2").await, standing(5, json!({"id": 2, "t": "red", "n": 2}), Side::Meili));
    let mut connection = scene.ground.psql().await;
    let counting = async {
        let counts = "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'search_documents'";
        loop {
            let (updated, hot): (i64, i64) = sqlx::query_as(counts).fetch_one(&mut connection).await.unwrap();
            if updated >= 3 {
                return (updated, hot);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    assert_eq!(tokio::time::timeout(Duration::from_secs(60), counting).await.unwrap(), (3, 3));
}

#[tokio::test]
async fn partial_updates_are_merged_under_their_versions() {
    let scene = Scene::new().await;
    scene
        .write(
            OURS,
            &[
                write("1", 5, json!({"id": 1, "a": 1, "o": {"x": 1}})),
                write("2", 5, Value::Null),
                write("3", 9, json!({"id": 3})),
                write("4", 9, Value::Null),
                write("5", 5, Value::Null),
            ],
        )
        .await;
    let batch: Vec<(DocumentId, Version, Document)> = ["5", "1", "2", "3", "4", "new"]
        .iter()
        .map(|id| {
            let version = if *id == "5" { 5 } else { 6 };
            ((*id).into(), Version(version), fields(&json!({"id": id, "b": "red", "o": {"y": 2}})))
        })
        .collect();
    let merged = scene.writer.merge(INDEX, THEIRS, &batch).await.unwrap();
    let one = json!({"id": "1", "a": 1, "o": {"y": 2}, "b": "red"});
    let fresh = |id: &str| json!({"id": id, "b": "red", "o": {"y": 2}});
    let expected = [
        Err(Version(5)),
        Ok(fields(&one)),
        Ok(fields(&fresh("2"))),
        Err(Version(9)),
        Err(Version(9)),
        Ok(fields(&fresh("new"))),
    ];
    assert_eq!(merged, expected);
    assert_eq!(scene.read("1").await, standing(6, one, Side::Pg));
    assert_eq!(scene.read("2").await, standing(6, fresh("2"), Side::Pg));
    assert_eq!(scene.read("3").await, standing(9, json!({"id": 3}), Side::Meili));
    assert_eq!(scene.read("4").await, standing(9, Value::Null, Side::Meili));
    assert_eq!(scene.read("new").await, standing(6, fresh("new"), Side::Pg));
    assert_eq!(found(&scene.index, &SearchQuery::new("red")).await, ["1", "2", "new"]);
}
