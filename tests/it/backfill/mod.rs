//! Backfills: a scripted source, and a real PostgreSQL.

mod failures;
mod ground;
mod live;
mod postings;
mod processes;
mod stages;
mod throttle;

use std::time::Duration;

use crossfade::{
    backfill::{BackfillError, BackfillOutcome, JobOptions, JobStatus, Stage},
    document::Version,
    telemetry,
};
use tokio_util::sync::CancellationToken;

use self::ground::{Counters, Ground, Scripted, document};

#[tokio::test]
async fn every_row_is_copied_whatever_the_shards_and_workers() {
    for (shards, workers) in [(1, 1), (4, 2), (5, 8)] {
        let ground = Ground::new().await;
        let backfill = ground.backfill(Scripted::rows(1_234)).workers(workers);
        backfill.create("job", &JobOptions { shards, ..ground.options() }).await.unwrap();
        let outcome = ground.work(&backfill, "job").await.unwrap();
        let BackfillOutcome::Succeeded(job) = outcome else { panic!("{outcome:?}") };
        assert_eq!((job.status, job.stage), (JobStatus::Succeeded, Stage::Done));
        assert_eq!((job.processed_rows, job.written_rows, job.stale_rows, job.failed_rows), (1_234, 1_234, 0, 0));
        assert_eq!((job.total_rows, job.shards, job.shards_done), (Some(1_234), shards as i64, shards as i64));
        assert!(job.started_at.is_some() && job.completed_at.is_some());
        assert_eq!(ground.standing().await, Scripted::rows(1_234).expected());
    }
}

#[tokio::test]
async fn ordinals_are_those_of_the_source_also_for_what_was_written_before() {
    let ground = Ground::new().await;
    ground.write(7, Version(i64::MAX - 1), Some(document(7, "live"))).await;
    ground.write(8, Version(i64::MAX - 1), None).await;
    ground.run(Scripted::rows(20)).await;
    let ordinals = ground.ordinals().await;
    let expected: Vec<(String, i64)> = (0..20).filter(|n| *n != 8).map(|n| (ground::id(n), n as i64)).collect();
    assert_eq!(ordinals, expected);
    assert_eq!(ground.standing().await[&ground::id(7)]["title"], "live");
}

#[tokio::test]
async fn a_second_backfill_brings_what_the_first_one_brought_once_more() {
    let ground = Ground::new().await;
    ground.run(Scripted::rows(50)).await;
    let changed = Scripted::rows(50).with(3, document(3, "changed while nobody wrote both sides"));
    // Somebody has braked and begun again since.
    ground.dual_since_now().await;
    let job = ground.run_as("again", changed.clone()).await;
    assert_eq!((job.written_rows, job.stale_rows), (50, 0));
    assert_eq!(ground.standing().await, changed.expected());
}

#[tokio::test]
async fn a_paused_job_stops_after_its_chunk_and_goes_on_there() {
    let ground = Ground::new().await;
    let source = Scripted::rows(500);
    let backfill = ground.backfill(source.clone());
    backfill.create("job", &ground.options()).await.unwrap();
    let jobs = backfill.jobs().clone();
    source.at_read(3, move || {
        let jobs = jobs.clone();
        async move { jobs.pause("job").await.unwrap() }
    });
    let outcome = ground.work(&backfill, "job").await.unwrap();
    let BackfillOutcome::Paused(job) = outcome else { panic!("{outcome:?}") };
    assert!(job.processed_rows > 0 && job.processed_rows < 500, "{}", job.processed_rows);
    let read_before = source.read_from();
    let outcome = ground.work(&backfill, "job").await.unwrap();
    assert!(matches!(&outcome, BackfillOutcome::Succeeded(job) if job.processed_rows == 500), "{outcome:?}");
    let resumed = source.read_from()[read_before.len()];
    assert_eq!(resumed, job.processed_rows as usize, "it goes on where it stopped");
    assert_eq!(ground.standing().await, source.expected());
}

#[tokio::test]
async fn a_process_that_is_to_stop_leaves_its_shard_to_the_next_at_once() {
    let ground = Ground::new().await;
    let source = Scripted::rows(500);
    let stop = CancellationToken::new();
    let stopping = stop.clone();
    source.at_read(2, move || {
        let stopping = stopping.clone();
        async move { stopping.cancel() }
    });
    let backfill = ground.backfill(source.clone());
    // Longer than the test may take.
    backfill.create("job", &JobOptions { lease: Duration::from_secs(600), ..ground.options() }).await.unwrap();
    let outcome = ground.work_until(&backfill, "job", stop).await.unwrap();
    let BackfillOutcome::Stopped(job) = outcome else { panic!("{outcome:?}") };
    assert_eq!(job.status, JobStatus::Running);
    let outcome = ground.work(&backfill, "job").await.unwrap();
    assert!(matches!(outcome, BackfillOutcome::Succeeded(_)), "{outcome:?}");
    assert_eq!(ground.standing().await, source.expected());
}

#[tokio::test]
async fn a_cancelled_job_is_over() {
    let ground = Ground::new().await;
    let backfill = ground.backfill(Scripted::rows(10));
    backfill.create("job", &ground.options()).await.unwrap();
    backfill.jobs().cancel("job").await.unwrap();
    for outcome in
        [backfill.jobs().resume("job").await, backfill.jobs().pause("job").await, backfill.jobs().cancel("job").await]
    {
        assert!(matches!(outcome, Err(BackfillError::WrongStatus { .. })), "{outcome:?}");
    }
    assert!(matches!(ground.work(&backfill, "job").await, Err(BackfillError::WrongStatus { .. })));
    assert_eq!(ground.standing().await.len(), 0);
}

#[tokio::test]
async fn one_index_is_filled_by_one_job_at_a_time() {
    let ground = Ground::new().await;
    let backfill = ground.backfill(Scripted::rows(10));
    backfill.create("one", &ground.options()).await.unwrap();
    assert!(matches!(backfill.create("one", &ground.options()).await, Err(BackfillError::JobExists(_))));
    let busy = backfill.create("two", &ground.options()).await;
    assert!(matches!(&busy, Err(BackfillError::IndexBusy { other, .. }) if other == "one"), "{busy:?}");
    backfill.jobs().cancel("one").await.unwrap();
    backfill.create("two", &ground.options()).await.unwrap();
    let listed: Vec<String> = backfill.jobs().list().await.unwrap().into_iter().map(|job| job.job_id).collect();
    assert_eq!(listed, ["one", "two"]);
    assert!(matches!(backfill.jobs().get("three").await, Err(BackfillError::NoSuchJob(_))));
}

/// A worker whose lease has ended though it does not know: another one takes the shard, and what the first one commits then is refused.
#[tokio::test]
async fn a_worker_that_has_lost_its_lease_moves_nothing() {
    let counters = Counters::new();
    let ground = Ground::new().await;
    let (first_source, second_source) = (Scripted::rows(300), Scripted::rows(300));
    let first = ground.backfill(first_source.clone());
    first.create("job", &JobOptions { lease: Duration::from_secs(20), ..ground.options() }).await.unwrap();
    let second = ground.backfill(second_source.clone());
    let held = first_source.hold_read(2);
    // The second one stops in the middle, and holds the shard.
    let middle = second_source.hold_read(3);
    let taking_over = async {
        held.reached().await;
        // The page before is committed, which holds the lease once more.
        ground.until_rows("job", 40).await;
        ground.sql("UPDATE backfill_shards SET lease_until = clock_timestamp()").await;
        ground.work(&second, "job").await
    };
    let watching = async {
        middle.reached().await;
        // Its own pages before that are committed.
        ground.until_rows("job", 120).await;
        let before = ground.state_of("job").await;
        assert_eq!((before.epoch, before.job_rows), (2, 120), "the second one has taken over");
        held.open();
        counters.until(telemetry::BACKFILL_FENCED, 1).await;
        assert_eq!(ground.state_of("job").await, before);
        middle.open();
    };
    let (one, other, ()) = tokio::join!(ground.work(&first, "job"), taking_over, watching);
    assert!(matches!(&one, Ok(BackfillOutcome::Succeeded(job)) if job.processed_rows == 300), "{one:?}");
    assert!(matches!(other, Ok(BackfillOutcome::Succeeded(_))), "{other:?}");
    assert_eq!(ground.standing().await, second_source.expected());
}

/// A page that takes longer to read than the lease lasts: nobody else takes the shard meanwhile.
#[tokio::test]
async fn a_slow_page_does_not_cost_the_lease() {
    let ground = Ground::new().await;
    let (slow, other) = (Scripted::rows(100), Scripted::rows(100));
    let lease = Duration::from_secs(1);
    let first = ground.backfill(slow.clone());
    first.create("job", &JobOptions { lease, ..ground.options() }).await.unwrap();
    let second = ground.backfill(other.clone());
    let held = slow.hold_read(2);
    let competing = async {
        held.reached().await;
        ground.work(&second, "job").await
    };
    let watching = async {
        held.reached().await;
        ground.until_held_for("job", lease * 2).await;
        held.open();
    };
    let (one, two, ()) = tokio::join!(ground.work(&first, "job"), competing, watching);
    assert!(matches!(&one, Ok(BackfillOutcome::Succeeded(job)) if job.processed_rows == 100), "{one:?}");
    assert!(matches!(two, Ok(BackfillOutcome::Succeeded(_))), "{two:?}");
    assert_eq!((ground.state_of("job").await.epoch, other.read_from().len()), (1, 0));
}
