//! The whole worker: from the journal to PostgreSQL, and what Meilisearch has accepted followed to its end.

use std::{
    future::ready,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use crossfade::{
    document::Version,
    dual_write::{self, DualWritePolicy, WritesDrained},
    error::Side,
    journal::{Deed, Intent, Journal, JournalOptions, Mark, Outcome, sqlite::SqliteJournal},
    plan::{Flags, PlanHandle, WriteMode},
    write::{Action, TaskId},
};
use sqlx::{Connection, PgConnection};

use crate::{
    report::{Budget, verdict},
    sides::{self, AllDone, INDEX, Postgres},
    target,
};

/// Documents of one statement of the plain loop, and of one append.
const BATCH: usize = 1000;
/// The worker and the plain loop take turns, so that the table is as large for the one as for the other.
const ROUNDS: usize = 5;

/// Fills a journal with writes that Meilisearch has accepted, each by a task of its own, and lets the worker empty it.
pub async fn throughput(whole: bool) {
    let round = if whole { 20_000 } else { BATCH };
    let postgres = Postgres::start().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("worker.db");
    let journal = open(&path).await;
    let mut connection = PgConnection::connect(postgres.database.url()).await.unwrap();
    let (mut worked, mut plain) = (Duration::ZERO, Duration::ZERO);
    // The first, short round of each is not counted.
    for number in 0..=ROUNDS {
        let length = if number == 0 { BATCH } else { round };
        fill(&journal, number * round, length).await;
        let took = work(&journal, &postgres).await;
        let batches = target::batches("p", number, length, 1);
        let inserted = target::insert(&mut connection, &batches, number * round).await;
        if number > 0 {
            worked += took;
            plain += inserted;
        }
    }
    let stand: i64 = sqlx::query_scalar("SELECT count(*) FROM cn_search.search_documents WHERE NOT deleted")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(stand as usize, 2 * (ROUNDS * round + BATCH), "all of them came to stand");
    let documents = ROUNDS * round;
    let rate = |took: Duration| documents as f64 / took.as_secs_f64();
    let details = format!("{documents} documents of 200 bytes, both duties done; no text index");
    verdict("worker: documents to PostgreSQL", rate(worked), "/s", Budget::AtLeast(10_000.0), &details);
    let details = format!("plain INSERT ... SELECT unnest, {BATCH} a commit, one connection: {:.0}/s", rate(plain));
    verdict("worker: of a plain loop's rate", rate(worked) / rate(plain), "x", Budget::AtLeast(0.5), &details);
}

async fn open(path: &Path) -> Arc<SqliteJournal> {
    Arc::new(SqliteJournal::open(path, JournalOptions::default()).await.unwrap())
}

async fn fill(journal: &Arc<SqliteJournal>, first: usize, length: usize) {
    let intent = |n: usize| {
        let id = format!("d{:08}", n.wrapping_mul(2_654_435_761) % 100_000_007);
        let deed = Deed::Change(Action::Put(sides::document(&id, n)));
        let version = Version(n as i64 + 1);
        Intent { index: INDEX.into(), id: id.into(), version, explicit: false, deed, authority: Side::Meili }
    };
    for from in (first..first + length).step_by(BATCH) {
        let intents: Vec<Intent> = (from..from + BATCH).map(intent).collect();
        let seqs = journal.append(&intents, Outcome::Asked).await.unwrap();
        let mark = |(n, seq)| Mark { seq, outcome: Outcome::Accepted(Some(TaskId(n))), document: None };
        let marks: Vec<Mark> = (from as u64..).zip(seqs).map(mark).collect();
        assert!(journal.resolve(&marks).await.unwrap().is_empty());
    }
}

/// How long the worker takes until the journal is empty.
async fn work(journal: &Arc<SqliteJournal>, postgres: &Postgres) -> Duration {
    let plan = PlanHandle::fixed(Flags { write_mode: WriteMode::Dual, ..Flags::default() });
    let policy = DualWritePolicy { drain: Duration::from_secs(600), ..DualWritePolicy::default() };
    let target = Arc::new(postgres.writer.clone());
    let (_writes, worker) = dual_write::pair(plan, journal.clone(), Arc::new(AllDone), target, policy);
    let begun = Instant::now();
    let left = worker.run(ready(())).await;
    let took = begun.elapsed();
    assert_eq!(left, WritesDrained { pending: Some(0) });
    assert_eq!(journal.status().await.unwrap().dead_letters, 0);
    took
}
