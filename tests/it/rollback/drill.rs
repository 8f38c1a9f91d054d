//! `crossfade rollback --drill`: says how it would go, and leaves all as it was.

use std::{fs, time::Duration};

use crossfade::{
    journal::Status,
    plan::{Flags, Phase, Plan, ReadBackend, WriteMode},
    store::{PgReads, ReplicaReport, Store},
};
use serde_json::Value;
use tempfile::TempDir;

use super::{
    cli::json,
    process::{Process, TOKEN},
    table::primary,
};
use crate::{
    flag_rules::migrated,
    support::{Script, until},
};

fn check<'a>(drill: &'a Value, check: &str) -> &'a Value {
    let mut found = drill["checks"].as_array().unwrap().iter().filter(|found| found["check"] == check);
    found.next().unwrap_or_else(|| panic!("no check {check}: {drill}"))
}

async fn report(store: &Store, plan: Plan, journal: Status, every: Duration) {
    let report = ReplicaReport {
        replica: "r1".to_owned(),
        host: "here".to_owned(),
        plan,
        revision: 0,
        reads: PgReads::default(),
        reads_before: PgReads::default(),
        journal: Some(journal),
        write: None,
        every,
    };
    store.replicas().report(&report).await.unwrap();
}

#[tokio::test]
async fn it_checks_every_way_times_a_change_and_changes_nothing() {
    let (database, store) = migrated().await;
    let flags = primary(&store).await;
    let process = Process::start(&store, None, Script::Answer(vec!["a"])).await;
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("flags.toml");
    fs::write(&file, "# ours\n").unwrap();
    // It has reported, and reads.
    let replicas = store.replicas();
    while replicas.all().await.unwrap().is_empty() {}
    until("it reads", || process.tally.last_answer().is_some()).await;
    let before = flags.read().await.unwrap();
    let (plan, history) = (process.plan.load(), flags.history(100).await.unwrap());

    let call = ["rollback", "--drill", "--flag-file", file.to_str().unwrap(), "--admin", &process.admin];
    let (code, drill) = json(Some(database.url()), &[&call[..], &["--admin-token", TOKEN]].concat()).await;
    assert_eq!((code, &drill["ready"], &drill["phase"]), (Some(0), &true.into(), &"target_primary".into()), "{drill}");
    for name in ["table", "file", "admin", "processes", "journals", "propagation"] {
        assert_eq!(check(&drill, name)["ok"], true, "{drill}");
    }
    let took = drill["propagation_ms"].as_f64().unwrap();
    assert!((0.1..10_000.0).contains(&took), "{drill}");
    println!("a change had reached the process, and was reported, after {took:.0} ms");

    let after = flags.read().await.unwrap();
    assert_eq!((&after.flags, after.target_stale, after.latch), (&before.flags, before.target_stale, before.latch));
    assert_eq!(flags.history(100).await.unwrap(), history);
    assert_eq!(process.plan.load(), plan);
    assert_eq!(fs::read_to_string(&file).unwrap(), "# ours\n");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "it left a file behind");
    process.stop().await;
}

/// Before the first step nobody has changed the table, and a process that watches it has no revision to tell.
#[tokio::test]
async fn it_works_before_the_first_flag_is_set() {
    let (database, store) = migrated().await;
    let process = Process::start(&store, None, Script::Answer(vec!["a"])).await;
    while store.replicas().all().await.unwrap().is_empty() {}
    let (code, drill) = json(Some(database.url()), &["rollback", "--drill"]).await;
    assert_eq!((code, &check(&drill, "propagation")["ok"]), (Some(0), &true.into()), "{drill}");
    process.stop().await;
}

#[tokio::test]
async fn what_stands_in_the_way_is_told() {
    let (database, store) = migrated().await;
    let flags = primary(&store).await;
    let url = Some(database.url());
    let drill = async || {
        let (code, drill) = json(url, &["rollback", "--drill", "--wait", "0.2"]).await;
        assert_eq!((code, &drill["ready"]), (Some(1), &false.into()), "{drill}");
        drill
    };
    assert_eq!(check(&drill().await, "processes")["ok"], false, "nobody reports");

    let plan = flags.read().await.unwrap().plan().unwrap();
    let long = Duration::from_secs(60);
    report(&store, plan, Status { pending: 5_000, ..Status::default() }, long).await;
    let behind = drill().await;
    assert_eq!((&check(&behind, "processes")["ok"], &check(&behind, "journals")["ok"]), (&true.into(), &false.into()));
    assert!(check(&behind, "journals")["says"].as_str().unwrap().contains("5000 writes wait"), "{behind}");

    // By a file of its own, and then silent.
    let meili = Flags { read_backend: ReadBackend::Meili, ..plan.flags };
    report(&store, Plan::new(meili), Status::default(), long).await;
    assert!(check(&drill().await, "processes")["says"].as_str().unwrap().contains("a local file?"));
    report(&store, plan, Status::default(), Duration::ZERO).await;
    assert!(check(&drill().await, "processes")["says"].as_str().unwrap().contains("silent"));
}

#[tokio::test]
async fn in_target_only_it_says_that_there_is_no_instant_way_back() {
    let (database, store) = migrated().await;
    let flags = primary(&store).await;
    flags.set("search_write_mode", "pg_only", "ann", "done").await.unwrap();
    let plan = flags.read().await.unwrap().plan().unwrap();
    assert_eq!((plan.phase(), plan.flags.write_mode), (Phase::TargetOnly, WriteMode::PgOnly));
    let (code, drill) = json(Some(database.url()), &["rollback", "--drill", "--wait", "0.2"]).await;
    assert_eq!(code, Some(1), "{drill}");
    assert!(drill["would"].as_str().unwrap().contains("no instant way back"), "{drill}");
    assert_eq!(check(&drill, "table")["ok"], false);
}
