//! Writes that are made once more, because the answer to the first got lost.

use std::time::Duration;

use crossfade::{
    backend::write::{TargetWrite, TargetWriter},
    error::Side,
};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{CONTENDED, INDEX, OURS, Scene, THEIRS, WRITTEN, replacement, standing, write};

fn put(id: &str, version: i64) -> TargetWrite {
    write(id, version, json!({"id": id, "v": version}))
}

/// The same after some hours, at which it began that much earlier.
fn later(write: &TargetWrite, hours: u32) -> TargetWrite {
    let age = write.age.map(|age| age + Duration::from_secs(3600) * hours);
    TargetWrite { age, ..write.clone() }
}

#[tokio::test]
async fn a_write_made_once_more_is_contended_if_it_was_the_first_time() {
    let scene = Scene::new().await;
    scene.write(THEIRS, &[put("raced", 1), put("deleted", 1), put("old", 1)]).await;
    // What another wrote just now counts as written after a write that begins now, what was there before does not.
    let raced = [put("raced", 2), write("deleted", 2, Value::Null)];
    assert_eq!(scene.write(OURS, &raced).await, [CONTENDED; 2]);
    scene.an_hour_passes().await;
    let calm = [put("old", 2), put("new", 2)];
    assert_eq!(scene.write(OURS, &calm).await, [WRITTEN; 2]);
    // By now all rows are its own. Each time is like the first, and not only the one after it.
    for hours in 1..=2 {
        scene.an_hour_passes().await;
        let again =
            raced.iter().map(|write| later(write, hours + 1)).chain(calm.iter().map(|write| later(write, hours)));
        let again: Vec<TargetWrite> = again.collect();
        assert_eq!(scene.write(OURS, &again).await, [CONTENDED, CONTENDED, WRITTEN, WRITTEN], "after {hours} hours");
    }
    // It may also not be known any more when it began.
    let ageless = TargetWrite { age: None, ..put("raced", 2) };
    assert_eq!(scene.write(OURS, &[ageless]).await, [CONTENDED]);
    // What begins an hour later is another write, which has met nobody.
    scene.an_hour_passes().await;
    assert_eq!(scene.write(OURS, &[put("raced", 3), put("deleted", 3)]).await, [WRITTEN; 2]);
    assert_eq!(scene.write(OURS, &[put("raced", 3)]).await, [WRITTEN]);
}

#[tokio::test]
async fn a_write_made_once_more_leaves_decided_by_postgresql_what_the_first_left_so() {
    let scene = Scene::new().await;
    let authority = async |id: &str| scene.read(id).await.unwrap().authority;
    scene.write(THEIRS, &[put("raced", 1), put("deleted", 1), put("old", 1)]).await;
    let raced = [put("raced", 2), write("deleted", 2, Value::Null)];
    scene.write(OURS, &raced).await;
    scene.an_hour_passes().await;
    scene.write(OURS, &[put("old", 2), put("touched", 2)]).await;
    let touch = [replacement("touched", Some(2), None)];
    assert_eq!(scene.writer.replace(INDEX, THEIRS, &touch).await.unwrap(), [true]);
    let first = [("raced", Side::Pg), ("deleted", Side::Pg), ("old", Side::Meili), ("touched", Side::Pg)];
    for hours in 1..=2 {
        for (id, side) in first {
            assert_eq!(authority(id).await, side, "{id} before hour {hours}");
        }
        scene.an_hour_passes().await;
        let again = raced.iter().map(|write| later(write, hours + 1));
        let again = again.chain(["old", "touched"].map(|id| later(&put(id, 2), hours)));
        assert_eq!(scene.write(OURS, &again.collect::<Vec<_>>()).await.len(), 4);
    }
    assert_eq!(scene.read("raced").await, standing(2, json!({"id": "raced", "v": 2}), Side::Pg));
    assert_eq!(scene.read("deleted").await, standing(2, Value::Null, Side::Pg));
    // What comes over it without having raced with anybody is decided by whoever decided that.
    scene.an_hour_passes().await;
    scene.write(OURS, &[put("raced", 3)]).await;
    assert_eq!(authority("raced").await, Side::Meili);
}

/// Plans of triggers are made at the first write of a connection, and kept.
#[tokio::test]
async fn many_documents_written_again_take_about_as_long_as_new_ones() {
    let ground = super::Ground::new().await;
    ground.index(json!({}), &[]).await;
    let mut connection = ground.psql().await;
    let begun = Instant::now();
    let add = "INSERT INTO search_documents (index_uid, id, version, ordinal, generation, body, facets, words)
        SELECT 'things', n, 1, n, 0, '{}', '{}', '' FROM generate_series(1, 5000) n
        ON CONFLICT (index_uid, id) DO UPDATE SET version = excluded.version";
    super::run(&mut connection, add).await;
    let added = begun.elapsed();
    super::run(&mut connection, "UPDATE search_documents SET writer = 1").await;
    let again = begun.elapsed() - added;
    assert!(again < added * 10, "{again:?} after {added:?}: what changed is compared with all that changed");
}
