//! What the drill and the process that copies for it say to each other: where the servers are, in the environment, since
//! arguments are seen by everybody on the machine; and what happens, a JSON object a line.

use std::{env, error::Error, sync::Arc, time::Duration};

use crossfade::{
    backend::{meili::MeiliOptions, postgres::PostgresOptions},
    drift::DriftCheck,
};
use serde::{Deserialize, Serialize};
use tokio::process::Command;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// The first argument of a process that is to copy.
pub const WORKER: &str = "--backfill-worker";

const MEILI_URL: &str = "CROSSFADE_DRILL_MEILI_URL";
const MEILI_KEY: &str = "CROSSFADE_DRILL_MEILI_KEY";
const DATABASE_URL: &str = "CROSSFADE_DRILL_DATABASE_URL";
const INDEX: &str = "CROSSFADE_DRILL_INDEX";
const JOB: &str = "CROSSFADE_DRILL_JOB";
const SETTLE: &str = "CROSSFADE_DRILL_SETTLE_MS";

/// What is copied, and from where to where. No `Debug`: it holds keys.
#[derive(Clone)]
pub struct Assignment {
    pub meili_url: String,
    pub meili_key: String,
    pub database_url: String,
    pub index: String,
    pub job: String,
    /// How long a write may take to stand on both sides, for the comparison.
    pub settle: Duration,
}

/// What the process that copies tells.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// It has found the job, with so many rows dealt with.
    Found { rows: i64 },
    /// A step, in words.
    Step { text: String },
    /// A comparison of both sides is so far.
    Comparing { read: u64, total: Option<u64> },
    /// The job is done, after so many comparisons.
    Done { comparisons: u64 },
}

impl Assignment {
    /// From the environment of a process that is to copy.
    pub fn from_environment() -> Result<Self> {
        let given = |name: &str| {
            env::var(name)
                .map_err(|_| format!("{WORKER} is for the drill itself, which sets {name}; run `cargo drill`"))
        };
        Ok(Self {
            meili_url: given(MEILI_URL)?,
            meili_key: given(MEILI_KEY)?,
            database_url: given(DATABASE_URL)?,
            index: given(INDEX)?,
            job: given(JOB)?,
            settle: Duration::from_millis(given(SETTLE)?.parse()?),
        })
    }

    pub fn give_to(&self, command: &mut Command) {
        command
            .env(MEILI_URL, &self.meili_url)
            .env(MEILI_KEY, &self.meili_key)
            .env(DATABASE_URL, &self.database_url)
            .env(INDEX, &self.index)
            .env(JOB, &self.job)
            .env(SETTLE, self.settle.as_millis().to_string());
    }

    /// Requests carry whole pages of documents: they may take a while.
    pub fn meili(&self) -> Result<MeiliOptions> {
        Ok(MeiliOptions::new(&self.meili_url, Some(&self.meili_key))?.timeout(Duration::from_secs(30)))
    }

    pub fn postgres(&self) -> Result<PostgresOptions> {
        Ok(PostgresOptions::new(&self.database_url)?.application_name("crossfade backfill"))
    }

    /// The comparison of both sides, which only reads.
    pub fn check(&self) -> Result<DriftCheck> {
        let index: Arc<str> = self.index.as_str().into();
        let check = DriftCheck::new(self.meili()?.index(index.clone()), self.postgres()?.read_only().index(index));
        // Some posts are written several times a second all along: they are looked at until they are seen at rest.
        Ok(check.settle(self.settle).looks(LOOKS))
    }
}

const LOOKS: u32 = 5;
