//! The service as a process: killed, cut off from its sides, hung up on, sent nonsense, and with a disk that is full.
//!
//! `CROSSFADE_KILLS` sets how often it is killed (20).

mod bad_input;
mod child;
mod client;
mod expected;
mod faults;
mod full;
mod hang_ups;
mod kills;
mod load;
mod service;
mod world;

use std::time::Duration;

use tokio::time::{sleep, timeout};

/// How long anything may take to come true.
const PATIENCE: Duration = Duration::from_secs(60);

async fn until(what: &str, mut done: impl AsyncFnMut() -> bool) {
    let come = async {
        while !done().await {
            sleep(Duration::from_millis(10)).await;
        }
    };
    // Whatever is asked may not answer either.
    assert!(timeout(PATIENCE, come).await.is_ok(), "never came: {what}");
}
