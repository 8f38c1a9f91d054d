//! What is stored, and in which form.

use std::time::{Duration, SystemTime};

use crossfade::{
    document::DocumentId,
    error::Side,
    relevance::agreement_ndcg_at_k,
    shadow::{Outcome, ShadowRecord, ShadowSink},
    store::{Redaction, ShadowLog, ShadowLogOptions},
};
use metrics_util::debugging::DebuggingRecorder;
use sqlx::{Row, postgres::PgRow};
use tokio_util::sync::CancellationToken;

use super::{LOST, Tables, counter, plain, records};

#[tokio::test]
async fn every_record_is_stored_once_with_exact_values() {
    let (tables, _database) = Tables::fresh().await;
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let _recording = metrics::set_default_local_recorder(&recorder);
    let (log, writer) = ShadowLog::new(&tables.store, ShadowLogOptions { batch: 100, ..plain() });
    let records = records(1, 2_550);
    records.iter().cloned().for_each(|record| log.record(record));
    drop(log);

    let summary = writer.run(CancellationToken::new()).await;

    assert_eq!((summary.stored, summary.lost), (2_550, 0));
    assert_eq!(counter(&snapshotter, "shadow_log_rows_total"), 2_550);
    let rows = sqlx::query(
        "SELECT *, (extract(epoch FROM created_at) * 1000000)::bigint AS at FROM shadow_read_logs ORDER BY id",
    );
    let rows = rows.fetch_all(&tables.pool).await.unwrap();
    assert_eq!(rows.len(), records.len());
    for (row, record) in rows.iter().zip(&records) {
        assert_stored(row, record);
    }
}

fn assert_stored(row: &PgRow, record: &ShadowRecord) {
    let text = |column: &str| row.get::<String, _>(column);
    assert_eq!(text("query_norm"), record.query);
    assert_eq!(text("endpoint"), &*record.endpoint);
    assert_eq!(text("user_id"), &*record.user);
    assert_eq!(text("primary_side"), record.primary.as_str());
    assert_eq!(text("outcome"), record.outcome.as_str());
    assert_eq!(text("error_kind"), record.error_kind);
    assert_eq!(text("phase"), record.phase.as_str());
    assert_eq!(row.get::<i64, _>("plan_version"), record.plan_version as i64);
    assert_eq!(row.get::<Option<bool>, _>("settled"), record.settled);
    assert_eq!(row.get::<i32, _>("query_offset"), record.offset as i32);
    assert_eq!(row.get::<i32, _>("query_limit"), record.limit as i32);
    let classes: Vec<&str> = record.classes.iter().map(|class| class.as_str()).collect();
    assert_eq!(row.get::<Vec<String>, _>("query_classes"), classes);
    let request: Option<serde_json::Value> = row.get("request");
    let (expected, absent) = match &record.request {
        None => (None, ""),
        Some(Ok(request)) => (Some(serde_json::from_str(request.as_json()).unwrap()), ""),
        Some(Err(absent)) => (None, absent.as_str()),
    };
    assert_eq!((request, text("request_absent").as_str()), (expected, absent));
    assert_eq!(row.get::<Option<f64>, _>("noise_overlap_at_10"), record.noise_overlap_at_10);
    assert_eq!(row.get::<f64, _>("overlap_at_10"), record.overlap_at_10.unwrap_or(0.0));
    let at = record.at.duration_since(SystemTime::UNIX_EPOCH).unwrap();
    assert_eq!(row.get::<i64, _>("at"), at.as_micros() as i64);
    for (leg, ids, us, ms) in [
        (&record.meili, "meili_ids", "latency_meili_us", "latency_meili_ms"),
        (&record.pg, "pg_ids", "latency_pg_us", "latency_pg_ms"),
    ] {
        let expected: Vec<String> = leg.ids.iter().flatten().map(DocumentId::to_string).collect();
        assert_eq!(row.get::<Vec<String>, _>(ids), expected);
        assert_eq!(row.get::<Option<i64>, _>(us), leg.latency.map(|latency| latency.as_micros() as i64));
        let rounded = leg.latency.map_or(-1, |latency| (latency.as_secs_f64() * 1e3).round() as i32);
        assert_eq!(row.get::<i32, _>(ms), rounded);
    }
    let ids = |side: Side| record.leg(side).ids.clone().unwrap_or_default();
    let agreement = agreement_ndcg_at_k(&ids(record.primary), &ids(record.primary.other()), 10);
    let expected = (record.outcome == Outcome::Compared).then_some(agreement);
    assert_eq!(row.get::<Option<f64>, _>("agreement_ndcg_at_10_linear_v1"), expected);
}

#[tokio::test]
async fn readers_are_hashed_by_default_and_queries_by_one_switch() {
    let (tables, _database) = Tables::fresh().await;
    let key = b"a key for this test";
    let (hashed_user, hashed_query) = ("c95e1cbbeee0ef709fd0146a06c624f6", "47e76c24da534870821a830131bcbcf0");
    for (redaction, user, query) in [
        // Under a key that nobody knows.
        (Redaction::default(), None, "blade runner"),
        // printf 'user:alice' | openssl dgst -sha256 -hmac 'a key for this test'
        (Redaction::users(key).unwrap(), Some(hashed_user), "blade runner"),
        (Redaction::users_and_queries(key).unwrap(), Some(hashed_user), hashed_query),
        (Redaction::off(), Some("alice"), "blade runner"),
    ] {
        let (log, writer) = ShadowLog::new(&tables.store, ShadowLogOptions { redaction, ..plain() });
        log.record(ShadowRecord { user: "alice".into(), query: "blade runner".into(), ..records(2, 1).remove(0) });
        drop(log);
        writer.run(CancellationToken::new()).await;
        let row = sqlx::query_as("DELETE FROM shadow_read_logs RETURNING user_id, query_norm");
        let (stored_user, stored_query): (String, String) = row.fetch_one(&tables.pool).await.unwrap();
        assert_eq!(stored_query, query);
        match user {
            Some(user) => assert_eq!(stored_user, user),
            None => assert!(stored_user.len() == 32 && stored_user != hashed_user, "{stored_user}"),
        }
    }
}

#[tokio::test]
async fn rows_and_losses_are_deleted_when_they_are_too_old() {
    let (tables, _database) = Tables::fresh().await;
    let (log, writer) = ShadowLog::new(&tables.store, ShadowLogOptions { queue: 60, ..plain() });
    for (number, record) in records(3, 70).into_iter().enumerate() {
        // The last 10 do not fit in the queue.
        let old = number < 40 || (60..65).contains(&number);
        let age = Duration::from_secs(if old { 62 * 60 } else { 58 * 60 });
        log.record(ShadowRecord { at: SystemTime::now() - age, ..record });
    }
    drop(log);
    writer.run(CancellationToken::new()).await;
    assert_eq!((tables.number("SELECT count(*) FROM shadow_read_logs").await, tables.number(LOST).await), (60, 10));

    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let _recording = metrics::set_default_local_recorder(&recorder);
    // A batch of 7 deletes in steps of 14.
    let options = ShadowLogOptions { batch: 7, retention: Duration::from_secs(60 * 60), ..plain() };
    let (log, writer) = ShadowLog::new(&tables.store, options);
    let stop = CancellationToken::new();
    let running = tokio::spawn(writer.run(stop.clone()));
    tables.until("SELECT count(*) = 20 FROM shadow_read_logs").await;
    // Written after the deletion has been counted, not only made.
    log.record(ShadowRecord { at: SystemTime::now(), ..records(3, 1).remove(0) });
    tables.until("SELECT count(*) = 21 FROM shadow_read_logs").await;
    stop.cancel();

    assert_eq!(running.await.unwrap().deleted, 40);
    assert_eq!(counter(&snapshotter, "shadow_log_deleted_total"), 40);
    let young = "SELECT count(*) FROM shadow_read_logs WHERE query_norm::int BETWEEN 40 AND 59";
    assert_eq!((tables.number(young).await, tables.number(LOST).await), (20, 5));
    drop(log);
}
