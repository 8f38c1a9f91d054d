//! Writers who put, replace and delete posts in bursts, and remember what was acknowledged.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{Router, body::Body};
use crossfade::document::Document;
use http::{Request, StatusCode, header::CONTENT_TYPE};
use http_body_util::BodyExt;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::{memory::Memory, rhythm::Rhythm};

/// Writers at work at a time. Each has posts of its own, so that the order of the writes of one post is known.
const WRITERS: u32 = 5;
/// The seed of what they do.
const SEED: u64 = 17;

#[derive(Clone)]
pub struct Writers {
    router: Router,
    memory: Arc<Mutex<Memory>>,
}

/// One of them.
struct Writer {
    writers: Writers,
    number: u32,
    /// How many posts it has made.
    made: u32,
    random: StdRng,
}

impl Writers {
    pub fn new(router: Router) -> Self {
        Self { router, memory: Arc::default() }
    }

    pub fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes acknowledged and refused so far.
    pub fn counts(&self) -> (u64, u64) {
        let memory = self.memory();
        (memory.acknowledged, memory.refused)
    }

    /// Writes in bursts of twice `rate` a second until `stop`; then waits for the answers that are still on the way.
    pub async fn run(self, rate: u32, rhythm: Arc<Rhythm>, stop: CancellationToken) {
        let (mut writers, writing) = (JoinSet::new(), watch::Sender::new(false));
        for number in 0..WRITERS {
            let random = StdRng::seed_from_u64(SEED + u64::from(number));
            let mut writer = Writer { writers: self.clone(), number, made: 0, random };
            let (stop, writing) = (stop.clone(), writing.subscribe());
            writers.spawn(async move {
                // Half of the time at most is theirs.
                let mut ticks = interval(Duration::from_secs(1) * WRITERS / rate / 2);
                ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
                while stop.run_until_cancelled(ticks.tick()).await.is_some() {
                    if *writing.borrow() {
                        writer.write().await;
                    }
                }
            });
        }
        while stop.run_until_cancelled(rhythm.beat(&writing)).await.is_some() {}
        while writers.join_next().await.is_some() {}
    }

    /// Writes one post and remembers the answer; `None` deletes it.
    async fn send(&self, id: &str, document: Option<Document>) {
        let request = match &document {
            Some(document) => Request::post("/v1/posts")
                .header(CONTENT_TYPE, "application/json")
                .body(Body::from(json!(document).to_string())),
            None => Request::delete(format!("/v1/posts/{id}")).body(Body::empty()),
        };
        let Ok(request) = request else { return self.memory().answered(id, document, false) };
        let Ok(response) = self.router.clone().oneshot(request).await;
        let acknowledged = response.status() == StatusCode::ACCEPTED;
        let read = response.into_body().collect().await.is_ok();
        self.memory().answered(id, document, acknowledged && read);
    }
}

impl Writer {
    /// Half of the writes go to one post, over and over; the others make posts, replace and delete them.
    async fn write(&mut self) {
        let (hot, some) = ("hot".to_owned(), self.random.random_range(0..self.made.max(1)).to_string());
        let (post, deletes) = match self.random.random_range(0..10) {
            0..5 => (hot, self.random.random_range(0..5) == 0),
            5..7 => {
                self.made += 1;
                ((self.made - 1).to_string(), false)
            }
            7..9 => (some, false),
            _ => (some, true),
        };
        let id = format!("post-{}-{post}", self.number);
        let revision = self.writers.memory().sends(&id);
        let document = (!deletes).then(|| document(&id, revision));
        self.writers.send(&id, document).await;
    }
}

/// A post that no query of the drill finds: what they find has been recorded without it.
fn document(id: &str, revision: u64) -> Document {
    let title = format!("qqdrill{} qqrevision{revision}", id.replace('-', ""));
    let fields = [
        ("id", json!(id)),
        ("title", json!(title)),
        ("cast", json!([])),
        ("genres", json!([])),
        ("year", json!(2026)),
        ("revision", Value::from(revision)),
    ];
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
