//! What is brought to its end though its request goes away.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use futures_util::future::BoxFuture;

use super::super::shared::Shared;

/// An operation under way. Given up, it is brought to its end by the worker.
pub(super) struct Carried {
    shared: Arc<Shared>,
    operation: Option<BoxFuture<'static, ()>>,
}

impl Carried {
    pub(super) fn new(shared: Arc<Shared>, operation: impl Future<Output = ()> + Send + 'static) -> Self {
        Self { shared, operation: Some(Box::pin(operation)) }
    }
}

impl Future for Carried {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(operation) = &mut self.operation else { return Poll::Ready(()) };
        ready!(operation.as_mut().poll(cx));
        self.operation = None;
        Poll::Ready(())
    }
}

impl Drop for Carried {
    fn drop(&mut self) {
        if let Some(operation) = self.operation.take() {
            self.shared.leave(operation);
        }
    }
}
