//! When writers write. What is read while a write is under way says nothing of quality, so they write in bursts, and after
//! each they rest: until all of it stands on both sides, and then as long again, in which pairs settle. So half of the time
//! nothing is under way, however long the servers take over a burst.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use crossfade::{
    backend::{
        Settlement,
        meili::{MeiliIndex, MeiliSettlement},
    },
    journal::Journal,
};
use tokio::{sync::watch, time::sleep};

/// How long writers write at a time.
const BURST: Duration = Duration::from_millis(400);
/// How often it is looked whether it stands.
const LOOK: Duration = Duration::from_millis(10);

pub struct Rhythm {
    journal: Arc<dyn Journal>,
    tasks: MeiliSettlement,
    /// Whether nobody waits for anything to stand.
    hurried: watch::Sender<bool>,
    /// How long each burst that was waited for took from its end until it stood.
    stood: Mutex<Vec<Duration>>,
}

impl Rhythm {
    pub fn new(journal: Arc<dyn Journal>, source: MeiliIndex) -> Self {
        let tasks = MeiliSettlement::new(source).interval(LOOK);
        Self { journal, tasks, hurried: watch::Sender::new(false), stood: Mutex::default() }
    }

    /// While a server is down or loses what it has accepted little comes to stand, and while history is copied, or a rollback
    /// begins, writes are to be under way: then writers rest as long as they write, and wait for nothing.
    pub fn hurry(&self, hurry: bool) {
        self.hurried.send_replace(hurry);
    }

    /// A burst, and the rest after it; `writing` is told which it is.
    pub async fn beat(&self, writing: &watch::Sender<bool>) {
        let began = Instant::now();
        writing.send_replace(true);
        sleep(BURST).await;
        writing.send_replace(false);
        let (written, mut hurried) = (Instant::now(), self.hurried.subscribe());
        let rest = async {
            self.stands().await;
            self.stood.lock().unwrap_or_else(PoisonError::into_inner).push(written.elapsed());
            sleep(began.elapsed()).await;
        };
        let interrupted = tokio::select! {
            () = rest => false,
            hurried = hurried.wait_for(|hurried| *hurried) => hurried.is_ok(),
        };
        if interrupted {
            // It may have rested for longer already.
            sleep(BURST.saturating_sub(written.elapsed())).await;
        }
    }

    /// How long bursts took to stand, the shortest first.
    pub fn stood(&self) -> Vec<Duration> {
        let mut stood = self.stood.lock().unwrap_or_else(PoisonError::into_inner).clone();
        stood.sort_unstable();
        stood
    }

    /// Waits until nothing is under way: no intent in the journal, no unfinished task of the index.
    async fn stands(&self) {
        loop {
            let drained = self.journal.status().await.is_ok_and(|status| status.pending == 0);
            if drained && self.tasks.settled(None, tokio::time::Instant::now()).await == Some(true) {
                return;
            }
            sleep(LOOK).await;
        }
    }
}
