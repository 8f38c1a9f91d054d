//! Pairs of the shadow log asked again, on a real PostgreSQL and a Meilisearch.

mod cli;
mod ground;
mod worst;

use crossfade::{
    document::DocumentId,
    error::Side,
    replay::{Replay, ReplayError, Verdict},
    search::{FilterInput, Page, SearchQuery},
    shadow::{Outcome, StoredRequest},
    store::{NoRequest, Redaction},
};
use jiff::Timestamp;

use ground::{Ground, Kept, wrong};

fn ids(ids: &[&str]) -> Option<Vec<DocumentId>> {
    Some(ids.iter().map(|id| DocumentId::from(*id)).collect())
}

fn storm() -> SearchQuery {
    SearchQuery { page: Page::Window { offset: 0, limit: 10 }, ..SearchQuery::new("  Storm ").by("ann") }
}

fn close(value: Option<f64>, expected: f64) -> bool {
    value.is_some_and(|value| (value - expected).abs() < 1e-9)
}

#[tokio::test]
async fn a_wrong_setting_is_found_and_its_mending_confirmed() {
    let ground = Ground::new().await;
    ground.settings(&wrong(&["title"])).await;
    let id = ground.read(&storm()).await;
    let (titles, overviews) = (["m0", "m6", "m12", "m18", "m24"], ["m1", "m4", "m7", "m10", "m13"]);

    let same = ground.replay(id).await;
    assert_eq!(same.verdict, Verdict::Same);
    assert_eq!((same.then.meili.ids.clone(), same.then.pg.ids.clone()), (same.now.meili.ids, same.now.pg.ids));
    assert_eq!((same.then.meili.ids, same.then.pg.ids), (ids(&[titles, overviews].concat()), ids(&titles)));
    assert!(close(same.then.overlap_at_10, 0.5) && close(same.now.overlap_at_10, 0.5));
    assert_eq!(Some(same.differences.remaining), ids(&overviews));
    assert_eq!((same.query.text.as_str(), same.query.user.as_deref()), ("  Storm ", None));

    // Another mistake makes it worse: it searches a field that nobody asked for.
    ground.settings(&wrong(&["cast"])).await;
    let worse = ground.replay(id).await;
    assert_eq!((worse.verdict, worse.now.pg.ids), (Verdict::Worse, ids(&["m2"])));
    let went: Vec<_> = worse.changes.pg.iter().filter(|it| it.second.is_none()).map(|it| it.id.to_string()).collect();
    assert_eq!((went, worse.changes.meili.len()), (titles.map(str::to_owned).to_vec(), 0));

    // Half of it is mended: it searches too much, and all alike.
    ground.settings(&wrong(&["*"])).await;
    let better = ground.replay(id).await;
    assert_eq!((better.verdict, Some(better.differences.new)), (Verdict::Better, ids(&["m2"])));
    assert!(close(better.now.overlap_at_10, 0.9));

    ground.settings(&wrong(&["title", "overview"])).await;
    let fixed = ground.replay(id).await;
    assert_eq!((fixed.verdict, fixed.now.pg.ids), (Verdict::Fixed, ids(&[titles, overviews].concat())));
    assert_eq!((Some(fixed.differences.gone), fixed.differences.remaining.len()), (ids(&overviews), 0));
    assert!(close(fixed.now.agreement_ndcg_at_10, 1.0) && fixed.now.differences.is_empty());
}

#[tokio::test]
async fn filter_and_sort_are_applied_again() {
    let ground = Ground::new().await;
    let query = SearchQuery {
        filter: Some(
            serde_json::from_value(serde_json::json!(["year > 2005", ["kind = even", "kind = odd"]])).unwrap(),
        ),
        sort: vec!["year:desc".to_owned()],
        ..storm()
    };
    let id = ground.read(&query).await;
    let replayed = ground.replay(id).await;
    // Title before overview, which is what comes before the sort; 1990 + n is the year of `mn`.
    let expected = ids(&["m24", "m18", "m28", "m25", "m22", "m19", "m16"]);
    assert_eq!((&replayed.now.meili.ids, &replayed.now.pg.ids), (&expected, &expected));
    assert_eq!(replayed.verdict, Verdict::Same);
    assert_eq!(replayed.request.unwrap()["sort"], serde_json::json!(["year:desc"]));
}

#[tokio::test]
async fn a_page_beyond_the_first_and_one_that_is_empty() {
    let ground = Ground::new().await;
    for (page, expected) in [
        (Page::Window { offset: 4, limit: 3 }, &["m24", "m1", "m4"][..]),
        (Page::Numbered { page: 3, hits_per_page: 4 }, &["m10", "m13", "m16", "m19"]),
        (Page::Numbered { page: 0, hits_per_page: 4 }, &[]),
        (Page::Window { offset: 500, limit: 10 }, &[]),
    ] {
        let id = ground.read(&SearchQuery { page, ..storm() }).await;
        let replayed = ground.replay(id).await;
        assert_eq!((&replayed.now.meili.ids, &replayed.now.pg.ids), (&ids(expected), &ids(expected)), "{page:?}");
        assert_eq!((replayed.verdict, replayed.query.page), (Verdict::Same, page));
        assert!(close(replayed.then.overlap_at_10, 1.0) && close(replayed.now.overlap_at_10, 1.0));
    }
    let nothing = ground.read(&SearchQuery::new("zzzzzz")).await;
    let replayed = ground.replay(nothing).await;
    assert_eq!((replayed.verdict, replayed.now.meili.ids), (Verdict::Same, ids(&[])));
}

#[tokio::test]
async fn what_changed_on_both_sides_alike_is_no_divergence() {
    let ground = Ground::new().await;
    let id = ground.read(&storm()).await;
    ground.delete("m0").await;
    let replayed = ground.replay(id).await;
    assert_eq!((replayed.verdict, replayed.now.differences.len()), (Verdict::Same, 0));
    for side in [Side::Meili, Side::Pg] {
        let changes = replayed.changes.of(side);
        let moves: Vec<_> = changes.iter().map(|it| (it.id.as_str(), it.first, it.second)).collect();
        assert_eq!(moves, [("m0", Some(1), None), ("m16", None, Some(10))], "{side}");
    }
}

#[tokio::test]
async fn a_compared_side_that_failed_then_can_be_fixed() {
    let ground = Ground::new().await;
    for (primary, outcome, verdict) in [
        (Side::Meili, Outcome::ShadowTimeout, Verdict::Fixed),
        (Side::Meili, Outcome::ShadowError, Verdict::Fixed),
        (Side::Meili, Outcome::PrimaryError, Verdict::NotComparable),
        (Side::Pg, Outcome::ShadowError, Verdict::Fixed),
    ] {
        let id = ground.read_as(&storm(), Kept { outcome, primary, ..Kept::default() }).await;
        let replayed = ground.replay(id).await;
        assert_eq!((replayed.verdict, replayed.primary), (verdict, primary), "{outcome:?}");
        let failed = if outcome == Outcome::PrimaryError { primary } else { primary.other() };
        assert_eq!(replayed.then.failed().collect::<Vec<_>>(), [failed]);
        assert!(replayed.then.shown(failed).error.as_ref().unwrap().starts_with(outcome.as_str()));
    }
}

#[tokio::test]
async fn a_side_that_fails_now_is_shown_as_failed() {
    let ground = Ground::new().await;
    let id = ground.read(&storm()).await;
    let row = ground.store.shadow_rows().get(id).await.unwrap().unwrap();
    let (meili, pg) = ground.sides();
    let elsewhere = Replay::new(meili, pg).index(Some("nowhere")).run(&row).await.unwrap();
    assert_eq!((elsewhere.verdict, elsewhere.index.as_deref()), (Verdict::NotComparable, Some("nowhere")));
    for side in [Side::Meili, Side::Pg] {
        let error = elsewhere.now.shown(side).error.clone().unwrap();
        assert!(error.starts_with(side.as_str()) && error.contains("index_not_found"), "{error}");
    }
    assert!(elsewhere.changes.pg.is_empty() && elsewhere.then.pg.ids.is_some());
}

#[tokio::test]
async fn rows_that_cannot_be_asked_say_why() {
    let ground = Ground::new().await;
    let rows = ground.store.shadow_rows();
    assert_eq!(rows.get(1).await.unwrap(), None);
    let refused = async |id: i64| {
        let row = rows.get(id).await.unwrap().unwrap();
        let (meili, pg) = ground.sides();
        match Replay::new(meili, pg).run(&row).await.unwrap_err() {
            ReplayError::NoRequest { id: of, source } if of == id => source,
            other => panic!("{other}"),
        }
    };
    let redaction = || Redaction::users_and_queries(b"a key for this test").unwrap();
    let redacted = ground.read_as(&storm(), Kept { redaction: redaction(), ..Kept::default() }).await;
    let why = refused(redacted).await;
    assert_eq!(why, NoRequest::Absent("redacted".to_owned()));
    assert!(why.to_string().contains("stored as hashes"), "{why}");

    let large = "x".repeat(StoredRequest::LIMIT);
    let filter = Some(FilterInput::Expression(format!("kind = even OR kind = '{large}'")));
    let large = ground.read(&SearchQuery { filter, ..storm() }).await;
    assert!(refused(large).await.to_string().contains("more than 8192 bytes"));

    let newer = ground.read(&storm()).await;
    ground.sql("UPDATE shadow_read_logs SET request = jsonb_set(request, '{v}', '2') WHERE request IS NOT NULL").await;
    assert!(refused(newer).await.to_string().contains("version 2"));

    ground.sql("UPDATE shadow_read_logs SET request = NULL, request_absent = '', outcome = 'dropped_late'").await;
    assert!(refused(newer).await.to_string().contains("`dropped_late`"));
}

#[tokio::test]
async fn rules_of_what_differs_are_told_for_both_sides() {
    let ground = Ground::new().await;
    ground.settings(&wrong(&["overview", "title"])).await;
    let id = ground.read(&SearchQuery { sort: vec!["year:asc".to_owned()], ..storm() }).await;
    let mut row = ground.store.shadow_rows().get(id).await.unwrap().unwrap();
    // The double does not say what its rules say; an index with the right settings does, in its place.
    row.request = row.request.map(|query| SearchQuery { index: None, ..query });
    let (_, pg) = ground.sides();
    let replayed = Replay::new(ground.stand_in().await, pg).explain(true).run(&row).await.unwrap();
    let differing: Vec<_> = replayed.now.differences.iter().map(|it| &it.id).collect();
    let rules = replayed.rules.unwrap();
    assert!(!differing.is_empty());
    for id in differing {
        let order = |rules: &crossfade::document::Document| rules["attributeRank"]["score"].clone();
        let (there, here) = (&rules.meili[id], &rules.pg[id]);
        assert_ne!(order(there), order(here), "{id}: the order of the attributes is what is wrong");
        assert_eq!(there["year:asc"], here["year:asc"], "{id}: the sort is asked again");
    }
    assert_eq!(ground.replay(id).await.rules, None);
    assert!(replayed.now_at <= Timestamp::now() && replayed.now_at >= replayed.then_at);
}
