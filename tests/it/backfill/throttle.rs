//! Live writes have priority.

use std::time::Duration;

use crossfade::{
    backfill::{Backfill, BackfillOutcome, JobOptions, Quiet, Throttle},
    plan::WriteMode,
};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::ground::{Ground, Scripted};

/// Waits until the status says why the job waits.
async fn throttled_by(backfill: &Backfill) -> (String, i64) {
    loop {
        let job = backfill.jobs().get("job").await.unwrap();
        if let Some(why) = job.throttled_by {
            return (why, job.processed_rows);
        }
        sleep(Duration::from_millis(5)).await;
    }
}

/// It waits while a limit is passed, says why, and goes on when it is not any more: because the servers do better, or since somebody
/// has changed the limit.
#[tokio::test]
async fn it_waits_for_journals_and_live_writes_and_says_so() {
    for (throttle, word, pending, write) in [
        (Throttle { max_journal_pending: Some(100), ..Throttle::default() }, "journals: 5000", 5_000, None),
        (
            Throttle { max_write_millis: Some(20.0), ..Throttle::default() },
            "milliseconds: 90",
            0,
            Some(Duration::from_millis(90)),
        ),
    ] {
        let ground = Ground::new().await;
        let source = Scripted::rows(100);
        let backfill = ground.backfill(source.clone());
        backfill.create("job", &JobOptions { throttle, ..ground.options() }).await.unwrap();
        ground.report("r1", WriteMode::Dual, pending, write).await;
        let easing = async {
            let (why, rows) = throttled_by(&backfill).await;
            assert!(why.contains(word), "{why}");
            assert_eq!(rows, 0);
            match pending {
                0 => ground.report("r1", WriteMode::Dual, 0, None).await,
                _ => {
                    let eased = Throttle { max_journal_pending: None, ..throttle };
                    backfill.jobs().set_throttle("job", &eased).await.unwrap();
                    ground.report("r1", WriteMode::Dual, pending, None).await;
                    wait_for_rows(&backfill, 100).await;
                    ground.report("r1", WriteMode::Dual, 0, None).await;
                }
            }
            wait_for_rows(&backfill, 100).await;
            loop {
                ground.report("r1", WriteMode::Dual, 0, None).await;
                sleep(Duration::from_millis(50)).await;
            }
        };
        let outcome = tokio::select! {
            outcome = backfill.run("job", CancellationToken::new(), &Quiet) => outcome.unwrap(),
            () = easing => unreachable!(),
        };
        assert!(matches!(&outcome, BackfillOutcome::Succeeded(job) if job.throttled_by.is_none()), "{outcome:?}");
        assert_eq!(ground.standing().await, source.expected());
    }
}

async fn wait_for_rows(backfill: &Backfill, rows: i64) {
    while backfill.jobs().get("job").await.unwrap().processed_rows < rows {
        sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_rate_is_kept_over_all_workers_and_takes_effect_while_it_runs() {
    let ground = Ground::new().await;
    let source = Scripted::rows(240);
    let backfill = ground.backfill(source.clone()).workers(3);
    let throttle = Throttle { max_rows_per_second: Some(120.0), ..Throttle::default() };
    backfill.create("job", &JobOptions { shards: 3, throttle, ..ground.options() }).await.unwrap();
    let begun = Instant::now();
    let outcome = ground.work(&backfill, "job").await.unwrap();
    assert!(matches!(outcome, BackfillOutcome::Succeeded(_)), "{outcome:?}");
    // The first chunk goes at once, the others each after the time of the one before.
    let least = Duration::from_secs_f64((240.0 - 40.0) / 120.0);
    assert!(begun.elapsed() >= least, "{:?}", begun.elapsed());
    assert_eq!(ground.standing().await, source.expected());
}

#[tokio::test]
async fn a_paused_job_does_not_wait_for_its_throttle_first() {
    let ground = Ground::new().await;
    let backfill = ground.backfill(Scripted::rows(100));
    let throttle = Throttle { max_journal_pending: Some(1), ..Throttle::default() };
    backfill.create("job", &JobOptions { throttle, ..ground.options() }).await.unwrap();
    ground.report("r1", WriteMode::Dual, 10, None).await;
    let pausing = async {
        throttled_by(&backfill).await;
        backfill.jobs().pause("job").await.unwrap();
    };
    let (outcome, ()) = tokio::join!(backfill.run("job", CancellationToken::new(), &Quiet), pausing);
    assert!(matches!(outcome, Ok(BackfillOutcome::Paused(_))), "{outcome:?}");
}

#[tokio::test]
async fn a_process_that_is_to_stop_does_not_wait_for_its_throttle_first() {
    let ground = Ground::new().await;
    let backfill = ground.backfill(Scripted::rows(100));
    let throttle = Throttle { max_journal_pending: Some(1), ..Throttle::default() };
    backfill.create("job", &JobOptions { throttle, ..ground.options() }).await.unwrap();
    ground.report("r1", WriteMode::Dual, 10, None).await;
    let stop = CancellationToken::new();
    let stopping = async {
        throttled_by(&backfill).await;
        stop.cancel();
    };
    let stopped = async { tokio::join!(backfill.run("job", stop.clone(), &Quiet), stopping) };
    let (outcome, ()) = tokio::time::timeout(Duration::from_secs(20), stopped).await.unwrap();
    assert!(matches!(outcome, Ok(BackfillOutcome::Stopped(_))), "{outcome:?}");
}
