//! The guard: rolls back by itself, with nobody to ask, and everybody hears of it.

use std::{path::Path, sync::Arc, time::Duration};

use crossfade::{
    backend::postgres::PostgresOptions,
    breaker::BreakerPolicy,
    codec::Typed,
    error::{BackendError, BackendErrorKind, Side},
    guard::GuardPolicy,
    migration::{Migration, ReadsLayer},
    plan::{Flagging, Flags, Phase, PlanHandle, WriteMode},
    search::{SearchHits, SearchQuery},
    settings::IndexSettings,
    store::{FlagTable, Store},
    testing::TestPostgres,
};
use tempfile::TempDir;
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;
use tower::{Layer, ServiceExt, service_fn};

use super::table::primary;
use crate::{
    flag_watch::{Metrics, Running, until},
    support::{Script, Scripted, canary, hits},
};

const POLICY: GuardPolicy = GuardPolicy {
    window: Duration::from_millis(50),
    sustained: 3,
    min_reads: 5,
    max_failed_share: 0.05,
    max_p95: Some(Duration::from_millis(20)),
};

/// Meilisearch, which is always there.
async fn meili(_query: SearchQuery) -> Result<SearchHits, BackendError> {
    Ok(hits(&["from meili"]))
}

async fn asked(layer: &ReadsLayer<Typed>) -> bool {
    let answer = layer.layer(service_fn(meili)).oneshot(SearchQuery::new("q")).await.unwrap();
    answer.hits.first().is_some_and(|hit| hit.id.as_str() == "from meili")
}

/// A process with a guard over a scripted PostgreSQL.
struct Guarded {
    plan: PlanHandle,
    layer: ReadsLayer<Typed>,
    stop: CancellationToken,
    worker: JoinHandle<crossfade::migration::Stopped>,
}

impl Guarded {
    fn start(flags: Flags, target: Arc<Scripted>, policy: GuardPolicy) -> Self {
        Self::with_breaker(flags, target, policy, BreakerPolicy::default())
    }

    fn with_breaker(flags: Flags, target: Arc<Scripted>, policy: GuardPolicy, breaker: BreakerPolicy) -> Self {
        let plan = PlanHandle::fixed(flags);
        let (migration, worker) = Migration::builder(plan.clone())
            .source(Scripted::new(Side::Meili, Script::Answer(vec![])))
            .target(target)
            .guard(policy)
            .breaker_policy(breaker)
            .build()
            .unwrap();
        let stop = CancellationToken::new();
        Self { plan, layer: migration.reads(Typed), worker: tokio::spawn(worker.run(stop.clone())), stop }
    }

    /// Reads go on until something is so; how many there were.
    async fn read_until(&self, what: &str, mut done: impl FnMut() -> bool) -> u32 {
        let (begun, mut reads) = (Instant::now(), 0);
        while !done() {
            assert!(begun.elapsed() < Duration::from_secs(20), "never: {what}");
            asked(&self.layer).await;
            reads += 1;
            sleep(Duration::from_millis(1)).await;
        }
        reads
    }

    async fn stop(self) {
        self.stop.cancel();
        self.worker.await.unwrap();
    }
}

#[tokio::test]
async fn errors_and_slowness_each_roll_back_and_their_reason_is_counted() {
    let metrics = Metrics::record();
    for (script, reason) in [
        (Script::Fail(BackendErrorKind::Internal), "errors"),
        (Script::Slow(Duration::from_millis(30), vec!["a"]), "latency"),
    ] {
        let target = Scripted::new(Side::Pg, script);
        // Otherwise the breaker keeps the errors from happening.
        let never = BreakerPolicy { failures: u32::MAX, ..BreakerPolicy::default() };
        let guarded = Guarded::with_breaker(canary(100), target.clone(), POLICY, never);
        guarded.read_until(reason, || guarded.plan.load().latched).await;
        assert_eq!(guarded.plan.load().phase(), Phase::DualWrite);
        // First: a snapshot takes gauges away too.
        assert_eq!(metrics.value("rollback_latched{}"), 1.0);
        assert_eq!(metrics.value(&format!("guard_rollbacks_total{{reason={reason}}}")), 1.0, "{reason}");
        // From the next request on Meilisearch answers, and PostgreSQL is not even asked.
        let asked_before = target.asked();
        assert!(asked(&guarded.layer).await);
        assert_eq!(target.asked(), asked_before);
        // A flag sends nobody forward.
        assert!(guarded.plan.publish(canary(100)).is_err());
        guarded.stop().await;
    }
}

/// The breaker spares readers the wait; the guard ends the attempt.
#[tokio::test]
async fn reads_that_the_breaker_holds_back_count() {
    let metrics = Metrics::record();
    let target = Scripted::new(Side::Pg, Script::Fail(BackendErrorKind::Unavailable));
    // Never enough reads that PostgreSQL was asked to judge it by those.
    let guarded = Guarded::start(canary(100), target.clone(), GuardPolicy { min_reads: 30, sustained: 1, ..POLICY });
    guarded.read_until("fallbacks", || guarded.plan.load().latched).await;
    assert_eq!(metrics.value("guard_rollbacks_total{reason=fallbacks}"), 1.0);
    assert!(target.asked() < 30, "the breaker did not open");
    guarded.stop().await;
}

#[tokio::test]
async fn what_answers_well_is_left_alone_and_so_is_what_nobody_reads() {
    let target = Scripted::new(Side::Pg, Script::Answer(vec!["a"]));
    let guarded = Guarded::start(canary(100), target.clone(), GuardPolicy { max_p95: None, ..POLICY });
    let begun = Instant::now();
    guarded.read_until("ten windows", || begun.elapsed() > POLICY.window * 10).await;
    // Fewer than can be judged.
    target.now(Script::Fail(BackendErrorKind::InvalidQuery));
    let begun = Instant::now();
    guarded.read_until("queries that are wrong", || begun.elapsed() > POLICY.window * 10).await;
    assert!(!guarded.plan.load().latched);
    guarded.stop().await;
}

/// A canary of few readers: no window has enough of them, several together have.
#[tokio::test]
async fn few_readers_are_guarded_too() {
    let target = Scripted::new(Side::Pg, Script::Fail(BackendErrorKind::Internal));
    let never = BreakerPolicy { failures: u32::MAX, ..BreakerPolicy::default() };
    let policy = GuardPolicy { window: Duration::from_millis(20), sustained: 2, ..POLICY };
    let guarded = Guarded::with_breaker(canary(100), target, policy, never);
    let (begun, mut reads) = (Instant::now(), 0);
    while !guarded.plan.load().latched {
        assert!(begun.elapsed() < Duration::from_secs(20), "{reads} bad reads, and nothing is rolled back");
        assert!(asked(&guarded.layer).await);
        reads += 1;
        sleep(Duration::from_millis(15)).await;
    }
    assert!(reads >= 10, "rolled back after {reads} reads, and two windows of five are the fewest");
    guarded.stop().await;
}

#[tokio::test]
async fn in_target_only_it_can_only_tell() {
    let metrics = Metrics::record();
    let target = Scripted::new(Side::Pg, Script::Fail(BackendErrorKind::Internal));
    let plan = PlanHandle::fixed(canary(100));
    plan.publish(Flags { write_mode: WriteMode::PgOnly, ..canary(100) }).unwrap();
    let (migration, worker) = Migration::builder(plan.clone())
        .source(Scripted::new(Side::Meili, Script::Answer(vec![])))
        .target(target)
        .guard(POLICY)
        .build()
        .unwrap();
    let (stop, layer) = (CancellationToken::new(), migration.reads(Typed));
    let worker = tokio::spawn(worker.run(stop.clone()));
    let begun = Instant::now();
    while metrics.value("guard_powerless_total{reason=errors}") == 0.0 {
        assert!(begun.elapsed() < Duration::from_secs(20), "it says nothing");
        assert!(layer.layer(service_fn(meili)).oneshot(SearchQuery::new("q")).await.is_err());
        sleep(Duration::from_millis(1)).await;
    }
    assert_eq!((plan.load().phase(), plan.load().latched), (Phase::TargetOnly, false));
    stop.cancel();
    worker.await.unwrap();
}

#[tokio::test]
async fn a_policy_that_cannot_be_gone_by_is_refused() {
    let target = Scripted::new(Side::Pg, Script::Answer(vec![]));
    let built = Migration::builder(PlanHandle::fixed(canary(5)))
        .source(Scripted::new(Side::Meili, Script::Answer(vec![])))
        .target(target)
        .guard(GuardPolicy { sustained: 0, ..POLICY })
        .build();
    assert_eq!(built.map(drop).unwrap_err().to_string(), "the policy of the guard: sustained must be at least 1");
}

async fn watched(flags: &FlagTable, last_good: &Path) -> (PlanHandle, Running) {
    let table = flags.watch().poll_every(Duration::from_millis(50));
    let (plan, watcher) = PlanHandle::watch(Flagging::new().table(table).last_good(last_good)).await;
    (plan, Running::start(watcher))
}

/// PostgreSQL, the flag table in it, is gone while it answers readers: the guard needs neither.
#[tokio::test]
async fn postgres_gone_the_guard_rolls_back_outlives_a_restart_and_tells_everybody_later() {
    let mut server = TestPostgres::private().await.unwrap();
    let database = server.create_database().await.unwrap();
    let store = Store::connect(database.url(), "cn_search").await.unwrap();
    store.migrate().await.unwrap();
    let flags = primary(&store).await;
    let target = PostgresOptions::new(database.url()).unwrap().index("posts");
    target.create("id", &IndexSettings::default()).await.unwrap();

    let directory = TempDir::new().unwrap();
    let (ours, theirs) = (directory.path().join("ours"), directory.path().join("theirs"));
    let (plan, running) = watched(&flags, &ours).await;
    let (other, other_running) = watched(&flags, &theirs).await;
    let (migration, worker) = Migration::builder(plan.clone())
        .source(Scripted::new(Side::Meili, Script::Answer(vec![])))
        .target(target)
        .read_deadline(Duration::from_millis(300))
        .guard(GuardPolicy { max_p95: None, ..POLICY })
        .build()
        .unwrap();
    let (stop, layer) = (CancellationToken::new(), migration.reads(Typed));
    let worker = tokio::spawn(worker.run(stop.clone()));
    assert!(!asked(&layer).await, "PostgreSQL does not answer at first");
    assert_eq!(plan.load().phase(), Phase::TargetPrimary);

    server.stop().await.unwrap();
    let begun = Instant::now();
    while !plan.load().latched {
        assert!(begun.elapsed() < Duration::from_secs(30), "the guard does not trip");
        assert!(asked(&layer).await, "a reader was not answered");
        sleep(Duration::from_millis(2)).await;
    }
    println!("rolled back {:?} after PostgreSQL was gone", begun.elapsed());
    assert_eq!(plan.load().phase(), Phase::Shadow);
    let wanted = migration.tally().counts().wanted();
    assert!(asked(&layer).await);
    assert_eq!(migration.tally().counts().wanted(), wanted, "the next request was still for PostgreSQL");
    assert_eq!(other.load().phase(), Phase::TargetPrimary, "nobody could have told the other one");

    // The process ends before anybody could be told, and starts again.
    stop.cancel();
    worker.await.unwrap();
    running.stop().await;
    let (plan, running) = watched(&flags, &ours).await;
    assert_eq!((plan.load().phase(), plan.load().latched), (Phase::Shadow, true));

    server.restart().await.unwrap();
    until(&other, "rolled back as well", |plan| plan.latched && plan.phase() == Phase::Shadow).await;
    let latch = flags.read().await.unwrap().latch.expect("the table has no latch");
    assert!(latch.by.starts_with("guard on "), "{latch:?}");
    assert!(latch.why.contains(" windows of 0.05 s, and at most 5.0 % may"), "{latch:?}");
    let history = flags.history(1).await.unwrap();
    assert_eq!((history[0].flag.as_str(), &history[0].why), ("search_read_backend", &latch.why));
    assert!(plan.load().latched);

    // A person clears it, for all of them.
    flags.clear_latch("ann", "mended").await.unwrap();
    until(&plan, "cleared", |plan| !plan.latched).await;
    until(&other, "cleared", |plan| !plan.latched).await;
    flags.set("search_read_backend", "pg", "ann", "forward").await.unwrap();
    until(&plan, "forward", |plan| plan.phase() == Phase::TargetPrimary).await;
    running.stop().await;
    other_running.stop().await;
}
