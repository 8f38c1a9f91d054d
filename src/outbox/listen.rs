//! Wakes the consumers when a row is notified. Without it the poll finds rows, only later.

use std::{sync::Arc, time::Duration};

use sqlx::{
    Error,
    postgres::{PgListener, PgPoolOptions},
};
use tokio::{
    sync::Notify,
    time::{sleep, timeout},
};

use super::{backoff, tables::Tables};

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);
/// The longest wait between two attempts.
const LONGEST: Duration = Duration::from_secs(30);

/// Listens for ever, on a connection of its own.
pub(super) async fn listen(tables: &Tables, channel: &str, wake: &[Arc<Notify>]) {
    let mut failures = 0;
    loop {
        match timeout(CONNECT, connect(tables, channel)).await {
            Ok(Ok(mut listener)) => {
                failures = 0;
                // Also for what came before.
                wake.iter().for_each(|one| one.notify_one());
                while let Ok(Some(_)) = listener.try_recv().await {
                    wake.iter().for_each(|one| one.notify_one());
                }
                tracing::debug!("lost the notifications of the outbox");
            }
            Ok(Err(error)) => tracing::debug!(%error, "cannot listen to the outbox, polling"),
            Err(_elapsed) => tracing::debug!("cannot listen to the outbox, polling"),
        }
        failures += 1;
        sleep(backoff::pause(failures, LONGEST)).await;
    }
}

async fn connect(tables: &Tables, channel: &str) -> Result<PgListener, Error> {
    let options = tables.outbox().connect_options().as_ref().clone().application_name("crossfade outbox notifications");
    let alone = PgPoolOptions::new().max_connections(1).acquire_timeout(CONNECT).connect_lazy_with(options);
    let mut listener = PgListener::connect_with(&alone).await?;
    listener.eager_reconnect(false);
    listener.listen(channel).await?;
    Ok(listener)
}
