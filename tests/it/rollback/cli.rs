//! `crossfade rollback`, as a person runs it in a hurry.

use std::{fs, path::Path, time::Duration};

use crossfade::{
    plan::{Phase, Plan},
    store::{PgReads, ReplicaReport, Store},
    testing::TestPostgres,
};
use serde_json::Value;
use tempfile::TempDir;

use super::{
    process::{Process, TOKEN},
    table::primary,
};
use crate::{
    cli::{Ran, run},
    flag_rules::migrated,
    support::{Script, canary, until},
};

/// Runs it with `--json`; the exit code and the answer.
pub(super) async fn json(url: Option<&str>, arguments: &[&str]) -> (Option<i32>, Value) {
    let ran = run(url, &[arguments, &["--json"]].concat()).await;
    assert!(!format!("{}{}", ran.stdout, ran.stderr).contains(TOKEN), "the token is shown");
    let answer = serde_json::from_str(&ran.stdout);
    (ran.code, answer.unwrap_or_else(|_| panic!("no JSON: {}{}", ran.stdout, ran.stderr)))
}

fn way<'a>(answer: &'a Value, way: &str) -> &'a Value {
    let mut found = answer["ways"].as_array().unwrap().iter().filter(|attempt| attempt["way"] == way);
    found.next().unwrap_or_else(|| panic!("no way {way}: {answer}"))
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A read is under way when the flag changes, and ends only later: it is waited for, and it is what is measured.
#[tokio::test]
async fn by_the_table_it_waits_for_the_last_read_of_every_process_and_measures_it() {
    let (database, store) = migrated().await;
    let flags = primary(&store).await;
    let slow = Duration::from_millis(700);
    let process = Process::start(&store, None, Script::Slow(slow, vec!["a"])).await;
    let other = Process::start(&store, None, Script::Answer(vec!["a"])).await;
    until("reads are under way", || process.tally.under_way() > 10 && other.tally.last_answer().is_some()).await;

    let (code, answer) = json(Some(database.url()), &["rollback", "--why", "worse than before"]).await;
    assert_eq!((process.tally.under_way(), other.tally.under_way()), (0, 0), "it did not wait");
    assert_eq!(code, Some(0), "{answer}");
    assert_eq!((&way(&answer, "table")["done"], &answer["measured_by"]), (&true.into(), &"replicas".into()));
    let processes = answer["processes"].as_array().unwrap();
    assert_eq!(processes.len(), 2);
    assert!(processes.iter().all(|process| process["follows"] == true), "{answer}");
    // The slow one had a read under way that ended up to 700 ms after the change; the clock of this test is another one.
    let last = answer["last_pg_answer_ms"].as_f64().unwrap();
    let followed = answer["followed_ms"].as_f64().unwrap();
    assert!((300.0..=1_500.0).contains(&last) && followed + 50.0 > last, "{answer}");
    println!("last answer of PostgreSQL after {last:.0} ms, of reads that take 700 ms; seen after {followed:.0} ms");

    let stored = flags.read().await.unwrap();
    assert_eq!(stored.plan().unwrap().phase(), Phase::Shadow);
    let latch = stored.latch.unwrap();
    assert_eq!((latch.by.as_str(), latch.why.as_str()), ("ann", "worse than before"));
    let wanted = || (process.tally.counts().wanted(), other.tally.counts().wanted());
    let before = wanted();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(wanted(), before, "reads are still for PostgreSQL");
    process.stop().await;
    other.stop().await;
}

#[tokio::test]
async fn with_postgres_down_a_file_and_an_admin_call_do_it() {
    let mut server = TestPostgres::private().await.unwrap();
    let database = server.create_database().await.unwrap();
    let store = Store::connect(database.url(), "cn_search").await.unwrap();
    store.migrate().await.unwrap();
    let flags = primary(&store).await;
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("flags.toml");
    fs::write(&file, "# ours\nshadow_sample_rate = 2.5\n").unwrap();
    let by_file = Process::start(&store, Some(file.clone()), Script::Answer(vec!["a"])).await;
    let by_call = Process::start(&store, None, Script::Answer(vec!["a"])).await;
    server.stop().await.unwrap();

    let url = Some(database.url());
    let call = [
        "rollback",
        "--why",
        "PostgreSQL is down",
        "--flag-file",
        text(&file),
        "--admin",
        &by_call.admin,
        "--admin-token",
        TOKEN,
    ];
    let (code, answer) = json(url, &call).await;
    assert_eq!(code, Some(0), "{answer}");
    let done = ["table", "file", "admin"].map(|name| way(&answer, name)["done"].as_bool().unwrap());
    assert_eq!(done, [false, true, true], "{answer}");
    assert_eq!(answer["measured_by"], "admin");
    assert_eq!(answer["processes"][0]["follows"], true);
    assert!(by_call.plan.load().latched);
    until("the file is followed", || by_file.plan.load().phase() == Phase::Shadow).await;
    assert_eq!(by_file.plan.load().flags.shadow_sample_rate.to_string(), "2.5", "another key was lost");

    // It comes back, and is told by the process that was called.
    server.restart().await.unwrap();
    until("the other one is latched too", || by_file.plan.load().latched).await;
    assert_eq!(flags.read().await.unwrap().latch.unwrap().why, "PostgreSQL is down");

    // The end of it: latch and lines.
    let clear = ["rollback", "clear", "--why", "it is up", "--flag-file", text(&file)];
    let (code, answer) = json(url, &clear).await;
    assert_eq!((code, &answer["latch"]), (Some(0), &Value::Null));
    assert_eq!(fs::read_to_string(&file).unwrap(), "# ours\nshadow_sample_rate = 2.5\n");
    until("cleared", || !by_file.plan.load().latched && !by_call.plan.load().latched).await;
    by_file.stop().await;
    by_call.stop().await;
}

#[tokio::test]
async fn what_does_not_work_is_said_and_has_an_exit_code() {
    let directory = TempDir::new().unwrap();
    let nowhere = Some("postgres://ann:hunter2@127.0.0.1:1/x");
    let said = |ran: &Ran| format!("{}{}", ran.stdout, ran.stderr);

    let none = run(None, &["rollback", "--why", "x"]).await;
    assert_eq!(none.code, Some(2), "{}", none.stderr);
    assert!(none.stderr.contains("--flag-file"), "{}", none.stderr);
    assert_eq!(run(nowhere, &["rollback"]).await.code, Some(2), "no reason was given");

    // The table is away, there is nothing at the URL, no token for it, and no such folder.
    let missing = directory.path().join("missing/flags.toml");
    let all =
        ["rollback", "--why", "x", "--flag-file", text(&missing), "--admin", "http://ann:hunter2@127.0.0.1:1/admin"];
    let ran = run(nowhere, &all).await;
    assert_eq!(ran.code, Some(4), "{}", said(&ran));
    assert!(ran.stdout.contains("no token") && ran.stdout.contains("cannot be written"), "{}", said(&ran));
    assert!(ran.stdout.contains("the database cannot be reached"), "{}", said(&ran));
    assert!(!said(&ran).contains("hunter2"), "{}", said(&ran));
    let ran = run(nowhere, &[&all[..], &["--admin-token", TOKEN]].concat()).await;
    assert!(ran.stdout.contains("it cannot be reached"), "{}", said(&ran));
    assert!(!said(&ran).contains("hunter2") && !said(&ran).contains(TOKEN), "{}", said(&ran));

    // A URL that cannot be right does not stand in the way of the file.
    let file = directory.path().join("flags.toml");
    let ran = run(Some("nonsense hunter2"), &["rollback", "--why", "x", "--flag-file", text(&file)]).await;
    assert_eq!(ran.code, Some(0), "{}", said(&ran));
    assert!(fs::read_to_string(&file).unwrap().ends_with("search_read_backend = \"meili\"\n"));
    assert!(ran.stdout.contains("the table was not told"), "{}", said(&ran));
    assert!(ran.stdout.contains("not measured") && !said(&ran).contains("hunter2"), "{}", said(&ran));
}

#[tokio::test]
async fn a_file_that_nobody_could_read_is_kept_beside_the_new_one() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("flags.toml");
    fs::write(&file, "search_read_backend = pg").unwrap();
    let ran = run(None, &["rollback", "--why", "x", "--to", "dual", "--flag-file", text(&file)]).await;
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let written = crossfade::plan::FlagSet::from_toml(&fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(written.over(canary(100)).text(crossfade::plan::Flag::ReadBackend), "meili");
    assert_eq!(written.shadow_sample_rate, Some("0".parse().unwrap()));
    let kept = directory.path().join("flags.toml.before-rollback");
    assert_eq!(fs::read_to_string(kept).unwrap(), "search_read_backend = pg");
}

#[tokio::test]
async fn in_target_only_it_is_refused_everywhere_and_leaves_nothing() {
    let (database, store) = migrated().await;
    let flags = primary(&store).await;
    flags.set("search_write_mode", "pg_only", "ann", "done").await.unwrap();
    let process = Process::start(&store, None, Script::Answer(vec!["a"])).await;
    let directory = TempDir::new().unwrap();
    let (old, new) = (directory.path().join("old.toml"), directory.path().join("new.toml"));
    fs::write(&old, "# ours\n").unwrap();
    let before = flags.read().await.unwrap();
    let call =
        ["rollback", "--why", "x", "--flag-file", text(&old), "--flag-file", text(&new), "--admin", &process.admin];
    let ran = run(Some(database.url()), &[&call[..], &["--admin-token", TOKEN]].concat()).await;
    assert_eq!(ran.code, Some(3), "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stderr.contains("bring it up to date"), "{}", ran.stderr);
    assert_eq!((fs::read_to_string(&old).unwrap().as_str(), new.exists()), ("# ours\n", false));
    assert_eq!(flags.read().await.unwrap(), before);
    assert_eq!(process.plan.load().phase(), Phase::TargetOnly);
    process.stop().await;
}

/// One that is live and does not follow is a failure; one that has fallen silent is told.
#[tokio::test]
async fn a_process_that_does_not_follow_is_not_hidden() {
    let (database, store) = migrated().await;
    primary(&store).await;
    let report = ReplicaReport {
        replica: "deaf".to_owned(),
        host: "here".to_owned(),
        plan: Plan::new(canary(100)),
        revision: 1,
        reads: PgReads::default(),
        reads_before: PgReads::default(),
        journal: None,
        write: None,
        every: Duration::from_secs(60),
    };
    store.replicas().report(&report).await.unwrap();
    let (code, answer) = json(Some(database.url()), &["rollback", "--why", "x", "--wait", "0.3"]).await;
    assert_eq!(code, Some(1), "{answer}");
    assert_eq!((&answer["processes"][0]["follows"], &answer["followed_ms"]), (&false.into(), &Value::Null));

    store.replicas().report(&ReplicaReport { every: Duration::ZERO, ..report }).await.unwrap();
    let (code, answer) = json(Some(database.url()), &["rollback", "--why", "x", "--wait", "0.3"]).await;
    assert_eq!((code, answer["silent"][0].as_str()), (Some(0), Some("deaf on here")), "{answer}");
}

#[tokio::test]
async fn the_latch_is_shown_and_cleared_with_a_reason() {
    let (database, store) = migrated().await;
    primary(&store).await;
    let url = Some(database.url());
    let status = run(url, &["rollback", "status"]).await;
    assert!(status.stdout.contains("no rollback is latched"), "{}", status.stdout);
    assert_eq!(run(url, &["rollback", "--why", "worse"]).await.code, Some(0));
    let (_, status) = json(url, &["rollback", "status"]).await;
    assert_eq!((&status["latch"]["by"], &status["latch"]["why"]), (&"ann".into(), &"worse".into()));
    let refused = run(url, &["flags", "set", "search_read_backend", "pg", "--why", "forward"]).await;
    assert_eq!(refused.code, Some(3));
    assert!(refused.stderr.contains("crossfade rollback clear --why"), "{}", refused.stderr);
    assert!(run(url, &["flags", "get"]).await.stdout.contains("latched: rolled back by ann"));

    assert_eq!(run(url, &["rollback", "clear"]).await.code, Some(2), "no reason was given");
    assert_eq!(run(url, &["rollback", "clear", "--why", "mended"]).await.code, Some(0));
    let forward = run(url, &["flags", "set", "search_read_backend", "pg", "--why", "forward"]).await;
    assert_eq!(forward.code, Some(0), "{}", forward.stderr);
    let (_, history) = json(url, &["flags", "history", "--limit", "2"]).await;
    assert_eq!((&history[1]["flag"], &history[1]["why"]), (&"rollback_latch".into(), &"mended".into()));
}
