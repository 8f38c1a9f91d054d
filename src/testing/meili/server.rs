//! The listener: connections, keys, scripted faults, and then the routes.

use std::{fmt, future::pending, net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, body::Body, response::IntoResponse};
use http::{HeaderMap, Request, Response, header::AUTHORIZATION};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::{
    error::ApiError,
    fault::{Fate, Fault, Route},
    routes::router,
    state::Shared,
};

/// An open port and its connections. Dropping it closes both at once.
#[derive(Debug)]
pub(super) struct Server {
    stop: CancellationToken,
    accepting: JoinSet<()>,
}

/// The connection is to be closed without an answer.
#[derive(Debug)]
struct Dropped;

#[derive(Clone)]
struct App {
    shared: Arc<Shared>,
    router: Router,
}

impl Server {
    /// Serves on an address; port 0 is any free one.
    pub(super) async fn open(address: SocketAddr, shared: Arc<Shared>) -> std::io::Result<(Self, SocketAddr)> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let stop = CancellationToken::new();
        let app = App { router: router(Arc::clone(&shared)), shared };
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, app, stop.clone()));
        Ok((Self { stop, accepting }, address))
    }

    /// Takes no more connections and lets the requests that run end, for as long as `grace`.
    pub(super) async fn close(mut self, grace: Duration) {
        self.stop.cancel();
        if timeout(grace, self.accepting.join_next()).await.is_err() {
            tracing::warn!(?grace, "the Meilisearch double cut off requests that had not ended");
        }
        self.cut().await;
    }

    /// Closes the port and cuts every connection off.
    pub(super) async fn cut(mut self) {
        self.accepting.shutdown().await;
    }
}

async fn accept(listener: TcpListener, app: App, stop: CancellationToken) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve(stream, app.clone(), stop.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "the Meilisearch double could not take a connection");
                    sleep(Duration::from_millis(10)).await;
                }
            },
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn serve(stream: TcpStream, app: App, stop: CancellationToken) {
    // Small answers must not wait for more to send.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| app.clone().answer(request));
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection of the Meilisearch double ended early");
    }
}

impl App {
    async fn answer(self, request: Request<Incoming>) -> Result<Response<Body>, Dropped> {
        let Fate { delay, fault } = self.shared.script.meet(Route::of(request.method(), request.uri().path()));
        if !delay.is_zero() {
            sleep(delay).await;
        }
        match fault {
            Some(Fault::Drop) => return Err(Dropped),
            Some(Fault::Hang) => return pending().await,
            Some(Fault::Answer { status, code }) => {
                return Ok(ApiError::new(status, code, "A scripted failure.").into_response());
            }
            None => {}
        }
        if let Err(refused) = self.check_key(&request) {
            return Ok(refused.into_response());
        }
        match self.router.oneshot(request.map(Body::new)).await {
            Ok(response) => Ok(response),
            Err(never) => match never {},
        }
    }

    fn check_key(&self, request: &Request<Incoming>) -> Result<(), ApiError> {
        let Some(key) = self.shared.master_key.as_deref().filter(|_| request.uri().path() != "/health") else {
            return Ok(());
        };
        let given = bearer(request.headers()).ok_or_else(ApiError::no_key)?;
        if given == key { Ok(()) } else { Err(ApiError::wrong_key()) }
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("dropped by script")
    }
}

impl std::error::Error for Dropped {}
