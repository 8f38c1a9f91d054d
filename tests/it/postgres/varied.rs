//! What a Meilisearch 1.50 server answered under many settings to searches of every kind, answered from PostgreSQL: the whole body of the
//! answer. `tests/it/data/varied/README.md` says what was asked.
//!
//! A part of the searches is asked; with `CROSSFADE_PARITY=all` all are. With `MEILI_URL` that server is asked too, and held to the recording.

use std::{
    env,
    fs::File,
    io::{BufRead, BufReader},
    path::PathBuf,
    time::Duration,
};

use crossfade::{
    backend::{SearchBackend, postgres::PostgresIndex},
    codec::Codec,
    http::codec::{Question, meili_search},
    testing::meili::Meili,
};
use flate2::read::GzDecoder;
use http::Method;
use http_body_util::BodyExt;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use super::Ground;

/// Every so many searches are asked usually.
const USUAL_STEP: usize = 4;
/// How far two scores may be from each other.
const ROUNDING: f64 = 1e-9;

#[derive(Deserialize)]
struct Settings {
    settings: Value,
}

#[derive(Deserialize)]
struct Exchange {
    request: Value,
    response: Value,
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/data/varied")
}

fn lines(name: &str) -> impl Iterator<Item = String> {
    let file = File::open(folder().join(name)).unwrap();
    BufReader::new(GzDecoder::new(file)).lines().map(Result::unwrap)
}

fn parsed<T: DeserializeOwned>(line: String) -> T {
    serde_json::from_str(&line).unwrap()
}

/// The names of the settings that were recorded.
fn recorded() -> Vec<String> {
    let names = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name.ends_with(".gz") && !name.starts_with("documents")).collect();
    names.sort();
    names
}

async fn answer(index: &PostgresIndex, body: &Value) -> Value {
    let codec = meili_search("things", "id").trust_callers().build();
    let question = Question {
        method: Method::POST,
        uri: "/indexes/things/search".parse().unwrap(),
        headers: Vec::new(),
        body: body.to_string().into(),
    };
    let query = codec.decode(question).unwrap();
    let hits = index.search(&query).await.unwrap();
    let answer = codec.encode(&query, hits, Duration::ZERO).into_body().collect().await.unwrap().to_bytes();
    serde_json::from_slice(&answer).unwrap()
}

/// What differs from one answer to the next.
const VOLATILE: &[&str] = &[".processingTimeMs", ".requestUid"];
/// What is known to differ where documents are told apart by an attribute: how many of those not shown count (README, Limits).
const COUNTED: &[&str] = &[".estimatedTotalHits", ".totalHits", ".totalPages"];

/// Where two answers differ first, but for some fields.
fn difference(path: &str, ours: &Value, theirs: &Value, but: &[&str]) -> Option<String> {
    match (ours, theirs) {
        _ if but.contains(&path) => None,
        (Value::Number(one), Value::Number(other)) => {
            let apart = (one.as_f64().unwrap() - other.as_f64().unwrap()).abs();
            (apart > ROUNDING).then(|| format!("{path}: {one}, recorded {other}"))
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            let mut pairs = one.iter().zip(other).enumerate();
            pairs.find_map(|(nth, (one, other))| difference(&format!("{path}[{nth}]"), one, other, but))
        }
        (Value::Object(one), Value::Object(other)) => {
            let keys = one.keys().chain(other.keys());
            keys.into_iter().find_map(|key| {
                let value = |of: &serde_json::Map<String, Value>| of.get(key).cloned().unwrap_or_default();
                difference(&format!("{path}.{key}"), &value(one), &value(other), but)
            })
        }
        _ if ours == theirs => None,
        _ => Some(format!("{path}: {ours}, recorded {theirs}")),
    }
}

#[tokio::test]
async fn under_all_settings_the_whole_answer_is_that_of_meilisearch() {
    let documents: Vec<Value> = lines("documents.jsonl.gz").map(parsed).collect();
    let step = if env::var("CROSSFADE_PARITY").is_ok_and(|value| value == "all") { 1 } else { USUAL_STEP };
    let meili = Meili::start().await.unwrap();
    let (mut asked, mut different) = (0, Vec::new());
    for name in recorded() {
        let mut lines = lines(&name);
        let Settings { settings } = parsed(lines.next().unwrap());
        let ground = Ground::new().await;
        let index = ground.index(settings.clone(), &documents).await;
        let real = match meili.double() {
            None => Some(meili.index("varied", &settings, &documents).await.unwrap()),
            Some(_) => None,
        };
        for Exchange { request, response } in lines.step_by(step).map(parsed) {
            asked += 1;
            let distinct = !request["distinct"].is_null() || !settings["distinctAttribute"].is_null();
            let but = [VOLATILE, if distinct { COUNTED } else { &[] }].concat();
            let mut differs = difference("", &answer(&index, &request).await, &response, &but);
            if let Some(uid) = &real {
                let call = meili.client().call(Method::POST, &format!("/indexes/{uid}/search"), Some(&request));
                let reply = meili.client().send(call).await.unwrap().json();
                differs = differs
                    .or(difference("", &reply, &response, VOLATILE).map(|differs| format!("the server: {differs}")));
            }
            different.extend(differs.map(|differs| format!("{name} {request}\n    {differs}")));
        }
    }
    assert!(asked > 500, "{asked}");
    assert!(different.is_empty(), "{} of {asked} differ:\n{}", different.len(), different.join("\n"));
    meili.close().await.unwrap();
}
