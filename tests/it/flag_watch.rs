//! A handle that follows the table and the file.

use std::{fs, path::Path, time::Duration};

use crossfade::{
    plan::{FlagFile, Flagging, Phase, Plan, PlanHandle, PlanWatcher},
    store::Store,
    testing::TestPostgres,
};
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use sqlx::{Connection, Executor, PgConnection, query};
use tempfile::TempDir;
use tokio::{
    task::JoinHandle,
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{flag_rules::migrated, proxy::Proxy};

/// A watcher at work. Dropping it stops it.
pub(crate) struct Running {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    pub(crate) fn start(watcher: PlanWatcher) -> Self {
        let stop = CancellationToken::new();
        Self { task: tokio::spawn(watcher.run(stop.clone())), stop }
    }

    pub(crate) async fn stop(self) {
        self.stop.cancel();
        timeout(Duration::from_secs(5), self.task).await.unwrap().unwrap();
    }
}

/// Waits until the plan is as wanted; says what it was when it never is.
pub(crate) async fn until(plan: &PlanHandle, what: &str, wanted: impl Fn(&Plan) -> bool) -> Duration {
    let begun = Instant::now();
    while !wanted(&plan.load()) {
        assert!(begun.elapsed() < Duration::from_secs(20), "never {what}: {:?}", plan.load());
        tokio::time::sleep(Duration::from_micros(200)).await;
    }
    begun.elapsed()
}

async fn until_phase(plan: &PlanHandle, phase: Phase) -> Duration {
    until(plan, phase.as_str(), |plan| plan.phase() == phase).await
}

/// Recorded on this thread: the tests run on one.
pub(crate) struct Metrics {
    snapshotter: Snapshotter,
    seen: std::cell::RefCell<std::collections::BTreeMap<String, f64>>,
    _guard: metrics::LocalRecorderGuard<'static>,
}

impl Metrics {
    pub(crate) fn record() -> Self {
        let recorder: &'static DebuggingRecorder = Box::leak(Box::default());
        let guard = metrics::set_default_local_recorder(recorder);
        Self { snapshotter: recorder.snapshotter(), seen: Default::default(), _guard: guard }
    }

    /// `name{label=value,…}` as it stands; 0 when never recorded. A snapshot takes counters away, hence the sum.
    pub(crate) fn value(&self, series: &str) -> f64 {
        for (key, _, _, value) in self.snapshotter.snapshot().into_vec() {
            let labels: Vec<String> =
                key.key().labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
            let name = format!("{}{{{}}}", key.key().name(), labels.join(","));
            let mut seen = self.seen.borrow_mut();
            match value {
                DebugValue::Counter(count) => *seen.entry(name).or_default() += count as f64,
                DebugValue::Gauge(value) => *seen.entry(name).or_default() = value.into_inner(),
                DebugValue::Histogram(_) => {}
            }
        }
        self.seen.borrow().get(series).copied().unwrap_or_default()
    }

    fn rejected(&self, reason: &str) -> f64 {
        self.value(&format!("plan_rejected_total{{reason={reason}}}"))
    }
}

fn write(path: &Path, text: &str) {
    let beside = path.with_extension("new");
    fs::write(&beside, text).unwrap();
    fs::rename(beside, path).unwrap();
}

fn file_in(directory: &TempDir) -> std::path::PathBuf {
    directory.path().join("flags.toml")
}

/// So long that a test which passes did not live from the poll.
const NEVER: Duration = Duration::from_secs(600);

#[tokio::test]
async fn a_change_reaches_every_handle_within_100_ms() {
    let (database, store) = migrated().await;
    store.flags().set("search_write_mode", "dual", "test", "").await.unwrap();
    // Two replicas.
    let (mut plans, mut running) = (Vec::new(), Vec::new());
    let mut psql = PgConnection::connect(database.url()).await.unwrap();
    let mut listens = 0;
    for _ in 0..2 {
        let replica = Store::connect(database.url(), "cn_search").await.unwrap();
        let table = replica.flags().watch().poll_every(NEVER);
        let (plan, watcher) = PlanHandle::watch(Flagging::new().table(table)).await;
        assert_eq!(plan.load().phase(), Phase::DualWrite);
        plans.push(plan);
        running.push(Running::start(watcher));
        // The first change waits for the watchers to listen.
        let (begun, before) = (Instant::now(), listens);
        while listens == before {
            assert!(begun.elapsed() < Duration::from_secs(20), "the second one does not listen");
            listens = listening(&mut psql).await;
        }
    }
    let mut took = Vec::new();
    for n in 0..50_u32 {
        let rate = format!("{}", n % 100 + 1);
        if n % 2 == 0 {
            store.flags().set("shadow_sample_rate", &rate, "test", "").await.unwrap();
        } else {
            query("UPDATE cn_search.runtime_flags SET flag_value = $1 WHERE flag_name = 'shadow_sample_rate'")
                .bind(&rate)
                .execute(&mut psql)
                .await
                .unwrap();
        }
        let begun = Instant::now();
        for plan in &plans {
            until(plan, &rate, |plan| plan.flags.shadow_sample_rate.to_string() == rate).await;
        }
        took.push(begun.elapsed());
    }
    took.sort();
    println!("from the commit to both handles, 50 changes: p50 {:?}, p99 {:?}", took[24], took[49]);
    // Nine in ten, because other tests share the processors.
    assert!(took[44] < Duration::from_millis(100), "{took:?}");
    for running in running {
        running.stop().await;
    }
}

async fn listening(psql: &mut PgConnection) -> i32 {
    let begun = Instant::now();
    loop {
        let found = sqlx::query_scalar(
            "SELECT pid FROM pg_stat_activity
             WHERE datname = current_database() AND application_name = 'crossfade flags'
                -- It listens, and has read the table after that.
                AND query LIKE 'SELECT revision, target_stale%' AND state = 'idle'
             ORDER BY backend_start DESC LIMIT 1",
        );
        if let Some(pid) = found.fetch_optional(&mut *psql).await.unwrap() {
            return pid;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "nobody listens");
    }
}

/// Waits until the watcher on this connection has begun another read.
async fn next_read(psql: &mut PgConnection, watcher: i32) {
    let (begun, mut first) = (Instant::now(), None);
    loop {
        let at = sqlx::query_scalar("SELECT query_start::text FROM pg_stat_activity WHERE pid = $1").bind(watcher);
        let at: Option<String> = at.fetch_one(&mut *psql).await.unwrap();
        if first.get_or_insert_with(|| at.clone()) != &at {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "nobody reads");
    }
}

#[tokio::test]
async fn a_lost_notification_is_found_by_the_poll_and_listening_resumes() {
    let metrics = Metrics::record();
    let (database, store) = migrated().await;
    let source = store.flags().watch().poll_every(Duration::from_millis(300));
    let (plan, watcher) = PlanHandle::watch(Flagging::new().table(source)).await;
    let running = Running::start(watcher);
    let mut psql = PgConnection::connect(database.url()).await.unwrap();
    let before = listening(&mut psql).await;
    // Preparing the first read shows in the same way as having read: only after further ones it is a poll for certain.
    for _ in 0..2 {
        next_read(&mut psql, before).await;
    }
    // A change that nobody is told of.
    psql.execute("SET session_replication_role = replica").await.unwrap();
    psql.execute("INSERT INTO cn_search.runtime_flags VALUES ('search_write_mode', 'dual', now(), 'test')")
        .await
        .unwrap();
    psql.execute("UPDATE cn_search.flag_state SET write_mode = 'dual'; RESET session_replication_role").await.unwrap();
    println!("found by the poll in {:?}", until_phase(&plan, Phase::DualWrite).await);
    assert_eq!(metrics.value("plan_found_by_poll_total{}"), 1.0);

    query("SELECT pg_terminate_backend($1)").bind(before).execute(&mut psql).await.unwrap();
    let begun = Instant::now();
    while listening(&mut psql).await == before {
        assert!(begun.elapsed() < Duration::from_secs(20), "the connection was not cut");
    }
    store.flags().set("shadow_sample_rate", "5", "test", "").await.unwrap();
    let took = until_phase(&plan, Phase::Shadow).await;
    println!("after listening again: {took:?}");
    running.stop().await;
}

/// Cut off without a word, as by a lost route: the connection that listens does not notice by itself.
#[tokio::test]
async fn a_listening_connection_that_fell_silent_is_replaced() {
    let metrics = Metrics::record();
    let (database, store) = migrated().await;
    let proxy = Proxy::before(database.url()).await;
    let behind = Store::connect(proxy.url(), "cn_search").await.unwrap();
    let source = behind.flags().watch().poll_every(Duration::from_millis(100));
    let (plan, watcher) = PlanHandle::watch(Flagging::new().table(source)).await;
    let running = Running::start(watcher);
    let until_listening = async |wanted: f64| {
        let begun = Instant::now();
        while metrics.value("plan_listening{}") != wanted {
            assert!(begun.elapsed() < Duration::from_secs(20), "plan_listening is never {wanted}");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    until_listening(1.0).await;
    let mut psql = PgConnection::connect(database.url()).await.unwrap();
    let before = listening(&mut psql).await;
    assert!(proxy.freeze_listeners());
    until_listening(0.0).await;
    until_listening(1.0).await;
    // The server does not know yet that the first one is cut off.
    let begun = Instant::now();
    while listening(&mut psql).await == before {
        assert!(begun.elapsed() < Duration::from_secs(20), "nothing new listens");
    }
    store.flags().set("search_write_mode", "dual", "test", "").await.unwrap();
    until_phase(&plan, Phase::DualWrite).await;
    running.stop().await;
}

#[tokio::test]
async fn with_the_table_down_nothing_changes_but_the_gauge_and_the_file_still_rolls_back() {
    let metrics = Metrics::record();
    let mut server = TestPostgres::private().await.unwrap();
    let database = server.create_database().await.unwrap();
    let store = Store::connect(database.url(), "cn_search").await.unwrap();
    store.migrate().await.unwrap();
    let flags = store.flags();
    flags.set("search_write_mode", "dual", "test", "").await.unwrap();
    flags.set("search_read_backend", "pg", "test", "").await.unwrap();
    let directory = TempDir::new().unwrap();
    let file = FlagFile::new(file_in(&directory)).poll_every(NEVER);
    let table = flags.watch().poll_every(Duration::from_millis(50));
    let (plan, watcher) = PlanHandle::watch(Flagging::new().table(table).file(file)).await;
    let running = Running::start(watcher);
    assert_eq!(plan.load().phase(), Phase::TargetPrimary);
    let version = plan.load().version;
    assert_eq!(metrics.value("plan_info{phase=target_primary,write_mode=dual,read_backend=pg}"), 1.0);

    server.stop().await.unwrap();
    let mut ages = Vec::new();
    let begun = Instant::now();
    while ages.len() < 3 {
        assert!(begun.elapsed() < Duration::from_secs(30), "the gauge does not grow: {ages:?}");
        let age = metrics.value("plan_stale_seconds{}");
        if age > ages.last().copied().unwrap_or_default() {
            ages.push(age);
        }
        tokio::task::yield_now().await;
    }
    assert_eq!((plan.load().version, plan.load().phase()), (version, Phase::TargetPrimary));

    // Reads first, then the brake: both by file alone.
    write(&file_in(&directory), "search_read_backend = 'meili'");
    println!("rolled back by file in {:?}", until_phase(&plan, Phase::DualWrite).await);
    write(&file_in(&directory), "search_write_mode = 'meili_only'");
    until_phase(&plan, Phase::SourceOnly).await;
    assert!(plan.load().target_stale);
    assert_eq!(metrics.value("plan_info{phase=target_primary,write_mode=dual,read_backend=pg}"), 0.0);

    // The override ends before the table is back: the mark is held here, so reads may not return.
    fs::remove_file(file_in(&directory)).unwrap();
    until_counted(&metrics, "target_stale").await;
    assert_eq!(plan.load().phase(), Phase::SourceOnly);

    // The table comes back, and is told.
    server.restart().await.unwrap();
    until_phase(&plan, Phase::DualWrite).await;
    let stored = flags.read().await.unwrap();
    assert_eq!((stored.target_stale, stored.reading().texts["search_read_backend"].as_str()), (true, "meili"));
    until(&plan, "stale as the table says", |plan| plan.target_stale).await;
    flags.clear_stale("test", "repaired").await.unwrap();
    until(&plan, "cleared", |plan| !plan.target_stale).await;
    assert_eq!(metrics.value("plan_stale_seconds{}"), 0.0);
    running.stop().await;
}

/// A replica that started while the table was away wrote to Meilisearch alone: the table gets to know.
#[tokio::test]
async fn a_start_on_the_defaults_marks_the_target_when_the_table_is_back() {
    let mut server = TestPostgres::private().await.unwrap();
    let database = server.create_database().await.unwrap();
    let store = Store::connect(database.url(), "cn_search").await.unwrap();
    store.migrate().await.unwrap();
    let flags = store.flags();
    flags.set("search_write_mode", "dual", "test", "").await.unwrap();
    flags.set("search_read_backend", "pg", "test", "").await.unwrap();
    server.stop().await.unwrap();
    let table = flags.watch().poll_every(Duration::from_millis(50));
    let (plan, watcher) = PlanHandle::watch(Flagging::new().table(table)).await;
    let running = Running::start(watcher);
    assert_eq!(plan.load().phase(), Phase::SourceOnly);
    server.restart().await.unwrap();
    until(&plan, "stale and written again", |plan| plan.phase() == Phase::DualWrite && plan.target_stale).await;
    let begun = Instant::now();
    while !flags.read().await.is_ok_and(|stored| stored.target_stale) {
        assert!(begun.elapsed() < Duration::from_secs(20), "the table was never told");
    }
    running.stop().await;
}

/// Under `pg_only` the table cannot take the mark: that is told, once, and not taken for an outage.
#[tokio::test]
async fn a_mark_that_the_table_refuses_is_counted_once() {
    let metrics = Metrics::record();
    let (_database, store) = migrated().await;
    let flags = store.flags();
    flags.set("search_write_mode", "dual", "test", "").await.unwrap();
    flags.set("search_read_backend", "pg", "test", "").await.unwrap();
    let directory = TempDir::new().unwrap();
    let last_good = directory.path().join("last_good.json");
    // The brake by file, as a process left it that ended before it could tell the table.
    let kept = r#"{"plan": {}, "target_stale": true, "mode_from_file": true, "mark_pending": true, "table": null}"#;
    fs::write(&last_good, kept).unwrap();
    write(&file_in(&directory), "search_write_mode = 'meili_only'");
    flags.set("search_write_mode", "pg_only", "test", "").await.unwrap();
    let table = flags.watch().poll_every(Duration::from_millis(5));
    let flagging = Flagging::new().table(table).file(FlagFile::new(file_in(&directory))).last_good(last_good);
    let (plan, watcher) = PlanHandle::watch(flagging).await;
    let running = Running::start(watcher);
    until_counted(&metrics, "meili_reads_need_meili_writes").await;
    assert!(plan.load().target_stale);
    // The table is asked again with every poll; as soon as it may, it takes the mark.
    flags.set("search_write_mode", "dual", "test", "").await.unwrap();
    let begun = Instant::now();
    while !flags.read().await.unwrap().target_stale {
        assert!(begun.elapsed() < Duration::from_secs(20), "the table was never told");
    }
    assert_eq!(metrics.rejected("meili_reads_need_meili_writes"), 1.0);
    running.stop().await;
}

async fn until_counted(metrics: &Metrics, reason: &str) {
    let begun = Instant::now();
    while metrics.rejected(reason) == 0.0 {
        assert!(begun.elapsed() < Duration::from_secs(20), "{reason} is not counted");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn a_bad_file_is_refused_as_a_whole_and_counted_once() {
    let metrics = Metrics::record();
    let directory = TempDir::new().unwrap();
    let path = file_in(&directory);
    write(&path, "search_write_mode = 'dual'\nshadow_sample_rate = 5");
    let file = FlagFile::new(&path).poll_every(Duration::from_millis(5));
    let (plan, watcher) = PlanHandle::watch(Flagging::new().file(file)).await;
    let running = Running::start(watcher);
    let good = plan.load();
    assert_eq!(good.phase(), Phase::Shadow);
    for (reason, text) in [
        ("malformed", "shadow_sample_rate = 50\nsearch_write_mode"),
        ("unknown_flag", "shadow_sample_rate = 50\nsearch_mode = 'dual'"),
        ("bad_value", "search_write_mode = 'dual'\nshadow_sample_rate = 101"),
        (
            "pg_only_needs_all_readers",
            "search_write_mode = 'pg_only'\nsearch_read_backend = 'pg'\nsearch_read_pg_percent = 99",
        ),
        ("meili_reads_need_meili_writes", "search_write_mode = 'pg_only'"),
    ] {
        write(&path, text);
        until_counted(&metrics, reason).await;
        assert_eq!(plan.load(), good, "after {reason}");
    }
    write(&path, "search_write_mode = 'dual'\nshadow_sample_rate = 7");
    until(&plan, "7 %", |plan| plan.flags.shadow_sample_rate.to_string() == "7").await;
    for reason in ["malformed", "unknown_flag", "bad_value", "pg_only_needs_all_readers"] {
        assert_eq!(metrics.rejected(reason), 1.0, "{reason}");
    }
    running.stop().await;
}

/// A whole service life: a bad file at the start does not take the table's plan away.
#[tokio::test]
async fn a_start_with_a_bad_file_goes_on_with_the_table() {
    let metrics = Metrics::record();
    let (_database, store) = migrated().await;
    store.flags().set("search_write_mode", "dual", "test", "").await.unwrap();
    let directory = TempDir::new().unwrap();
    for (reason, text) in [("malformed", "?"), ("meili_reads_need_meili_writes", "search_write_mode = 'pg_only'")] {
        write(&file_in(&directory), text);
        let flagging = Flagging::new().table(store.flags().watch()).file(FlagFile::new(file_in(&directory)));
        let (plan, _watcher) = PlanHandle::watch(flagging).await;
        assert_eq!((plan.load().phase(), metrics.rejected(reason)), (Phase::DualWrite, 1.0));
    }
}

/// Every way in which a file is replaced in practice.
#[tokio::test]
async fn the_file_is_followed_however_it_is_written() {
    let directory = TempDir::new().unwrap();
    let path = file_in(&directory);
    let (plan, watcher) = PlanHandle::watch(Flagging::new().file(FlagFile::new(&path).poll_every(NEVER))).await;
    let running = Running::start(watcher);

    fs::write(&path, "search_write_mode = 'dual'").unwrap();
    println!("created: {:?}", until_phase(&plan, Phase::DualWrite).await);
    fs::write(&path, "search_write_mode = 'dual'\nshadow_sample_rate = 1").unwrap();
    println!("written in place: {:?}", until_phase(&plan, Phase::Shadow).await);
    write(&path, "search_write_mode = 'dual'\nsearch_read_backend = 'pg'");
    println!("renamed over: {:?}", until_phase(&plan, Phase::TargetPrimary).await);
    fs::remove_file(&path).unwrap();
    println!("deleted: {:?}", until_phase(&plan, Phase::SourceOnly).await);
    assert!(plan.load().target_stale);

    // A Kubernetes volume: the file is a link into `..data`, itself a link that is swapped.
    for (version, text) in
        [("1", "search_write_mode = 'dual'"), ("2", "search_write_mode = 'dual'\nshadow_sample_rate = 3")]
    {
        fs::create_dir(directory.path().join(version)).unwrap();
        fs::write(directory.path().join(version).join("flags.toml"), text).unwrap();
    }
    let link = |to: &str, at: &str| std::os::unix::fs::symlink(to, directory.path().join(at)).unwrap();
    link("1", "..data");
    link("..data/flags.toml", "flags.toml");
    until_phase(&plan, Phase::DualWrite).await;
    link("2", "..data_new");
    fs::rename(directory.path().join("..data_new"), directory.path().join("..data")).unwrap();
    println!("volume swapped: {:?}", until_phase(&plan, Phase::Shadow).await);
    running.stop().await;
}

#[tokio::test]
async fn a_start_without_the_table_goes_on_with_the_last_good_plan_or_the_defaults() {
    let metrics = Metrics::record();
    let mut server = TestPostgres::private().await.unwrap();
    let database = server.create_database().await.unwrap();
    let store = Store::connect(database.url(), "cn_search").await.unwrap();
    store.migrate().await.unwrap();
    store.flags().set("search_write_mode", "dual", "test", "").await.unwrap();
    let directory = TempDir::new().unwrap();
    let last_good = directory.path().join("last_good.json");
    let flagging = || {
        let down = Store::connect_lazy(database.url(), "cn_search").unwrap();
        Flagging::new().table(down.flags().watch()).file(FlagFile::new(file_in(&directory)))
    };
    let (plan, _) = PlanHandle::watch(flagging().last_good(&last_good)).await;
    assert_eq!(plan.load().phase(), Phase::DualWrite);
    server.stop().await.unwrap();

    let (plan, _) = PlanHandle::watch(flagging().last_good(&last_good)).await;
    assert_eq!(plan.load().phase(), Phase::DualWrite);
    assert_eq!(metrics.value("plan_fallback_total{from=last_good}"), 1.0);

    let (plan, _) = PlanHandle::watch(flagging()).await;
    assert_eq!(plan.load().phase(), Phase::SourceOnly);
    assert_eq!(metrics.value("plan_fallback_total{from=defaults}"), 1.0);

    // The brake pulled by file during the outage outlives the process, and reaches the table in the end.
    write(&file_in(&directory), "search_write_mode = 'meili_only'");
    let (plan, _) = PlanHandle::watch(flagging().last_good(&last_good)).await;
    assert_eq!((plan.load().phase(), plan.load().target_stale), (Phase::SourceOnly, true));
    fs::remove_file(file_in(&directory)).unwrap();
    server.restart().await.unwrap();
    let (_plan, watcher) = PlanHandle::watch(flagging().last_good(&last_good)).await;
    let running = Running::start(watcher);
    let begun = Instant::now();
    while !store.flags().read().await.is_ok_and(|stored| stored.target_stale) {
        assert!(begun.elapsed() < Duration::from_secs(20), "the table was never told");
    }
    running.stop().await;

    // A cache that is damaged is as good as none.
    fs::write(&last_good, "{").unwrap();
    server.stop().await.unwrap();
    let (plan, _) = PlanHandle::watch(flagging().last_good(&last_good)).await;
    assert_eq!(plan.load().phase(), Phase::SourceOnly);
}
