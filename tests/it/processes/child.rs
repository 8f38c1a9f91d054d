//! The service in a process of its own, which is this binary once more.

use std::{process::Stdio, sync::Arc, time::Duration};

use crossfade::journal::sqlite::SqliteJournal;
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, ChildStdout, Command},
    time::timeout,
};

use super::{
    PATIENCE,
    client::Client,
    service::{Config, OPTIONS, Service},
};

/// Says to a test process that it is the service, and where its sides are.
const CHILD: &str = "CROSSFADE_TEST_SERVICE";

/// A running service. Dropping it kills it.
pub(super) struct Running {
    child: Child,
    pub(super) client: Client,
    // Its end would be a broken pipe to the child.
    _said: BufReader<ChildStdout>,
}

/// The child. Nothing on its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn service_child() {
    let Ok(config) = std::env::var(CHILD) else { return };
    let config: Config = serde_json::from_str(&config).unwrap();
    let journal = SqliteJournal::open(&config.journal, OPTIONS).await.unwrap();
    let service = Service::new(&config, Arc::new(journal));
    println!("\n@{}", service.listen().await);
    std::future::pending().await
}

impl Running {
    pub(super) async fn start(config: &Config) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "processes::child::service_child", "--nocapture", "--test-threads=1"])
            .env(CHILD, serde_json::to_string(config).unwrap())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        let address = async {
            loop {
                let mut line = String::new();
                assert!(said.read_line(&mut line).await.unwrap() > 0, "the service ended at its start");
                if let Some(address) = line.trim().strip_prefix('@') {
                    break address.to_owned();
                }
            }
        };
        let address = timeout(PATIENCE, address).await.expect("the service starts");
        let client = Client::new(&address, &config.key, &config.index);
        Self { child, client, _said: said }
    }

    /// SIGKILL, and nothing else.
    pub(super) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Waits until nothing is left to be done; the last state of its journal.
    pub(super) async fn drained(&self) -> Value {
        let mut last = Value::Null;
        let drained = async {
            loop {
                if let Some(status) = self.client.status().await {
                    last = status;
                    if last["pending"] == 0 {
                        return;
                    }
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let drained = timeout(PATIENCE, drained).await;
        assert!(drained.is_ok(), "the journal does not drain: {last}");
        last
    }
}
