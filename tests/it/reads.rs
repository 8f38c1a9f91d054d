//! Contracts 1 to 6 of the read path, on typed services under a paused clock.

use std::{
    future::pending,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use crossfade::{
    backend::SearchBackend,
    codec::Typed,
    error::{BackendError, BackendErrorKind, Side},
    migration::{BuildError, Migration, Worker},
    plan::{Flags, Percent, Phase, PlanHandle, ReadBackend, WriteMode},
    search::{FilterInput, Page, QueryClass, SearchHits, SearchQuery},
    shadow::{Outcome, ShadowPolicy, ShadowRecord, StoredRequest},
    testing::Records,
};
use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tower::{Layer, Service, ServiceExt, limit::ConcurrencyLimit, service_fn};

use crate::support::{Script, Scripted, canary, hits, shadow, until};

const IDS: [&str; 3] = ["a", "b", "c"];

pub(crate) struct Setup {
    pub(crate) source: Arc<Scripted>,
    pub(crate) target: Arc<Scripted>,
    records: Records,
    plan: PlanHandle,
    migration: Migration,
    worker: Option<Worker>,
    stop: CancellationToken,
}

/// Asks nobody twice.
fn quiet() -> ShadowPolicy {
    ShadowPolicy { noise_share: 0.0, ..ShadowPolicy::default() }
}

impl Setup {
    fn new(flags: Flags) -> Self {
        Self::with(flags, quiet())
    }

    pub(crate) fn with(flags: Flags, policy: ShadowPolicy) -> Self {
        let source = Scripted::new(Side::Meili, Script::Answer(IDS.to_vec()));
        let target = Scripted::new(Side::Pg, Script::Answer(IDS.to_vec()));
        let (records, plan) = (Records::default(), PlanHandle::fixed(flags));
        let (migration, worker) = Migration::builder(plan.clone())
            .source(source.clone())
            .target(target.clone())
            .shadow_log(records.clone())
            .shadow_policy(policy)
            .build()
            .unwrap();
        Self { source, target, records, plan, migration, worker: Some(worker), stop: CancellationToken::new() }
    }

    pub(crate) fn spawn_worker(&mut self) -> tokio::task::JoinHandle<crossfade::migration::Stopped> {
        tokio::spawn(self.worker.take().unwrap().run(self.stop.clone()))
    }

    /// The service's own read path, which asks Meilisearch: here it answers at once.
    pub(crate) fn service(
        &self,
    ) -> impl Service<SearchQuery, Response = SearchHits, Error = BackendError, Future: Send> + Clone + use<> {
        let source = self.source.clone();
        self.migration.reads(Typed).endpoint("typed").layer(service_fn(move |query: SearchQuery| {
            let source = source.clone();
            async move { source.search(&query).await }
        }))
    }

    pub(crate) async fn recorded(&self, count: usize) -> Vec<ShadowRecord> {
        until("records", || self.records.len() >= count).await;
        self.records.taken()
    }
}

fn one(records: Vec<ShadowRecord>) -> ShadowRecord {
    assert_eq!(records.len(), 1, "{records:?}");
    records.into_iter().next().unwrap()
}

/// Contract 1: whatever the compared side does, the response is there at once and unharmed.
#[tokio::test(start_paused = true)]
async fn the_shadow_cannot_touch_a_response() {
    let scripts = [
        (Script::Answer(vec!["c", "b", "x"]), Outcome::Compared, ""),
        (Script::Fail(BackendErrorKind::Unavailable), Outcome::ShadowError, "unavailable"),
        (Script::Fail(BackendErrorKind::Unsupported), Outcome::ShadowError, "unsupported"),
        (Script::Panic, Outcome::ShadowError, "panic"),
        (Script::PanicAtOnce, Outcome::ShadowError, "panic"),
        (Script::Hang, Outcome::ShadowTimeout, "timeout"),
    ];
    for (script, outcome, kind) in scripts {
        let mut setup = Setup::new(shadow(100));
        setup.spawn_worker();
        setup.target.now(script.clone());
        let started = Instant::now();
        let answer = setup.service().oneshot(SearchQuery::new("  The Hangover ").by("u1")).await.unwrap();
        assert_eq!(started.elapsed(), Duration::ZERO, "{script:?} delayed the response");
        assert_eq!(answer, hits(&IDS));
        let record = one(setup.recorded(1).await);
        assert_eq!((record.outcome, record.error_kind), (outcome, kind), "{script:?}");
        assert_eq!((&*record.user, &*record.query, &*record.endpoint), ("u1", "the hangover", "typed"));
        assert_eq!((record.phase, record.primary, record.offset, record.limit), (Phase::Shadow, Side::Meili, 0, 20));
        // Two of three ids in common, whatever their order.
        assert_eq!(record.overlap_at_10, (outcome == Outcome::Compared).then_some(2.0 / 3.0));
    }
}

/// Whatever becomes of a pair whose query was read, it is known what kind of query it was, and it can be asked again.
#[tokio::test(start_paused = true)]
async fn what_was_asked_is_kept_with_its_classes() {
    let query = SearchQuery {
        filter: Some(FilterInput::Expression("year > 1990".to_owned())),
        sort: vec!["year:desc".to_owned()],
        page: Page::Numbered { page: 2, hits_per_page: 5 },
        ..SearchQuery::new(" 梅雨 ")
    };
    for script in [Script::Answer(vec![]), Script::Fail(BackendErrorKind::Unsupported), Script::Hang] {
        let mut setup = Setup::new(shadow(100));
        setup.spawn_worker();
        setup.target.now(script);
        setup.service().oneshot(query.clone().by("u1")).await.unwrap();
        let record = one(setup.recorded(1).await);
        assert_eq!(record.classes, [QueryClass::Cjk, QueryClass::Filter, QueryClass::Sorted]);
        let stored = record.request.unwrap().unwrap();
        assert_eq!(StoredRequest::read(stored.as_json()), Ok(query.clone()));
    }
    // Nobody has read this one.
    let policy = ShadowPolicy { queue: 1, ..quiet() };
    let setup = Setup::with(shadow(100), policy);
    for _ in 0..2 {
        setup.service().oneshot(query.clone()).await.unwrap();
    }
    let dropped = one(setup.records.taken());
    assert_eq!((dropped.outcome, dropped.request, dropped.classes.len()), (Outcome::DroppedQueueFull, None, 0));
}

/// Contract 1: a full queue drops, and says so.
#[tokio::test(start_paused = true)]
async fn a_full_queue_drops_and_counts() {
    let policy = ShadowPolicy { concurrency: 1, queue: 2, ..quiet() };
    let mut setup = Setup::with(shadow(100), policy);
    setup.target.now(Script::Hang);
    let worker = setup.spawn_worker();
    let service = setup.service();
    for _ in 0..10 {
        service.clone().oneshot(SearchQuery::new("x")).await.unwrap();
    }
    // Nothing has run but the responses: two wait, eight did not fit.
    let dropped = setup.records.taken();
    assert_eq!(dropped.len(), 8);
    assert!(dropped.iter().all(|record| record.outcome == Outcome::DroppedQueueFull));
    setup.stop.cancel();
    let drained = worker.await.unwrap();
    assert_eq!(drained.shadow.abandoned + drained.shadow.finished, 2);
    assert_eq!(setup.records.taken().len(), 2);
}

/// Contract 1: readiness is never reserved: a service kept alive under `ConcurrencyLimit(1)` does not block others.
#[tokio::test(start_paused = true)]
async fn nothing_is_reserved_on_the_inner_service() {
    let setup = Setup::new(canary(100));
    let source = setup.source.clone();
    let inner = ConcurrencyLimit::new(
        service_fn(move |query: SearchQuery| {
            let source = source.clone();
            async move { source.search(&query).await }
        }),
        1,
    );
    let mut layered = setup.migration.reads(Typed).layer(inner);
    // PostgreSQL answers; the readied service stays alive.
    layered.ready().await.unwrap().call(SearchQuery::new("x")).await.unwrap();
    layered.ready().await.unwrap();
    let mut other = layered.clone();
    setup.plan.publish(Flags::default()).unwrap();
    let answer =
        tokio::time::timeout(Duration::from_secs(1), async { other.ready().await?.call(SearchQuery::new("x")).await });
    answer.await.expect("the permit is held by a service that does not use it").unwrap();
}

/// Contract 2: the other side is asked while the primary is still at work.
#[tokio::test(start_paused = true)]
async fn both_sides_are_asked_at_the_same_time() {
    let mut setup = Setup::new(shadow(100));
    setup.spawn_worker();
    setup.target.now(Script::Slow(Duration::from_millis(30), IDS.to_vec()));
    setup.source.now(Script::Slow(Duration::from_millis(50), IDS.to_vec()));
    let started = Instant::now();
    setup.service().oneshot(SearchQuery::new("x")).await.unwrap();
    assert_eq!(started.elapsed(), Duration::from_millis(50));
    let record = one(setup.recorded(1).await);
    assert_eq!(record.outcome, Outcome::Compared);
    // One after the other it would have ended at 80 ms.
    assert!(started.elapsed() < Duration::from_millis(55), "{:?}", started.elapsed());
    let latency = |side| record.leg(side).latency.unwrap().as_millis();
    assert_eq!((latency(Side::Meili), latency(Side::Pg)), (50, 30));
    assert_eq!(record.latency_delta_ms().map(f64::round), Some(-20.0));
}

/// Contract 2: a pair that waited too long is no longer concurrent, and is dropped.
#[tokio::test(start_paused = true)]
async fn late_pairs_are_dropped() {
    let policy = ShadowPolicy { concurrency: 1, ..quiet() };
    let mut setup = Setup::with(shadow(100), policy);
    setup.target.now(Script::Slow(Duration::from_millis(150), IDS.to_vec()));
    setup.spawn_worker();
    let service = setup.service();
    for _ in 0..2 {
        service.clone().oneshot(SearchQuery::new("x")).await.unwrap();
    }
    let mut outcomes: Vec<_> = setup.recorded(2).await.iter().map(|record| record.outcome).collect();
    outcomes.sort();
    assert_eq!(outcomes, [Outcome::Compared, Outcome::DroppedLate]);
    assert_eq!(setup.target.asked(), 1);
}

/// Contract 3: every sampled read ends in exactly one outcome, in the log and in the metrics, whatever happens to it.
#[test]
fn every_sampled_read_has_exactly_one_outcome() {
    for seed in 0..40 {
        let recorder = DebuggingRecorder::new();
        let snapshots = recorder.snapshotter();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        let (sent, records) =
            metrics::with_local_recorder(&recorder, || runtime.block_on(sampled_reads_in_trouble(seed)));
        assert_eq!(records.len(), sent, "seed {seed}");
        let counted: u64 = snapshots
            .snapshot()
            .into_vec()
            .into_iter()
            .filter(|(key, ..)| key.key().name() == "shadow_outcomes_total")
            .map(|(.., value)| if let DebugValue::Counter(count) = value { count } else { 0 })
            .sum();
        assert_eq!(counted, sent as u64, "seed {seed}");
        for record in &records {
            let both = record.meili.ids.is_some() && record.pg.ids.is_some();
            assert_eq!(record.overlap_at_10.is_some(), record.outcome == Outcome::Compared, "{record:?}");
            assert!(record.outcome != Outcome::Compared || both, "{record:?}");
        }
    }
}

async fn sampled_reads_in_trouble(seed: u64) -> (usize, Vec<ShadowRecord>) {
    let mut random = StdRng::seed_from_u64(seed);
    let policy = ShadowPolicy { concurrency: 3, queue: 4, noise_share: 0.5, ..Default::default() };
    let flags =
        if random.random() { shadow(100) } else { Flags { shadow_sample_rate: Percent::HUNDRED, ..canary(50) } };
    let mut setup = Setup::with(flags, policy);
    let worker = setup.spawn_worker();
    let service = setup.service();
    let reads = random.random_range(1..60);
    let stop_at = random.random_range(0..120);
    let mut clients = tokio::task::JoinSet::new();
    for read in 0..reads {
        let mut script = |ids: &[&'static str]| match random.random_range(0..7) {
            0 => Script::Fail(BackendErrorKind::Unavailable),
            1 => Script::Slow(Duration::from_millis(random.random_range(0..4000)), ids.to_vec()),
            2 => Script::Panic,
            3 => Script::Fail(BackendErrorKind::InvalidQuery),
            _ => Script::Answer(ids.to_vec()),
        };
        setup.target.now(script(&["a", "z"]));
        // A panic of the service itself is its own affair.
        setup.source.now(match script(&IDS) {
            Script::Panic => Script::Hang,
            script => script,
        });
        let patience = Duration::from_millis(random.random_range(0..3000));
        let read_one = service.clone().oneshot(SearchQuery::new("x").by(format!("u{read}")));
        clients.spawn(tokio::time::timeout(patience, read_one));
        if read == stop_at {
            setup.stop.cancel();
        }
        tokio::time::sleep(Duration::from_millis(random.random_range(0..200))).await;
    }
    while clients.join_next().await.is_some() {}
    setup.stop.cancel();
    worker.await.unwrap();
    (reads, setup.records.taken())
}

/// Contract 3, one by one: what the primary does.
#[tokio::test(start_paused = true)]
async fn outcomes_of_the_primary() {
    let mut setup = Setup::new(shadow(100));
    setup.spawn_worker();
    setup.source.now(Script::Fail(BackendErrorKind::Internal));
    setup.service().oneshot(SearchQuery::new("x")).await.unwrap_err();
    assert_eq!(one(setup.recorded(1).await).outcome, Outcome::PrimaryError);

    setup.source.now(Script::Hang);
    let call = setup.service().oneshot(SearchQuery::new("x"));
    tokio::time::timeout(Duration::from_millis(5), call).await.unwrap_err();
    assert_eq!(one(setup.recorded(1).await).outcome, Outcome::DroppedCancelled);
}

/// Contract 3 and 19: at a stop, what is under way may finish within the deadline, the rest is recorded as given up.
#[tokio::test(start_paused = true)]
async fn a_stop_drains_and_reports() {
    let mut setup = Setup::new(shadow(100));
    let worker = setup.spawn_worker();
    let service = setup.service();
    setup.target.now(Script::Slow(Duration::from_millis(500), IDS.to_vec()));
    service.clone().oneshot(SearchQuery::new("finishes")).await.unwrap();
    until("first pair", || setup.target.asked() == 1).await;
    // It will wait for its primary longer than the drain lasts.
    setup.source.now(Script::Hang);
    let hanging = tokio::spawn(service.clone().oneshot(SearchQuery::new("hangs")));
    until("second pair", || setup.target.asked() == 2).await;
    setup.stop.cancel();
    let drained = worker.await.unwrap();
    assert_eq!((drained.shadow.finished, drained.shadow.abandoned), (1, 1));
    service.oneshot(SearchQuery::new("after")).now_or_hang(&setup).await;
    let outcomes: Vec<_> = setup.records.taken().iter().map(|record| record.outcome).collect();
    assert_eq!(outcomes, [Outcome::Compared, Outcome::DroppedShutdown, Outcome::DroppedShutdown]);
    hanging.abort();
}

trait NowOrHang {
    async fn now_or_hang(self, setup: &Setup);
}

impl<F: Future> NowOrHang for F {
    /// Polls a read whose source hangs: what matters is what was recorded when it set out.
    async fn now_or_hang(self, setup: &Setup) {
        let before = setup.records.len();
        let _ = tokio::time::timeout(Duration::from_millis(1), self).await;
        assert_eq!(setup.records.len(), before + 1);
    }
}

/// Contract 4: when PostgreSQL answers and fails, Meilisearch answers the same request.
#[tokio::test(start_paused = true)]
async fn a_failing_target_falls_back() {
    let scripts = [
        (Script::Fail(BackendErrorKind::Unavailable), Duration::ZERO),
        (Script::Fail(BackendErrorKind::Unsupported), Duration::ZERO),
        (Script::Panic, Duration::ZERO),
        (Script::PanicAtOnce, Duration::ZERO),
        (Script::Hang, Duration::from_secs(1)),
    ];
    for (script, delay) in scripts {
        let setup = Setup::new(canary(100));
        setup.source.now(Script::Answer(vec!["from meili"]));
        setup.target.now(script.clone());
        let started = Instant::now();
        let answer = setup.service().oneshot(SearchQuery::new("x")).await.unwrap();
        assert_eq!(answer, hits(&["from meili"]), "{script:?}");
        assert_eq!((setup.target.asked(), setup.source.asked()), (1, 1));
        assert_eq!(started.elapsed(), delay, "{script:?}");
    }
}

/// Contract 4: both the fallbacks and the reads that the breaker spares are counted with their reason.
#[test]
fn fallbacks_are_counted() {
    let recorder = DebuggingRecorder::new();
    let snapshots = recorder.snapshotter();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    metrics::with_local_recorder(&recorder, || {
        runtime.block_on(async {
            let setup = Setup::new(canary(100));
            setup.target.now(Script::Fail(BackendErrorKind::Unavailable));
            for _ in 0..12 {
                setup.service().oneshot(SearchQuery::new("x")).await.unwrap();
            }
            assert_eq!(setup.target.asked(), 5, "the breaker did not open after five failures");
            assert_eq!(setup.source.asked(), 12);
        });
    });
    let counted: Vec<(String, u64)> = snapshots
        .snapshot()
        .into_vec()
        .into_iter()
        .filter(|(key, ..)| key.key().name() == "read_fallback_total")
        .map(|(key, _, _, value)| {
            let reason = key.key().labels().next().unwrap().value().to_owned();
            (reason, if let DebugValue::Counter(count) = value { count } else { 0 })
        })
        .collect();
    assert!(counted.contains(&("unavailable".into(), 5)), "{counted:?}");
    assert!(counted.contains(&("breaker_open".into(), 7)), "{counted:?}");
}

/// Contract 4: a probe finds out that PostgreSQL is back; queries it cannot express never open the breaker.
#[tokio::test(start_paused = true)]
async fn the_breaker_probes_and_closes() {
    let setup = Setup::new(canary(100));
    let service = setup.service();
    let read = || async { service.clone().oneshot(SearchQuery::new("x")).await.unwrap() };
    setup.target.now(Script::Fail(BackendErrorKind::Unsupported));
    for _ in 0..20 {
        read().await;
    }
    assert_eq!(setup.target.asked(), 20);
    setup.target.now(Script::Fail(BackendErrorKind::Timeout));
    for _ in 0..20 {
        read().await;
    }
    assert_eq!(setup.target.asked(), 25);
    tokio::time::advance(Duration::from_secs(1)).await;
    for _ in 0..5 {
        read().await;
    }
    assert_eq!(setup.target.asked(), 26, "one probe, no more");
    setup.target.now(Script::Answer(vec!["from pg"]));
    tokio::time::advance(Duration::from_secs(2)).await;
    assert_eq!(read().await, hits(&["from pg"]));
    assert_eq!(read().await, hits(&["from pg"]));
}

/// Contract 4: without a current Meilisearch its stale answers are no way out.
#[tokio::test(start_paused = true)]
async fn target_only_never_falls_back() {
    let flags = Flags { write_mode: WriteMode::PgOnly, ..canary(100) };
    let setup = Setup::new(flags);
    setup.target.now(Script::Fail(BackendErrorKind::Unavailable));
    for _ in 0..10 {
        let error = setup.service().oneshot(SearchQuery::new("x")).await.unwrap_err();
        assert_eq!((error.side(), error.kind()), (Side::Pg, BackendErrorKind::Unavailable));
    }
    assert_eq!((setup.source.asked(), setup.target.asked()), (0, 10));
}

/// After cutover the roles are swapped and the comparison goes on.
#[tokio::test(start_paused = true)]
async fn after_cutover_meili_is_compared() {
    let mut setup = Setup::new(Flags { shadow_sample_rate: Percent::HUNDRED, ..canary(100) });
    setup.spawn_worker();
    setup.source.now(Script::Answer(vec!["a"]));
    setup.target.now(Script::Answer(vec!["a", "b"]));
    assert_eq!(setup.service().oneshot(SearchQuery::new("x")).await.unwrap(), hits(&["a", "b"]));
    let record = one(setup.recorded(1).await);
    assert_eq!((record.primary, record.phase, record.outcome), (Side::Pg, Phase::TargetPrimary, Outcome::Compared));
    assert_eq!(record.meili.ids, Some(vec!["a".into()]));
    assert_eq!(record.pg.ids, Some(vec!["a".into(), "b".into()]));
    assert_eq!(record.overlap_at_10, Some(0.5));

    // PostgreSQL fails, Meilisearch stands in: there is nothing to compare Meilisearch's answer with.
    setup.target.now(Script::Fail(BackendErrorKind::Internal));
    assert_eq!(setup.service().oneshot(SearchQuery::new("x")).await.unwrap(), hits(&["a"]));
    assert_eq!(one(setup.recorded(1).await).outcome, Outcome::PrimaryError);
}

/// Contract 6: a request goes by the plan it set out with, though the flags change under it.
#[tokio::test(start_paused = true)]
async fn one_request_sees_one_plan() {
    let mut setup = Setup::new(shadow(100));
    setup.spawn_worker();
    let plan = setup.plan.clone();
    let phases = Arc::new(Mutex::new(Vec::new()));
    let seen = phases.clone();
    let inner = service_fn(move |_: SearchQuery| {
        let plan = plan.clone();
        let seen = seen.clone();
        async move {
            plan.publish(Flags { shadow_sample_rate: Percent::HUNDRED, ..canary(100) }).unwrap();
            seen.lock().unwrap().push(plan.load().phase());
            tokio::time::sleep(Duration::from_millis(10)).await;
            Ok::<_, BackendError>(hits(&IDS))
        }
    });
    let service = setup.migration.reads(Typed).layer(inner);
    service.clone().oneshot(SearchQuery::new("x")).await.unwrap();
    let record = one(setup.recorded(1).await);
    assert_eq!((record.phase, record.primary, record.plan_version), (Phase::Shadow, Side::Meili, 0));
    assert_eq!((setup.source.asked(), setup.target.asked()), (0, 1), "the compared side changed under way");
    // The next request sees the next plan.
    service.oneshot(SearchQuery::new("x")).await.unwrap();
    let record = one(setup.recorded(1).await);
    assert_eq!((record.phase, record.primary, record.plan_version), (Phase::TargetPrimary, Side::Pg, 1));
    assert_eq!(phases.lock().unwrap().as_slice(), [Phase::TargetPrimary]);
}

/// A rollback is in force with the very next request.
#[tokio::test(start_paused = true)]
async fn a_rollback_takes_effect_at_once() {
    let setup = Setup::new(canary(100));
    setup.target.now(Script::Hang);
    let service = setup.service();
    setup.plan.publish(Flags { read_backend: ReadBackend::Meili, ..canary(100) }).unwrap();
    let started = Instant::now();
    service.oneshot(SearchQuery::new("x")).await.unwrap();
    assert_eq!((started.elapsed(), setup.target.asked()), (Duration::ZERO, 0));
}

/// The canary is sticky per reader, grows without swapping anybody out, and does not depend on the sample.
#[tokio::test(start_paused = true)]
async fn the_canary_is_sticky_and_independent_of_the_sample() {
    let mut setup = Setup::with(canary(0), ShadowPolicy { queue: 10_000, concurrency: 64, ..quiet() });
    setup.spawn_worker();
    setup.target.now(Script::Answer(vec!["pg"]));
    setup.source.now(Script::Answer(vec!["meili"]));
    let service = setup.service();
    let mut before: Vec<bool> = vec![false; 2000];
    for percent in [0, 5, 50, 100] {
        let half = Percent::whole(50);
        setup.plan.publish(Flags { shadow_sample_rate: half, ..canary(percent) }).unwrap();
        let mut now = Vec::new();
        for user in 0..2000 {
            let query = SearchQuery::new("x").by(format!("user{user}"));
            let on_pg = |answer: SearchHits| answer == hits(&["pg"]);
            let first = on_pg(service.clone().oneshot(query.clone()).await.unwrap());
            assert_eq!(first, on_pg(service.clone().oneshot(query).await.unwrap()), "user{user} flapped");
            now.push(first);
        }
        let share = now.iter().filter(|on| **on).count() as f64 / 20.0;
        assert!((share - f64::from(percent)).abs() < 4.0, "{share} % instead of {percent} %");
        assert!(before.iter().zip(&now).all(|(before, now)| !before || *now), "a reader was taken back");
        before = now;
        // Under the paused clock this lasts until the worker has nothing left to do.
        tokio::time::sleep(Duration::from_secs(1)).await;
        let records = setup.records.taken();
        // Six standard deviations of a binomial(4000, 0.5).
        assert!((1810..=2190).contains(&records.len()), "{} of 4000 sampled at 50 %", records.len());
        let sampled_on_pg = records.iter().filter(|record| record.primary == Side::Pg).count() as f64;
        // Half of each reader's reads, whichever side answers: the sample has the canary's share.
        let share = 100.0 * sampled_on_pg / records.len() as f64;
        assert!((share - f64::from(percent)).abs() < 6.0, "{share} % of the sample instead of {percent} %");
    }
}

/// An anonymous reader stays on Meilisearch until everybody has left it.
#[tokio::test(start_paused = true)]
async fn anonymous_readers_do_not_flap() {
    let setup = Setup::new(canary(99));
    for _ in 0..200 {
        setup.service().oneshot(SearchQuery::new("x")).await.unwrap();
    }
    assert_eq!(setup.target.asked(), 0);
    setup.plan.publish(canary(100)).unwrap();
    setup.service().oneshot(SearchQuery::new("x")).await.unwrap();
    assert_eq!(setup.target.asked(), 1);
}

/// Off means off: the other side is never asked and nothing is recorded.
#[tokio::test(start_paused = true)]
async fn source_only_never_asks_the_target() {
    let flags = Flags { shadow_sample_rate: Percent::HUNDRED, ..Flags::default() };
    let mut setup = Setup::new(flags);
    setup.spawn_worker();
    for _ in 0..50 {
        setup.service().oneshot(SearchQuery::new("x")).await.unwrap();
    }
    tokio::time::advance(Duration::from_secs(60)).await;
    assert_eq!((setup.target.asked(), setup.source.asked(), setup.records.len()), (0, 50, 0));
}

/// A limit inside the layers still limits.
#[tokio::test(start_paused = true)]
async fn a_limit_on_the_inner_service_still_limits() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let setup = Setup::new(Flags::default());
    let inner = ConcurrencyLimit::new(
        service_fn(move |_: SearchQuery| {
            let counted = counted.clone();
            async move {
                counted.fetch_add(1, Ordering::SeqCst);
                pending::<Result<SearchHits, BackendError>>().await
            }
        }),
        1,
    );
    let service = setup.migration.reads(Typed).layer(inner);
    let first = tokio::spawn(service.clone().oneshot(SearchQuery::new("x")));
    until("first call", || calls.load(Ordering::SeqCst) == 1).await;
    let second = tokio::spawn(service.oneshot(SearchQuery::new("x")));
    tokio::task::yield_now().await;
    assert_eq!(calls.load(Ordering::SeqCst), 1, "the limit was ignored");
    first.abort();
    until("second call", || calls.load(Ordering::SeqCst) == 2).await;
    second.abort();
}

/// A migration that cannot work is refused when it is built.
#[test]
fn sides_are_checked_when_building() {
    let plan = || PlanHandle::fixed(Flags::default());
    let source = Scripted::new(Side::Meili, Script::Hang);
    let target = Scripted::new(Side::Pg, Script::Hang);
    let missing = Migration::builder(plan()).source(source.clone()).build().err().unwrap();
    assert_eq!(missing, BuildError::Missing(Side::Pg));
    assert!(missing.to_string().contains(".target(..)"), "{missing}");
    let swapped = Migration::builder(plan()).source(target).target(source).build().err().unwrap();
    assert_eq!(swapped, BuildError::Swapped { expected: Side::Meili, given: Side::Pg });
}

/// Contract 4: what PostgreSQL is not asked for uses up no probe.
#[tokio::test(start_paused = true)]
async fn a_probe_is_not_wasted_on_what_is_not_asked() {
    let setup = Setup::new(canary(100));
    let service = setup.service();
    let read = || async { service.clone().oneshot(SearchQuery::new("x")).await.unwrap() };
    setup.target.now(Script::Fail(BackendErrorKind::Unavailable));
    for _ in 0..6 {
        read().await;
    }
    tokio::time::advance(Duration::from_secs(1)).await;
    // The probe meets a query that says nothing about the server's health.
    setup.target.now(Script::Fail(BackendErrorKind::InvalidQuery));
    read().await;
    setup.target.now(Script::Answer(vec!["from pg"]));
    assert_eq!(read().await, hits(&["from pg"]), "the next request was not the probe");
}

/// Contract 18: what is measured has the names and labels of the design, side by side, and no label holds user input.
#[test]
fn metrics_of_a_pair_have_their_names_and_sides() {
    let recorder = DebuggingRecorder::new();
    let snapshots = recorder.snapshotter();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    metrics::with_local_recorder(&recorder, || {
        runtime.block_on(async {
            let mut setup = Setup::new(shadow(100));
            setup.spawn_worker();
            setup.source.now(Script::Slow(Duration::from_millis(50), vec!["secret-id"]));
            setup.target.now(Script::Slow(Duration::from_millis(30), vec![]));
            setup.service().oneshot(SearchQuery::new("secret-query").by("secret-user")).await.unwrap();
            setup.recorded(1).await;
        });
    });
    let mut seen = Vec::new();
    for (key, _, _, value) in snapshots.snapshot().into_vec() {
        let labels: Vec<_> = key.key().labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        let value = match value {
            DebugValue::Counter(count) => count as f64,
            DebugValue::Gauge(value) => value.0,
            DebugValue::Histogram(values) => values[0].0.round(),
        };
        seen.push((format!("{}{{{}}}", key.key().name(), labels.join(",")), value));
    }
    seen.sort_by(|a, b| a.0.cmp(&b.0));
    let expected = [
        ("shadow_latency_delta_ms{}", -20.0),
        ("shadow_outcomes_total{outcome=compared}", 1.0),
        ("shadow_overlap_at_10{}", 0.0),
        ("shadow_zero_results_total{side=pg}", 1.0),
    ];
    assert_eq!(seen, expected.map(|(name, value)| (name.to_owned(), value)));
}

/// One companion that panics takes nobody along, and companions stop after the pairs have drained.
#[tokio::test(start_paused = true)]
async fn what_runs_along_is_isolated_and_stops_last() {
    let target = Scripted::new(Side::Pg, Script::Slow(Duration::from_millis(500), IDS.to_vec()));
    let (records, order) = (Records::default(), Arc::new(Mutex::new(Vec::new())));
    let (stored, seen) = (records.clone(), order.clone());
    let (migration, worker) = Migration::builder(PlanHandle::fixed(shadow(100)))
        .source(Scripted::new(Side::Meili, Script::Hang))
        .target(target.clone())
        .shadow_log(records)
        .run_along(|_stop| async { panic!("scripted") })
        .run_along(move |stop| async move {
            stop.cancelled().await;
            seen.lock().unwrap().push(stored.len());
        })
        .build()
        .unwrap();
    let service = migration.reads(Typed).layer(service_fn(|_| async { Ok::<_, BackendError>(hits(&IDS)) }));
    let stop = CancellationToken::new();
    let worker = tokio::spawn(worker.run(stop.clone()));
    service.oneshot(SearchQuery::new("x")).await.unwrap();
    until("the pair is under way", || target.asked() == 1).await;
    stop.cancel();
    assert_eq!(worker.await.unwrap().shadow.finished, 1);
    assert_eq!(*order.lock().unwrap(), [1], "the companion stopped before the pair was recorded");
}
