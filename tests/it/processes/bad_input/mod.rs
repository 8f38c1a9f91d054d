//! What makes no sense, through the whole layer: the client is told as the source tells it, or more, nothing is half applied,
//! and it is counted.

mod cases;

use std::sync::Arc;

use axum::{Router, body::Body};
use crossfade::journal::{JournalOptions, memory::MemoryJournal};
use http::{
    Method, Request,
    header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER},
};
use http_body_util::BodyExt;
use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tower::ServiceExt;

use self::cases::{Case, Refusal, own_routes, routes_of_meilisearch};
use super::{
    service::{Config, OPTIONS, Service},
    until,
    world::World,
};

/// What is sent.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    method: Method,
    path: String,
    kind: Option<&'static str>,
    body: Vec<u8>,
}

/// What is answered.
#[derive(Debug, PartialEq)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// Null if it is no JSON.
    pub(super) body: Value,
    pub(super) retry_after: Option<String>,
}

impl Sent {
    pub(super) fn bare(method: Method, path: &str) -> Self {
        Self { method, path: path.to_owned(), kind: None, body: Vec::new() }
    }

    pub(super) fn json(method: Method, path: &str, body: &Value) -> Self {
        Self::text(method, path, "application/json", body.to_string())
    }

    fn text(method: Method, path: &str, kind: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self { method, path: path.to_owned(), kind: Some(kind), body: body.into() }
    }
}

pub(super) async fn send(router: &Router, key: &str, sent: Sent) -> Answer {
    let mut request = Request::builder().method(sent.method).uri(sent.path);
    request = request.header(AUTHORIZATION, format!("Bearer {key}"));
    if let Some(kind) = sent.kind {
        request = request.header(CONTENT_TYPE, kind);
    }
    let response = router.clone().oneshot(request.body(Body::from(sent.body)).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let retry_after = parts.headers.get(RETRY_AFTER).map(|after| after.to_str().unwrap().to_owned());
    let body = body.collect().await.unwrap().to_bytes();
    Answer { status: parts.status.as_u16(), body: serde_json::from_slice(&body).unwrap_or_default(), retry_after }
}

/// How often it was counted with this label, whatever the label's name. Reading resets it.
pub(super) fn counted(recorder: &DebuggingRecorder, name: &str, label: &str) -> u64 {
    let counters = recorder.snapshotter().snapshot().into_vec().into_iter();
    let named = counters
        .filter(|(key, ..)| key.key().name() == name && key.key().labels().any(|carried| carried.value() == label));
    named.map(|(.., value)| if let DebugValue::Counter(count) = value { count } else { 0 }).sum()
}

fn service(config: &Config, versioned: bool) -> Service {
    let journal = MemoryJournal::new(JournalOptions { ..OPTIONS });
    let own = |own: crossfade::http::codec::JsonDocuments| if versioned { own.version("version") } else { own };
    Service::with(config, Arc::new(journal), own)
}

/// Without what is different each time.
fn lasting(mut answer: Answer) -> Answer {
    if let Some(fields) = answer.body.as_object_mut() {
        let passing = ["taskUid", "enqueuedAt", "requestUid", "processingTimeMs"];
        fields.retain(|name, _| !passing.contains(&name.as_str()));
    }
    answer
}

/// Sends each case, and looks at the answer, the counters, the journal and both sides.
async fn try_all(recorder: &DebuggingRecorder, plan: &str, cases: impl Fn(&str) -> Vec<Case>) {
    let world = World::new(false).await;
    for case in cases(&world.index) {
        let (what, key) = (format!("{plan}: {}", case.what), world.meili.key());
        let service = service(&world.config(plan), case.versioned);
        counted(recorder, "", "");
        let answer = send(&service.router, key, case.sent.clone()).await;
        let refused = case.refused;
        if plan == "dual" && refused.by_source {
            // As the service answers without the layer, to the letter.
            let bare = send(&service.bare, key, case.sent.clone()).await;
            assert_eq!(lasting(answer), lasting(bare), "{what}");
            assert_eq!(counted(recorder, "search_dual_write_unreadable_total", refused.reason), 1, "{what}");
        } else {
            assert_eq!(answer.status, refused.status, "{what}: {answer:?}");
            assert_eq!(counted(recorder, "search_dual_write_refused_total", refused.reason), 1, "{what}");
            let explained = answer.body["code"] == json!(refused.code) || answer.body["error"].is_string();
            assert!(explained, "{what}: {answer:?}");
        }
        until(&what, async || service.journal.status().await.unwrap().pending == 0).await;
        until(&what, async || tasks_ended(&world).await).await;
        let stands = world.equal_after(&what).await;
        assert_eq!(stands.keys().collect::<Vec<_>>(), ["first"], "{what} was applied");
        assert_eq!(stands["first"], json!({ "id": "first", "title": "first" }), "{what} was applied");
        service.end().await;
    }
    world.meili.close().await.unwrap();
}

async fn tasks_ended(world: &World) -> bool {
    let path = "/tasks?statuses=enqueued,processing";
    let reply = world.meili.client().send(world.meili.client().call(Method::GET, path, None)).await.unwrap();
    reply.json()["results"].as_array().unwrap().is_empty()
}

fn on_this_thread(test: impl AsyncFnOnce(&DebuggingRecorder)) {
    let recorder = DebuggingRecorder::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    metrics::with_local_recorder(&recorder, || runtime.block_on(test(&recorder)));
}

#[test]
fn meilisearchs_routes_refuse_what_makes_no_sense() {
    on_this_thread(async |recorder| {
        for plan in ["dual", "target_primary", "pg_only"] {
            try_all(recorder, plan, routes_of_meilisearch).await;
        }
    });
}

#[test]
fn routes_of_the_services_own_refuse_what_makes_no_sense() {
    on_this_thread(async |recorder| {
        for plan in ["dual", "target_primary", "pg_only"] {
            try_all(recorder, plan, |_| own_routes()).await;
        }
    });
}

#[test]
fn unknown_routes_are_not_touched() {
    on_this_thread(async |recorder| {
        let world = World::new(false).await;
        for plan in ["dual", "target_primary", "pg_only"] {
            let service = service(&world.config(plan), false);
            counted(recorder, "", "");
            let index = &world.index;
            for sent in [
                Sent::text(Method::POST, &format!("/indexes/{index}/unheard-of"), "text/plain", "{nonsense"),
                Sent::text(Method::POST, "/indexes/another/documents", "application/json", "{nonsense"),
                Sent::json(Method::POST, &format!("/indexes/{index}/documents/fetch"), &json!({})),
                Sent::json(Method::POST, &format!("/indexes/{index}/search"), &json!({ "q": "first" })),
                Sent::bare(Method::GET, &format!("/indexes/{index}/documents/first")),
                Sent::bare(Method::PATCH, &format!("/indexes/{index}/documents")),
                Sent::bare(Method::DELETE, "/nothing/here"),
                Sent::bare(Method::GET, "/v1/posts/first"),
            ] {
                let what = format!("{plan}: {sent:?}");
                let mut answers = Vec::new();
                for router in [&service.router, &service.bare] {
                    let answer = send(router, world.meili.key(), sent.clone()).await;
                    answers.push(lasting(answer));
                }
                assert_eq!(answers[0], answers[1], "{what}");
            }
            let written = recorder.snapshotter().snapshot().into_vec().into_iter();
            let counted: Vec<_> = written.filter(|(key, ..)| key.key().name().contains("dual_write")).collect();
            assert!(counted.is_empty(), "{counted:?}");
            service.end().await;
        }
        assert_eq!(world.equal().await.len(), 1);
    });
}

/// A connection that breaks in the middle of a body whose first lines are whole documents.
#[test]
fn a_body_that_breaks_off_is_not_taken_for_a_shorter_one() {
    on_this_thread(async |recorder| {
        for plan in ["dual", "target_primary", "pg_only"] {
            let world = World::new(false).await;
            let service = service(&world.config(plan), false);
            let address = service.listen().await;
            counted(recorder, "", "");
            let head = format!(
                "POST /indexes/{}/documents HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\n\
                 content-type: application/x-ndjson\r\ncontent-length: 90\r\n\r\n{{\"id\":1}}\n{{\"id\":2}}\n",
                world.index,
                world.meili.key()
            );
            let mut line = TcpStream::connect(&address).await.unwrap();
            line.write_all(head.as_bytes()).await.unwrap();
            line.shutdown().await.unwrap();
            let mut answer = Vec::new();
            // Whether there is an answer is up to the server; that it ends is not.
            line.read_to_end(&mut answer).await.unwrap();
            let answer = String::from_utf8_lossy(&answer).into_owned();
            assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{plan}: {answer}");
            assert_eq!(counted(recorder, "search_dual_write_refused_total", "broken"), 1, "{plan}");
            assert_eq!(service.journal.status().await.unwrap().pending, 0);
            until("tasks", async || tasks_ended(&world).await).await;
            assert_eq!(world.equal().await.len(), 1, "{plan}");
            service.end().await;
        }
    });
}

impl Refusal {
    const fn by_source(reason: &'static str, status: u16, code: &'static str) -> Self {
        Self { reason, status, code, by_source: true }
    }

    const fn by_layer(reason: &'static str, status: u16, code: &'static str) -> Self {
        Self { reason, status, code, by_source: false }
    }
}
