//! What the tables say, as gates read it.

use std::time::Duration;

use crossfade::{
    gates::{Look, Metric, Verdict, decide},
    search::QueryClass,
    store::evidence::{EvalRun, Settled},
};
use jiff::Timestamp;

use super::{Ground, drift};

#[tokio::test]
async fn pairs_come_in_their_order_with_all_that_is_judged() {
    let ground = Ground::fresh().await;
    let insert = "
        INSERT INTO shadow_read_logs (endpoint, user_id, query_norm, meili_ids, pg_ids, overlap_at_10, latency_meili_ms,
            latency_pg_ms, latency_pg_us, outcome, settled, query_classes, noise_overlap_at_10, created_at)
        VALUES
            ('e', '', 'often', '{1}', '{1}', 1, 7, 9, 9100, 'compared', TRUE, '{}', NULL, now() - interval '5 minutes'),
            ('e', '', 'often', '{1}', '{}', 0, 7, 9, 9100, 'compared', TRUE, '{short,filter}', 0.9, now() - interval '3 minutes'),
            ('e', '', 'often', '{1}', '{1}', 1, 7, 9, 9100, 'compared', NULL, '{}', NULL, now() - interval '4 minutes'),
            ('e', '', 'once', '{}', '{}', 0, -1, -1, NULL, 'shadow_timeout', FALSE, '{}', NULL, now() - interval '2 minutes'),
            ('e', '', 'never', '{}', '{}', 0, -1, -1, NULL, 'primary_error', FALSE, '{}', NULL, now()),
            ('e', '', 'long ago', '{}', '{}', 0, -1, -1, NULL, 'compared', TRUE, '{}', NULL, now() - interval '2 hours')";
    sqlx::query(insert).execute(&ground.pool).await.unwrap();
    let mut pairs = Vec::new();
    let since = Timestamp::now() - jiff::SignedDuration::from_hours(1);
    ground.store.evidence().pairs(since, |pair| pairs.push(pair)).await.unwrap();
    let [_, older, newer, timeout] = pairs.as_slice() else { panic!("{pairs:?}") };
    assert_eq!((older.overlap_at_10, older.settled, older.only_pg_empty), (1.0, Settled::Unknown, Some(false)));
    assert_eq!((newer.settled, newer.only_pg_empty, newer.noise_overlap_at_10), (Settled::Yes, Some(true), Some(0.9)));
    assert_eq!(newer.classes, [QueryClass::Short, QueryClass::Filter, QueryClass::Head]);
    // Without microseconds, milliseconds count.
    assert_eq!((newer.meili_ms, newer.pg_ms), (Some(7.0), Some(9.1)));
    assert_eq!((timeout.compared, timeout.pg_ms), (false, None));
    assert_eq!(timeout.classes, []);
}

#[tokio::test]
async fn the_last_measurement_and_the_last_comparison_of_each_index_count() {
    let ground = Ground::fresh().await;
    let evidence = ground.store.evidence();
    let run = |ndcg, judged| EvalRun {
        index: "posts".to_owned(),
        queries: 100,
        judged,
        overlap_at_10: Some(1.0),
        ndcg_at_10: Some(ndcg),
        source_ndcg_at_10: Some(0.8),
    };
    evidence.keep_eval(&run(0.4, 50), "ann").await.unwrap();
    evidence.keep_eval(&run(0.8, 50), "ann").await.unwrap();
    // One without judgments says nothing.
    evidence.keep_eval(&run(0.1, 0), "ann").await.unwrap();
    let day = Duration::from_secs(24 * 60 * 60);
    assert_eq!(evidence.last_eval(day).await.unwrap(), Some(run(0.8, 50)));
    sqlx::query("UPDATE eval_runs SET ran_at = now() - interval '2 days'").execute(&ground.pool).await.unwrap();
    assert_eq!(evidence.last_eval(day).await.unwrap(), None);

    let now = Timestamp::from_microsecond(Timestamp::now().as_microsecond()).unwrap();
    let before = now - jiff::SignedDuration::from_secs(60);
    for seen in [drift("posts", now, 0), drift("posts", before, 3), drift("users", before, 1)] {
        evidence.keep_drift(&seen).await.unwrap();
    }
    assert_eq!(evidence.last_drift().await.unwrap(), [drift("posts", now, 0), drift("users", before, 1)]);
}

#[tokio::test]
async fn only_what_was_seen_since_the_step_counts() {
    let ground = Ground::fresh().await;
    ground.set(&[("search_write_mode", "dual"), ("shadow_sample_rate", "5")]).await;
    ground.pairs(0.1, 10, 600).await;
    let policy = ground.policy("");
    let overlap = async || {
        let decision = decide(&policy, &Look::take(&ground.store, &policy).await.unwrap()).unwrap();
        let judged = decision.gates.into_iter().find(|judged| judged.gate == "overlap_median").unwrap();
        (judged.verdict, judged.samples.unwrap())
    };
    assert_eq!(overlap().await, (Verdict::Fail, 600));
    ground.set(&[("shadow_sample_rate", "25")]).await;
    assert_eq!(overlap().await, (Verdict::Hold, 0));
    ground.pairs(0.9, 10, 600).await;
    assert_eq!(overlap().await, (Verdict::Pass, 600));
}

/// The queries that people are shown are those that are asked.
#[tokio::test]
async fn every_metric_has_a_query_that_runs() {
    let ground = Ground::fresh().await;
    for metric in Metric::ALL {
        sqlx::raw_sql(sqlx::AssertSqlSafe(format!("PREPARE it AS {}; DEALLOCATE it", metric.query())))
            .execute(&ground.pool)
            .await
            .unwrap_or_else(|error| panic!("{}: {error}", metric.name()));
    }
}

/// Once PostgreSQL answers, Meilisearch is the side that is compared.
#[tokio::test]
async fn failures_count_against_the_side_that_failed() {
    let ground = Ground::fresh().await;
    let insert = "
        INSERT INTO shadow_read_logs (endpoint, user_id, query_norm, meili_ids, pg_ids, overlap_at_10, latency_meili_ms,
            latency_pg_ms, outcome, primary_side)
        SELECT 'e', '', 'q', '{}', '{}', 0, -1, -1, outcome, side
        FROM unnest('{shadow_error,shadow_timeout,primary_error,dropped_late}'::text[]) AS outcome,
            unnest('{meili,pg}'::text[]) AS side";
    sqlx::query(insert).execute(&ground.pool).await.unwrap();
    let mut failed = 0;
    ground.store.evidence().pairs(Timestamp::UNIX_EPOCH, |pair| failed += u32::from(!pair.compared)).await.unwrap();
    // By PostgreSQL: both ways to fail as the compared side, and the one as the side that answers.
    assert_eq!(failed, 3);
}

#[tokio::test]
async fn fallbacks_of_all_processes_are_judged() {
    let ground = Ground::fresh().await;
    let canary = [("search_write_mode", "dual"), ("search_read_pg_percent", "5"), ("search_read_backend", "pg")];
    ground.set(&canary).await;
    let policy = ground.policy("");
    let judge = async || {
        let decision = decide(&policy, &Look::take(&ground.store, &policy).await.unwrap()).unwrap();
        let judged = decision.gates.into_iter().find(|judged| judged.gate == "read_fallbacks").unwrap();
        assert!(judged.counts);
        (judged.verdict, judged.value, judged.samples.unwrap())
    };
    assert_eq!(judge().await, (Verdict::Hold, None, 0));
    ground.reads("one", 1_500, 0).await;
    assert_eq!(judge().await, (Verdict::Pass, Some(0.0), 1_500));
    ground.reads("two", 400, 100).await;
    assert_eq!(judge().await, (Verdict::Fail, Some(0.05), 2_000));
}
