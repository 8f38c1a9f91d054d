//! Group commit without a task of its own: whoever waits longest drives the writer for all who wait.
//!
//! Callers put what they ask into the queue. One of them gets the driver, takes the whole queue and polls the writer until all
//! of it is answered; meanwhile the next queue fills. What the writer is doing is kept beside the lock, not in the caller: when a
//! driver is dropped in the middle, the next goes on from where it was.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::future::BoxFuture;
use tokio::{
    sync::{Mutex as AsyncMutex, oneshot},
    time::timeout,
};

use super::{
    super::{JournalError, JournalErrorKind},
    op::{Op, Reply},
    writer::Writer,
};

/// How long what nobody waits for lets others come together with it.
const MOMENT: Duration = Duration::from_millis(3);

pub(super) struct Hub {
    queue: Arc<Mutex<Vec<Op>>>,
    /// What nobody waits for: it is queued together.
    later: Mutex<Vec<Op>>,
    driver: AsyncMutex<Driver>,
}

/// Queues what was to come later, should whoever asked for it go away.
struct Hasten<'a>(Option<&'a Hub>);

enum Driver {
    Idle(Box<Writer>),
    Running(BoxFuture<'static, Box<Writer>>),
    /// For the moment between the two; for good after a panic.
    Gone,
}

impl Hub {
    pub(super) fn new(writer: Box<Writer>) -> Self {
        Self {
            queue: Arc::clone(&writer.queue),
            later: Mutex::default(),
            driver: AsyncMutex::new(Driver::Idle(writer)),
        }
    }

    pub(super) async fn ask<T>(&self, op: impl FnOnce(Reply<T>) -> Op, doing: &str) -> Result<T, JournalError> {
        let (reply, mut answer) = oneshot::channel();
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).push(op(reply));
        self.answered(&mut answer, doing).await
    }

    /// The same for what nobody waits for: a transaction costs little less for one entry than for many.
    pub(super) async fn ask_later<T>(&self, op: impl FnOnce(Reply<T>) -> Op, doing: &str) -> Result<T, JournalError> {
        let (reply, mut answer) = oneshot::channel();
        self.later.lock().unwrap_or_else(PoisonError::into_inner).push(op(reply));
        let mut hasten = Hasten(Some(self));
        if let Ok(answer) = timeout(MOMENT, &mut answer).await {
            // It was queued with others, and what has come since waits for its own moment.
            hasten.0 = None;
            return received(answer, doing);
        }
        drop(hasten);
        self.answered(&mut answer, doing).await
    }

    fn hasten(&self) {
        let mut later = self.later.lock().unwrap_or_else(PoisonError::into_inner);
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).append(&mut later);
    }

    async fn answered<T>(
        &self,
        answer: &mut oneshot::Receiver<Result<T, JournalError>>,
        doing: &str,
    ) -> Result<T, JournalError> {
        loop {
            tokio::select! {
                biased;
                answer = &mut *answer => return received(answer, doing),
                // Given up as soon as the answer is there: the next who waits goes on with the rest.
                driven = self.take_turn() => driven?,
            }
        }
    }

    async fn take_turn(&self) -> Result<(), JournalError> {
        let mut driver = self.driver.lock().await;
        self.drive(&mut driver).await
    }

    /// Ends what is under way, or else carries out what is queued.
    async fn drive(&self, driver: &mut Driver) -> Result<(), JournalError> {
        if let Driver::Idle(_) = driver {
            let ops = std::mem::take(&mut *self.queue.lock().unwrap_or_else(PoisonError::into_inner));
            if let Driver::Idle(writer) = std::mem::replace(driver, Driver::Gone) {
                *driver = Driver::Running(Box::pin(writer.run(ops)));
            }
        }
        let Driver::Running(running) = driver else {
            return Err(JournalError::new(JournalErrorKind::Internal, "going on after a panic"));
        };
        let writer = running.await;
        *driver = Driver::Idle(writer);
        Ok(())
    }

    /// Waits for what is under way, and takes the writer out; later calls fail.
    pub(super) async fn close(&self) -> Option<Box<Writer>> {
        let mut driver = self.driver.lock().await;
        if let Driver::Running(_) = &*driver {
            self.drive(&mut driver).await.ok()?;
        }
        match std::mem::replace(&mut *driver, Driver::Gone) {
            Driver::Idle(writer) => Some(writer),
            Driver::Running(_) | Driver::Gone => None,
        }
    }
}

impl Drop for Hasten<'_> {
    fn drop(&mut self) {
        if let Some(hub) = self.0 {
            hub.hasten();
        }
    }
}

fn received<T>(
    answer: Result<Result<T, JournalError>, oneshot::error::RecvError>,
    doing: &str,
) -> Result<T, JournalError> {
    answer.unwrap_or_else(|_| Err(JournalError::new(JournalErrorKind::Internal, doing)))
}
