//! Ctrl-C, and SIGTERM where there is one: what was made, or held, is to be given back first.

use std::future::pending;

use crossfade::eval::EvalError;
use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared},
};

use crate::failure::Failure;

/// Whether the process was asked to stop.
pub(crate) struct Stop(Shared<BoxFuture<'static, ()>>);

impl Stop {
    /// Listens from now on: a signal that comes before anybody waits for it is not lost, and ends nothing by itself.
    pub(crate) fn listen() -> Self {
        let asked = async {
            tokio::select! {
                () = interrupted() => {}
                () = terminated() => {}
            }
        };
        let stop = Self(asked.boxed().shared());
        // The handlers are there once it has been polled.
        let _not_yet = stop.0.clone().now_or_never();
        stop
    }

    /// Waits until it is.
    pub(crate) async fn asked(&self) {
        self.0.clone().await;
    }

    /// The outcome of the work, or that it was given up because the process was asked to stop.
    pub(crate) async fn unless_asked<T>(&self, work: impl Future<Output = Result<T, EvalError>>) -> Result<T, Failure> {
        tokio::select! {
            biased;
            () = self.0.clone() => Err(Failure::Interrupted),
            outcome = work => outcome.map_err(Failure::from),
        }
    }
}

async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        pending().await
    }
}

#[cfg(unix)]
async fn terminated() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut asked) => drop(asked.recv().await),
        Err(_) => pending().await,
    }
}

#[cfg(not(unix))]
async fn terminated() {
    pending().await
}
