//! One Meilisearch for tests: the real one if there is one, else a double.

use std::{
    env, io, process,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use http::Method;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::{Client, MeiliDouble, Options};

/// A Meilisearch that every test can run on.
///
/// With `MEILI_URL` set (and `MEILI_MASTER_KEY`) it is that server, which must speak plain HTTP; else a
/// [`MeiliDouble`] of its own.
#[derive(Debug)]
pub struct Meili {
    url: String,
    key: String,
    client: Client,
    double: Option<MeiliDouble>,
    made: Mutex<Vec<String>>,
}

/// How long a task may take on a real server.
const PATIENCE: Duration = Duration::from_secs(60);

impl Meili {
    /// The real one if `MEILI_URL` is set, else a double with the default options.
    pub async fn start() -> io::Result<Self> {
        match env::var("MEILI_URL") {
            Ok(url) if !url.is_empty() => Self::new(url, env::var("MEILI_MASTER_KEY").unwrap_or_default(), None),
            _ => {
                let double = MeiliDouble::start(Options::default()).await?;
                Self::new(double.url().to_owned(), double.key().to_owned(), Some(double))
            }
        }
    }

    fn new(url: String, key: String, double: Option<MeiliDouble>) -> io::Result<Self> {
        let client = Client::new(&url, &key)?;
        Ok(Self { url, key, client, double, made: Mutex::default() })
    }

    /// Its address, `http://host:port`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its master key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The double, for its script; `None` is a real server.
    pub fn double(&self) -> Option<&MeiliDouble> {
        self.double.as_ref()
    }

    /// A client for anything else.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Makes an index with a name nobody else uses, with `settings` and then `documents` (primary key `id`); its name.
    pub async fn index(&self, prefix: &str, settings: &Value, documents: &[Value]) -> io::Result<String> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let uid = format!("{prefix}-{}-{number}-{:08x}", process::id(), rand::random::<u32>());
        self.made.lock().unwrap_or_else(PoisonError::into_inner).push(uid.clone());
        self.write(Method::POST, "/indexes", Some(&json!({ "uid": uid, "primaryKey": "id" }))).await?;
        self.write(Method::PATCH, &format!("/indexes/{uid}/settings"), Some(settings)).await?;
        self.write(Method::POST, &format!("/indexes/{uid}/documents"), Some(&json!(documents))).await?;
        Ok(uid)
    }

    /// Asks for a write and waits until it is done. A failed task is an error.
    pub async fn write(&self, method: Method, path: &str, body: Option<&Value>) -> io::Result<()> {
        let reply = self.client.send(self.client.call(method, path, body)).await?;
        let uid = reply.json()["taskUid"].as_u64();
        let uid = uid.ok_or_else(|| io::Error::other(format!("{path} was refused: {}", reply.body)))?;
        let task = self.wait(uid).await?;
        match task["status"].as_str() {
            Some("succeeded") => Ok(()),
            _ => Err(io::Error::other(format!("task {uid} ({path}) did not succeed: {task}"))),
        }
    }

    /// Waits until a task has ended; the task. One that is not found is an error.
    pub async fn wait(&self, uid: u64) -> io::Result<Value> {
        let settled = async {
            loop {
                let reply = self.client.send(self.client.call(Method::GET, &format!("/tasks/{uid}"), None)).await?;
                let task = reply.json();
                match task["status"].as_str() {
                    Some("enqueued" | "processing") => sleep(Duration::from_millis(2)).await,
                    Some(_) => return Ok(task),
                    None => return Err(io::Error::other(format!("task {uid}: {}", reply.body))),
                }
            }
        };
        timeout(PATIENCE, settled).await.map_err(io::Error::other)?
    }

    /// Stops the double, or removes from the real server what [`Meili::index`] made.
    pub async fn close(self) -> io::Result<()> {
        if let Some(double) = self.double {
            double.stop().await;
            return Ok(());
        }
        for uid in self.made.into_inner().unwrap_or_else(PoisonError::into_inner) {
            self.client.send(self.client.call(Method::DELETE, &format!("/indexes/{uid}"), None)).await?;
        }
        Ok(())
    }
}
