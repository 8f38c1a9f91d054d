//! What has to be so before a row is copied, and what comes after the last one.

use std::time::Duration;

use crossfade::{
    backend::postgres::PostgresOptions,
    backfill::{BackfillError, BackfillOutcome, Job, JobOptions, Note, Stage},
    document::Version,
    plan::WriteMode,
};
use tokio_util::sync::CancellationToken;

use super::ground::{Ground, INDEX, Scripted, document};

#[tokio::test]
async fn it_does_not_start_unless_every_process_writes_both_sides() {
    let ground = Ground::new().await;
    let backfill = ground.backfill(Scripted::rows(10));
    backfill.create("job", &ground.options()).await.unwrap();
    ground.report("r2", WriteMode::MeiliOnly, 0, None).await;
    let refused = ground.work(&backfill, "job").await;
    let why = refused.unwrap_err().to_string();
    assert!(why.contains("r2 on here is in `meili_only`") && why.contains("flags set search_write_mode dual"), "{why}");
    assert_eq!(ground.standing().await.len(), 0);

    // One that has fallen silent may be cut off from here and go on as it did.
    ground.report("r2", WriteMode::Dual, 0, None).await;
    ground.sql("UPDATE replicas SET seen_at = clock_timestamp() - interval '10 min' WHERE replica = 'r2'").await;
    let why = ground.work(&backfill, "job").await.unwrap_err().to_string();
    assert!(why.contains("crossfade replicas forget r2"), "{why}");
    assert!(ground.store.replicas().forget("r2").await.unwrap());
    assert!(matches!(ground.work(&backfill, "job").await.unwrap(), BackfillOutcome::Succeeded(_)));
}

#[tokio::test]
async fn it_does_not_start_where_nobody_reports_unless_told_to() {
    let ground = Ground::new().await;
    assert!(ground.store.replicas().forget("r1").await.unwrap());
    let backfill = ground.backfill(Scripted::rows(10));
    backfill.create("job", &ground.options()).await.unwrap();
    let refused = backfill.run("job", CancellationToken::new(), &crossfade::backfill::Quiet).await;
    assert!(matches!(refused, Err(BackfillError::NobodyReports)), "{refused:?}");
    backfill.jobs().cancel("job").await.unwrap();
    backfill.create("told", &JobOptions { without_heartbeats: true, ..ground.options() }).await.unwrap();
    let outcome = backfill.run("told", CancellationToken::new(), &crossfade::backfill::Quiet).await;
    assert!(matches!(outcome, Ok(BackfillOutcome::Succeeded(_))), "{outcome:?}");
}

#[tokio::test]
async fn it_waits_until_no_older_request_can_be_under_way() {
    let ground = Ground::new().await;
    let backfill = ground.backfill(Scripted::rows(10));
    let settle = Duration::from_millis(1_500);
    backfill.create("job", &JobOptions { settle, ..ground.options() }).await.unwrap();
    ground.dual_since_now().await;
    let begun = tokio::time::Instant::now();
    let outcome = ground.work(&backfill, "job").await.unwrap();
    assert!(begun.elapsed() >= settle - Duration::from_millis(100), "{:?}", begun.elapsed());
    // Rows are as old as the moment both sides were first written.
    let BackfillOutcome::Succeeded(job) = outcome else { panic!("{outcome:?}") };
    let since = ground.store.replicas().all().await.unwrap()[0].mode_since.as_millisecond();
    assert_eq!(job.row_version, Some(since << 20));
}

/// Versions of the service are not the clock's: rows without them would beat live writes.
#[tokio::test]
async fn it_does_not_mix_its_versions_with_those_of_the_service() {
    let ground = Ground::new().await;
    ground.write(1, Version(1_764_000_000), Some(document(1, "by a version of the service"))).await;
    let backfill = ground.backfill(Scripted::rows(10));
    backfill.create("job", &ground.options()).await.unwrap();
    let refused = ground.work(&backfill, "job").await;
    assert!(matches!(refused, Err(BackfillError::OtherVersions(_))), "{refused:?}");
}

/// A repair brings what was not known before under the lowest version there is.
#[tokio::test]
async fn what_a_repair_has_copied_is_not_taken_for_a_version_of_the_service() {
    let ground = Ground::new().await;
    ground.write(1, Version(1), Some(document(1, "copied by a repair, or by a service that counts"))).await;
    let backfill = ground.backfill(Scripted::rows(10));
    backfill.create("job", &ground.options()).await.unwrap();
    let refused = ground.work(&backfill, "job").await;
    assert!(matches!(refused, Err(BackfillError::OtherVersions(_))), "{refused:?}");
    // What has been written live tells which.
    ground.write(2, Version(1_764_000_000_000 << 20), Some(document(2, "by a clock"))).await;
    assert!(matches!(ground.work(&backfill, "job").await, Ok(BackfillOutcome::Succeeded(_))));
}

#[tokio::test]
async fn rows_and_checkpoint_must_be_in_one_database() {
    let (ground, elsewhere) = (Ground::new().await, Ground::new().await);
    let target = PostgresOptions::new(elsewhere.database.url()).unwrap().index(INDEX);
    let backfill = crossfade::backfill::Backfill::new(&ground.store, target, Scripted::rows(10));
    backfill.create("job", &ground.options()).await.unwrap();
    let refused = ground.work(&backfill, "job").await;
    assert!(matches!(refused, Err(BackfillError::Apart(_))), "{refused:?}");
}

#[tokio::test]
async fn indexes_of_searches_can_be_built_after_the_load() {
    const SEARCH_INDEXES: &str = "SELECT indexdef FROM pg_indexes WHERE schemaname = 'cn_search' AND tablename = 'search_documents' ORDER BY indexname";
    let ground = Ground::new().await;
    let indexes = async |ground: &Ground| -> Vec<String> {
        sqlx::query_scalar(SEARCH_INDEXES).fetch_all(&mut ground.connection().await).await.unwrap()
    };
    let before = indexes(&ground).await;
    let options = JobOptions { defer_indexes: true, ..ground.options() };

    // Somebody reads.
    let backfill = ground.backfill(Scripted::rows(300));
    ground.store.flags().set("search_write_mode", "dual", "test", "test").await.unwrap();
    ground.store.flags().set("shadow_sample_rate", "5", "test", "test").await.unwrap();
    backfill.create("refused", &options).await.unwrap();
    let refused = ground.work(&backfill, "refused").await;
    assert!(matches!(refused, Err(BackfillError::IsRead(..))), "{refused:?}");
    backfill.jobs().cancel("refused").await.unwrap();
    ground.store.flags().set("shadow_sample_rate", "0", "test", "test").await.unwrap();

    let source = Scripted::rows(300);
    let gate = source.hold_read(3);
    let backfill = ground.backfill(source.clone());
    backfill.create("job", &options).await.unwrap();
    let looking = async {
        gate.reached().await;
        let meanwhile = indexes(&ground).await;
        let job = backfill.jobs().get("job").await.unwrap();
        gate.open();
        (meanwhile, job)
    };
    let (outcome, (meanwhile, job)) = tokio::join!(ground.work(&backfill, "job"), looking);
    assert!(matches!(outcome, Ok(BackfillOutcome::Succeeded(_))), "{outcome:?}");
    assert_eq!((meanwhile.len(), job.deferred_indexes.len()), (before.len() - 1, 1));
    assert_eq!(indexes(&ground).await, before);
    assert_eq!(backfill.jobs().get("job").await.unwrap().deferred_indexes, [""; 0]);
    assert_eq!(ground.standing().await, source.expected());
}

/// What was dropped by a process that died before it had cut the source is built all the same.
#[tokio::test]
async fn indexes_that_an_attempt_before_has_dropped_are_built_too() {
    const INDEXES: &str =
        "SELECT count(*) FROM pg_indexes WHERE schemaname = 'cn_search' AND tablename = 'search_documents'";
    let ground = Ground::new().await;
    let indexes =
        async || -> i64 { sqlx::query_scalar(INDEXES).fetch_one(&mut ground.connection().await).await.unwrap() };
    let before = indexes().await;
    let source = Scripted::rows(50);
    let backfill = ground.backfill(source.clone());
    backfill.create("job", &JobOptions { defer_indexes: true, ..ground.options() }).await.unwrap();
    // As it stands after the one transaction, and before the other.
    ground
        .sql(
            "UPDATE backfill_jobs SET deferred_indexes = (SELECT array_agg(indexdef) FROM pg_indexes
                WHERE schemaname = 'cn_search' AND indexname = 'search_documents_facets');
             DROP INDEX search_documents_facets",
        )
        .await;
    assert!(matches!(ground.work(&backfill, "job").await.unwrap(), BackfillOutcome::Succeeded(_)));
    assert_eq!(indexes().await, before);
    assert_eq!(ground.standing().await, source.expected());
}

/// Hears the stages.
#[derive(Default)]
struct Heard(std::sync::Mutex<Vec<(Stage, i64, Option<f64>)>>);

impl Note for Heard {
    fn say(&self, _step: &str) {}

    fn progress(&self, job: &Job) {
        self.0.lock().unwrap().push((job.stage, job.processed_rows, job.fraction()));
    }
}

#[tokio::test]
async fn progress_is_told_stage_by_stage_and_never_runs_backwards() {
    let ground = Ground::new().await;
    let source = Scripted::rows(200);
    let backfill = ground.backfill(source);
    backfill.create("job", &JobOptions { without_heartbeats: true, ..ground.options() }).await.unwrap();
    ground.store.replicas().forget("r1").await.unwrap();
    let heard = Heard::default();
    backfill.run("job", CancellationToken::new(), &heard).await.unwrap();
    let heard = heard.0.into_inner().unwrap();
    let stages = [Stage::Preparing, Stage::Copying, Stage::Indexing, Stage::CatchingUp, Stage::Done];
    let place = |stage| stages.iter().position(|known| *known == stage);
    assert!(heard.windows(2).all(|two| place(two[0].0) <= place(two[1].0) && two[0].1 <= two[1].1), "{heard:?}");
    assert_eq!(heard.first().map(|(stage, rows, _)| (*stage, *rows)), Some((Stage::Preparing, 0)));
    assert_eq!(heard.last().copied(), Some((Stage::Done, 200, Some(1.0))));
}
