//! The layers on axum routes: bodies pass untouched, shapes are kept, bad input is the inner service's affair.

mod extras;

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::Query,
    response::IntoResponse,
    routing::{any, get, post},
};
use crossfade::{
    error::{BackendErrorKind, Side},
    http::codec::{HttpCodec, JsonSearch, MeiliSearch, Protocol, json_search, meili_search},
    migration::Migration,
    plan::{Flags, Phase, PlanHandle, WriteMode},
    shadow::{Outcome, ShadowPolicy, ShadowRecord},
    testing::Records,
};
use http::{HeaderName, Request, Response, StatusCode, header};
use http_body::Frame;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::support::{Script, Scripted, canary, shadow, until};

struct Http {
    plan: PlanHandle,
    target: Arc<Scripted>,
    records: Records,
    migration: Migration,
    _stop: tokio_util::sync::DropGuard,
}

impl Http {
    fn new(flags: Flags) -> Self {
        let source = Scripted::new(Side::Meili, Script::Answer(vec!["a"]));
        let target = Scripted::new(Side::Pg, Script::Answer(vec!["a", "b"]));
        let records = Records::default();
        let plan = PlanHandle::fixed(flags);
        let (migration, worker) = Migration::builder(plan.clone())
            .source(source)
            .target(target.clone())
            .shadow_log(records.clone())
            .shadow_policy(ShadowPolicy {
                primary_deadline: Duration::from_secs(2),
                noise_share: 0.0,
                ..Default::default()
            })
            .build()
            .unwrap();
        let stop = CancellationToken::new();
        tokio::spawn(worker.run(stop.clone()));
        Self { plan, target, records, migration, _stop: stop.drop_guard() }
    }

    fn app<P: Protocol>(&self, codec: impl Into<HttpCodec<P>>, handler: axum::routing::MethodRouter) -> Router {
        Router::new().fallback_service(handler.layer(self.migration.http_reads(codec)))
    }

    async fn record(&self) -> ShadowRecord {
        until("a record", || !self.records.is_empty()).await;
        let mut records = self.records.taken();
        assert_eq!(records.len(), 1, "{records:?}");
        records.remove(0)
    }
}

async fn send(app: &Router, request: Request<Body>) -> (StatusCode, Bytes) {
    let response: Result<Response<Body>, Infallible> = app.clone().oneshot(request).await;
    let response = response.unwrap();
    (response.status(), response.into_body().collect().await.unwrap().to_bytes())
}

fn read(bytes: &Bytes) -> Value {
    serde_json::from_slice(bytes).unwrap_or_else(|_| panic!("no JSON: {bytes:?}"))
}

fn own() -> JsonSearch {
    json_search("/items/*/event_id").user(HeaderName::from_static("x-user-id")).limit("size", 10, 50).total("/total")
}

/// A service's own search: ids at `/items/*/event_id`.
fn own_answer(ids: &[&str]) -> Value {
    json!({ "items": ids.iter().map(|id| json!({ "event_id": id, "text": "…" })).collect::<Vec<_>>(), "total": ids.len() })
}

fn search(uri: &str) -> Request<Body> {
    Request::get(uri).header("x-user-id", "u7").body(Body::empty()).unwrap()
}

#[tokio::test]
async fn a_get_route_is_compared_and_passes_unchanged() {
    let http = Http::new(shadow(100));
    let answer = own_answer(&["b", "a", "c", "d"]);
    let expected = answer.clone();
    let app = http.app(own(), get(move || async { Json(answer) }));
    let (status, body) = send(&app, search("/v1/search?q=The%20Hang%2Bover&size=5&offset=10")).await;
    assert_eq!((status, read(&body)), (StatusCode::OK, expected));
    let record = http.record().await;
    assert_eq!(record.outcome, Outcome::Compared);
    assert_eq!((&*record.user, &*record.query, record.offset, record.limit), ("u7", "the hang+over", 10, 5));
    assert_eq!(record.meili.ids.unwrap(), ["b", "a", "c", "d"].map(Into::into));
    assert_eq!(record.overlap_at_10, Some(0.5));
}

#[tokio::test]
async fn a_body_goes_through_whole_over_the_limit_or_broken() {
    let http = Http::new(shadow(100));
    let seen = Arc::new(Mutex::new(None));
    let keep = seen.clone();
    let handler = any(move |body: Body| async move {
        let read = body.collect().await.map(|body| body.to_bytes());
        *keep.lock().unwrap() = Some(read.map_err(|error| error.to_string()));
        Json(own_answer(&["a", "b"]))
    });
    let codec = own().query("/q").build().request_limit(100);
    let app = http.app(codec, handler);
    let post = |body| Request::post("/v1/search").body(body).unwrap();

    let small = json!({ "q": "tower" }).to_string();
    send(&app, post(Body::from(small.clone()))).await;
    assert_eq!(seen.lock().unwrap().take(), Some(Ok(Bytes::from(small))));
    let record = http.record().await;
    assert_eq!((record.outcome, &*record.query), (Outcome::Compared, "tower"));

    // In many pieces of unknown length, and announced: both over the limit.
    let large = json!({ "q": "x".repeat(500) }).to_string();
    let pieces: Vec<Result<Bytes, Infallible>> =
        large.as_bytes().chunks(7).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    for body in [Body::from_stream(futures_util::stream::iter(pieces)), Body::from(large.clone())] {
        let (status, _) = send(&app, post(body)).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(seen.lock().unwrap().take(), Some(Ok(Bytes::from(large.clone()))));
        assert_eq!(http.record().await.outcome, Outcome::DroppedBodyTooLarge);
    }

    // The client's connection breaks in the middle: the inner service learns of it, as it would have without layers.
    let broken = [Ok(Bytes::from("{\"q\":")), Err(std::io::Error::other("connection reset"))];
    send(&app, post(Body::from_stream(futures_util::stream::iter(broken)))).await;
    assert!(matches!(seen.lock().unwrap().take(), Some(Err(error)) if error.contains("connection reset")));
    assert_eq!(http.record().await.outcome, Outcome::DroppedCancelled);

    // No JSON: the service decides what that means.
    send(&app, post(Body::from("q=tower"))).await;
    assert_eq!(seen.lock().unwrap().take(), Some(Ok(Bytes::from("q=tower"))));
    assert_eq!(http.record().await.outcome, Outcome::DroppedUndecodable);
}

#[tokio::test]
async fn off_leaves_bodies_alone() {
    let http = Http::new(Flags::default());
    // A body that never ends: reading it in advance would hang.
    let app = http.app(own().query("/q"), post(|| async { "answered without reading" }));
    let endless = Body::from_stream(futures_util::stream::pending::<Result<Bytes, Infallible>>());
    let call = send(&app, Request::post("/v1/search").body(endless).unwrap());
    let (status, _) = tokio::time::timeout(Duration::from_secs(5), call).await.expect("the body was read");
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn answers_that_cannot_be_compared_are_recorded_as_such() {
    let http = Http::new(shadow(100));
    let handler = get(|Query(wanted): Query<Vec<(String, String)>>| async move {
        match wanted[0].1.as_str() {
            "error" => (StatusCode::INTERNAL_SERVER_ERROR, "boom").into_response(),
            "bad" => (StatusCode::BAD_REQUEST, "no such parameter").into_response(),
            "cached" => StatusCode::NOT_MODIFIED.into_response(),
            "html" => "<html>".into_response(),
            "other" => Json(json!({ "results": [] })).into_response(),
            "gzip" => ([(header::CONTENT_ENCODING, "gzip")], "\u{1f}").into_response(),
            "large" => Json(own_answer(&["a"; 100])).into_response(),
            _ => Json(own_answer(&[])).into_response(),
        }
    });
    let app = http.app(own().build().response_limit(1000), handler);
    let cases = [
        ("error", StatusCode::INTERNAL_SERVER_ERROR, Outcome::PrimaryError),
        ("bad", StatusCode::BAD_REQUEST, Outcome::PrimaryError),
        ("cached", StatusCode::NOT_MODIFIED, Outcome::DroppedUndecodable),
        ("html", StatusCode::OK, Outcome::DroppedUndecodable),
        ("other", StatusCode::OK, Outcome::DroppedUndecodable),
        ("gzip", StatusCode::OK, Outcome::DroppedUndecodable),
        ("large", StatusCode::OK, Outcome::DroppedBodyTooLarge),
        ("empty", StatusCode::OK, Outcome::Compared),
    ];
    for (query, status, outcome) in cases {
        assert_eq!(send(&app, search(&format!("/v1/search?q={query}"))).await.0, status, "{query}");
        assert_eq!(http.record().await.outcome, outcome, "{query}");
    }
    // A page size that is no number: the handler's own affair, but nothing to ask the other side.
    send(&app, search("/v1/search?q=empty&size=many")).await;
    assert_eq!(http.record().await.outcome, Outcome::DroppedUndecodable);
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_is_recorded() {
    let http = Http::new(shadow(100));
    let handler = get(|| async {
        let pieces = futures_util::stream::once(async { Ok::<_, Infallible>(Bytes::from("{\"items\":")) });
        Body::from_stream(futures_util::StreamExt::chain(pieces, futures_util::stream::pending()))
    });
    let app = http.app(own(), handler);
    let response = app.oneshot(search("/v1/search?q=x")).await.unwrap();
    let mut body = response.into_body();
    body.frame().await.unwrap().unwrap();
    drop(body);
    assert_eq!(http.record().await.outcome, Outcome::DroppedCancelled);
}

/// With PostgreSQL answering every reader, what is no search still reaches the service.
#[tokio::test]
async fn writes_and_wrong_methods_reach_the_service() {
    let http = Http::new(canary(100));
    let route = get(|| async { "searched" }).post(|| async { (StatusCode::CREATED, "created") });
    let app = http.app(own(), route);
    let method = |method: &str| Request::builder().method(method).uri("/v1/search?q=x").body(Body::empty()).unwrap();
    assert_eq!(send(&app, method("POST")).await.0, StatusCode::CREATED);
    assert_eq!(send(&app, method("DELETE")).await.0, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(send(&app, method("HEAD")).await, (StatusCode::OK, Bytes::new()));
    assert_eq!(http.target.asked(), 0);
    assert_ne!(send(&app, method("GET")).await.1, "searched");
    // The same for a search by POST.
    let app = http.app(own().query("/q"), post(|| async { "searched" }));
    assert_eq!(send(&app, method("GET")).await.0, StatusCode::METHOD_NOT_ALLOWED);
}

/// A check that stands in an extractor of the handler can be repeated for PostgreSQL.
#[tokio::test]
async fn requests_that_are_not_allowed_are_the_handlers_alone() {
    let http = Http::new(canary(100));
    let codec = own().build().allow(|request| request.headers().contains_key("x-user-id"));
    let app = http.app(codec, get(|| async { StatusCode::UNAUTHORIZED }));
    let stranger = Request::get("/v1/search?q=x").body(Body::empty()).unwrap();
    assert_eq!(send(&app, stranger).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(send(&app, search("/v1/search?q=x")).await.0, StatusCode::OK);
}

/// The service's own closures may have bugs: Meilisearch answers then.
#[tokio::test]
async fn a_panicking_codec_falls_back() {
    let http = Http::new(canary(100));
    let adjusting = http.app(own().adjust(|_, _| panic!("adjust")), get(|| async { "from meili" }));
    let responding = http.app(own().respond(|_, _| panic!("respond")), get(|| async { "from meili" }));
    for app in [adjusting, responding] {
        // More often than the breaker bears: PostgreSQL is not to blame.
        for _ in 0..10 {
            assert_eq!(send(&app, search("/v1/search?q=x")).await, (StatusCode::OK, Bytes::from("from meili")));
        }
    }
    assert_eq!(http.target.asked(), 10);
}

#[tokio::test]
async fn the_default_answer_follows_the_pointers() {
    let http = Http::new(canary(100));
    // Without the leading slash, and with ids as the elements of the list.
    let app = http.app(json_search("ids").total("total"), get(|| async { "from meili" }));
    assert_eq!(read(&send(&app, search("/v1/search?q=x")).await.1), json!({ "ids": ["a", "b"], "total": 2 }));
}

/// Contract 6, with a body that takes its time: the plan is the one of the moment the request came.
#[tokio::test]
async fn a_slow_body_changes_nothing_about_the_plan() {
    let http = Http::new(shadow(100));
    let (more, rest) = tokio::sync::mpsc::channel::<Result<Bytes, Infallible>>(2);
    let body = futures_util::stream::unfold(rest, |mut rest| async { rest.recv().await.map(|piece| (piece, rest)) });
    let app = http.app(own().query("/q"), post(|| async { Json(own_answer(&["a"])) }));
    let request = Request::post("/v1/search").body(Body::from_stream(body)).unwrap();
    let call = tokio::spawn(async move { send(&app, request).await });
    more.send(Ok(Bytes::from("{\"q\":"))).await.unwrap();
    until("the first half was read", || more.capacity() == 2).await;
    http.plan.publish(canary(100)).unwrap();
    more.send(Ok(Bytes::from("\"x\"}"))).await.unwrap();
    drop(more);
    call.await.unwrap();
    let record = http.record().await;
    assert_eq!((record.phase, record.primary, record.plan_version), (Phase::Shadow, Side::Meili, 0));
}

/// Over a real connection hyper stops polling at the announced length.
#[tokio::test]
async fn a_real_connection_sees_the_end_of_a_body() {
    let http = Http::new(shadow(100));
    let whole = get(|| async { Json(own_answer(&["a", "b"])) });
    // What is passed through from elsewhere: a stream, with the length in a header; or one that ends in trailers.
    let announced = get(|| async {
        let answer = own_answer(&["a", "b"]).to_string();
        let length = [(header::CONTENT_LENGTH, answer.len().to_string())];
        let pieces = answer.into_bytes().chunks(9).map(|piece| Ok::<_, Infallible>(piece.to_vec())).collect::<Vec<_>>();
        (length, Body::from_stream(futures_util::stream::iter(pieces)))
    });
    let trailing = get(|| async {
        let answer = Bytes::from(own_answer(&["a", "b"]).to_string());
        let frames = [Frame::data(answer), Frame::trailers(http::HeaderMap::new())].map(Ok::<_, Infallible>);
        Body::new(http_body_util::StreamBody::new(futures_util::stream::iter(frames)))
    });
    for handler in [whole, announced, trailing] {
        over_a_connection(&http, handler).await;
        let record = http.record().await;
        assert_eq!((record.outcome, record.overlap_at_10), (Outcome::Compared, Some(1.0)));
    }
}

async fn over_a_connection(http: &Http, handler: axum::routing::MethodRouter) {
    let app = http.app(own(), handler);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = "GET /v1/search?q=x HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    tokio::io::AsyncWriteExt::write_all(&mut stream, request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    tokio::io::AsyncReadExt::read_to_string(&mut stream, &mut answer).await.unwrap();
    let answer: String = answer.split("\r\n").filter(|line| line.len() > 3).collect();
    assert!(answer.contains("event_id") && answer.contains("total"), "{answer}");
}

/// What PostgreSQL answers has the shape of what the service answers.
#[tokio::test]
async fn pg_answers_in_the_services_own_shape() {
    let http = Http::new(canary(100));
    let never = get(|| async { (StatusCode::IM_A_TEAPOT, "the handler was asked") });
    let respond = |query: &crossfade::search::SearchQuery, hits: &crossfade::search::SearchHits| {
        let items: Vec<_> = hits.hits.iter().map(|hit| json!({ "event_id": hit.id })).collect();
        json!({ "items": items, "asked": query.text })
    };
    let app = http.app(own().respond(respond), never.clone());
    let (status, body) = send(&app, search("/v1/search?q=x")).await;
    let expected = json!({ "items": [{ "event_id": "a" }, { "event_id": "b" }], "asked": "x" });
    assert_eq!((status, read(&body)), (StatusCode::OK, expected));
    // By default: the documents in the list the ids were read from, and the total.
    let app = http.app(json_search("/data/items/*/id").total("/data/total"), never);
    let (_, body) = send(&app, search("/v1/search?q=x")).await;
    assert_eq!(read(&body), json!({ "data": { "items": [{ "id": "a" }, { "id": "b" }], "total": 2 } }));
}

#[tokio::test]
async fn pg_failing_is_answered_by_the_untouched_request() {
    let http = Http::new(canary(100));
    http.target.now(Script::Fail(BackendErrorKind::Unavailable));
    let app = http.app(own().query("/q"), post(|body: String| async move { body }));
    for body in ["{\"q\":\"tower\"}".to_owned(), "no json".to_owned(), "x".repeat(70_000)] {
        let (status, answer) = send(&app, Request::post("/v1/search").body(Body::from(body.clone())).unwrap()).await;
        assert_eq!((status, answer), (StatusCode::OK, Bytes::from(body)));
    }
}

#[tokio::test]
async fn without_a_current_meili_a_failure_is_a_clear_error() {
    let http = Http::new(Flags { write_mode: WriteMode::PgOnly, ..canary(100) });
    let app = http.app(own(), get(|| async { "stale" }));
    for (kind, status) in [
        (BackendErrorKind::Unavailable, StatusCode::SERVICE_UNAVAILABLE),
        (BackendErrorKind::InvalidQuery, StatusCode::BAD_REQUEST),
        (BackendErrorKind::Panic, StatusCode::INTERNAL_SERVER_ERROR),
    ] {
        http.target.now(Script::Fail(kind));
        let (seen, body) = send(&app, search("/v1/search?q=x")).await;
        assert_eq!(seen, status);
        assert!(read(&body)["error"].as_str().unwrap().contains(kind.as_str()), "{body:?}");
    }
}

const KEY: &str = "a-search-key";

fn meili(uri: &str, body: Option<Value>) -> Request<Body> {
    let request = Request::builder().uri(uri).header("authorization", format!("Bearer {KEY}"));
    match body {
        Some(body) => request.method("POST").body(Body::from(body.to_string())).unwrap(),
        None => request.body(Body::empty()).unwrap(),
    }
}

fn meili_codec() -> MeiliSearch {
    meili_search("movies", "id").api_keys([KEY]).user("user")
}

#[tokio::test]
async fn meilis_own_routes_are_read_in_both_forms() {
    let http = Http::new(shadow(100));
    let answer = json!({ "hits": [{ "id": "a" }, { "id": 7 }], "query": "", "estimatedTotalHits": 2 });
    let app = http.app(meili_codec(), any(move || async { Json(answer) }));
    let post = json!({ "q": "Tower", "limit": 3, "offset": 6, "filter": ["a = 1", ["b = 2", "c = 3"]],
                       "sort": ["year:desc"], "matchingStrategy": "all", "showRankingScore": false, "facets": null });
    for request in [
        meili("/indexes/movies/search", Some(post)),
        meili("/api/indexes/movies/search?q=Tower&limit=3&offset=6&filter=a%20%3D%201&sort=year:desc", None),
    ] {
        send(&app, request).await;
        let record = http.record().await;
        assert_eq!((record.outcome, &*record.query), (Outcome::Compared, "tower"));
        assert_eq!((record.offset, record.limit), (6, 3));
        assert_eq!(record.meili.ids.unwrap(), ["a", "7"].map(Into::into));
    }
    // What is not a search, or not of this index, is none of the layers' business: nothing is recorded for it.
    send(&app, meili("/indexes/movies/documents", Some(json!([])))).await;
    send(&app, meili("/indexes/customers/search", Some(json!({ "q": "x" })))).await;
    // The parameter that names the reader is Meilisearch's business no more than ours.
    send(&app, meili("/indexes/movies/search?q=x&user=u9", None)).await;
    let record = http.record().await;
    assert_eq!((record.outcome, &*record.user), (Outcome::Compared, "u9"));
    send(&app, meili("/indexes/movies/search", Some(json!({ "q": "x", "vector": [0.5] })))).await;
    assert_eq!(http.record().await.outcome, Outcome::DroppedUnsupported);
    send(&app, meili("/indexes/movies/search", Some(json!({ "q": 5 })))).await;
    assert_eq!(http.record().await.outcome, Outcome::DroppedUndecodable);
}

#[tokio::test]
async fn pg_answers_meilis_routes_in_meilis_shape() {
    let http = Http::new(canary(100));
    let app = http.app(meili_codec(), any(|| async { (StatusCode::FORBIDDEN, "meili") }));
    let (_, body) = send(&app, meili("/indexes/movies/search", Some(json!({ "q": "x", "limit": 5 })))).await;
    let mut answer = read(&body);
    let keys: Vec<_> = answer.as_object().unwrap().keys().cloned().collect();
    // The keys and their order as Meilisearch 1.50 answers.
    assert_eq!(keys, ["hits", "query", "processingTimeMs", "limit", "offset", "estimatedTotalHits", "requestUid"]);
    assert_eq!(answer["hits"].take(), json!([{ "id": "a" }, { "id": "b" }]));
    let (_, body) = send(&app, meili("/indexes/movies/search?q=x&hitsPerPage=1&page=2", None)).await;
    let answer = read(&body);
    assert_eq!((&answer["page"], &answer["totalPages"], &answer["totalHits"]), (&json!(2), &json!(2), &json!(2)));
}

/// PostgreSQL cannot check API keys: whoever bears none that is known stays on Meilisearch, which refuses.
#[tokio::test]
async fn only_known_keys_are_answered_by_pg() {
    let http = Http::new(canary(100));
    let app = http.app(meili_codec(), any(|| async { (StatusCode::FORBIDDEN, "meili") }));
    for key in [None, Some("Bearer other"), Some("Bearer a-search-kez"), Some(KEY)] {
        let mut request = Request::post("/indexes/movies/search");
        if let Some(key) = key {
            request = request.header("authorization", key);
        }
        let (status, _) = send(&app, request.body(Body::from("{}")).unwrap()).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{key:?}");
    }
    // A key opens the index it was given for, no other.
    let other = meili("/indexes/customers/search", Some(json!({})));
    assert_eq!(send(&app, other).await.0, StatusCode::FORBIDDEN);
    assert_eq!(http.target.asked(), 0);
    assert_eq!(send(&app, meili("/indexes/movies/search", Some(json!({})))).await.0, StatusCode::OK);
    // Without any key configured nobody is trusted.
    let app = http.app(meili_search("movies", "id"), any(|| async { (StatusCode::FORBIDDEN, "meili") }));
    assert_eq!(send(&app, meili("/indexes/movies/search", Some(json!({})))).await.0, StatusCode::FORBIDDEN);
}
