//! What cannot be measured is told, with its exit code, and leaves nothing behind.

use std::fs;

use crossfade::testing::meili::{Fault, Route, TaskFault};
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use super::ground::{FILES, Ground, close, documents, json_of};

/// Rankings that agree with PostgreSQL on the first of three queries, and name nobody on the others.
fn third(ground: &Ground) {
    ground.write("queries.tsv", "a\tzzzzzz\nb\triver\nc\tforest\n");
    let line = |id: &str, q: &str, ids: &[&str]| {
        format!("{}\n", json!({"query_id": id, "q": q, "ids": ids, "estimated_total_hits": ids.len()}))
    };
    let lines = [line("a", "zzzzzz", &[]), line("b", "river", &["x"]), line("c", "forest", &["y", "z"])];
    ground.write("rankings.jsonl", &lines.concat());
}

#[tokio::test]
async fn the_least_overlap_decides_the_exit_code() {
    let ground = Ground::new(30).await;
    third(&ground);
    for (least, code) in [("0.33", 0), ("0.34", 1)] {
        let ran = ground.measure(&["--rankings", "rankings.jsonl", "--min-overlap", least, "--json"]).await;
        assert_eq!(ran.code, Some(code), "{}", ran.stderr);
        assert!(close(&json_of(&ran)["overlap_at_10"], 1.0 / 3.0));
        assert_eq!(ran.stderr.contains("--min-overlap is 0.34"), code == 1, "{}", ran.stderr);
    }
    ground.assert_clean().await;
}

/// Somebody holds the documents: no query is left out, though Meilisearch's answer to the first is empty too.
#[tokio::test]
async fn a_query_that_fails_counts_as_empty_and_unlike_and_is_shown() {
    let ground = Ground::new(30).await;
    third(&ground);
    let kept = json_of(&ground.measure(&["--rankings", "rankings.jsonl", "--keep-schema", "--json"]).await);
    let schema = kept["schema"].as_str().unwrap();
    let mut psql = PgConnection::connect(ground.database.url()).await.unwrap();
    let mut holding = psql.begin().await.unwrap();
    let hold = format!("LOCK TABLE {schema}.search_documents IN ACCESS EXCLUSIVE MODE");
    sqlx::raw_sql(AssertSqlSafe(hold)).execute(&mut *holding).await.unwrap();

    let asked = ["--schema", schema, "--reuse", "--queries", "queries.tsv", "--rankings", "rankings.jsonl"];
    let asked = [&asked[..], &["--timeout", "300ms"]].concat();
    let ran = ground.run(&[&asked[..], &["--json"]].concat()).await;
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let shown = json_of(&ran);
    let failed = shown["failed"].as_array().unwrap();
    assert_eq!((&shown["queries"], &shown["errors"]), (&3.into(), &failed.len().into()));
    // The word of the first may be known to be in no document.
    let first = failed.iter().any(|failed| failed["query_id"] == "a");
    assert_eq!(failed.len(), 2 + usize::from(first));
    assert!(close(&shown["overlap_at_10"], if first { 0.0 } else { 1.0 / 3.0 }), "{shown}");
    for failed in failed {
        assert_eq!(failed["side"], "pg");
        assert!(failed["error"].as_str().unwrap().contains("timeout"), "{failed}");
    }
    let text = ground.run(&asked).await.stdout;
    assert!(text.contains("not answered: ") && text.contains("pg did not answer: pg failed (timeout)"), "{text}");
}

#[tokio::test]
async fn a_broken_document_is_told_by_its_line_and_leaves_nothing() {
    let ground = Ground::new(30).await;
    // In the second batch: the first one stands by then.
    let mut lines: String = documents(1_500).iter().map(|document| format!("{document}\n")).collect();
    lines.push_str("{\"id\": \"secret\n");
    ground.write("docs.jsonl", &lines);
    let ran = ground.measure(&[&ground.meili()[..], &["--keep-schema"]].concat()).await;
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""));
    assert!(ran.stderr.contains("docs.jsonl, line 1501: it is no valid JSON"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("secret"), "{}", ran.stderr);
    ground.assert_clean().await;
}

#[tokio::test]
async fn a_meilisearch_that_fails_leaves_nothing() {
    let ground = Ground::new(30).await;
    let away = ground.measure(&["--meili", "http://hunter2:hunter2@127.0.0.1:1"]).await;
    assert_eq!((away.code, away.stderr.contains("hunter2")), (Some(4), false), "{}", away.stderr);
    ground.assert_clean().await;
    let Some(double) = ground.meili.double() else { return };
    double.fail_next_tasks(1, TaskFault::Fail { code: "internal".to_owned() });
    assert_eq!(ground.measure(&ground.meili()).await.code, Some(1));
    ground.assert_clean().await;

    // Every search: that is no measurement. One: that is a query it did not answer.
    let fault = || Fault::Answer { status: http::StatusCode::BAD_REQUEST, code: "invalid_api_key".to_owned() };
    double.fail_next(Route::Search, 1, fault());
    let some =
        ground.measure(&[&ground.meili()[..], &["--warm-up", "0", "--record", "r.jsonl", "--json"]].concat()).await;
    assert_eq!(some.code, Some(0), "{}", some.stderr);
    let shown = json_of(&some);
    assert_eq!((&shown["source"]["errors"], &shown["failed"][0]["side"]), (&1.into(), &"meili".into()));
    assert!(fs::read_to_string(ground.path("r.jsonl")).unwrap().lines().next().unwrap().contains("\"error\":"));
    double.fail_always(Route::Search, Fault::Drop);
    assert_eq!(ground.measure(&ground.meili()).await.code, Some(4));
    ground.assert_clean().await;
}

/// Before anything is made: none of these asks the database, which is not there.
#[tokio::test]
async fn each_failure_says_what_to_do() {
    let ground = Ground::new(30).await;
    third(&ground);
    ground.write("other.tsv", "a\tzzzzzz\nz\triver\n");
    let rankings = ["--rankings", "rankings.jsonl"];
    let with = |arguments: &[&'static str]| [&FILES[..], arguments].concat();
    for (arguments, code, told) in [
        (vec!["--queries", "queries.tsv"], 2, "--docs"),
        (vec!["--queries", "queries.tsv", "--reuse", "--meili", "http://x"], 2, "--docs"),
        (with(&["--rankings", "rankings.jsonl", "--meili", "http://x"]), 2, "cannot be used with"),
        (with(&["--min-overlap", "0.5"]), 2, "--rankings"),
        (with(&["--rankings", "rankings.jsonl", "--min-overlap", "50"]), 2, "from 0 to 1"),
        (with(&["--index", "posts"]), 2, "--reuse"),
        (with(&["--rankings", "nowhere.jsonl"]), 2, "the file nowhere.jsonl cannot be read"),
        (with(&["--qrels", "queries.tsv"]), 1, "queries.tsv, line 1: give `query TAB document TAB grade`"),
        (with(&["--rankings", "queries.tsv"]), 1, "queries.tsv, line 1: "),
        (vec!["--docs", "docs.jsonl", "--queries", "other.tsv", rankings[0], rankings[1]], 1, "`z` is not in it"),
        (with(&rankings), 4, "the database cannot be reached"),
    ] {
        let mut command = ground.command(&arguments);
        let ran = command.env("DATABASE_URL", "postgres://ann:hunter2@127.0.0.1:1/x").output().await.unwrap();
        let ran = super::ground::ran(ran);
        assert_eq!(ran.code, Some(code), "{arguments:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(told) && !ran.stderr.contains("hunter2"), "{arguments:?}: {}", ran.stderr);
    }
    let elsewhere = ground.measure(&["--schema", "elsewhere"]).await;
    assert_eq!(elsewhere.code, Some(2));
    assert!(elsewhere.stderr.contains("give --reuse as well"), "{}", elsewhere.stderr);
    let nowhere = ground.command(&with(&rankings)).env_remove("DATABASE_URL").output().await.unwrap();
    let nowhere = super::ground::ran(nowhere);
    assert_eq!(nowhere.code, Some(2));
    assert!(nowhere.stderr.contains("DATABASE_URL"), "{}", nowhere.stderr);
    ground.assert_clean().await;
}
