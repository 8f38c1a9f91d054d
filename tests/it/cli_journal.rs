//! `crossfade journal`, as a person runs it.

use std::path::Path;

use crossfade::{
    document::Version,
    error::Side,
    journal::{
        Deed, Duties, Duty, End, Intent, Journal, JournalOptions, Outcome, Settled,
        postgres::{PostgresJournal, PostgresJournalOptions},
        sqlite::SqliteJournal,
    },
    store::{DEFAULT_SCHEMA, Store},
    testing::{TestDatabase, TestPostgres},
    write::Action,
};

use crate::cli::{Ran, run};

fn intent(id: &str, version: i64) -> Intent {
    let document = serde_json::json!({ "secret": format!("body of {id}") }).as_object().unwrap().clone();
    Intent {
        index: "movies".into(),
        id: id.into(),
        version: Version(version),
        explicit: true,
        deed: Deed::Change(Action::Put(document)),
        authority: Side::Meili,
    }
}

/// Three dead letters: `a` and `b` for PostgreSQL, `b` for Meilisearch; and an entry that waits.
async fn fill(journal: &dyn Journal) {
    journal.append(&[intent("a", 1), intent("b", 2)], Outcome::Accepted(None)).await.unwrap();
    for (duty, dead) in [(Duty::Pg, &["a", "b"][..]), (Duty::Meili, &["b"])] {
        let ends: Vec<Settled> = journal
            .claim(duty, 10)
            .await
            .unwrap()
            .entries
            .iter()
            .map(|entry| {
                let end = if dead.contains(&entry.intent.id.as_str()) {
                    End::Dead { why: "refused:\n\u{1b}[31mtoo large".to_owned(), then: Duties::NONE }
                } else {
                    End::Done { supersedes: false }
                };
                Settled { seq: entry.seq, end }
            })
            .collect();
        assert_eq!(ends.len(), 2);
        journal.settle(duty, &ends).await.unwrap();
    }
    journal.append(&[intent("c", 3)], Outcome::Accepted(None)).await.unwrap();
}

async fn database() -> (TestDatabase, PostgresJournal) {
    let database = TestPostgres::database().await.unwrap();
    Store::connect(database.url(), DEFAULT_SCHEMA).await.unwrap().migrate().await.unwrap();
    let journal = PostgresJournal::connect(database.url(), PostgresJournalOptions::default()).await.unwrap();
    fill(&journal).await;
    (database, journal)
}

async fn file(path: &Path) {
    let journal = SqliteJournal::open(path, JournalOptions::default()).await.unwrap();
    fill(&journal).await;
    journal.close().await.unwrap();
}

fn json(ran: &Ran) -> serde_json::Value {
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{}", ran.stdout);
    serde_json::from_str(&ran.stdout).unwrap()
}

/// The same commands on either kind.
async fn every_command(place: &[&str]) {
    let run = async |arguments: &[&str]| run(None, &[&["journal"], arguments, place].concat()).await;
    let status = json(&run(&["status", "--json"]).await);
    assert_eq!((&status["pending"], &status["dead_letters"]), (&1.into(), &3.into()));
    let text = run(&["status"]).await;
    assert!(text.stdout.contains("pending writes: 1, the oldest since"), "{}", text.stdout);
    assert!(text.stdout.contains("dead letters: 3"), "{}", text.stdout);

    let all = json(&run(&["list", "--json"]).await);
    let column = |of: &serde_json::Value, name: &str| {
        of.as_array().unwrap().iter().map(|letter| letter[name].clone()).collect::<Vec<_>>()
    };
    assert_eq!(column(&all, "id"), ["a", "b", "b"]);
    assert_eq!(column(&all, "duty"), ["pg", "pg", "meili"]);
    assert_eq!(column(&all, "version"), [1, 2, 2]);
    assert!(all[0]["age_seconds"].as_f64().unwrap() < 600.0 && all[0].get("body").is_none());
    let bodies = json(&run(&["list", "--json", "--bodies", "--duty", "meili"]).await);
    assert_eq!(bodies[0]["body"]["Change"]["Put"]["secret"], "body of b");
    let text = run(&["list"]).await.stdout;
    assert!(!text.contains("body of") && !text.contains('\u{1b}'), "{text}");
    assert_eq!(text.lines().count(), 4, "a line each: {text}");
    assert!(text.contains(r"refused:\n"), "{text}");
    assert!(run(&["list", "--bodies"]).await.stdout.contains("body of a"));
    let some = run(&["list", "--limit", "2"]).await.stdout;
    let second = all[1]["seq"].to_string();
    assert!(some.contains(&format!("--after {second}")), "{some}");
    assert_eq!(column(&json(&run(&["list", "--json", "--after", &second]).await), "id"), ["b"]);

    let missing = run(&["redrive", &second, "99999"]).await;
    assert_eq!(missing.code, Some(1));
    assert!(missing.stderr.contains("99999") && missing.stderr.contains("nothing was changed"), "{}", missing.stderr);
    assert_eq!(json(&run(&["redrive", "--json", &second, &second]).await)["redriven"], 1);
    let status = json(&run(&["status", "--json"]).await);
    assert_eq!((&status["pending"], &status["pg"], &status["dead_letters"]), (&2.into(), &2.into(), &2.into()));

    let unconfirmed = run(&["drop", "--all"]).await;
    assert_eq!(unconfirmed.code, Some(2));
    assert!(unconfirmed.stderr.contains("--yes"), "{}", unconfirmed.stderr);
    for wrong in [&["redrive"][..], &["redrive", "--all", "1"], &["drop", "--yes"], &["redrive", "--duty", "both"]] {
        assert_eq!(run(wrong).await.code, Some(2), "{wrong:?}");
    }
    assert_eq!(json(&run(&["drop", "--duty", "meili", "--yes", "--json"]).await)["dropped"], 1);
    assert_eq!(run(&["drop", "--all", "--yes"]).await.stdout, "dropped: 1\n");
    assert_eq!(run(&["list"]).await.stdout, "no dead letters\n");
    assert_eq!(run(&["redrive", "--all"]).await.stdout, "redriven: 0\n");
}

#[tokio::test]
async fn every_command_works_on_a_database_while_it_is_in_use() {
    let (database, journal) = database().await;
    every_command(&["--journal-url", database.url()]).await;
    // Nothing was taken away from who works on it.
    assert_eq!(journal.claim(Duty::Pg, 10).await.unwrap().entries.len(), 2);
}

#[tokio::test]
async fn every_command_works_on_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    file(&path).await;
    every_command(&["--journal", path.to_str().unwrap()]).await;
}

#[tokio::test]
async fn the_database_url_is_the_journals_unless_another_is_given() {
    let (database, _journal) = database().await;
    assert_eq!(json(&run(Some(database.url()), &["journal", "status", "--json"]).await)["pending"], 1);
    let nowhere = run(None, &["journal", "status"]).await;
    assert_eq!(nowhere.code, Some(2));
    assert!(nowhere.stderr.contains("--journal PATH"), "{}", nowhere.stderr);
    let elsewhere = run(Some(database.url()), &["journal", "status", "--schema", "elsewhere"]).await;
    assert_eq!(elsewhere.code, Some(1));
    assert!(elsewhere.stderr.contains("crossfade migrate"), "{}", elsewhere.stderr);
    let url = "postgres://ann:hunter2@127.0.0.1:1/x";
    let down = run(Some(database.url()), &["journal", "status", "--journal-url", url]).await;
    assert_eq!(down.code, Some(4));
    assert!(!down.stderr.contains("hunter2"), "{}", down.stderr);
}

#[tokio::test]
async fn a_file_that_is_open_elsewhere_is_told_from_one_that_is_missing_or_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let held = SqliteJournal::open(&path, JournalOptions::default()).await.unwrap();
    for command in ["status", "list"] {
        let in_use = run(None, &["journal", command, "--journal", path.to_str().unwrap()]).await;
        assert_eq!(in_use.code, Some(4));
        assert!(in_use.stderr.contains("stop the service first"), "{}", in_use.stderr);
        assert!(in_use.stderr.contains("journal_dead_letters"), "{}", in_use.stderr);
    }
    held.close().await.unwrap();

    let mistyped = folder.path().join("jurnal.db");
    let missing = run(None, &["journal", "status", "--journal", mistyped.to_str().unwrap()]).await;
    assert_eq!(missing.code, Some(2));
    assert!(missing.stderr.contains("jurnal.db") && !mistyped.exists(), "{}", missing.stderr);

    std::fs::write(&mistyped, "this is not a journal ".repeat(100)).unwrap();
    let damaged = run(None, &["journal", "status", "--journal", mistyped.to_str().unwrap()]).await;
    assert_eq!(damaged.code, Some(1));
    assert!(damaged.stderr.contains("damaged"), "{}", damaged.stderr);
}
