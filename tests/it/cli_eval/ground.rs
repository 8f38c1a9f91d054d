//! A small corpus, both servers, and figures that are computed here once more.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};

use crossfade::testing::{TestDatabase, TestPostgres, meili::Meili};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use tempfile::TempDir;
use tokio::process::Command;

use crate::cli::Ran;

/// Ids that do not sort as the lines do, so that a tie shows which of both decides.
pub(crate) fn documents(many: usize) -> Vec<Value> {
    let subject = ["river", "mountain", "harbour", "forest", "lantern"];
    let verb = ["sleeps", "wakes", "burns", "sings"];
    let document = |n: usize| {
        json!({
            "id": format!("d{}", 9_999 - n),
            "title": format!("The {} {}", subject[n % 5], verb[n % 4]),
            "text": format!("story {} of the {}", n % 7, subject[(n + 2) % 5]),
            "year": 1990 + n % 3,
        })
    };
    (0..many).map(document).collect()
}

pub(crate) const QUERIES: &str = "\
q1\tone\triver
q2\tone\tlantern
q3\ttwo\tforest burns
q4\ttwo\tmountain sleeps
q5\ttwo\tstory 3 harbour
q6\tprefix\tmou
q7\ttypo\tmountian
q8\tnothing\tzzzzzz
";

pub(crate) struct Ground {
    pub(crate) database: TestDatabase,
    pub(crate) meili: Meili,
    folder: TempDir,
}

impl Ground {
    pub(crate) async fn new(many: usize) -> Self {
        let (database, meili) = (TestPostgres::database().await.unwrap(), Meili::start().await.unwrap());
        let ground = Self { database, meili, folder: tempfile::tempdir().unwrap() };
        let lines: String = documents(many).iter().map(|document| format!("{document}\n")).collect();
        ground.write("docs.jsonl", &lines);
        ground.write("queries.tsv", QUERIES);
        let settings = json!({ "searchableAttributes": ["title", "text"], "filterableAttributes": ["year"] });
        ground.write("settings.json", &json!({ "documents": many, "settings": settings }).to_string());
        ground
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// `crossfade eval` with these files, in the folder.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_crossfade"));
        command.arg("eval").args(arguments).current_dir(self.folder.path()).kill_on_drop(true);
        command.env("DATABASE_URL", self.database.url()).env("MEILI_MASTER_KEY", self.meili.key());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub(crate) async fn run(&self, arguments: &[&str]) -> Ran {
        ran(self.command(arguments).output().await.unwrap())
    }

    /// With the documents, the queries and the settings.
    pub(crate) async fn measure(&self, arguments: &[&str]) -> Ran {
        self.run(&[&FILES, arguments].concat()).await
    }

    pub(crate) fn meili(&self) -> [&str; 2] {
        ["--meili", self.meili.url()]
    }

    /// The scratch schemas that are there.
    pub(crate) async fn schemas(&self) -> Vec<String> {
        let mut psql = PgConnection::connect(self.database.url()).await.unwrap();
        sqlx::query_scalar("SELECT nspname::text FROM pg_namespace WHERE nspname LIKE 'crossfade\\_eval\\_%'")
            .fetch_all(&mut psql)
            .await
            .unwrap()
    }

    /// The scratch indexes that are there.
    pub(crate) async fn indexes(&self) -> Vec<String> {
        let client = self.meili.client();
        let reply = client.send(client.call(http::Method::GET, "/indexes?limit=1000", None)).await.unwrap().json();
        let uids = reply["results"].as_array().unwrap().iter().map(|index| index["uid"].as_str().unwrap().to_owned());
        uids.filter(|uid| uid.starts_with("crossfade_eval_")).collect()
    }

    /// Nothing was left behind. A real Meilisearch may be shared with other runs.
    pub(crate) async fn assert_clean(&self) {
        assert_eq!(self.schemas().await, [""; 0]);
        if self.meili.double().is_some() {
            assert_eq!(self.indexes().await, [""; 0]);
        }
    }
}

pub(crate) const FILES: [&str; 6] = ["--docs", "docs.jsonl", "--queries", "queries.tsv", "--settings", "settings.json"];

pub(crate) fn ran(output: std::process::Output) -> Ran {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

pub(crate) fn json_of(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{}{}", ran.stdout, ran.stderr))
}

/// A line of a rankings file: class, ids and total.
pub(crate) struct Line {
    pub(crate) class: String,
    pub(crate) ids: Vec<String>,
    pub(crate) scores: usize,
    pub(crate) total: u64,
}

pub(crate) fn rankings(path: &Path) -> BTreeMap<String, Line> {
    let line = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        let text = |name: &str| line[name].as_str().unwrap().to_owned();
        let ids = line["ids"].as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect();
        let scores = line["scores"].as_array().unwrap().len();
        let total = line["estimated_total_hits"].as_u64().unwrap();
        (text("query_id"), Line { class: text("class"), ids, scores, total })
    };
    fs::read_to_string(path).unwrap().lines().map(line).collect()
}

pub(crate) fn close(figure: &Value, expected: f64) -> bool {
    (figure.as_f64().unwrap() - expected).abs() < 1e-9
}
