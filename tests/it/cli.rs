//! The program, as a person runs it.

use std::process::Output;

use crossfade::testing::{TestDatabase, TestPostgres};
use sqlx::postgres::PgConnectOptions;
use tokio::process::Command;

pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

pub(crate) async fn run(url: Option<&str>, arguments: &[&str]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_crossfade"));
    command.args(arguments).env("USER", "ann").env_remove("DATABASE_URL");
    if let Some(url) = url {
        command.env("DATABASE_URL", url);
    }
    let Output { status, stdout, stderr } = command.output().await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: status.code(), stdout: text(stdout), stderr: text(stderr) }
}

async fn migrated() -> TestDatabase {
    let database = TestPostgres::database().await.unwrap();
    let ran = run(Some(database.url()), &["migrate"]).await;
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    database
}

#[tokio::test]
async fn flags_are_set_shown_and_kept_in_the_history() {
    let database = migrated().await;
    let url = Some(database.url());
    let set = run(url, &["flags", "set", "search_write_mode", "dual", "--why", "start"]).await;
    assert_eq!((set.code, set.stderr.as_str()), (Some(0), ""));
    assert!(set.stdout.contains("phase: dual_write"), "{}", set.stdout);

    let one = run(url, &["flags", "get", "search_write_mode"]).await;
    assert_eq!(one.stdout, "dual\n");

    let all = run(url, &["flags", "get", "--json"]).await;
    let all: serde_json::Value = serde_json::from_str(&all.stdout).unwrap();
    assert_eq!((&all["phase"], &all["target_stale"]), (&"dual_write".into(), &false.into()));
    assert_eq!((&all["flags"][0]["value"], &all["flags"][0]["set"]["by"]), (&"dual".into(), &"ann".into()));
    assert_eq!((&all["flags"][2]["value"], &all["flags"][2]["set"]), (&"100".into(), &serde_json::Value::Null));

    run(url, &["flags", "set", "search_write_mode", "meili_only", "--why", "brake", "--by", "bob"]).await;
    let stale = run(url, &["flags", "get"]).await;
    assert!(stale.stdout.contains("clear-stale"), "{}", stale.stdout);
    let cleared = run(url, &["flags", "clear-stale", "--why", "repaired", "--json"]).await;
    assert_eq!(cleared.code, Some(0));

    let history = run(url, &["flags", "history", "--limit", "3", "--json"]).await;
    let history: serde_json::Value = serde_json::from_str(&history.stdout).unwrap();
    let rows: Vec<String> = history.as_array().unwrap().iter().map(row).collect();
    assert_eq!(
        rows,
        [
            "target_stale true->false ann repaired",
            "target_stale false->true bob brake",
            "search_write_mode dual->meili_only bob brake",
        ]
    );
    let login: PgConnectOptions = database.url().parse().unwrap();
    assert_eq!(history[0]["db_user"], login.get_username());
    let text = run(url, &["flags", "history"]).await.stdout;
    assert!(text.contains("DB USER") && text.contains(login.get_username()), "{text}");
}

fn row(change: &serde_json::Value) -> String {
    let text = |field: &str| change[field].as_str().unwrap();
    format!("{} {}->{} {} {}", text("flag"), text("old"), text("new"), text("who"), text("why"))
}

/// Before the step and in front of it: the same warning.
#[tokio::test]
async fn what_pg_only_costs_is_told_by_the_help_and_by_the_refusal() {
    let database = migrated().await;
    let url = Some(database.url());
    run(url, &["flags", "set", "search_write_mode", "dual", "--why", "x"]).await;
    let refused = run(url, &["flags", "set", "search_write_mode", "pg_only", "--why", "x"]).await;
    let help = run(None, &["flags", "--help"]).await;
    for text in [refused.stderr, help.stdout] {
        assert!(text.contains("missed the writes of the time on pg_only"), "{text}");
        assert!(!text.contains("no way back"), "{text}");
    }
}

#[tokio::test]
async fn each_failure_has_its_exit_code_and_says_what_to_do() {
    let database = migrated().await;
    let url = Some(database.url());
    let no_reason = run(url, &["flags", "set", "search_write_mode", "dual"]).await;
    assert_eq!(no_reason.code, Some(2));
    assert!(no_reason.stderr.contains("--why"), "{}", no_reason.stderr);
    assert_eq!(run(url, &["flags", "set", "search_write_mode", "dual", "--why", ""]).await.code, Some(2));

    let refused = run(url, &["flags", "set", "search_read_backend", "pg", "--why", "x"]).await;
    assert_eq!(refused.code, Some(3));
    assert!(refused.stderr.contains("pg_reads_need_pg_writes: "), "{}", refused.stderr);
    assert!(refused.stderr.contains("set search_write_mode=dual first"), "{}", refused.stderr);
    assert_eq!(run(url, &["flags", "get", "nonsense"]).await.code, Some(3));

    let elsewhere = run(url, &["flags", "get", "--schema", "elsewhere"]).await;
    assert_eq!(elsewhere.code, Some(1));
    assert!(elsewhere.stderr.contains("crossfade migrate"), "{}", elsewhere.stderr);

    let nowhere = run(None, &["flags", "get"]).await;
    assert_eq!(nowhere.code, Some(2));
    assert!(nowhere.stderr.contains("DATABASE_URL"), "{}", nowhere.stderr);
}

#[tokio::test]
async fn a_password_is_never_shown() {
    let url = "postgres://ann:hunter2@127.0.0.1:1/x";
    for (arguments, code) in
        [(&["flags", "get"][..], 4), (&["--help"], 0), (&["flags", "set", "--help"], 0), (&["flags", "set"], 2)]
    {
        let ran = run(Some(url), arguments).await;
        assert_eq!(ran.code, Some(code), "{}", ran.stderr);
        assert!(!format!("{}{}", ran.stdout, ran.stderr).contains("hunter2"), "{}{}", ran.stdout, ran.stderr);
    }
    let ran = run(None, &["flags", "get", "--database-url", "postgres://ann:hunter2@127.0.0.1:notaport/x"]).await;
    assert_eq!(ran.code, Some(2));
    assert!(!ran.stderr.contains("hunter2"), "{}", ran.stderr);
}
