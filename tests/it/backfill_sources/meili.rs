//! An index of Meilisearch, while it changes.

use std::{collections::BTreeSet, time::Duration};

use crossfade::{
    backend::meili::{MeiliIndex, MeiliOptions},
    backfill::source::{BackfillSource, MeiliSource, Shard, SourceDescription, SourceErrorKind, SourceRow},
    document::Version,
    testing::meili::{Fault, Meili, Route},
};
use http::Method;
use serde_json::{Value, json};

use super::{assert_unfit, bodies, document, ids, kept, read_all};

fn body(id: &str) -> Value {
    json!({"id": id, "title": format!("film {id}"), "v": id.len()})
}

/// An index whose documents are called `0000` and so on, in that order.
async fn index(meili: &Meili, documents: usize) -> MeiliIndex {
    let documents: Vec<Value> = (0..documents).map(|number| body(&format!("{number:04}"))).collect();
    let uid = meili.index("source", &json!({}), &documents).await.unwrap();
    MeiliOptions::new(meili.url(), Some(meili.key())).unwrap().index(uid)
}

async fn delete(meili: &Meili, index: &MeiliIndex, ids: &[String]) {
    let path = format!("/indexes/{}/documents/delete-batch", index.uid());
    meili.write(Method::POST, &path, Some(&json!(ids))).await.unwrap();
}

async fn add(meili: &Meili, index: &MeiliIndex, id: &str) {
    let path = format!("/indexes/{}/documents", index.uid());
    meili.write(Method::POST, &path, Some(&json!([body(id)]))).await.unwrap();
}

fn numbers(from: usize, upto: usize) -> Vec<String> {
    (from..upto).map(|number| format!("{number:04}")).collect()
}

fn whole() -> Shard {
    Shard { key: "0".to_owned(), lower: None, upper: None }
}

/// Reads a shard in pages of ten, and does something after each; the rows, and the ids in the order they came.
async fn read_beside(source: &MeiliSource, mut beside: impl AsyncFnMut(usize)) -> Vec<SourceRow> {
    let (mut rows, mut cursor, mut pages) = (Vec::new(), None::<String>, 0);
    loop {
        let page = source.read(&whole(), cursor.as_deref(), 10).await.unwrap();
        rows.extend(page.rows);
        cursor = page.cursor;
        if page.end {
            return rows;
        }
        pages += 1;
        beside(pages).await;
    }
}

#[tokio::test]
async fn every_document_comes_once_in_its_order_whatever_the_pages() {
    let meili = Meili::start().await.unwrap();
    for (documents, shards, limits) in [(140, 1, &[1, 2][..]), (260, 2, &[2]), (600, 4, &[7, 1000]), (0, 4, &[7])] {
        let index = index(&meili, documents).await;
        let source = MeiliSource::new(index);
        source.check().await.unwrap();
        for limit in limits {
            let (rows, cut) = read_all(&source, shards, *limit).await;
            assert_eq!(cut, if documents == 0 { 1 } else { shards });
            assert_eq!(ids(&rows), numbers(0, documents));
            assert!(bodies(&rows).iter().all(|(id, found)| *found == body(id)));
            let ordinals: Vec<i64> = rows.iter().map(|row| document(row).ordinal.unwrap()).collect();
            assert!(ordinals.is_sorted_by(|one, next| one < next), "{ordinals:?}");
            assert!(ordinals.iter().all(|ordinal| (0..1 << 32).contains(ordinal)));
            assert_eq!(source.plan(shards).await.unwrap().total.unwrap().rows, documents as u64);
        }
    }
    meili.close().await.unwrap();
}

#[tokio::test]
async fn documents_that_stay_are_read_whatever_is_deleted_and_added_between_pages() {
    let meili = Meili::start().await.unwrap();
    let index = index(&meili, 200).await;
    let source = MeiliSource::new(index.clone());
    let rows = read_beside(&source, async |pages| {
        let read = pages * 10;
        // One read long ago, the one read last, and the next one.
        delete(&meili, &index, &numbers(pages, pages + 1)).await;
        delete(&meili, &index, &numbers(read - 1, read + 1)).await;
        add(&meili, &index, &format!("new{pages}")).await;
    })
    .await;
    let seen: BTreeSet<&str> = ids(&rows).into_iter().collect();
    let there = index.ids_in_order(0, 1000).await.unwrap().documents;
    let there = there.iter().map(|(id, _)| id.as_str());
    let missing: Vec<&str> = there.filter(|id| !id.starts_with("new") && !seen.contains(id)).collect();
    assert!(missing.is_empty(), "not read: {missing:?}");
    assert_eq!(seen.len(), rows.len(), "read twice");
    meili.close().await.unwrap();
}

#[tokio::test]
async fn much_that_goes_before_the_cursor_is_followed() {
    let meili = Meili::start().await.unwrap();
    let index = index(&meili, 600).await;
    let source = MeiliSource::new(index.clone());
    let rows = read_beside(&source, async |pages| {
        if pages == 50 {
            delete(&meili, &index, &numbers(0, 490)).await;
        }
    })
    .await;
    assert_eq!(ids(&rows), numbers(0, 600));
    meili.close().await.unwrap();
}

#[tokio::test]
async fn when_all_that_was_read_last_is_gone_everything_is_read_again() {
    let meili = Meili::start().await.unwrap();
    let index = index(&meili, 100).await;
    let source = MeiliSource::new(index.clone());
    let rows = read_beside(&source, async |pages| {
        if pages == 5 {
            delete(&meili, &index, &numbers(10, 60)).await;
        }
    })
    .await;
    let expected: Vec<String> = [numbers(0, 50), numbers(0, 10), numbers(60, 100)].concat();
    assert_eq!(ids(&rows), expected);
    meili.close().await.unwrap();
}

#[tokio::test]
async fn shards_hold_everything_although_their_boundary_changes() {
    let meili = Meili::start().await.unwrap();
    let index = index(&meili, 300).await;
    let source = MeiliSource::new(index.clone());
    let plan = source.plan(2).await.unwrap();
    // At the boundary, and before it.
    delete(&meili, &index, &[numbers(140, 160), numbers(20, 30)].concat()).await;
    let mut seen = Vec::new();
    for shard in &plan.shards {
        seen.push(super::read_shard(&source, shard, 20).await);
    }
    assert_eq!(ids(&seen[0]), [numbers(0, 20), numbers(30, 140)].concat());
    assert_eq!(ids(&seen[1]), numbers(160, 300));
    meili.close().await.unwrap();
}

#[tokio::test]
async fn documents_are_read_again_by_their_places() {
    let meili = Meili::start().await.unwrap();
    let index = index(&meili, 20).await;
    let source = MeiliSource::new(index.clone()).version_field("v");
    let (rows, _) = read_all(&source, 1, 5).await;
    assert!(rows.iter().all(|row| document(row).version == Some(Version(4))));
    delete(&meili, &index, &numbers(3, 4)).await;
    let path = format!("/indexes/{}/documents", index.uid());
    meili.write(Method::PUT, &path, Some(&json!([{"id": "0004", "v": 9}, {"id": "0005", "v": "x"}]))).await.unwrap();
    let places: Vec<String> = rows[2..6].iter().map(|row| row.place.clone()).collect();
    let mut again = source.reread(&places).await.unwrap();
    again.sort_by(|one, next| one.place.cmp(&next.place));
    assert_eq!(again.len(), 3);
    assert_eq!(document(&again[0]).document, document(&rows[2]).document);
    let changed = document(&again[1]);
    assert_eq!((changed.version, changed.ordinal), (Some(Version(9)), None));
    let unreadable = again[2].content.as_ref().unwrap_err();
    assert!(unreadable.id == Some("0005".into()) && unreadable.why.contains("`v`"), "{}", unreadable.why);
    meili.close().await.unwrap();
}

#[tokio::test]
async fn it_is_fit_only_when_it_is_there_and_at_rest() {
    let meili = Meili::start().await.unwrap();
    let index = index(&meili, 3).await;
    let options = || MeiliOptions::new(meili.url(), Some(meili.key())).unwrap();
    assert_unfit(&MeiliSource::new(options().index("none")).check().await.unwrap_err(), &["no index `none`"]);
    assert_unfit(&MeiliSource::new(options().index("../x")).check().await.unwrap_err(), &["no index"]);
    let none = MeiliSource::new(options().index("none"));
    assert_unfit(&none.plan(2).await.unwrap_err(), &["no index `none`"]);
    assert_unfit(&none.read(&whole(), None, 7).await.unwrap_err(), &["no index `none`"]);
    let stranger = MeiliOptions::new(meili.url(), Some("hunter22hunter22")).unwrap().index(index.uid());
    let error = MeiliSource::new(stranger).check().await.unwrap_err();
    assert_unfit(&error, &[]);
    assert!(!format!("{error} {error:?}").contains("hunter22"));
    if let Some(double) = meili.double() {
        double.pause_tasks();
        let path = format!("/indexes/{}/documents", index.uid());
        let call = meili.client().call(Method::POST, &path, Some(&json!([body("late")])));
        let task = meili.client().send(call).await.unwrap().json()["taskUid"].as_u64().unwrap();
        let source = MeiliSource::new(index.clone());
        let error = source.clone().patience(Duration::from_millis(50)).check().await.unwrap_err();
        assert_eq!(error.kind(), SourceErrorKind::Unavailable);
        assert!(error.to_string().contains("for the tasks of the index"), "{error}");
        let (checked, ()) = tokio::join!(source.check(), async { double.resume_tasks() });
        checked.unwrap();
        assert_eq!(meili.wait(task).await.unwrap()["status"], "succeeded");
        assert_eq!(read_all(&source, 1, 10).await.0.len(), 4);
    }
    meili.close().await.unwrap();
}

#[tokio::test]
async fn a_page_that_failed_can_be_read_again() {
    let meili = Meili::start().await.unwrap();
    let Some(double) = meili.double() else { return };
    let source = MeiliSource::new(index(&meili, 50).await);
    let first = source.read(&whole(), None, 20).await.unwrap();
    let second = source.read(&whole(), first.cursor.as_deref(), 20).await.unwrap();
    let answer = Fault::Answer { status: http::StatusCode::INTERNAL_SERVER_ERROR, code: "internal".to_owned() };
    for fault in [Fault::Drop, answer] {
        double.fail_next(Route::DocumentReads, 1, fault);
        let error = source.read(&whole(), first.cursor.as_deref(), 20).await.unwrap_err();
        assert_eq!(error.kind(), SourceErrorKind::Unavailable, "{error}");
        assert_eq!(source.read(&whole(), first.cursor.as_deref(), 20).await.unwrap(), second);
    }
    let alien = source.read(&whole(), Some("[1]"), 20).await.unwrap_err();
    assert_unfit(&alien, &["start a new job"]);
    meili.close().await.unwrap();
}

#[tokio::test]
async fn its_description_opens_it_again() {
    let meili = Meili::start().await.unwrap();
    let source = MeiliSource::new(index(&meili, 30).await).version_field("v");
    let first = source.read(&whole(), None, 20).await.unwrap();
    let SourceDescription::Meili { index, version } = kept(&source.describe()) else { panic!("another kind") };
    let options = MeiliOptions::new(meili.url(), Some(meili.key())).unwrap();
    let opened = MeiliSource::new(options.index(index)).version_field(version.unwrap());
    let second = opened.read(&whole(), first.cursor.as_deref(), 20).await.unwrap();
    assert_eq!((ids(&second.rows), second.end), (numbers(20, 30).iter().map(String::as_str).collect(), true));
    meili.close().await.unwrap();
}
