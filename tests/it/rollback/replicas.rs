//! What replicas tell of their flags and of the reads that PostgreSQL is to answer.

use std::time::Duration;

use crossfade::{
    codec::Typed,
    error::{BackendErrorKind, Side},
    migration::Migration,
    plan::{Flags, Plan, PlanHandle},
    search::SearchQuery,
    store::{PgReads, Replica, ReplicaReport, Replicas, Store},
};
use jiff::{Timestamp, ToSpan};
use sqlx::{Connection, Executor, PgConnection};
use tokio_util::sync::CancellationToken;
use tower::{Layer, ServiceExt, service_fn};

use crate::{
    flag_rules::migrated,
    support::{Script, Scripted, canary, hits},
};

fn reads(answered: u64, failed: u64, held_back: u64, unfit: u64) -> PgReads {
    PgReads { answered, failed, held_back, unfit, ..PgReads::default() }
}

fn report(replica: &str, plan: Plan, reads: PgReads) -> ReplicaReport {
    ReplicaReport {
        replica: replica.to_owned(),
        host: "here".to_owned(),
        plan,
        revision: 7,
        reads,
        reads_before: PgReads::default(),
        journal: None,
        write: None,
        every: Duration::from_secs(60),
    }
}

async fn tally(replicas: &Replicas, since: Timestamp) -> (u64, [u64; 4]) {
    let tally = replicas.read_tally(since).await.unwrap();
    assert_eq!(tally.wanted, tally.answered + tally.fallbacks);
    (tally.wanted, [tally.answered, tally.failed, tally.held_back, tally.unfit])
}

async fn only(store: &Store) -> Replica {
    let mut all = store.replicas().all().await.unwrap();
    assert_eq!(all.len(), 1);
    all.remove(0)
}

#[tokio::test]
async fn reads_are_counted_once_however_often_they_are_reported() {
    let (database, store) = migrated().await;
    let replicas = store.replicas();
    let hour_ago = Timestamp::now() - 1.hours();
    let plan = Plan::new(Flags::default());
    replicas.report(&report("r1", plan, reads(10, 1, 2, 3))).await.unwrap();
    assert_eq!(tally(&replicas, hour_ago).await, (16, [10, 1, 2, 3]));
    // Its answer was lost, so it is made again.
    replicas.report(&report("r1", plan, reads(10, 1, 2, 3))).await.unwrap();
    assert_eq!(tally(&replicas, hour_ago).await, (16, [10, 1, 2, 3]));
    replicas.report(&report("r1", plan, reads(15, 1, 2, 4))).await.unwrap();
    // Another process, and one that started anew, under another name.
    replicas.report(&report("r2", plan, reads(5, 0, 0, 0))).await.unwrap();
    assert_eq!(tally(&replicas, hour_ago).await, (27, [20, 1, 2, 4]));
    // Somebody forgets a process that lives: it knows what it had told.
    replicas.forget("r1").await.unwrap();
    let again = ReplicaReport { reads_before: reads(15, 1, 2, 4), ..report("r1", plan, reads(16, 1, 2, 4)) };
    replicas.report(&again).await.unwrap();
    assert_eq!(tally(&replicas, hour_ago).await, (28, [21, 1, 2, 4]));

    // By window.
    let mut psql = PgConnection::connect(database.url()).await.unwrap();
    psql.execute("UPDATE cn_search.read_tallies SET minute = minute - INTERVAL '2 hours' WHERE replica = 'r2'")
        .await
        .unwrap();
    assert_eq!(tally(&replicas, hour_ago).await, (23, [16, 1, 2, 4]));
    assert_eq!(tally(&replicas, Timestamp::now() - 3.hours()).await.0, 28);
}

#[tokio::test]
async fn a_replica_follows_the_table_when_every_flag_and_mark_is_the_same() {
    let (_database, store) = migrated().await;
    let flags = store.flags();
    for (flag, value) in
        [("search_write_mode", "dual"), ("search_read_pg_percent", "2.50"), ("search_read_backend", "pg")]
    {
        flags.set(flag, value, "ann", "").await.unwrap();
    }
    let stored = flags.read().await.unwrap();
    let plan = stored.plan().unwrap();
    let follows = async |plan: Plan| {
        store.replicas().report(&report("r1", plan, PgReads::default())).await.unwrap();
        only(&store).await.follows(&stored)
    };
    assert!(follows(plan).await);
    assert!(follows(Plan { version: 99, ..plan }).await);
    // As by a local file, or before it has heard.
    for other in [
        Flags { read_backend: Default::default(), ..plan.flags },
        Flags { read_pg_percent: "2.5001".parse().unwrap(), ..plan.flags },
        Flags { shadow_sample_rate: "1".parse().unwrap(), ..plan.flags },
        Flags { write_mode: Default::default(), ..plan.flags },
    ] {
        assert!(!follows(Plan { flags: other, ..plan }).await, "{other:?}");
    }
    assert!(!follows(Plan { target_stale: true, ..plan }).await);
    assert!(!follows(Plan { latched: true, ..plan }).await);
}

/// A process with readers on PostgreSQL, through all of it: layers, tally, heartbeat, table.
#[tokio::test]
async fn a_process_tells_what_became_of_its_reads() {
    let (database, store) = migrated().await;
    let mut psql = PgConnection::connect(database.url()).await.unwrap();
    psql.execute(
        "INSERT INTO cn_search.read_tallies SELECT 'gone', now() - make_interval(days => age), 1, 0, 0, 0
         FROM generate_series(13, 15) AS age",
    )
    .await
    .unwrap();
    let target = Scripted::new(Side::Pg, Script::Answer(vec!["a"]));
    let (migration, worker) = Migration::builder(PlanHandle::fixed(canary(100)))
        .source(Scripted::new(Side::Meili, Script::Answer(vec!["a"])))
        .target(target.clone())
        .read_deadline(Duration::from_millis(20))
        .heartbeat(&store)
        .build()
        .unwrap();
    let stop = CancellationToken::new();
    let worker = tokio::spawn(worker.run(stop.clone()));
    let inner = service_fn(|_: SearchQuery| async { Ok::<_, crossfade::error::BackendError>(hits(&["a"])) });
    let service = migration.reads(Typed).layer(inner);
    let ask = || service.clone().oneshot(SearchQuery::new("q"));
    let told = async |what: &str, expected: [i64; 3]| {
        let begun = tokio::time::Instant::now();
        loop {
            if let [replica] = &store.replicas().all().await.unwrap()[..]
                && [replica.answered, replica.fallbacks, replica.under_way] == expected
            {
                return replica.clone();
            }
            assert!(begun.elapsed() < Duration::from_secs(20), "never told: {what}");
        }
    };
    let before = told("nothing yet", [0, 0, 0]).await;
    assert_eq!((before.answered_at, before.reads_meili()), (None, false));

    ask().await.unwrap();
    target.now(Script::Fail(BackendErrorKind::Unsupported));
    ask().await.unwrap();
    // It fails until the breaker opens, and is then not asked.
    target.now(Script::Hang);
    for _ in 0..7 {
        ask().await.unwrap();
    }
    let after = told("all of it", [1, 8, 0]).await;
    assert!(after.answered_seconds.unwrap() < 60.0, "{after:?}");
    let sums = tally(&store.replicas(), Timestamp::now() - 1.hours()).await;
    assert_eq!(sums, (9, [1, 5, 2, 1]));
    // What is older than two weeks has been forgotten.
    let old = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM cn_search.read_tallies WHERE replica = 'gone'");
    assert_eq!(old.fetch_one(&mut psql).await.unwrap(), 1);
    stop.cancel();
    worker.await.unwrap();
    assert_eq!(store.replicas().all().await.unwrap(), [], "it stays in the list");
}
