//! A search service on its way from Meilisearch to PostgreSQL.
//!
//! ```text
//! export MEILI_URL=http://localhost:7700 MEILI_MASTER_KEY=… DATABASE_URL=postgres://…
//! cargo run --features cli -- migrate
//! cargo run --all-features --example search_service
//! curl 'http://localhost:3000/v1/search?q=hangover' -H 'x-user-id: u1'
//! curl 'http://localhost:3000/v1/posts' -H 'content-type: application/json' -d '{"id": "p1", "title": "New"}'
//! curl -X DELETE 'http://localhost:3000/v1/posts/p1'
//! curl 'http://localhost:3000/metrics'
//! cargo run --features cli -- flags set search_write_mode dual --why 'both sides are written from now on'
//! ```
//!
//! `INDEX` (movies), `LISTEN` (127.0.0.1:3000), `JOURNAL` (crossfade.journal), `FLAG_FILE` and `LAST_GOOD` (none) may be set
//! as well. `GUARD` (of any value) has it roll back by itself, `ADMIN_TOKEN` opens `/admin`. Ctrl-C and SIGTERM stop it in good order: no new requests, those under way answered, shadow reads and writes
//! drained, their records stored.
#![allow(clippy::disallowed_methods, missing_docs, unreachable_pub, missing_debug_implementations)]

mod service;

use std::{env, error::Error, time::Duration};

use crossfade::{guard::GuardPolicy, http::admin::AdminToken};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::{EnvFilter, filter::LevelFilter};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let filter = EnvFilter::builder().with_default_directive(LevelFilter::INFO.into()).from_env_lossy();
    tracing_subscriber::fmt().with_env_filter(filter).init();
    let needed = |name: &str| env::var(name).map_err(|_| format!("set {name}; see the top of this example"));
    let config = service::Config {
        meili_url: needed("MEILI_URL")?,
        meili_key: env::var("MEILI_MASTER_KEY").unwrap_or_default(),
        database_url: needed("DATABASE_URL")?,
        index: env::var("INDEX").unwrap_or_else(|_| "movies".into()),
        journal: env::var_os("JOURNAL").unwrap_or_else(|| "crossfade.journal".into()).into(),
        flag_file: env::var_os("FLAG_FILE").map(Into::into),
        last_good: env::var_os("LAST_GOOD").map(Into::into),
        guard: env::var_os("GUARD").map(|_| GuardPolicy::default()),
        admin_token: env::var("ADMIN_TOKEN").ok().map(|token| AdminToken::new(&token)).transpose()?,
    };
    let service = service::build(&config).await?;

    let stop = CancellationToken::new();
    let worker = tokio::spawn(service.worker.run(stop.clone()));
    let listener = tokio::net::TcpListener::bind(env::var("LISTEN").unwrap_or("127.0.0.1:3000".into())).await?;
    println!("listening on http://{}, {}", listener.local_addr()?, service.plan.load().phase());
    let left = service.writes.journal().status().await?;
    println!("journal: {} writes wait from before, {} dead letters", left.pending, left.dead_letters);
    let asked = CancellationToken::new();
    let server = axum::serve(listener, service.router).with_graceful_shutdown(asked.clone().cancelled_owned());
    let server = tokio::spawn(server.into_future());
    asked_to_stop().await;
    asked.cancel();
    // A client that never finishes does not keep the rest from stopping in good order.
    if let Ok(served) = tokio::time::timeout(Duration::from_secs(10), server).await {
        served??;
    }

    stop.cancel();
    let drained = worker.await?;
    println!("stopped; shadow reads finished: {}, given up: {}", drained.shadow.finished, drained.shadow.abandoned);
    if let Some(left) = drained.writes.and_then(|writes| writes.pending).filter(|left| *left > 0) {
        println!("{left} writes wait in the journal for the next start");
    }
    Ok(())
}

async fn asked_to_stop() {
    let terminate = async {
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => drop(terminate.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminate => {}
    }
}
