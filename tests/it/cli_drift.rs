//! `crossfade drift`, as a person runs it.

use std::process::Output;

use crossfade::{drift::DriftKind, error::Side, testing::meili::Route};
use serde_json::Value;
use tokio::process::Command;

use crate::{
    cli::Ran,
    drift::ground::{Ground, Plant},
};

async fn run(ground: &Ground, arguments: &[&str]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_crossfade"));
    command.arg("drift").args(arguments).args(["--index", &ground.index]);
    command.env("USER", "ann").env("DATABASE_URL", ground.database.url());
    command.env("MEILI_URL", ground.meili.url()).env("MEILI_MASTER_KEY", ground.meili.key());
    let Output { status, stdout, stderr } = command.output().await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: status.code(), stdout: text(stdout), stderr: text(stderr) }
}

async fn flags(ground: &Ground, arguments: &[&str]) {
    let all = [&["flags"][..], arguments, &["--why", "test"]].concat();
    let ran = crate::cli::run(Some(ground.database.url()), &all).await;
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
}

async fn dual(ground: &Ground) {
    flags(ground, &["set", "search_write_mode", "dual"]).await;
}

fn json(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{}{}", ran.stdout, ran.stderr))
}

#[tokio::test]
async fn sides_that_agree_and_sides_that_do_not_have_their_exit_codes() {
    let ground = Ground::new(Plant::clean(30)).await;
    let clean = run(&ground, &["check", "--settle", "10ms"]).await;
    assert_eq!((clean.code, clean.stderr.as_str()), (Some(0), ""), "{}", clean.stdout);
    assert!(clean.stdout.contains("the sides agree; both sides were read to the end"), "{}", clean.stdout);

    let plant = Plant { missing: 1, extra: 2, stale: 3, tombstone: 4, alike: 30 };
    let ground = Ground::new(plant).await;
    let drift = run(&ground, &["check", "--settle", "10ms", "--list", "4"]).await;
    assert_eq!(drift.code, Some(1));
    assert!(drift.stderr.contains("crossfade drift repair --dry-run"), "{}", drift.stderr);
    for (kind, many) in [("missing", "1"), ("extra", "2"), ("stale", "3"), ("tombstone", "4")] {
        let line = drift.stdout.lines().find(|line| line.starts_with(kind)).unwrap();
        assert_eq!(line.split_whitespace().collect::<Vec<_>>(), [kind, many]);
    }
    assert!(drift.stdout.contains("... and 6 more"), "{}", drift.stdout);

    let ran = run(&ground, &["check", "--settle", "10ms", "--json"]).await;
    let shown = json(&ran);
    assert_eq!((ran.code, &shown["agrees"], &shown["counts"]["tombstone"]), (Some(1), &false.into(), &4.into()));
    assert_eq!(shown["differences"].as_array().unwrap().len(), 10);
    assert!(!ran.stdout.contains("as PostgreSQL has it"), "values were not asked for");
    let values = run(&ground, &["check", "--settle", "10ms", "--json", "--values"]).await;
    assert!(values.stdout.contains("as PostgreSQL has it"));

    let sampled = run(&ground, &["sample", "--settle", "10ms", "--documents", "100", "--json"]).await;
    assert_eq!((sampled.code, &json(&sampled)["counts"]["stale"]), (Some(1), &3.into()));
}

#[tokio::test]
async fn a_repair_shows_what_it_would_do_then_does_it() {
    let plant = Plant { missing: 1, extra: 2, stale: 3, tombstone: 4, alike: 30 };
    let ground = Ground::new(plant).await;
    let refused = run(&ground, &["repair", "--dry-run"]).await;
    assert_eq!(refused.code, Some(3));
    assert!(refused.stderr.contains("set it to `dual` first"), "{}", refused.stderr);
    assert_eq!(run(&ground, &["repair"]).await.code, Some(3));

    dual(&ground).await;
    let writes = || ground.meili.double().map(|double| double.requests(Route::DocumentWrites));
    let (there, here, before) = (ground.all_there().await, ground.all_here().await, writes());
    let dry = run(&ground, &["repair", "--settle", "10ms", "--dry-run"]).await;
    assert_eq!(dry.code, Some(0), "{}", dry.stderr);
    assert!(dry.stdout.contains("Nothing was written"), "{}", dry.stdout);
    let line = dry.stdout.lines().rfind(|line| line.starts_with("pg")).unwrap();
    assert_eq!(line.split_whitespace().collect::<Vec<_>>(), ["pg", "8", "2"]);
    assert_eq!((ground.all_there().await, ground.all_here().await, writes()), (there, here, before));
    let dry = json(&run(&ground, &["repair", "--settle", "10ms", "--dry-run", "--json"]).await);
    assert_eq!((&dry["would_do"]["pg"]["deleted"], &dry["would_do"]["authority"]), (&2.into(), &"meili".into()));

    let repaired = run(&ground, &["repair", "--settle", "10ms"]).await;
    assert_eq!(repaired.code, Some(0), "{}{}", repaired.stdout, repaired.stderr);
    assert!(repaired.stdout.contains("10 of 10 repaired from meili"), "{}", repaired.stdout);
    assert!(!repaired.stdout.contains("stale, so reads"), "there is no mark");
    ground.assert_alike(plant, Side::Meili).await;
}

#[tokio::test]
async fn the_flags_say_which_side_decides() {
    let plant = Plant::of_each(5, 1);
    let ground = Ground::new(plant).await;
    dual(&ground).await;
    flags(&ground, &["set", "search_read_backend", "pg"]).await;
    let repaired = json(&run(&ground, &["repair", "--settle", "10ms", "--json"]).await);
    assert_eq!((&repaired["authority"], &repaired["repaired"]), (&"pg".into(), &4.into()));
    ground.assert_alike(plant, Side::Pg).await;
}

#[tokio::test]
async fn the_stale_mark_goes_only_when_asked_and_nothing_differs() {
    let ground = Ground::new(Plant { missing: 1, ..Plant::clean(5) }).await;
    dual(&ground).await;
    flags(&ground, &["set", "search_write_mode", "meili_only"]).await;
    dual(&ground).await;
    let stale = async || {
        let stale: bool = sqlx::query_scalar("SELECT target_stale FROM flag_state")
            .fetch_one(&mut ground.psql().await)
            .await
            .unwrap();
        stale
    };
    assert!(stale().await);
    let told = run(&ground, &["repair", "--settle", "10ms"]).await;
    assert!(told.stdout.contains("crossfade flags clear-stale"), "{}", told.stdout);
    assert!(stale().await);
    assert_eq!(run(&ground, &["repair", "--clear-stale"]).await.code, Some(2));
    let cleared = run(&ground, &["repair", "--settle", "10ms", "--clear-stale", "--why", "repaired"]).await;
    assert_eq!(cleared.code, Some(0));
    assert!(cleared.stdout.contains("the stale mark was taken away"), "{}", cleared.stdout);
    assert!(!stale().await);
}

#[tokio::test]
async fn what_cannot_be_repaired_fails_with_the_reason() {
    let ground = Ground::of(&[], &[serde_json::json!({"id": "not an id\n"})]).await;
    dual(&ground).await;
    flags(&ground, &["set", "search_read_backend", "pg"]).await;
    let ran = run(&ground, &["repair", "--settle", "10ms"]).await;
    assert_eq!(ran.code, Some(1));
    let line = ran.stdout.lines().find(|line| line.starts_with("not an id\\n")).unwrap();
    assert!(line.contains(DriftKind::Extra.as_str()) && line.contains("rejected"), "{line}");
}

#[tokio::test]
async fn each_failure_says_what_to_do() {
    let ground = Ground::new(Plant::clean(1)).await;
    let url = ground.database.url();
    let mut nowhere = Command::new(env!("CARGO_BIN_EXE_crossfade"));
    nowhere.args(["drift", "check", "--index", "posts"]).env_remove("MEILI_URL").env("DATABASE_URL", url);
    let nowhere = nowhere.output().await.unwrap();
    assert_eq!(nowhere.status.code(), Some(2));
    assert!(String::from_utf8(nowhere.stderr).unwrap().contains("MEILI_URL"));

    let away = ["check", "--settle", "10ms", "--meili-url", "http://hunter2:hunter2@127.0.0.1:1"];
    let away = run(&ground, &away).await;
    assert_eq!((away.code, away.stdout.as_str()), (Some(4), ""));
    assert!(!away.stderr.contains("hunter2"), "{}", away.stderr);
    let wrong = run(&ground, &["check", "--meili-key", "hunter2"]).await;
    assert!(!format!("{}{}", wrong.stdout, wrong.stderr).contains("hunter2"), "{}", wrong.stderr);
    if ground.meili.double().is_some() {
        assert_eq!(wrong.code, Some(1), "{}", wrong.stderr);
    }
    let other = crate::cli::run(None, &["drift", "check", "--index", "posts"]).await;
    assert_eq!(other.code, Some(2));
    assert!(other.stderr.contains("DATABASE_URL"), "{}", other.stderr);
    let help = crate::cli::run(None, &["drift", "--help"]).await;
    assert!(help.stdout.contains("crossfade drift repair --index posts --dry-run"), "{}", help.stdout);
}
