//! The Meilisearch side, against a real server or the double.

use std::time::Duration;

use crossfade::{
    backend::{
        SearchBackend, Settlement,
        meili::{MeiliIndex, MeiliOptions, MeiliSettlement},
    },
    error::BackendErrorKind,
    search::{FilterInput, FilterTerm, MatchingStrategy, Page, SearchQuery},
    testing::meili::{Fault, Latency, Meili, Route},
};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::time::Instant;

async fn films(meili: &Meili) -> MeiliIndex {
    let settings = json!({
        "searchableAttributes": ["title"], "filterableAttributes": ["genre", "year"], "sortableAttributes": ["year"],
        "stopWords": ["the"],
    });
    let documents: Vec<Value> =
        [("Red moon", "drama", 3), ("Red sun", "noir", 2), ("Blue moon", "drama", 1), ("Red moon", "noir", 4)]
            .iter()
            .zip(1..)
            .map(|((title, genre, year), id)| json!({"id": id, "year": year, "title": title, "genre": genre}))
            .collect();
    let uid = meili.index("side", &settings, &documents).await.unwrap();
    MeiliOptions::new(meili.url(), Some(meili.key())).unwrap().index(uid)
}

async fn found(index: &MeiliIndex, query: SearchQuery) -> (Vec<String>, u64) {
    let hits = index.search(&query).await.unwrap();
    (hits.ids().iter().map(ToString::to_string).collect(), hits.total)
}

fn expect(ids: &[&str], total: u64) -> (Vec<String>, u64) {
    (ids.iter().map(|id| (*id).to_owned()).collect(), total)
}

#[tokio::test]
async fn every_part_of_a_query_is_asked() {
    let meili = Meili::start().await.unwrap();
    let index = films(&meili).await;
    let red = || SearchQuery::new("red moon");
    assert_eq!(found(&index, red()).await, expect(&["1", "4", "2"], 3));
    let all = SearchQuery { matching: MatchingStrategy::All, ..red() };
    assert_eq!(found(&index, all).await, expect(&["1", "4"], 2));
    let window = SearchQuery { page: Page::Window { offset: 1, limit: 1 }, ..red() };
    assert_eq!(found(&index, window).await, expect(&["4"], 3));
    let numbered = SearchQuery { page: Page::Numbered { page: 2, hits_per_page: 2 }, ..red() };
    assert_eq!(found(&index, numbered).await, expect(&["2"], 3));
    let sorted = SearchQuery { sort: vec!["year:desc".to_owned()], ..SearchQuery::default() };
    assert_eq!(found(&index, sorted).await, expect(&["4", "1", "2", "3"], 4));
    let expression = FilterInput::Expression("genre = noir AND year > 2".to_owned());
    assert_eq!(found(&index, SearchQuery { filter: Some(expression), ..red() }).await, expect(&["4"], 1));
    let either = FilterTerm::AnyOf(vec!["year = 2".to_owned(), "year = 3".to_owned()]);
    let list = FilterInput::AllOf(vec![FilterTerm::Expression("genre = drama".to_owned()), either]);
    assert_eq!(found(&index, SearchQuery { filter: Some(list), ..red() }).await, expect(&["1"], 1));
    meili.close().await.unwrap();
}

#[tokio::test]
async fn ids_are_read_although_the_key_was_not_asked_for() {
    let meili = Meili::start().await.unwrap();
    let index = films(&meili).await;
    for (retrieve, shown) in [
        (None, r#"{"id":2,"year":2,"title":"Red sun","genre":"noir"}"#),
        (Some(vec!["*"]), r#"{"id":2,"year":2,"title":"Red sun","genre":"noir"}"#),
        (Some(vec!["title"]), r#"{"title":"Red sun"}"#),
        (Some(vec![]), "{}"),
        (Some(vec!["id"]), r#"{"id":2}"#),
    ] {
        let retrieve = retrieve.map(|fields| fields.into_iter().map(str::to_owned).collect());
        let hits = index.search(&SearchQuery { retrieve, ..SearchQuery::new("sun") }).await.unwrap();
        assert_eq!(hits.hits[0].id.as_str(), "2");
        assert_eq!(serde_json::to_string(&hits.hits[0].document).unwrap(), shown);
    }
    let path = format!("/indexes/{}/settings", index.uid());
    meili.write(Method::PATCH, &path, Some(&json!({"displayedAttributes": ["title"]}))).await.unwrap();
    let error = index.search(&SearchQuery::new("sun")).await.unwrap_err();
    assert_eq!(error.kind(), BackendErrorKind::Unsupported, "{error}");
    meili.close().await.unwrap();
}

#[tokio::test]
async fn a_target_can_be_built_from_settings_and_documents() {
    let meili = Meili::start().await.unwrap();
    let index = films(&meili).await;
    let settings = index.settings().await.unwrap();
    assert_eq!(
        (settings.searchable_attributes.as_slice(), settings.stop_words.as_slice()),
        (&["title".to_owned()][..], &["the".to_owned()][..])
    );
    assert!(settings.has_facet("genre") && settings.has_facet("year") && !settings.has_facet("title"));
    assert_eq!(index.primary_key().await.unwrap().as_deref(), Some("id"));
    let page = index.documents_in_order(1, 2).await.unwrap();
    let ids: Vec<&str> = page.documents.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!((ids, page.total), (vec!["2", "3"], 4));
    let document = serde_json::to_string(&page.documents[0].1).unwrap();
    assert_eq!(document, r#"{"id":2,"year":2,"title":"Red sun","genre":"noir"}"#);
    assert!(index.documents_in_order(4, 2).await.unwrap().documents.is_empty());
    meili.close().await.unwrap();
}

#[tokio::test]
async fn failures_have_their_kinds_and_never_show_the_key() {
    let meili = Meili::start().await.unwrap();
    let index = films(&meili).await;
    let on = |uid: &str| SearchQuery { index: Some(uid.into()), ..SearchQuery::new("x") };
    let filter =
        |text: &str| SearchQuery { filter: Some(FilterInput::Expression(text.to_owned())), ..SearchQuery::default() };
    for (query, kind) in [
        (on("none"), BackendErrorKind::IndexNotFound),
        (on("../keys"), BackendErrorKind::IndexNotFound),
        (on(""), BackendErrorKind::IndexNotFound),
        (filter("title = x"), BackendErrorKind::InvalidQuery),
        (filter("genre ="), BackendErrorKind::InvalidQuery),
        (SearchQuery { sort: vec!["title:asc".to_owned()], ..SearchQuery::default() }, BackendErrorKind::InvalidQuery),
    ] {
        assert_eq!(index.search(&query).await.unwrap_err().kind(), kind, "{query:?}");
    }
    let stranger = MeiliOptions::new(meili.url(), Some("hunter22hunter22")).unwrap().index(index.uid());
    let unauthorized = stranger.search(&SearchQuery::new("x")).await.unwrap_err();
    assert_eq!(unauthorized.kind(), BackendErrorKind::Unauthorized);
    // Nobody listens on the discard port.
    let nowhere =
        MeiliOptions::new("http://someone:hunter22@127.0.0.1:9", Some("hunter22hunter22")).unwrap().index("x");
    let unavailable = nowhere.search(&SearchQuery::new("x")).await.unwrap_err();
    assert_eq!(unavailable.kind(), BackendErrorKind::Unavailable);
    let unsendable = MeiliOptions::new(meili.url(), Some("hunter22\n")).unwrap_err();
    assert_eq!(unsendable.kind(), BackendErrorKind::Unauthorized);
    for error in [&unauthorized, &unavailable, &unsendable] {
        assert!(!format!("{error} {error:?}").contains("hunter22"), "{error} {error:?}");
    }
    assert!(!format!("{stranger:?} {nowhere:?}").contains("hunter22"));
    meili.close().await.unwrap();
}

#[tokio::test]
async fn what_the_server_does_not_answer_is_a_timeout_or_an_outage() {
    let meili = Meili::start().await.unwrap();
    let Some(double) = meili.double() else { return };
    let uid = films(&meili).await.uid().to_owned();
    let options = MeiliOptions::new(meili.url(), Some(meili.key())).unwrap();
    let index = options.timeout(Duration::from_millis(200)).index(uid);
    index.search(&SearchQuery::new("x")).await.unwrap();
    let answer = |status, code: &str| Fault::Answer { status, code: code.to_owned() };
    for (fault, kind) in [
        (Fault::Hang, BackendErrorKind::Timeout),
        (Fault::Drop, BackendErrorKind::Unavailable),
        (answer(StatusCode::INTERNAL_SERVER_ERROR, "internal"), BackendErrorKind::Internal),
    ] {
        double.fail_always(Route::Search, fault.clone());
        assert_eq!(index.search(&SearchQuery::new("x")).await.unwrap_err().kind(), kind, "{fault:?}");
        double.heal(Route::Search);
    }
    double.go_down().await;
    assert_eq!(index.search(&SearchQuery::new("x")).await.unwrap_err().kind(), BackendErrorKind::Unavailable);
    double.come_back().await.unwrap();
    index.search(&SearchQuery::new("x")).await.unwrap();
    meili.close().await.unwrap();
}

#[tokio::test]
async fn an_index_is_unsettled_while_a_task_is_under_way_and_if_one_was() {
    let meili = Meili::start().await.unwrap();
    let before = Instant::now();
    let index = films(&meili).await;
    let other = films(&meili).await;
    let probe = MeiliSettlement::new(index.clone());
    assert_eq!(probe.settled(None, before).await, Some(false), "a task has finished since");
    let quiet = Instant::now();
    assert_eq!(probe.settled(None, quiet).await, Some(true));
    assert_eq!(probe.settled(Some("../keys"), quiet).await, None);
    meili.write(Method::POST, &format!("/indexes/{}/documents", index.uid()), Some(&json!([{"id": 9}]))).await.unwrap();
    assert_eq!(probe.settled(None, quiet).await, Some(false), "enqueued and finished between two looks");
    assert_eq!(probe.settled(None, Instant::now()).await, Some(true));
    assert_eq!(probe.settled(Some(other.uid()), quiet).await, Some(true));
    if let Some(double) = meili.double() {
        double.pause_tasks();
        let path = format!("/indexes/{}/documents", index.uid());
        let write = meili.client().call(Method::POST, &path, Some(&json!([{"id": 9}])));
        let task = meili.client().send(write).await.unwrap().json()["taskUid"].as_u64().unwrap();
        assert_eq!(probe.settled(None, Instant::now()).await, Some(false));
        assert_eq!(probe.settled(Some(other.uid()), quiet).await, Some(true));
        double.resume_tasks();
        meili.wait(task).await.unwrap();
        assert_eq!(probe.settled(None, Instant::now()).await, Some(true));
        double.fail_always(Route::Tasks, Fault::Drop);
        assert_eq!(probe.settled(None, Instant::now()).await, None);
    }
    meili.close().await.unwrap();
}

#[tokio::test]
async fn questions_about_tasks_share_requests_that_begin_after_them() {
    let meili = Meili::start().await.unwrap();
    let Some(double) = meili.double() else { return };
    let index = films(&meili).await;
    let probe = MeiliSettlement::new(index.clone()).interval(Duration::from_millis(200));
    let since = Instant::now();
    let before = double.requests(Route::Tasks);
    let answers = futures_util::future::join_all((0..50).map(|_| probe.settled(None, since))).await;
    assert!(answers.iter().all(|answer| *answer == Some(true)));
    assert_eq!(double.requests(Route::Tasks), before + 4, "two looks of two requests: one had begun");
    // Who asks for more than the look under way knows is not told its answer.
    double.slow(Route::Tasks, Latency::Fixed(Duration::from_millis(50)));
    meili.write(Method::POST, &format!("/indexes/{}/documents", index.uid()), Some(&json!([{"id": 9}]))).await.unwrap();
    let (late, asked) = (Instant::now(), double.requests(Route::Tasks));
    let (late, early) = tokio::join!(probe.settled(None, late), async {
        while double.requests(Route::Tasks) == asked {
            tokio::task::yield_now().await;
        }
        probe.settled(None, since).await
    });
    assert_eq!((late, early), (Some(true), Some(false)));
    assert!(since.elapsed() > Duration::from_millis(550), "two looks within an interval");
    meili.close().await.unwrap();
}

#[tokio::test]
async fn a_task_touches_pairs_that_were_read_before_it_finished_and_no_later_ones_that_are_looked_at_with_them() {
    let meili = Meili::start().await.unwrap();
    let index = films(&meili).await;
    let probe = MeiliSettlement::new(index.clone()).interval(Duration::from_millis(500));
    let quiet = Instant::now();
    // The next look comes an interval after this one, and is shared by all who ask meanwhile.
    assert_eq!(probe.settled(None, quiet).await, Some(true));
    meili.write(Method::POST, &format!("/indexes/{}/documents", index.uid()), Some(&json!([{"id": 9}]))).await.unwrap();
    let after = Instant::now();
    let (early, late, later) =
        tokio::join!(probe.settled(None, quiet), probe.settled(None, after), probe.settled(None, Instant::now()));
    assert_eq!((early, late, later), (Some(false), Some(true), Some(true)));
    meili.close().await.unwrap();
}
