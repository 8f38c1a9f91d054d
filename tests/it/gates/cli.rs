//! `crossfade gate`, `advance` and `ramp`, as a person runs them.

use std::{process::Stdio, time::Duration};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
    time::timeout,
};

use super::Ground;
use crate::cli::run;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[tokio::test]
async fn the_verdict_is_the_exit_code() {
    let ground = Ground::fresh().await;
    let url = Some(ground.database.url());
    let hold = run(url, &["gate", "--json"]).await;
    assert_eq!((hold.code, &json(&hold.stdout)["verdict"]), (Some(2), &Value::from("hold")), "{}", hold.stderr);

    ground.all_well().await;
    let pass = run(url, &["gate"]).await;
    assert_eq!(pass.code, Some(0), "{}{}", pass.stdout, pass.stderr);
    assert!(pass.stdout.contains("verdict: pass"), "{}", pass.stdout);

    ground.set(&[("search_write_mode", "dual"), ("shadow_sample_rate", "5")]).await;
    ground.pairs(0.1, 10, 600).await;
    let fail = run(url, &["gate", "--json"]).await;
    let decision = json(&fail.stdout);
    assert_eq!((fail.code, &decision["verdict"], &decision["phase"]), (Some(1), &"fail".into(), &"shadow".into()));
    let overlap = decision["gates"].as_array().unwrap().iter().find(|gate| gate["gate"] == "overlap_median").unwrap();
    assert_eq!(
        (&overlap["value"], &overlap["samples"], &overlap["goal"]["at_least"]),
        (&0.1.into(), &600.into(), &0.7.into())
    );
    assert_eq!(ground.count("SELECT count(*) FROM gate_verdicts").await, 3);
}

#[tokio::test]
async fn advance_says_what_it_did_and_what_it_did_not() {
    let ground = Ground::fresh().await;
    let url = Some(ground.database.url());
    let refused = run(url, &["advance"]).await;
    assert_eq!(refused.code, Some(3));
    assert!(refused.stderr.contains("hold") && refused.stderr.contains("crossfade gate"), "{}", refused.stderr);
    // Overriding wants a reason.
    assert_eq!(run(url, &["advance", "--override"]).await.code, Some(2));
    let overridden = run(url, &["advance", "--override", "--why", "rehearsal", "--json"]).await;
    assert_eq!((overridden.code, &json(&overridden.stdout)["overridden"]), (Some(0), &true.into()));
    let kept = ground.store.decisions().steps(5).await.unwrap();
    assert_eq!((kept.len(), kept[0].why.as_str(), kept[0].taken_by.as_str()), (1, "rehearsal", "ann"));

    let once = run(url, &["ramp", "--once", "--json"]).await;
    assert_eq!((once.code, &json(&once.stdout)["round"]), (Some(0), &"waits".into()), "{}", once.stderr);
}

#[tokio::test]
async fn a_ramp_that_is_asked_to_stop_gives_its_place_away() {
    let ground = Ground::fresh().await;
    let url = Some(ground.database.url());
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let mut ramp = Command::new(env!("CARGO_BIN_EXE_crossfade"));
        ramp.args(["ramp", "--json"]).env("DATABASE_URL", ground.database.url()).stdout(Stdio::piped());
        let mut ramp = ramp.kill_on_drop(true).spawn().unwrap();
        let mut lines = BufReader::new(ramp.stdout.take().unwrap()).lines();
        let first = lines.next_line().await.unwrap().unwrap();
        assert_eq!(json(&first)["round"], "waits", "{first}");
        let other = run(url, &["ramp", "--once", "--json"]).await;
        assert_eq!(json(&other.stdout)["round"], "stands_by", "{}", other.stderr);

        kill(Pid::from_raw(ramp.id().unwrap().try_into().unwrap()), signal).unwrap();
        let ended = timeout(Duration::from_secs(20), ramp.wait()).await.unwrap().unwrap();
        assert_eq!(ended.code(), Some(0), "{signal}");
        let other = run(url, &["ramp", "--once", "--json"]).await;
        assert_eq!(json(&other.stdout)["round"], "waits", "{signal}: {}", other.stderr);
    }
}

#[tokio::test]
async fn the_last_step_is_not_taken_by_a_slip_of_the_hand() {
    let ground = Ground::fresh().await;
    let url = Some(ground.database.url());
    let last = ["flags", "set", "search_write_mode", "pg_only", "--why", "done"];
    // The rules of the flags come first.
    let early = run(url, &last).await;
    assert!(early.code == Some(3) && early.stderr.contains("one_step"), "{}", early.stderr);
    ground.set(&[("search_write_mode", "dual"), ("search_read_backend", "pg")]).await;
    let refused = run(url, &last).await;
    assert_eq!(refused.code, Some(3));
    for word in ["no instant way back", "of 7d", "drift is not known", "crossfade advance", "--force"] {
        assert!(refused.stderr.contains(word), "{word}: {}", refused.stderr);
    }
    ground.all_well().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gates.toml");
    std::fs::write(&path, "observe = '1ms'").unwrap();
    let with_file = [&last[..], &["--gates", path.to_str().unwrap()]].concat();
    assert_eq!(run(url, &with_file).await.code, Some(0));
    // And back, and again without waiting.
    ground.set(&[("search_write_mode", "dual")]).await;
    assert_eq!(run(url, &last).await.code, Some(3));
    assert_eq!(run(url, &[&last[..], &["--force"]].concat()).await.code, Some(0));
}

#[tokio::test]
async fn a_gate_file_that_cannot_be_is_refused_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gates.toml");
    std::fs::write(&path, "[gates.overlap_median]\nat_least = 0.8\nwindow = '30d'\n").unwrap();
    // Before any database is asked.
    let refused = run(None, &["gate", "--gates", path.to_str().unwrap()]).await;
    assert_eq!(refused.code, Some(3));
    assert!(refused.stderr.contains("line 3") && refused.stderr.contains("14d"), "{}", refused.stderr);
    assert_eq!(run(None, &["gate", "--gates", "/nowhere/gates.toml"]).await.code, Some(2));
}

#[tokio::test]
async fn what_gates_go_by_can_be_looked_up() {
    let defaults = run(None, &["gate", "--defaults"]).await;
    assert_eq!(defaults.code, Some(0));
    assert!(crossfade::gates::Policy::parse(&defaults.stdout).is_ok());
    let query = run(None, &["gate", "--query", "drift_documents"]).await;
    assert!(query.stdout.contains("FROM drift_checks"), "{}", query.stdout);
    let unknown = run(None, &["gate", "--query", "speed"]).await;
    assert!(unknown.code == Some(2) && unknown.stderr.contains("overlap_at_10"), "{}", unknown.stderr);
}
