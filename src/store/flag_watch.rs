//! The flag table as a source of the plan: LISTEN/NOTIFY, with a poll as safety net.

use std::{future, time::Duration};

use futures_util::{FutureExt, future::BoxFuture};
use sqlx::postgres::PgListener;
use tokio::time::{Instant, sleep_until, timeout};

use super::{ACQUIRE_TIMEOUT, FlagTable, Store, StoreError, StoredFlags};
use crate::{
    error::BoxError,
    opaque::opaque_debug,
    plan::{FlagReading, FlagSource, FlagSourceError, Mark},
    telemetry,
};

/// The channel of the trigger; the payload is the schema.
const CHANNEL: &str = "crossfade_flags";

/// The longest wait between two attempts to listen again.
const LONGEST_BACKOFF: Duration = Duration::from_secs(30);

/// Follows `runtime_flags`. A change is notified; should the notification be lost, the next poll finds it.
pub struct FlagWatch {
    store: Store,
    poll: Duration,
    next_poll: Instant,
    listening: Listening,
    /// What was read last, and whether nothing but the time has called for the next reading.
    last: Option<FlagReading>,
    by_poll: bool,
}

enum Listening {
    /// On a connection of its own. The table is read on it too, which is how the loss of it shows: a connection that is
    /// cut off hears nothing and says nothing.
    Yes(PgListener),
    /// Lost or not begun: when to try, and how long to wait should that fail.
    No { next_try: Instant, backoff: Duration },
}

/// What ended a wait.
enum Woken {
    ByNotification,
    ByPoll,
    ToListen,
    ByLoss,
}

impl FlagWatch {
    pub(super) fn new(store: Store) -> Self {
        let now = Instant::now();
        Self {
            store,
            poll: Duration::from_secs(2),
            next_poll: now,
            listening: Listening::soon(now),
            last: None,
            by_poll: false,
        }
    }

    /// How often to look although nothing was notified; 2 s by default.
    pub fn poll_every(mut self, interval: Duration) -> Self {
        self.poll = interval;
        self
    }

    async fn wait(&mut self) -> Woken {
        let next_try = match &self.listening {
            Listening::Yes(_) => None,
            Listening::No { next_try, .. } => Some(*next_try),
        };
        tokio::select! {
            woken = self.listening.notified(self.store.schema()) => woken,
            () = sleep_until(self.next_poll) => Woken::ByPoll,
            () = sleep_until(next_try.unwrap_or(self.next_poll)), if next_try.is_some() => Woken::ToListen,
        }
    }

    /// Tries to listen; afterwards the table has to be read again, for what was missed.
    async fn listen(&mut self) {
        let listener = async {
            let mut listener = self.store.listener().await?;
            // Reconnecting is done here, with a backoff.
            listener.eager_reconnect(false);
            listener.listen(CHANNEL).await?;
            Ok::<_, sqlx::Error>(listener)
        };
        match timeout(ACQUIRE_TIMEOUT, listener).await {
            Ok(Ok(listener)) => {
                self.listening = Listening::Yes(listener);
                telemetry::plan_listening(true);
            }
            Ok(Err(error)) => self.listening.failed(&error),
            Err(elapsed) => self.listening.failed(&elapsed),
        }
    }
}

impl FlagSource for FlagWatch {
    fn read(&mut self) -> BoxFuture<'_, Result<FlagReading, FlagSourceError>> {
        async move {
            let read = timeout(ACQUIRE_TIMEOUT, self.read_table()).await;
            self.next_poll = Instant::now() + self.poll;
            match read {
                Ok(Ok(stored)) => Ok(self.keep(stored.reading())),
                Ok(Err(error)) => Err(self.unreachable(error)),
                Err(elapsed) => Err(self.unreachable(elapsed)),
            }
        }
        .boxed()
    }

    fn changed(&mut self) -> BoxFuture<'_, ()> {
        async move {
            loop {
                let woken = self.wait().await;
                self.by_poll = matches!(woken, Woken::ByPoll);
                match woken {
                    Woken::ByNotification | Woken::ByPoll => return,
                    Woken::ByLoss => self.lost(),
                    Woken::ToListen => {
                        self.listen().await;
                        if matches!(self.listening, Listening::Yes(_)) {
                            return;
                        }
                    }
                }
            }
        }
        .boxed()
    }

    fn mark<'a>(&'a mut self, mark: &'a Mark) -> BoxFuture<'a, Result<(), FlagSourceError>> {
        async move {
            let flags = self.store.flags();
            let marked = match mark {
                Mark::TargetStale => {
                    let why = "writes went to Meilisearch alone: by a flag file, or in an outage";
                    flags.mark_stale("crossfade", why).await
                }
                Mark::Latched(cause) => flags.latch(&cause.by, &cause.why).await,
            };
            marked.map_err(StoreError::into_source_error)
        }
        .boxed()
    }
}

impl FlagWatch {
    async fn read_table(&mut self) -> Result<StoredFlags, StoreError> {
        match &mut self.listening {
            Listening::Yes(listener) => FlagTable::read_on(listener).await,
            Listening::No { .. } => self.store.flags().read().await,
        }
    }

    fn keep(&mut self, reading: FlagReading) -> FlagReading {
        if self.by_poll && self.last.as_ref().is_some_and(|last| *last != reading) {
            telemetry::plan_found_by_poll();
        }
        self.by_poll = false;
        self.last = Some(reading.clone());
        reading
    }

    fn unreachable(&mut self, error: impl Into<BoxError>) -> FlagSourceError {
        if matches!(self.listening, Listening::Yes(_)) {
            self.lost();
        }
        FlagSourceError::Unreachable(error.into())
    }

    fn lost(&mut self) {
        self.listening = Listening::soon(Instant::now());
        telemetry::plan_listening(false);
    }
}

impl Listening {
    fn soon(now: Instant) -> Self {
        Self::No { next_try: now, backoff: Duration::from_millis(100) }
    }

    /// The next notification for this schema, or the loss of the connection.
    async fn notified(&mut self, schema: &str) -> Woken {
        let Self::Yes(listener) = self else { return future::pending().await };
        loop {
            match listener.try_recv().await {
                Ok(Some(notification)) if notification.payload() == schema => return Woken::ByNotification,
                Ok(Some(_)) => {}
                Ok(None) => return Woken::ByLoss,
                Err(error) => {
                    tracing::debug!(%error, "lost the notifications of the flag table");
                    return Woken::ByLoss;
                }
            }
        }
    }

    fn failed(&mut self, error: &dyn std::error::Error) {
        let Self::No { next_try, backoff } = self else { return };
        tracing::debug!(%error, "cannot listen to the flag table, polling");
        *next_try = Instant::now() + rand::random_range(Duration::ZERO..=*backoff);
        *backoff = (*backoff * 2).min(LONGEST_BACKOFF);
    }
}

opaque_debug!(FlagWatch);
