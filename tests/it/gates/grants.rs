//! What the README grants is enough for whoever operates a migration, and no more than that.

use crossfade::store::{DEFAULT_SCHEMA, Store, evidence::EvalRun};
use jiff::Timestamp;

use super::{Ground, drift};
use crate::cli::run;

const README: &str = include_str!("../../../README.md");

/// The README's grants, to roles of this test's own.
async fn roles(ground: &Ground) -> (String, String) {
    let block = README.split("### Grants").nth(1).unwrap().split("```sql").nth(1).unwrap().split("```").next().unwrap();
    let name: u64 = rand::random();
    let (service, operator) = (format!("service_{name:x}"), format!("operator_{name:x}"));
    let grants = block.replace("search_service", &service).replace("search_operator", &operator);
    let made = format!("CREATE ROLE {service}; CREATE ROLE {operator}; {grants}");
    sqlx::raw_sql(sqlx::AssertSqlSafe(made)).execute(&ground.pool).await.unwrap();
    (service, operator)
}

/// The database's address, under a role.
fn under(url: &str, role: &str) -> String {
    let separator = if url.contains('?') { '&' } else { '?' };
    format!("{url}{separator}options=-c%20role%3D{role}")
}

#[tokio::test]
async fn an_operator_can_go_the_way_and_back() {
    let ground = Ground::fresh().await;
    let (_, operator) = roles(&ground).await;
    ground.all_well().await;
    let url = under(ground.database.url(), &operator);
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("report.html");
    for (arguments, code) in [
        (&["gate"][..], 0),
        (&["advance", "--why", "it is time"], 0),
        (&["advance", "--override", "--why", "rehearsal"], 0),
        (&["ramp", "--once"], 0),
        (&["flags", "set", "search_read_pg_percent", "5", "--why", "canary"], 0),
        (&["flags", "set", "search_read_backend", "pg", "--why", "canary"], 0),
        // The process that this test has said to live had been on Meilisearch all the time.
        (&["rollback", "--why", "worse"], 0),
        (&["rollback", "status"], 0),
        (&["rollback", "clear", "--why", "mended"], 0),
        (&["flags", "history"], 0),
        (&["report"], 0),
        (&["report", "--html", page.to_str().unwrap()], 0),
        (&["replicas", "list"], 0),
        (&["backfill", "list"], 0),
    ] {
        let ran = run(Some(&url), arguments).await;
        assert_eq!(ran.code, Some(code), "{arguments:?}: {}{}", ran.stdout, ran.stderr);
    }
    let store = Store::connect(&url, DEFAULT_SCHEMA).await.unwrap();
    store.evidence().keep_drift(&drift("posts", Timestamp::now(), 0)).await.unwrap();
    let run = EvalRun {
        index: "posts".to_owned(),
        queries: 1,
        judged: 1,
        overlap_at_10: None,
        ndcg_at_10: Some(1.0),
        source_ndcg_at_10: Some(1.0),
    };
    store.evidence().keep_eval(&run, "ann").await.unwrap();
}

#[tokio::test]
async fn nobody_but_the_owner_changes_what_was_decided() {
    let ground = Ground::fresh().await;
    let (service, operator) = roles(&ground).await;
    for role in [service, operator] {
        for change in
            ["UPDATE gate_verdicts SET verdict = 'pass'", "DELETE FROM gate_steps", "UPDATE flag_history SET why = ''"]
        {
            let mut transaction = ground.pool.begin().await.unwrap();
            sqlx::raw_sql(sqlx::AssertSqlSafe(format!("SET LOCAL ROLE {role}")))
                .execute(&mut *transaction)
                .await
                .unwrap();
            let refused = sqlx::raw_sql(sqlx::AssertSqlSafe(change)).execute(&mut *transaction).await.unwrap_err();
            let code = refused.as_database_error().unwrap().code().unwrap().into_owned();
            assert_eq!(code, "42501", "{role}: {change}: {refused}");
        }
    }
}
