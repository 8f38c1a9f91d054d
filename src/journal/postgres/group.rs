//! Calls that come at the same time share a statement.
//!
//! There is no task that would do it for them: a batch is one future that all its callers hold and poll, so that it goes on
//! as long as one of them does, whoever is dropped.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use tokio::sync::Semaphore;

use super::error::Failure;

/// Items of one batch, at most; a single call may bring more.
const MOST: usize = 1000;

/// Carries out a batch; one answer for each item.
type Run<I, A> = Arc<dyn Fn(Vec<I>) -> BoxFuture<'static, Result<Vec<A>, Failure>> + Send + Sync>;
/// `None` once the batch is under way.
type Items<I> = Arc<Mutex<Option<Vec<I>>>>;
type Answers<A> = Shared<BoxFuture<'static, Result<Arc<[A]>, Failure>>>;

/// Where calls meet.
pub(super) struct Group<I, A> {
    latest: Mutex<Option<Batch<I, A>>>,
    /// As many batches are under way at once. While they are, the next one fills.
    permits: Arc<Semaphore>,
    run: Run<I, A>,
}

struct Batch<I, A> {
    items: Items<I>,
    answers: Answers<A>,
}

impl<I: Send + 'static, A: Clone + Send + Sync + 'static> Group<I, A> {
    pub(super) fn new(
        concurrency: usize,
        run: impl Fn(Vec<I>) -> BoxFuture<'static, Result<Vec<A>, Failure>> + Send + Sync + 'static,
    ) -> Self {
        Self { latest: Mutex::default(), permits: Arc::new(Semaphore::new(concurrency)), run: Arc::new(run) }
    }

    /// Carries out items, all in one batch.
    pub(super) async fn submit(&self, items: Vec<I>) -> Result<Vec<A>, Failure> {
        let count = items.len();
        if count == 0 {
            return Ok(Vec::new());
        }
        let (answers, from) = self.join(items);
        let answers = answers.await?;
        Ok(answers.iter().skip(from).take(count).cloned().collect())
    }

    /// Into the batch that fills, or a new one; and the place there of the first item.
    fn join(&self, new: Vec<I>) -> (Answers<A>, usize) {
        let mut latest = locked(&self.latest);
        if let Some(batch) = &*latest {
            let mut items = locked(&batch.items);
            if let Some(items) = items.as_mut().filter(|items| items.len() + new.len() <= MOST) {
                let from = items.len();
                items.extend(new);
                return (batch.answers.clone(), from);
            }
        }
        let items = Arc::new(Mutex::new(Some(new)));
        let answers = self.answers(Arc::clone(&items));
        let before = latest.replace(Batch { items, answers: answers.clone() });
        drop(latest);
        // If nobody waits for it any longer it ends here, and not under the lock.
        drop(before);
        (answers, 0)
    }

    fn answers(&self, items: Items<I>) -> Answers<A> {
        let (permits, run) = (Arc::clone(&self.permits), Arc::clone(&self.run));
        let batch = async move {
            // It is never closed.
            let _permit = permits.acquire_owned().await.ok();
            let items = locked(&items).take().unwrap_or_default();
            run(items).await.map(Arc::from)
        };
        batch.boxed().shared()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        task::Poll,
    };

    use futures_util::future::{join_all, poll_fn, ready};
    use tokio::sync::Notify;

    use super::*;

    /// Counts batches; each item's answer is itself.
    fn echo(batches: &Arc<AtomicUsize>, gate: &Arc<Notify>) -> Group<u32, u32> {
        let (batches, gate) = (Arc::clone(batches), Arc::clone(gate));
        Group::new(1, move |items| {
            let (batches, gate) = (Arc::clone(&batches), Arc::clone(&gate));
            Box::pin(async move {
                batches.fetch_add(1, Ordering::SeqCst);
                gate.notified().await;
                Ok(items)
            })
        })
    }

    async fn poll_once<F: Future + Unpin>(future: &mut F) {
        poll_fn(|context| {
            assert!(future.poll_unpin(context).is_pending());
            Poll::Ready(())
        })
        .await;
    }

    #[tokio::test]
    async fn those_who_come_while_one_is_under_way_share_the_next() {
        let (batches, gate) = (Arc::default(), Arc::default());
        let group = echo(&batches, &gate);
        let mut first = Box::pin(group.submit(vec![0]));
        poll_once(&mut first).await;
        let others = join_all((1..100).map(|n| group.submit(vec![n, n])));
        let release = async {
            gate.notify_one();
            tokio::task::yield_now().await;
            gate.notify_one();
        };
        let (first, others, ()) = tokio::join!(first, others, release);
        assert_eq!(first.unwrap(), [0]);
        for (n, answer) in (1..100).zip(others) {
            assert_eq!(answer.unwrap(), [n, n]);
        }
        assert_eq!(batches.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn a_batch_outlives_the_caller_that_began_it() {
        let (batches, gate) = (Arc::default(), Arc::default());
        let group = echo(&batches, &gate);
        let mut holder = Box::pin(group.submit(vec![0]));
        poll_once(&mut holder).await;
        let mut leader = Box::pin(group.submit(vec![1]));
        poll_once(&mut leader).await;
        let mut follower = Box::pin(group.submit(vec![2]));
        poll_once(&mut follower).await;
        gate.notify_one();
        holder.await.unwrap();
        poll_once(&mut leader).await;
        drop(leader);
        gate.notify_one();
        assert_eq!(follower.await.unwrap(), [2]);
        assert_eq!(batches.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn batches_whose_callers_are_all_gone_stand_in_nobodys_way() {
        let (batches, gate) = (Arc::default(), Arc::default());
        let group = echo(&batches, &gate);
        for n in 0..3 {
            let mut gone = Box::pin(group.submit(vec![n]));
            poll_once(&mut gone).await;
        }
        gate.notify_one();
        assert_eq!(group.submit(vec![7]).await.unwrap(), [7]);
    }

    #[tokio::test]
    async fn a_failure_is_everybodys() {
        let group: Group<u32, u32> = Group::new(1, |_| Box::pin(ready(Err(Failure::late("testing")))));
        for outcome in join_all([group.submit(vec![1]), group.submit(vec![2])]).await {
            outcome.unwrap_err();
        }
    }
}
