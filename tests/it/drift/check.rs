//! What a check finds.

use std::time::Duration;

use crossfade::{
    backend::postgres::PostgresIndex,
    document::{Document, DocumentId, Version},
    drift::{DriftKind, DriftPass, PerSide},
    error::BackendErrorKind,
    testing::meili::Route,
};
use http::Method;
use serde_json::json;
use tokio::time::Instant;

use super::ground::{Ground, PLANTED, Plant, fields, listed};

#[tokio::test]
async fn clean_sides_report_none_and_are_read_once() {
    let ground = Ground::new(Plant::clean(1000)).await;
    let before = ground.meili.double().map(|double| double.requests(Route::DocumentReads));
    let mut passes = Vec::new();
    let report = ground.check().page(332).run(|progress| passes.push(progress.pass)).await.unwrap();
    assert!(report.agrees);
    assert_eq!(report.documents, PerSide { meili: 1000, pg: 1000 });
    assert_eq!((report.counts.total(), report.in_flight, report.unsettled, report.ranges), (0, 0, 0, 0));
    assert_eq!((report.differences.len(), report.settings.len()), (0, 0));
    assert!(passes.iter().all(|pass| *pass == DriftPass::Ranges), "{passes:?}");
    if let (Some(before), Some(double)) = (before, ground.meili.double()) {
        // Four pages that overlap, and those that were under way when the last one came.
        assert!(double.requests(Route::DocumentReads) - before <= 7);
    }
}

#[tokio::test]
async fn nothing_agrees_with_nothing() {
    let report = Ground::new(Plant::clean(0)).await.check().run(|_| {}).await.unwrap();
    assert!(report.agrees);
    assert_eq!(report.documents, PerSide { meili: 0, pg: 0 });
}

#[tokio::test]
async fn differences_of_every_class_are_found_in_groups_of_any_size() {
    let plant = Plant { missing: 7, extra: 11, stale: 13, tombstone: 17, alike: 600 };
    let ground = Ground::new(plant).await;
    for (most_entries, page) in [(500_000, 2000), (40, 100)] {
        let check = ground.check().most_entries(most_entries).page(page);
        let report = check.run(|_| {}).await.unwrap();
        assert!(!report.agrees);
        assert_eq!(report.counts, plant.counts());
        assert_eq!(listed(&report), plant.differing());
        assert_eq!(report.documents, PerSide { meili: 637, pg: 624 });
        assert_eq!((report.in_flight, report.unsettled), (0, 0));
        for difference in &report.differences {
            let version = (difference.kind != DriftKind::Missing).then_some(PLANTED);
            assert_eq!(difference.version, version);
            let names: &[&str] = if difference.kind == DriftKind::Stale { &["title", "only_here"] } else { &[] };
            assert_eq!(difference.fields, names);
            assert!(difference.values.is_none());
        }
    }
}

#[tokio::test]
async fn all_are_counted_and_some_are_listed_with_values_if_asked() {
    let plant = Plant { stale: 5, ..Plant::clean(10) };
    let ground = Ground::new(plant).await;
    let report = ground.check().keep(2).values(true).run(|_| {}).await.unwrap();
    assert_eq!((report.counts.stale, report.differences.len()), (5, 2));
    let values = report.differences[0].values.as_ref().unwrap();
    assert_eq!(values.meili.as_ref().unwrap()["title"], "as Meilisearch has it");
    assert_eq!(values.pg.as_ref().unwrap()["title"], "as PostgreSQL has it");
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!((&json["agrees"], &json["counts"]["stale"]), (&json!(false), &json!(5)));
    assert_eq!(
        (&json["differences"][0]["kind"], &json["differences"][0]["version"]),
        (&json!("stale"), &json!(PLANTED))
    );
}

#[tokio::test]
async fn settings_that_differ_are_named_with_both_values() {
    let ground = Ground::new(Plant::clean(3)).await;
    let path = format!("/indexes/{}/settings", ground.index);
    let settings = json!({"stopWords": ["the"], "sortableAttributes": ["year", "title"]});
    ground.meili.write(Method::PATCH, &path, Some(&settings)).await.unwrap();
    let mut here = ground.target().settings().await.unwrap();
    here.sortable_attributes = vec!["title".to_owned(), "year".to_owned()];
    ground.target().apply_settings(&here).await.unwrap();
    let report = ground.check().run(|_| {}).await.unwrap();
    assert!(report.agrees, "the documents do");
    let names: Vec<&str> = report.settings.iter().map(|setting| setting.name).collect();
    assert_eq!(names, ["stopWords"]);
    assert_eq!((&report.settings[0].meili, &report.settings[0].pg), (&json!(["the"]), &json!([])));
}

/// A dry run holds nothing that writes, and the server would refuse it.
#[tokio::test]
async fn a_check_writes_nothing() {
    let ground = Ground::new(Plant::of_each(50, 5)).await;
    let rows = async || {
        let rows: Vec<(String, String, String)> =
            sqlx::query_as("SELECT id, xmin::text, ctid::text FROM search_documents ORDER BY id")
                .fetch_all(&mut ground.psql().await)
                .await
                .unwrap();
        rows
    };
    let writes = || ground.meili.double().map(|double| double.requests(Route::DocumentWrites));
    let before = (rows().await, writes());
    let report = ground.check().run(|_| {}).await.unwrap();
    assert_eq!(report.counts.total(), 20);
    assert_eq!((rows().await, writes()), before);

    let read_only: PostgresIndex = ground.pg_options().read_only().index(ground.index.as_str());
    let refused = read_only.delete(&[("alike-1".into(), Version(i64::MAX))]).await.unwrap_err();
    assert_eq!(refused.kind(), BackendErrorKind::Internal);
    assert!(refused.to_string().contains("read-only transaction"), "{refused}");
}

/// Both sides reckon the same ranges: else documents would be looked for where they are not.
#[tokio::test]
async fn every_document_is_in_one_range_and_stretches_leave_none_out() {
    let ids: Vec<String> =
        (0..300).map(|n| format!("id-{n}")).chain(["é".into(), "x y".into(), "日本".into()]).collect();
    let here: Vec<_> = ids.iter().map(|id| json!({"id": id})).collect();
    let ground = Ground::of(&[], &here).await;
    let target = ground.target();
    let mut found: Vec<String> = Vec::new();
    for half in [(0..2048).collect::<Vec<i32>>(), (2048..4096).collect()] {
        let mut after: Option<DocumentId> = None;
        loop {
            let stretch = target.documents_after(after.as_ref(), 7, Some(&half)).await.unwrap();
            let Some((last, ..)) = stretch.last() else { break };
            after = Some(last.clone());
            found.extend(stretch.into_iter().map(|(id, ..)| id.to_string()));
        }
    }
    let mut expected = ids;
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn one_leaf_in_one_document_is_found() {
    let ground = Ground::new(Plant::clean(200)).await;
    for place in [0_usize, 77, 199] {
        let id = format!("alike-{place}");
        let whole: Document = ground.all_here().await.remove(&id).unwrap();
        let mut document = fields(json!({"id": id, "title": "title", "nested": {"a": place, "b": [place, false]}}));
        document.insert("title".to_owned(), whole["title"].clone());
        document.insert("year".to_owned(), whole["year"].clone());
        ground.put_there(&document.clone().into()).await;
        let report = ground.check().run(|_| {}).await.unwrap();
        assert_eq!(listed(&report), [(id, DriftKind::Stale)].into());
        assert_eq!(report.differences[0].fields, ["nested"]);
        ground.put_there(&whole.into()).await;
    }
}

/// `cargo test --release --all-features --test it drift::check::budget -- --ignored --nocapture`
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn budget_of_two_clean_sides() {
    let ground = Ground::new(Plant::clean(100_000)).await;
    let check = ground.check().settle(Duration::from_secs(2));
    for _ in 0..3 {
        let began = Instant::now();
        let report = check.run(|_| {}).await.unwrap();
        assert!(report.agrees);
        assert_eq!(report.documents, PerSide { meili: 100_000, pg: 100_000 });
        println!("two clean sides of 100,000 documents: {:?}", began.elapsed());
        assert!(began.elapsed() < Duration::from_secs(10));
    }
}
