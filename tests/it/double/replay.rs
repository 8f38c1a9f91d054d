//! Every exchange recorded from Meilisearch 1.50, replayed in its order against the double, or against a real server with
//! `MEILI_URL`.

use std::{collections::HashMap, time::Duration};

use crossfade::testing::meili::{Call, Meili, Reply};
use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

const EXCHANGES: &str = include_str!("../data/meili-exchanges.jsonl");

/// More indexes than others may have on a real server.
const ALL_INDEXES: u64 = 1_000;

/// One recorded exchange.
#[derive(Deserialize)]
struct Exchange {
    note: String,
    request: Asked,
    response: Answered,
}

#[derive(Deserialize)]
struct Asked {
    method: String,
    path: String,
    auth: bool,
    content_type: Option<String>,
    body: Value,
}

#[derive(Deserialize)]
struct Answered {
    status: u16,
    content_type: Option<String>,
    body: Value,
}

/// A replay under way.
struct Replay {
    meili: Meili,
    /// Task uids: as recorded, and as they are here.
    tasks: HashMap<u64, u64>,
}

#[tokio::test]
async fn every_recorded_exchange_is_answered_as_recorded() {
    let meili = Meili::start().await.unwrap();
    let mut replay = Replay { meili, tasks: HashMap::new() };
    replay.check_that_the_names_are_free().await;
    let mut different = Vec::new();
    let mut replayed = 0;
    for line in EXCHANGES.lines() {
        let exchange: Exchange = serde_json::from_str(line).unwrap();
        replayed += 1;
        if let Err(difference) = replay.exchange(&exchange).await {
            different.push(format!("{}: {difference}", exchange.note));
        }
    }
    replay.meili.write(Method::DELETE, "/indexes/made", None).await.unwrap();
    assert_eq!(replayed, 95);
    assert!(different.is_empty(), "{} rows differ:\n{}", different.len(), different.join("\n"));
}

impl Replay {
    fn is_real(&self) -> bool {
        self.meili.double().is_none()
    }

    async fn check_that_the_names_are_free(&self) {
        for uid in ["posts", "made"] {
            let reply = self.get(&format!("/indexes/{uid}")).await;
            assert_eq!(reply.status, 404, "the replay needs the index name `{uid}`, which the server has in use");
        }
    }

    async fn get(&self, path: &str) -> Reply {
        let client = self.meili.client();
        client.send(client.call(Method::GET, path, None)).await.unwrap()
    }

    async fn exchange(&mut self, exchange: &Exchange) -> Result<(), String> {
        let reply = if exchange.note.ends_with(": task right after") {
            self.until(&exchange.request, |status| status != "enqueued").await
        } else if exchange.note.ends_with(": task settled") {
            if let Some(double) = self.meili.double() {
                double.set_task_duration(Duration::ZERO);
            }
            self.until(&exchange.request, |status| status != "enqueued" && status != "processing").await
        } else {
            // The double holds a task at processing until its row has been compared.
            if let Some(double) = self.meili.double() {
                double.set_task_duration(Duration::from_secs(3600));
            }
            self.send(&exchange.note, &exchange.request).await
        };
        if let (Some(recorded), Some(here)) =
            (exchange.response.body["taskUid"].as_u64(), reply.json()["taskUid"].as_u64())
        {
            self.tasks.insert(recorded, here);
        }
        self.compare(exchange, &reply)
    }

    /// Asks for a task until it has a status.
    async fn until(&self, asked: &Asked, reached: impl Fn(&str) -> bool) -> Reply {
        let asking = async {
            loop {
                let reply = self.send("", asked).await;
                if reply.json()["status"].as_str().is_none_or(&reached) {
                    return reply;
                }
                sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(Duration::from_secs(60), asking).await.unwrap()
    }

    async fn send(&self, note: &str, asked: &Asked) -> Reply {
        let key = match note {
            "bad key" => Some("not-the-key".to_owned()),
            _ => asked.auth.then(|| self.meili.key().to_owned()),
        };
        let body = match &asked.body {
            Value::Null => String::new(),
            Value::String(raw) => raw.clone(),
            body => body.to_string(),
        };
        let call = Call {
            method: asked.method.parse().unwrap(),
            path: self.path(asked),
            content_type: asked.content_type.clone(),
            body: body.into_bytes(),
            key,
        };
        self.meili.client().send(call).await.unwrap()
    }

    /// The path with the task uid of this server.
    fn path(&self, asked: &Asked) -> String {
        let recorded = asked.path.as_str();
        let uid = recorded.strip_prefix("/tasks/").and_then(|uid| uid.parse().ok());
        if let Some(here) = uid.and_then(|uid: u64| self.tasks.get(&uid)) {
            return format!("/tasks/{here}");
        }
        // Others may use a real server at the same time.
        match recorded {
            _ if !self.is_real() => recorded.to_owned(),
            "/indexes" if asked.method == "GET" => format!("/indexes?limit={ALL_INDEXES}"),
            tasks if tasks.starts_with("/tasks?") => format!("{recorded}&indexUids=posts"),
            _ => recorded.to_owned(),
        }
    }

    fn compare(&self, exchange: &Exchange, reply: &Reply) -> Result<(), String> {
        let Answered { status, content_type, body } = &exchange.response;
        let recorded = (*status, content_type.as_deref(), self.normalize(body, "", false));
        let here = if body.is_string() { json!(reply.body) } else { reply.json() };
        if self.is_real() && self.ran_ahead(exchange, &here) {
            return Ok(());
        }
        let here = (reply.status, reply.content_type.as_deref(), self.normalize(&here, "", true));
        if here == recorded { Ok(()) } else { Err(format!("\n  recorded {recorded:?}\n  here     {here:?}")) }
    }

    /// Whether a real server was done with a task before it could be seen at work.
    fn ran_ahead(&self, exchange: &Exchange, here: &Value) -> bool {
        exchange.note.ends_with(": task right after") && here["status"] != "processing" && here["uid"].is_u64()
    }

    /// The one place that says what may differ between two servers that behave alike: times, durations, ids of requests,
    /// sizes, the values of ranking scores; task uids are told in recorded numbers. A real server may have seen other
    /// tasks and indexes, and be another build of the same version.
    fn normalize(&self, value: &Value, name: &str, is_here: bool) -> Value {
        let number_of = |task: u64| match self.tasks.iter().find(|(_, here)| is_here && **here == task) {
            Some((recorded, _)) => json!(recorded),
            None => json!(task),
        };
        match (name, value) {
            ("enqueuedAt" | "startedAt" | "finishedAt" | "createdAt" | "updatedAt", Value::String(time)) => {
                json!(time.parse::<jiff::Timestamp>().map_or_else(|error| error.to_string(), |_| "a time".to_owned()))
            }
            ("duration", Value::String(text)) if text.starts_with("PT") && text.ends_with('S') => json!("a duration"),
            ("requestUid", Value::String(text)) if text.len() == 36 => json!("an id"),
            ("commitSha" | "commitDate", Value::String(_)) if self.is_real() => json!("a build"),
            ("processingTimeMs", Value::Number(_)) => json!("milliseconds"),
            ("rawDocumentDbSize" | "avgDocumentSize", Value::Number(_)) => json!("a size"),
            ("_rankingScore", Value::Number(_)) => json!("a score"),
            ("batchUid", Value::Number(_)) => json!("a batch"),
            ("uid" | "taskUid" | "from" | "next" | "canceledBy", Value::Number(task)) => {
                task.as_u64().map_or(Value::Null, number_of)
            }
            ("total", Value::Number(_)) if self.is_real() => json!("a total"),
            ("limit", limit) if self.is_real() && *limit == ALL_INDEXES => json!(20),
            ("results", Value::Array(results)) if self.is_real() => {
                let ours = results.iter().filter(|result| match result["createdAt"] {
                    Value::Null => true,
                    _ => ["made", "posts"].iter().any(|uid| result["uid"] == *uid),
                });
                ours.map(|result| self.normalize(result, "", is_here)).collect()
            }
            (_, Value::Array(elements)) => {
                elements.iter().map(|element| self.normalize(element, name, is_here)).collect()
            }
            (_, Value::Object(fields)) => {
                fields.iter().map(|(name, value)| (name.clone(), self.normalize(value, name, is_here))).collect()
            }
            _ => value.clone(),
        }
    }
}
