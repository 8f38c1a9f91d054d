//! What is known of a write to Meilisearch that failed: whether it may stand even so.

use std::time::Duration;

use crossfade::{
    backend::{meili::MeiliOptions, write::SourceWriter},
    document::{Document, DocumentId},
    error::BackendError,
    write::Action,
};
use http::StatusCode;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// What a server, or a proxy before it, does with every request.
#[derive(Clone, Debug)]
enum Deed {
    /// Reads it to its end, answers with this, and closes the connection.
    Answer(String),
    /// Reads it to its end and says nothing.
    Silence,
    /// Closes the connection before it has read the request to its end.
    CutOff,
}

impl Deed {
    fn answer(status: StatusCode, body: impl ToString) -> Self {
        let body = body.to_string();
        Self::Answer(format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len()))
    }

    async fn be_done(&self, mut connection: TcpStream) {
        let (mut request, mut buffer) = (Vec::new(), vec![0; 65_536]);
        while !is_whole(&request) && !matches!(self, Self::CutOff if !request.is_empty()) {
            let length = connection.read(&mut buffer).await.unwrap();
            assert_ne!(length, 0, "the client sends it all");
            request.extend_from_slice(&buffer[..length]);
        }
        match self {
            Self::Answer(answer) => connection.write_all(answer.as_bytes()).await.unwrap(),
            Self::Silence => std::future::pending().await,
            Self::CutOff => {}
        }
    }
}

/// Whether a request has come to its end.
fn is_whole(request: &[u8]) -> bool {
    let request = String::from_utf8_lossy(request);
    let Some((head, body)) = request.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    length.expect("the client says how long it is").parse::<usize>().unwrap() == body.len()
}

async fn server(deed: Deed) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            let deed = deed.clone();
            tokio::spawn(async move { deed.be_done(connection).await });
        }
    });
    url
}

/// How writes of each kind fail there.
async fn failures(url: &str, text: &str) -> Vec<BackendError> {
    let document = json!({"id": 1, "text": text});
    let document: Document = document.as_object().unwrap().clone();
    let writer = MeiliOptions::new(url, Some("masterkey")).unwrap().writer().timeout(Duration::from_secs(20));
    let mut failures = Vec::new();
    for action in [Action::Put(document.clone()), Action::Merge(document), Action::Delete] {
        failures.push(writer.send("movies", &[(DocumentId::from("1"), action)]).await.unwrap_err());
    }
    failures
}

async fn may_be_done(deed: Deed) -> bool {
    // One that is to be cut off must be too large to be on its way already.
    let length = if matches!(deed, Deed::CutOff) { 8 << 20 } else { 1 };
    let failures = failures(&server(deed.clone()).await, &"x".repeat(length)).await;
    let may: Vec<bool> = failures.iter().map(BackendError::may_be_done).collect();
    assert!(may.iter().all(|one| *one == may[0]), "{deed:?}: {failures:?}");
    may[0]
}

/// An error of Meilisearch itself.
fn refusal(code: &str, class: &str) -> Value {
    json!({"message": "No.", "code": code, "type": class, "link": "https://docs.meilisearch.com/errors"})
}

#[tokio::test]
async fn a_refused_connection_has_done_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    for failure in failures(&url, "x").await {
        assert!(!failure.may_be_done(), "{failure}");
    }
}

#[tokio::test]
async fn what_meilisearch_itself_refuses_it_has_not_done() {
    for (status, code, class) in [
        (StatusCode::BAD_REQUEST, "malformed_payload", "invalid_request"),
        (StatusCode::FORBIDDEN, "invalid_api_key", "auth"),
        (StatusCode::UNPROCESSABLE_ENTITY, "no_space_left_on_device", "system"),
        (StatusCode::SERVICE_UNAVAILABLE, "too_many_open_files", "system"),
        (StatusCode::INTERNAL_SERVER_ERROR, "internal", "internal"),
        // Of a version that is yet to come.
        (StatusCode::INTERNAL_SERVER_ERROR, "not_yet_invented", "not_yet_invented"),
    ] {
        assert!(!may_be_done(Deed::answer(status, refusal(code, class))).await, "{code}");
    }
}

#[tokio::test]
async fn what_a_proxy_says_in_place_of_meilisearch_leaves_it_open() {
    let page = "<html><body>The server behind it did not answer.</body></html>";
    for status in [StatusCode::BAD_GATEWAY, StatusCode::GATEWAY_TIMEOUT, StatusCode::SERVICE_UNAVAILABLE] {
        assert!(may_be_done(Deed::answer(status, page)).await, "{status}");
        assert!(may_be_done(Deed::answer(status, "")).await, "{status}");
        assert!(may_be_done(Deed::answer(status, json!({"message": page}))).await, "{status}");
    }
    assert!(may_be_done(Deed::answer(StatusCode::ACCEPTED, page)).await, "accepted, but by whom?");
}

#[tokio::test]
async fn a_connection_that_is_cut_leaves_it_open() {
    assert!(may_be_done(Deed::CutOff).await, "within the request");
    assert!(may_be_done(Deed::Answer(String::new())).await, "before the answer");
    for whole in [Deed::answer(StatusCode::ACCEPTED, json!({"taskUid": 1})), {
        Deed::answer(StatusCode::INTERNAL_SERVER_ERROR, refusal("internal", "internal"))
    }] {
        let Deed::Answer(whole) = whole else { unreachable!() };
        assert!(may_be_done(Deed::Answer(whole[..10].to_owned())).await, "within the head");
        assert!(may_be_done(Deed::Answer(whole[..whole.len() - 1].to_owned())).await, "within the body");
    }
}

#[tokio::test]
async fn a_server_that_takes_too_long_leaves_it_open() {
    let writer = MeiliOptions::new(&server(Deed::Silence).await, None).unwrap().writer();
    let writer = writer.timeout(Duration::from_millis(100));
    let failure = writer.send("movies", &[("1".into(), Action::Delete)]).await.unwrap_err();
    assert!(failure.may_be_done(), "{failure}");
}
