//! What goes wrong, what is said about it, and how the job goes on.

use std::time::Duration;

use crossfade::{
    backend::SearchBackend,
    backfill::{BackfillError, BackfillOutcome, JobOptions, JobStatus, Quiet, source::SourceErrorKind},
    document::Document,
    search::SearchQuery,
    telemetry,
    testing::TestPostgres,
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::ground::{Counters, Ground, Scripted, document, id};

/// A document that PostgreSQL refuses, see `refuse_poison`.
fn poison(n: usize) -> Document {
    let mut poison = document(n, "poison");
    poison.insert("poison".to_owned(), Value::Bool(true));
    poison
}

impl Ground {
    /// Has PostgreSQL refuse some rows, as it does those it cannot hold.
    async fn refuse_poison(&self) {
        self.sql(
            "ALTER TABLE search_documents ADD CONSTRAINT poison CHECK (body IS NULL OR body ->> 'poison' IS NULL)",
        )
        .await;
    }

    async fn take_poison(&self) {
        self.sql("ALTER TABLE search_documents DROP CONSTRAINT poison").await;
    }
}

#[tokio::test]
async fn poison_rows_are_isolated_listed_and_do_not_stop_the_job() {
    let counters = Counters::new();
    let ground = Ground::new().await;
    ground.refuse_poison().await;
    let poisoned = [0, 41, 42, 199];
    let source = poisoned.iter().fold(Scripted::rows(200), |source, n| source.with(*n, poison(*n)));
    let source = source.unreadable(100, "it is no JSON object");
    let job = ground.run(source.clone()).await;
    assert_eq!((job.processed_rows, job.written_rows, job.failed_rows), (200, 195, 5));
    let jobs = ground.backfill(source.clone()).jobs().clone();
    let failed = jobs.failed_rows("job", None, 100).await.unwrap();
    let mut places: Vec<usize> = failed.iter().map(|row| row.place.parse().unwrap()).collect();
    places.sort_unstable();
    assert_eq!(places, [0, 41, 42, 100, 199]);
    for row in &failed {
        let expected = if row.place == "100" { ("unreadable", "no JSON object") } else { ("rejected", "poison") };
        assert_eq!(row.reason, expected.0);
        assert!(row.why.contains(expected.1), "{}", row.why);
        assert_eq!(row.document_id.as_deref(), Some(&*id(row.place.parse().unwrap())));
    }
    let causes = jobs.failure_causes("job").await.unwrap();
    assert_eq!(
        causes.iter().map(|cause| (cause.reason.as_str(), cause.rows)).collect::<Vec<_>>(),
        [("rejected", 4), ("unreadable", 1)]
    );
    assert_eq!(counters.count(telemetry::BACKFILL_FAILED), 5);
    let mut expected = source.expected();
    poisoned.iter().for_each(|n| drop(expected.remove(&id(*n))));
    assert_eq!(ground.standing().await, expected);
}

#[tokio::test]
async fn only_the_failed_rows_are_tried_again() {
    let ground = Ground::new().await;
    ground.refuse_poison().await;
    let source = [3, 5, 7].iter().fold(Scripted::rows(60), |source, n| source.with(*n, poison(*n)));
    ground.run(source.clone()).await;
    let backfill = ground.backfill(source.clone());
    let reads = source.read_from().len();
    // One has been mended in the source, one is gone from it, one is as it was.
    source.put(3, document(3, "mended"));
    source.remove(5);
    let retried = backfill.retry_failed("job").await.unwrap();
    assert_eq!((retried.mended, retried.gone, retried.failed), (1, 1, 1));
    let left = backfill.jobs().failed_rows("job", None, 10).await.unwrap();
    assert_eq!(left.iter().map(|row| (row.place.as_str(), row.attempts)).collect::<Vec<_>>(), [("7", 2)]);
    ground.take_poison().await;
    let retried = backfill.retry_failed("job").await.unwrap();
    assert_eq!((retried.mended, retried.gone, retried.failed), (1, 0, 0));
    let job = backfill.jobs().get("job").await.unwrap();
    assert_eq!((job.processed_rows, job.written_rows, job.failed_rows), (60, 59, 0));
    assert_eq!(source.read_from().len(), reads, "no page was read again");
    assert_eq!(ground.standing().await, source.expected());
}

#[tokio::test]
async fn too_many_failed_rows_end_the_job_and_a_larger_budget_lets_it_go_on() {
    let ground = Ground::new().await;
    let source = (0..10).fold(Scripted::rows(200), |source, n| source.unreadable(n * 20, "torn"));
    let backfill = ground.backfill(source.clone());
    backfill.create("job", &JobOptions { max_failed_rows: 4, ..ground.options() }).await.unwrap();
    let failed = ground.work(&backfill, "job").await;
    assert!(matches!(failed, Err(BackfillError::TooManyFailed { failed: 6, allowed: 4, .. })), "{failed:?}");
    let job = backfill.jobs().get("job").await.unwrap();
    assert_eq!(job.status, JobStatus::Failed);
    assert!(job.error_message.is_some_and(|why| why.contains("crossfade backfill failures job")));
    backfill.jobs().set_max_failed_rows("job", 10).await.unwrap();
    let outcome = ground.work(&backfill, "job").await.unwrap();
    let BackfillOutcome::Succeeded(job) = outcome else { panic!("{outcome:?}") };
    assert_eq!((job.processed_rows, job.failed_rows, job.error_message), (200, 10, None));
}

#[tokio::test]
async fn a_source_that_is_away_for_a_moment_is_waited_for() {
    let counters = Counters::new();
    let ground = Ground::new().await;
    let source = Scripted::rows(200);
    source.fail_read(2, SourceErrorKind::Unavailable);
    source.fail_read(4, SourceErrorKind::Unavailable);
    let job = ground.run(source.clone()).await;
    assert_eq!((job.processed_rows, counters.count(telemetry::BACKFILL_RETRIES)), (200, 2));
    assert_eq!(ground.standing().await, source.expected());
}

#[tokio::test]
async fn a_source_that_is_not_fit_ends_the_job_and_the_next_start_finishes_it() {
    let ground = Ground::new().await;
    let source = Scripted::rows(200);
    source.fail_read(3, SourceErrorKind::Unfit);
    let backfill = ground.backfill(source.clone());
    backfill.create("job", &ground.options()).await.unwrap();
    let failed = ground.work(&backfill, "job").await;
    assert!(matches!(failed, Err(BackfillError::Source(_))), "{failed:?}");
    let job = backfill.jobs().get("job").await.unwrap();
    assert_eq!(job.status, JobStatus::Failed);
    assert!(
        job.error_message.is_some_and(|why| why.contains("doing as told") && why.contains("goes on where it stopped"))
    );
    let outcome = ground.work(&backfill, "job").await.unwrap();
    assert!(matches!(&outcome, BackfillOutcome::Succeeded(job) if job.processed_rows == 200), "{outcome:?}");
    assert_eq!(ground.standing().await, source.expected());
}

/// What no waiting helps against ends the job at once, with the cause; and once it is gone the job goes on where it stopped.
#[tokio::test]
async fn a_full_disk_and_a_missing_column_end_the_job_until_they_are_mended() {
    for (breaks, mends, word) in [
        (
            "CREATE FUNCTION full_disk() RETURNS TRIGGER LANGUAGE plpgsql AS $$ BEGIN
                IF NEW.id = '000150' THEN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END IF;
                RETURN NEW; END $$;
             CREATE TRIGGER full_disk BEFORE INSERT ON search_documents FOR EACH ROW EXECUTE FUNCTION full_disk()",
            "DROP TRIGGER full_disk ON search_documents",
            "No space left on device",
        ),
        (
            "ALTER TABLE search_documents RENAME COLUMN copied_over TO another",
            "ALTER TABLE search_documents RENAME COLUMN another TO copied_over",
            "copied_over",
        ),
    ] {
        let ground = Ground::new().await;
        ground.sql(breaks).await;
        let source = Scripted::rows(200);
        let backfill = ground.backfill(source.clone());
        backfill.create("job", &ground.options()).await.unwrap();
        let failed = ground.work(&backfill, "job").await;
        assert!(matches!(failed, Err(BackfillError::Target(_))), "{failed:?}");
        let job = backfill.jobs().get("job").await.unwrap();
        assert_eq!(job.status, JobStatus::Failed);
        assert!(job.error_message.as_ref().is_some_and(|why| why.contains(word)), "{:?}", job.error_message);
        assert_eq!(job.failed_rows, 0, "no row is to blame");
        ground.sql(mends).await;
        let outcome = ground.work(&backfill, "job").await.unwrap();
        assert!(matches!(&outcome, BackfillOutcome::Succeeded(job) if job.processed_rows == 200), "{outcome:?}");
        assert_eq!(ground.standing().await, source.expected());
    }
}

/// PostgreSQL crashes in the middle, and comes back while the job waits for it.
#[tokio::test]
async fn a_server_that_crashes_is_waited_for_and_nothing_is_counted_twice() {
    let counters = Counters::new();
    let mut server = TestPostgres::private().await.unwrap();
    let ground = Ground::in_database(server.create_database().await.unwrap()).await;
    let source = Scripted::rows(400);
    let gate = source.hold_read(4);
    let backfill = ground.backfill(source.clone());
    backfill
        .create("job", &JobOptions { without_heartbeats: true, lease: Duration::from_secs(1), ..ground.options() })
        .await
        .unwrap();
    let crash = async {
        gate.reached().await;
        server.kill().await.unwrap();
        gate.open();
        counters.until(telemetry::BACKFILL_RETRIES, 1).await;
        server.restart().await.unwrap();
    };
    let (outcome, ()) = tokio::join!(backfill.run("job", CancellationToken::new(), &Quiet), crash);
    let outcome = outcome.unwrap();
    assert!(
        matches!(&outcome, BackfillOutcome::Succeeded(job) if (job.processed_rows, job.written_rows) == (400, 400)),
        "{outcome:?}"
    );
    assert_eq!(ground.standing().await, source.expected());
}

#[tokio::test]
async fn a_server_that_stays_away_fails_the_job_for_those_who_look_later() {
    let ground = Ground::new().await;
    let source = Scripted::rows(200);
    (2..400).for_each(|page| source.fail_read(page, SourceErrorKind::Unavailable));
    let backfill = ground.backfill(source).patience(Duration::from_millis(200));
    backfill.create("job", &ground.options()).await.unwrap();
    let failed = ground.work(&backfill, "job").await;
    assert!(matches!(failed, Err(BackfillError::GaveUp { .. })), "{failed:?}");
    let job = backfill.jobs().get("job").await.unwrap();
    assert!(job.error_message.is_some_and(|why| why.contains("gave up after") && why.contains("resume job")));
}

#[tokio::test]
async fn settings_that_change_in_the_middle_are_those_of_every_row_in_the_end() {
    let ground = Ground::new().await;
    let source = Scripted::rows(300);
    let (gate, target) = (source.hold_read(3), ground.target.clone());
    let change = async {
        gate.reached().await;
        let settings = serde_json::from_value(json!({"searchableAttributes": ["n"]})).unwrap();
        target.apply_settings(&settings).await.unwrap();
        gate.open();
    };
    let (job, ()) = tokio::join!(ground.run(source.clone()), change);
    assert_eq!(job.processed_rows, 300);
    for n in 0..300 {
        let hits = ground.target.search(&SearchQuery::new(format!("{n} "))).await.unwrap();
        assert_eq!(hits.total, 1, "{n}");
    }
}
