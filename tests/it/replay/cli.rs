//! `crossfade replay`, as a person runs it.

use std::process::Output;

use crossfade::{
    search::SearchQuery,
    store::Redaction,
    testing::meili::{Fault, Route},
};
use serde_json::Value;
use tokio::process::Command;

use super::{
    ground::{Ground, Kept, wrong},
    storm,
};
use crate::cli::Ran;

async fn run(ground: &Ground, arguments: &[&str]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_crossfade"));
    command.arg("replay").args(arguments).env("DATABASE_URL", ground.database.url());
    command.env("MEILI_URL", ground.meili.url()).env("MEILI_MASTER_KEY", ground.meili.key());
    let Output { status, stdout, stderr } = command.output().await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let ran = Ran { code: status.code(), stdout: text(stdout), stderr: text(stderr) };
    for line in ran.stdout.lines().filter(|_| !arguments.contains(&"--json")) {
        assert!(line.chars().count() <= 100, "{line}");
    }
    ran
}

fn json(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{}{}", ran.stdout, ran.stderr))
}

#[tokio::test]
async fn a_divergence_is_shown_then_fixed() {
    let ground = Ground::new().await;
    ground.settings(&wrong(&["title"])).await;
    let id = ground.read(&storm()).await.to_string();

    let same = run(&ground, &[&id]).await;
    assert_eq!((same.code, same.stderr.as_str()), (Some(0), ""), "{}", same.stdout);
    let first = same.stdout.lines().next().unwrap();
    assert_eq!(first, format!("row {id}: same"));
    let line = |ran: &Ran, begins: &str| -> Vec<String> {
        let line = ran.stdout.lines().find(|line| line.trim_start().starts_with(begins));
        line.unwrap_or_else(|| panic!("no {begins} in {}", ran.stdout)).split_whitespace().map(str::to_owned).collect()
    };
    assert_eq!(line(&same, "overlap@10"), ["overlap@10", "0.500", "0.500"]);
    assert_eq!(line(&same, "differing")[..4], ["differing", "5", "5", "0"]);
    assert_eq!(line(&same, "6 "), ["6", "m1", "*", "m1", "*"], "only Meilisearch has it, then and now");

    ground.settings(&wrong(&["title", "overview"])).await;
    let fixed = run(&ground, &[&id]).await;
    assert_eq!(fixed.code, Some(0));
    assert_eq!(line(&fixed, "differing"), ["differing", "5", "0", "5", "gone,", "0", "remaining,", "0", "new"]);
    assert_eq!(line(&fixed, "6 "), ["6", "m1", "*", "m1", "m1", "+"]);

    let told = json(&run(&ground, &[&id, "--json", "--explain"]).await);
    let replayed = &told["replayed"][0];
    assert_eq!((&replayed["verdict"], &told["summary"]["fixed"]), (&"fixed".into(), &1.into()));
    assert_eq!((&replayed["request"]["q"], &replayed["now"]["overlap_at_10"]), (&"  Storm ".into(), &1.0.into()));
    assert_eq!(replayed["then"]["pg"]["ids"].as_array().unwrap().len(), 5);
    assert!(!told.to_string().contains("ann"), "who asked is not in it");

    // With another index, and a side that has changed for the worse.
    ground.settings(&wrong(&["cast"])).await;
    let worse = run(&ground, &[&id, "--explain"]).await;
    assert_eq!(worse.code, Some(1));
    assert!(worse.stderr.contains("1 further apart than then"), "{}", worse.stderr);
    assert!(worse.stdout.contains("(meili -, pg 1)"), "{}", worse.stdout);
    let elsewhere = run(&ground, &[&id, "--index", "nowhere"]).await;
    assert_eq!(elsewhere.code, Some(1));
    assert!(elsewhere.stdout.contains("pg did not answer now"), "{}", elsewhere.stdout);
}

#[tokio::test]
async fn several_are_summed_up() {
    let ground = Ground::new().await;
    let none = run(&ground, &["--worst", "5", "--since", "1h"]).await;
    assert_eq!(none.code, Some(0));
    assert!(none.stdout.contains("nothing to ask again"), "{}", none.stdout);

    ground.settings(&wrong(&["title"])).await;
    let (storm, comes) = (ground.read(&storm()).await, ground.read(&SearchQuery::new("comes")).await);
    ground.settings(&wrong(&["title", "overview"])).await;
    let worst = run(&ground, &["--worst", "5"]).await;
    assert_eq!(worst.code, Some(0), "{}{}", worst.stdout, worst.stderr);
    assert!(worst.stdout.trim_end().ends_with("\n2 fixed, 0 better, 0 same, 0 worse"), "{}", worst.stdout);
    let order = |id: i64| worst.stdout.find(&format!("row {id}:")).unwrap();
    assert!(order(comes) < order(storm));

    let redaction = Redaction::users_and_queries(b"a key for this test").unwrap();
    let hidden = ground.read_as(&SearchQuery::new("secret"), Kept { redaction, ..Kept::default() }).await.to_string();
    let mixed = run(&ground, &[&storm.to_string(), &hidden, "4711"]).await;
    assert_eq!(mixed.code, Some(1));
    assert!(mixed.stdout.contains(&format!("row {hidden}: not asked")), "{}", mixed.stdout);
    assert!(mixed.stdout.trim_end().ends_with("1 fixed, 0 better, 0 same, 0 worse, 2 not asked"), "{}", mixed.stdout);
    let mixed = json(&run(&ground, &[&storm.to_string(), &hidden, "4711", "--json"]).await);
    assert_eq!((&mixed["refused"][1]["id"], mixed["replayed"].as_array().unwrap().len()), (&4711.into(), 1));
}

#[tokio::test]
async fn each_failure_says_what_to_do() {
    let ground = Ground::new().await;
    let missing = run(&ground, &["4711"]).await;
    assert_eq!((missing.code, missing.stdout.as_str()), (Some(1), ""));
    assert!(missing.stderr.contains("retention"), "{}", missing.stderr);

    let id = ground.read(&storm()).await.to_string();
    ground.sql("UPDATE shadow_read_logs SET request = request - 'index'").await;
    let nowhere = run(&ground, &[&id]).await;
    assert_eq!(nowhere.code, Some(2));
    assert!(nowhere.stderr.contains("--index"), "{}", nowhere.stderr);
    assert_eq!(run(&ground, &[&id, "--index", &ground.index]).await.code, Some(0));

    for wrong in [&[][..], &["1", "--worst", "2"], &["--worst", "0"], &["x"], &["1", "--since", "2h"]] {
        assert_eq!(run(&ground, wrong).await.code, Some(2), "{wrong:?}");
    }
    let help = crate::cli::run(None, &["replay", "--help"]).await;
    assert!(help.stdout.contains("not_comparable") && help.stdout.contains("Exit codes"), "{}", help.stdout);

    if let Some(double) = ground.meili.double() {
        double.fail_always(Route::Search, Fault::Drop);
        let down = run(&ground, &[&id, "--index", &ground.index]).await;
        assert_eq!(down.code, Some(1));
        assert!(down.stdout.contains("meili did not answer now: meili failed (unavailable)"), "{}", down.stdout);
        assert!(down.stdout.contains(&format!("row {id}: not comparable")), "{}", down.stdout);
    }
}
