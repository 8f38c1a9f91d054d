//! Both servers: Meilisearch with all films, PostgreSQL with none.

use std::{
    error::Error,
    io::{BufRead, BufReader},
    time::Duration,
};

use crossfade::{
    backend::meili::{MeiliIndex, MeiliOptions},
    document::DocumentId,
    error::Side,
    guard::GuardPolicy,
    store::{DEFAULT_SCHEMA, Report, ReportOptions, Store},
    testing::{MeiliDouble, TestDatabase, TestPostgres, TestPostgresError, meili::Meili},
};
use flate2::read::GzDecoder;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::Mutex;

use crate::{assignment::Assignment, output::Progress, service::Config};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

const DOCUMENTS: &[u8] = include_bytes!("../data/movie_facts/docs.jsonl.gz");
const RANKINGS: &[u8] = include_bytes!("../data/movie_facts/rankings.jsonl.gz");
const SETTINGS: &str = include_str!("../data/movie_facts/settings.json");
const QUERIES: &str = include_str!("../data/movie_facts/queries.tsv");

/// Quick to judge, since a fault of the drill lasts some seconds at most.
const GUARD: GuardPolicy = GuardPolicy {
    window: Duration::from_millis(100),
    sustained: 3,
    min_reads: 3,
    max_failed_share: 0.2,
    max_p95: None,
};

/// Documents read at a time.
pub const PAGE: u64 = 2000;

pub struct World {
    pub meili: Meili,
    pub index: String,
    pub store: Store,
    pub database: TestDatabase,
    /// Where the journal is.
    folder: TempDir,
    // Dropped last: the server that the database is in.
    postgres: Mutex<TestPostgres>,
}

/// What Meilisearch 1.50 answered to a query.
#[derive(Deserialize)]
struct Ranking {
    q: String,
    ids: Vec<DocumentId>,
    estimated_total_hits: u64,
}

impl World {
    /// `indexing`: how long the double takes over each batch, once the films are there.
    pub async fn start(indexing: Duration, progress: &Progress) -> Result<Self> {
        progress.step("starting PostgreSQL");
        let postgres = TestPostgres::start().await?;
        let database = postgres.create_database().await?;
        let store = Store::connect(database.url(), DEFAULT_SCHEMA).await?;
        store.migrate().await?;

        let meili = Meili::start().await?;
        let which = if meili.double().is_some() { "the double" } else { "the server of MEILI_URL" };
        let documents: Vec<Value> = lines(DOCUMENTS)?;
        progress.step(&format!("loading {} films into Meilisearch ({which})", documents.len()));
        let settings = serde_json::from_str::<Value>(SETTINGS)?["settings"].take();
        let index = meili.index("drill", &settings, &documents).await?;
        if let Some(double) = meili.double() {
            double.set_task_duration(indexing);
            for ranking in lines::<Ranking>(RANKINGS)? {
                double.record(&index, ranking.q, ranking.ids, ranking.estimated_total_hits);
            }
        }
        let folder = tempfile::tempdir()?;
        Ok(Self { meili, index, store, database, folder, postgres: Mutex::new(postgres) })
    }

    pub fn source(&self) -> Result<MeiliIndex> {
        let options = MeiliOptions::new(self.meili.url(), Some(self.meili.key()))?;
        Ok(options.timeout(Duration::from_secs(30)).index(&*self.index))
    }

    pub fn config(&self) -> Config {
        Config {
            meili_url: self.meili.url().to_owned(),
            meili_key: self.meili.key().to_owned(),
            database_url: self.database.url().to_owned(),
            index: self.index.clone(),
            journal: self.folder.path().join("journal"),
            flag_file: None,
            last_good: None,
            guard: Some(GUARD),
            admin_token: None,
        }
    }

    /// What a process that copies the films needs to know.
    pub fn assignment(&self, job: &str, settle: Duration) -> Assignment {
        Assignment {
            meili_url: self.meili.url().to_owned(),
            meili_key: self.meili.key().to_owned(),
            database_url: self.database.url().to_owned(),
            index: self.index.clone(),
            job: job.to_owned(),
            settle,
        }
    }

    pub fn queries(&self) -> Vec<&'static str> {
        QUERIES.lines().filter_map(|line| line.split('\t').nth(2)).collect()
    }

    /// The double, if it is one.
    pub fn double(&self) -> Option<&MeiliDouble> {
        self.meili.double()
    }

    /// Stops a server, unless it is not ours.
    pub async fn go_down(&self, side: Side) -> Result<bool> {
        match (side, self.double()) {
            (Side::Meili, None) => return Ok(false),
            (Side::Meili, Some(double)) => double.go_down().await,
            (Side::Pg, _) => match self.postgres.lock().await.stop().await {
                Err(TestPostgresError::NotOurs) => return Ok(false),
                stopped => stopped?,
            },
        }
        Ok(true)
    }

    /// Starts it again.
    pub async fn come_back(&self, side: Side) -> Result<()> {
        match (side, self.double()) {
            (Side::Meili, Some(double)) => double.come_back().await?,
            (Side::Meili, None) => {}
            (Side::Pg, _) => self.postgres.lock().await.restart().await?,
        }
        Ok(())
    }

    /// How many searches the double answered with what a real server had answered; `None` for a real server.
    pub fn answered_from_recording(&self) -> Option<u64> {
        self.meili.double().map(|double| double.answered_from_recording())
    }

    pub async fn report(&self, since: Timestamp) -> Result<Report> {
        Ok(Report::compute(&self.store, since, &ReportOptions::default()).await?)
    }

    pub async fn stop(self) -> Result<()> {
        Ok(self.meili.close().await?)
    }
}

fn lines<T: serde::de::DeserializeOwned>(compressed: &[u8]) -> Result<Vec<T>> {
    let lines = BufReader::new(GzDecoder::new(compressed)).lines();
    lines.map(|line| Ok(serde_json::from_str(&line?)?)).collect()
}
