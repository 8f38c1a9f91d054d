//! Asked to stop, it takes away what it made.

use std::time::Duration;

use crossfade::testing::meili::{Latency, Route};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::{
    process::Child,
    time::{sleep, timeout},
};

use super::ground::{FILES, Ground, ran};
use crate::cli::Ran;

fn start(ground: &Ground) -> Child {
    ground.command(&[&FILES[..], &ground.meili()].concat()).spawn().unwrap()
}

async fn stop(child: Child, signal: Signal) -> Ran {
    kill(Pid::from_raw(child.id().unwrap().try_into().unwrap()), signal).unwrap();
    ran(timeout(Duration::from_secs(60), child.wait_with_output()).await.unwrap().unwrap())
}

#[tokio::test]
async fn while_it_asks_it_stops_at_once_and_takes_everything_away() {
    let ground = Ground::new(30).await;
    let Some(double) = ground.meili.double() else { return };
    double.slow(Route::Search, Latency::Fixed(Duration::from_secs(20)));
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let (child, before) = (start(&ground), double.requests(Route::Search));
        while double.requests(Route::Search) == before {
            sleep(Duration::from_millis(10)).await;
        }
        assert_eq!((ground.schemas().await.len(), ground.indexes().await.len()), (1, 1));
        let stopped = timeout(Duration::from_secs(15), stop(child, signal)).await.unwrap();
        assert_eq!((stopped.code, stopped.stdout.as_str()), (Some(1), ""));
        assert!(stopped.stderr.contains("asked to stop"), "{}", stopped.stderr);
        ground.assert_clean().await;
    }
}

/// Also while the schema is made and while documents are loaded.
#[tokio::test]
async fn at_whatever_moment_nothing_is_left_behind() {
    let ground = Ground::new(4_000).await;
    let mut moment = Duration::from_millis(30);
    loop {
        let mut child = start(&ground);
        if timeout(moment, child.wait()).await.is_ok() {
            break;
        }
        stop(child, Signal::SIGINT).await;
        ground.assert_clean().await;
        moment = moment * 3 / 2;
    }
    ground.assert_clean().await;
}
