//! Who writes to the service.

use std::time::Duration;

use crossfade::testing::meili;
use http::Method;
use serde_json::{Value, json};
use tokio::time::timeout;

/// How long a client waits for an answer.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Clone)]
pub(super) struct Client {
    http: meili::Client,
    documents: String,
}

/// A write of one document.
#[derive(Clone, Debug)]
pub(super) enum Write {
    Put(Value),
    /// Some fields; the id is not among them.
    Merge(Value),
    Delete,
}

/// What is known of a write once it was answered, or was not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    Acknowledged,
    /// It may stand, or not, or come to stand.
    Nothing,
}

impl Client {
    pub(super) fn new(address: &str, key: &str, index: &str) -> Self {
        let http = meili::Client::new(&format!("http://{address}"), key).unwrap();
        Self { http, documents: format!("/indexes/{index}/documents") }
    }

    pub(super) async fn write(&self, id: &str, write: &Write, own_route: bool) -> Told {
        let own = format!("/v1/posts/{id}");
        let (method, path, body) = match (write, own_route) {
            (Write::Put(post), true) => (Method::POST, "/v1/posts".to_owned(), Some(post.clone())),
            (Write::Put(post), false) => (Method::POST, self.documents.clone(), Some(json!([post]))),
            (Write::Merge(fields), true) => (Method::PATCH, own, Some(fields.clone())),
            (Write::Merge(fields), false) => {
                let mut post = fields.clone();
                post["id"] = json!(id);
                (Method::PUT, self.documents.clone(), Some(json!([post])))
            }
            (Write::Delete, true) => (Method::DELETE, own, None),
            (Write::Delete, false) => (Method::DELETE, format!("{}/{id}", self.documents), None),
        };
        self.told(method, &path, body.as_ref()).await
    }

    /// Puts several documents with one request.
    pub(super) async fn put_all(&self, posts: &[Value]) -> Told {
        self.told(Method::POST, &self.documents, Some(&json!(posts))).await
    }

    async fn told(&self, method: Method, path: &str, body: Option<&Value>) -> Told {
        match timeout(PATIENCE, self.http.send(self.http.call(method, path, body))).await {
            Ok(Ok(reply)) if reply.status == 202 => Told::Acknowledged,
            Ok(Ok(reply)) => {
                assert!(reply.status >= 500, "a good write was refused: {} {}", reply.status, reply.body);
                Told::Nothing
            }
            Ok(Err(_)) | Err(_) => Told::Nothing,
        }
    }

    /// The state of the journal, if the service is there to tell.
    pub(super) async fn status(&self) -> Option<Value> {
        let reply = self.http.send(self.http.call(Method::GET, "/status", None)).await.ok()?;
        (reply.status == 200).then(|| reply.json())
    }

    pub(super) async fn switch(&self, plan: &str) {
        let reply = self.http.send(self.http.call(Method::POST, &format!("/plan/{plan}"), None)).await;
        assert_eq!(reply.unwrap().status, 200);
    }
}
