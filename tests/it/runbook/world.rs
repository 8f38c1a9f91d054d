//! What the runbook is followed in: a PostgreSQL that can be stopped, a Meilisearch double, a service with readers and writers,
//! and the folder and environment of an operator.

use std::{path::Path, process::Stdio, time::Duration};

use crossfade::{
    backend::meili::MeiliOptions,
    backend::postgres::{PostgresIndex, PostgresOptions},
    gates::Policy,
    store::{DEFAULT_SCHEMA, Store},
    testing::{
        TestDatabase, TestPostgres,
        meili::{Client, MeiliDouble, Options},
    },
};
use http::Method;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use tempfile::TempDir;
use tokio::{net::TcpListener, process, time::timeout};

use super::service::Service;

pub(super) const INDEX: &str = "posts";
pub(super) const TOKEN: &str = "a-token-of-this-test";
/// How long anything may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(120);

/// Gates that little evidence is enough for: what is tested is the runbook.
const GATES: &str = include_str!("gates.toml");

/// What the runbook says is set.
pub(super) const ENVIRONMENT: [&str; 9] = [
    "DATABASE_URL",
    "JOURNAL_URL",
    "MEILI_URL",
    "MEILI_MASTER_KEY",
    "INDEX",
    "CROSSFADE_GATES",
    "CROSSFADE_FLAG_FILE",
    "CROSSFADE_ADMIN",
    "CROSSFADE_ADMIN_TOKEN",
];

pub(super) struct World {
    pub(super) postgres: TestPostgres,
    pub(super) stage: Stage,
}

/// What is made anew for a fresh world.
pub(super) struct Stage {
    pub(super) service: Option<Service>,
    pub(super) store: Store,
    pub(super) policy: Policy,
    pub(super) meili: MeiliDouble,
    pub(super) folder: TempDir,
    pub(super) admin: Option<TcpListener>,
    admin_url: String,
    pub(super) journal: TestDatabase,
    pub(super) database: TestDatabase,
}

/// How a command ended.
pub(super) struct Ran {
    pub(super) code: Option<i32>,
    pub(super) output: String,
}

impl World {
    pub(super) async fn new() -> Self {
        let postgres = TestPostgres::private().await.unwrap();
        let stage = Stage::new(&postgres).await;
        Self { postgres, stage }
    }

    /// Another one, as it is before a migration.
    pub(super) async fn fresh(&mut self) {
        let stage = Stage::new(&self.postgres).await;
        std::mem::replace(&mut self.stage, stage).end().await;
    }
}

/// `f0` to `f59`.
fn films() -> Vec<Value> {
    let words = ["river", "storm", "night", "garden", "letter", "island"];
    let film = |n: usize| {
        let title = format!("{} {}", words[n % 6], words[n / 6 % 6]);
        json!({ "id": format!("f{n}"), "title": title, "overview": format!("a {} of number {n}", words[n / 10]), "year": 1960 + n })
    };
    (0..60).map(film).collect()
}

/// What readers ask.
pub(super) const QUERIES: [&str; 8] =
    ["river", "storm night", "garden letter", "island", "nigth", "lett", "number 12", "river of number"];

fn settings() -> Value {
    json!({ "searchableAttributes": ["title", "overview"], "filterableAttributes": ["year"], "sortableAttributes": ["year"] })
}

impl Stage {
    async fn new(postgres: &TestPostgres) -> Self {
        let (database, journal) = (postgres.create_database().await.unwrap(), TestPostgres::database().await.unwrap());
        let store = Store::connect_lazy(database.url(), DEFAULT_SCHEMA).unwrap();
        let meili = MeiliDouble::start(Options::default()).await.unwrap();
        fill(&meili).await;
        let admin = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let admin_url = format!("http://{}/admin", admin.local_addr().unwrap());
        let folder = tempfile::tempdir().unwrap();
        files(folder.path());
        let policy = Policy::parse(GATES).unwrap();
        Self { service: None, store, policy, meili, folder, admin: Some(admin), admin_url, journal, database }
    }

    /// The values of [`ENVIRONMENT`].
    fn environment(&self) -> [&str; 9] {
        [
            self.database.url(),
            self.journal.url(),
            self.meili.url(),
            self.meili.key(),
            INDEX,
            "gates.toml",
            "flags.toml",
            &self.admin_url,
            TOKEN,
        ]
    }

    /// Runs a command as an operator types it: with this environment and no other.
    pub(super) async fn type_in(&self, command: &str) -> Ran {
        let own = Path::new(env!("CARGO_BIN_EXE_crossfade")).parent().unwrap();
        let path = std::env::var("PATH").unwrap_or_default();
        let mut shell = process::Command::new("sh");
        shell.args(["-c", command]).current_dir(self.folder.path()).stdin(Stdio::null()).kill_on_drop(true);
        shell
            .env_clear()
            .env("PATH", format!("{}:{path}", own.display()))
            .env("USER", "ann")
            .envs(ENVIRONMENT.into_iter().zip(self.environment()));
        let ended = timeout(PATIENCE, shell.output()).await;
        let ended = ended.unwrap_or_else(|_| panic!("never ended: {command}")).unwrap();
        let output = [ended.stdout, ended.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
        Ran { code: ended.status.code(), output }
    }

    /// Carries out statements as `psql` does.
    pub(super) async fn sql(&self, sql: &str) -> Result<(), String> {
        let mut connection = PgConnection::connect(self.database.url()).await.map_err(|error| error.to_string())?;
        let done = sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut connection).await;
        done.map(drop).map_err(|error| error.to_string())
    }

    pub(super) fn pg(&self) -> PostgresIndex {
        PostgresOptions::new(self.database.url()).unwrap().index(INDEX)
    }

    pub(super) fn meili(&self) -> MeiliOptions {
        MeiliOptions::new(self.meili.url(), Some(self.meili.key())).unwrap()
    }

    pub(super) fn service(&self) -> &Service {
        self.service.as_ref().expect("the service has not started: a note has to say so")
    }

    pub(super) async fn end(self) {
        if let Some(service) = self.service {
            service.stop().await;
        }
    }
}

/// The index as it is before the migration.
async fn fill(meili: &MeiliDouble) {
    let client = Client::new(meili.url(), meili.key()).unwrap();
    for (method, path, body) in [
        (Method::POST, "/indexes".to_owned(), json!({ "uid": INDEX, "primaryKey": "id" })),
        (Method::PATCH, format!("/indexes/{INDEX}/settings"), settings()),
        (Method::POST, format!("/indexes/{INDEX}/documents"), json!(films())),
    ] {
        let reply = client.send(client.call(method, &path, Some(&body))).await.unwrap();
        assert!(reply.json()["taskUid"].is_u64(), "{path}: {}", reply.body);
    }
}

/// What the operator has prepared.
fn files(folder: &Path) {
    let lines = |lines: Vec<String>| lines.join("\n") + "\n";
    let posts = films().iter().map(Value::to_string).collect();
    let queries = (0..).zip(QUERIES).map(|(n, text)| format!("q{n}\t{text}")).collect();
    // By the words of a film, whose title begins with the first of the query.
    let golden = vec!["q0\tf0\t2".into(), "q1\tf1\t1".into(), "q3\tf5\t2".into()];
    for (name, text) in [
        ("posts.jsonl", lines(posts)),
        ("settings.json", settings().to_string()),
        ("queries.tsv", lines(queries)),
        ("golden.tsv", lines(golden)),
        ("gates.toml", GATES.to_owned()),
    ] {
        std::fs::write(folder.join(name), text).unwrap();
    }
}
