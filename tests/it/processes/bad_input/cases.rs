//! What makes no sense, and what becomes of it.

use http::Method;
use serde_json::json;

use super::{super::service::LIMIT, Sent};

const JSON: &str = "application/json";
const NDJSON: &str = "application/x-ndjson";
const CSV: &str = "text/csv";

pub(super) struct Case {
    pub(super) what: &'static str,
    pub(super) sent: Sent,
    pub(super) refused: Refusal,
    /// Whether the service says which of a document's writes this is.
    pub(super) versioned: bool,
}

/// How it is refused.
#[derive(Clone, Copy)]
pub(super) struct Refusal {
    /// By which it is counted.
    pub(super) reason: &'static str,
    /// What it is answered where the layer refuses it.
    pub(super) status: u16,
    /// Meilisearch's code for it there.
    pub(super) code: &'static str,
    /// Whether it goes to the source while that decides, which refuses it in its own words.
    pub(super) by_source: bool,
}

pub(super) fn routes_of_meilisearch(index: &str) -> Vec<Case> {
    let documents = format!("/indexes/{index}/documents");
    let case = |what, sent, refused| Case { what, sent, refused, versioned: false };
    let malformed = |status, code| Refusal::by_source("malformed", status, code);
    let unsupported = Refusal::by_layer("unsupported", 400, "feature_not_enabled");
    let (missing_id, bad_id) = (malformed(400, "missing_document_id"), malformed(400, "invalid_document_id"));
    let broken = malformed(400, "malformed_payload");
    let post = |kind, body: &str| Sent::text(Method::POST, &documents, kind, body);
    let below = |below: &str, body: &str| Sent::text(Method::POST, &format!("{documents}/{below}"), JSON, body);
    let (long, large) = ("x".repeat(512), "x".repeat(LIMIT));
    vec![
        case("no id", post(JSON, r#"[{"id":"a"},{"title":"x"}]"#), missing_id),
        case("no id in a line", post(NDJSON, "{\"id\":\"a\"}\n{\"title\":\"x\"}\n"), missing_id),
        case("an id with a space", post(JSON, r#"[{"id":"a"},{"id":"a b"}]"#), bad_id),
        case("a fraction as id", post(JSON, r#"[{"id":"a"},{"id":1.5}]"#), bad_id),
        case("a null as id", post(JSON, r#"[{"id":null}]"#), bad_id),
        case("a long id", post(JSON, &json!([{ "id": long }]).to_string()), bad_id),
        case(
            "an update without an id",
            Sent::text(Method::PUT, &documents, JSON, r#"[{"id":"a","n":1},{"n":2}]"#),
            missing_id,
        ),
        case(
            "larger than the limit",
            post(JSON, &json!([{ "id": "a", "title": large }]).to_string()),
            Refusal::by_layer("too_large", 413, "payload_too_large"),
        ),
        case("NUL", post(JSON, r#"[{"id":"a"},{"id":"b","title":"\u0000"}]"#), unsupported),
        case("NUL in a name", post(NDJSON, r#"{"id":"a","t\u0000":1}"#), unsupported),
        case("NUL in a column", post(CSV, "id,t\na,x\0y\n"), unsupported),
        case("malformed JSON", post(JSON, r#"[{"id":"a"},]"#), broken),
        case("truncated JSON", post(JSON, r#"[{"id":"a"},{"id":"b""#), broken),
        case("not UTF-8", Sent::text(Method::POST, &documents, JSON, b"[{\"id\":\"a\",\"t\":\"\xff\"}]"), broken),
        case("no document", post(JSON, "17"), broken),
        case("nothing", post(JSON, ""), malformed(400, "missing_payload")),
        case("malformed NDJSON", post(NDJSON, "{\"id\":\"a\"}\n{nonsense}\n"), broken),
        case("truncated NDJSON", post(NDJSON, "{\"id\":\"a\"}\n{\"id\":\"b\","), broken),
        case("malformed CSV", post(CSV, "id,t\na,x,y\n"), broken),
        case("truncated CSV", post(CSV, "id,t\na,x\nb"), broken),
        case("a wrong type", post("text/plain", "[]"), malformed(415, "invalid_content_type")),
        case("text after JSON", post(JSON, r#"[{"id":"a"}] garbage"#), unsupported),
        case("a number out of range", post(JSON, r#"[{"id":"a","n":1e999}]"#), unsupported),
        case(
            "a filter that says nothing",
            below("delete", r#"{"filter":""}"#),
            malformed(400, "invalid_document_filter"),
        ),
        case("no filter", below("delete", "{}"), malformed(400, "missing_document_filter")),
        case("a filter that breaks off", below("delete", r#"{"filter":"kind = "}"#), unsupported),
        case("ids that are no list", below("delete-batch", r#"{"id":"first"}"#), malformed(400, "bad_request")),
        case("a function", below("edit", r#"{"function":"doc.title = 1"}"#), unsupported),
    ]
}

pub(super) fn own_routes() -> Vec<Case> {
    let case = |what, sent, refused| Case { what, sent, refused, versioned: false };
    let versioned = |what, sent, refused| Case { what, sent, refused, versioned: true };
    let unsupported = Refusal::by_layer("unsupported", 400, "");
    let malformed = Refusal::by_source("malformed", 400, "");
    let post = |body: &str| Sent::text(Method::POST, "/v1/posts", JSON, body);
    let (long, large) = ("x".repeat(512), "x".repeat(LIMIT));
    vec![
        case("no id", post(r#"{"title":"x"}"#), unsupported),
        case("no id in a list", post(r#"[{"id":"a"},{"title":"x"}]"#), unsupported),
        case("an id with a space", post(r#"{"id":"a b"}"#), unsupported),
        case("a long id", post(&json!({ "id": long }).to_string()), unsupported),
        case("no object", post("[17]"), unsupported),
        case(
            "an id that is not the path's",
            Sent::json(Method::PATCH, "/v1/posts/a", &json!({ "id": "b" })),
            unsupported,
        ),
        case("an id with a space in the path", Sent::bare(Method::DELETE, "/v1/posts/a%20b"), unsupported),
        case(
            "larger than the limit",
            post(&json!({ "id": "a", "title": large }).to_string()),
            Refusal::by_layer("too_large", 413, ""),
        ),
        case("NUL", post(r#"{"id":"a","title":"\u0000"}"#), unsupported),
        case("malformed JSON", post(r#"{"id":"a",}"#), malformed),
        case("truncated JSON", post(r#"{"id":"a""#), malformed),
        case("lines", Sent::text(Method::POST, "/v1/posts", NDJSON, "{\"id\":\"a\"}\n{nonsense"), unsupported),
        case("columns", Sent::text(Method::POST, "/v1/posts", CSV, "id,t\na,x\n"), unsupported),
        case("nothing", post(""), unsupported),
        versioned("a version in words", post(r#"{"id":"a","version":"soon"}"#), unsupported),
        versioned("a version that is a fraction", post(r#"{"id":"a","version":1.5}"#), unsupported),
        versioned("a version that is a list", post(r#"{"id":"a","version":[1]}"#), unsupported),
        versioned("no version", post(r#"{"id":"a"}"#), unsupported),
        versioned("a deletion without a version", Sent::bare(Method::DELETE, "/v1/posts/first"), unsupported),
    ]
}
