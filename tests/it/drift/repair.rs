//! What a repair does.

use std::{
    collections::BTreeMap,
    env,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use crossfade::{
    backend::{
        postgres::PostgresWriter,
        write::{Applied, Replacement, Standing, Swept, TargetWrite, TargetWriter, Writer, WrittenBy},
    },
    document::{Document, DocumentId, Version},
    drift::{DriftKind, DriftPass},
    error::{BackendError, Side},
    search::FilterInput,
};
use futures_util::future::BoxFuture;
use serde_json::json;
use tokio::time::Instant;

use super::ground::{Ground, PLANTED, Plant, fields, listed};

/// As many documents as `CROSSFADE_DRIFT_DOCUMENTS` says, one in a hundred of which differs in each way.
fn large() -> Plant {
    let documents = env::var("CROSSFADE_DRIFT_DOCUMENTS").ok().and_then(|documents| documents.parse().ok());
    let documents: usize = documents.unwrap_or(5000);
    Plant::of_each(documents - documents / 100 * 4, documents / 100)
}

async fn found_and_repaired(authority: Side) {
    let plant = large();
    let ground = Ground::new(plant).await;
    // Of half of the rows another side has been the one that decided.
    let rows = plant.differing().into_iter().filter(|(_, kind)| *kind != DriftKind::Missing);
    let marked: Vec<String> = rows.map(|(id, _)| id).step_by(2).collect();
    ground.mark(&marked, authority.other()).await;
    let known = plant.differing().into_keys().filter(|id| !id.starts_with("missing"));
    let other: Vec<String> = known.filter(|id| !marked.contains(id)).collect();
    ground.mark(&other, authority).await;

    let began = Instant::now();
    let report = ground.repair(authority).run(|_| {}).await.unwrap();
    println!(
        "{} documents: found and repaired in {:?} (check {:.2} s)",
        plant.alike,
        began.elapsed(),
        report.check.seconds
    );
    assert_eq!(report.check.counts, plant.counts());
    assert_eq!(listed(&report.check), plant.differing());
    assert_eq!((report.repaired, report.left.total(), report.unsettled), (plant.counts().total(), 0, 0));
    assert_eq!((report.authority, report.agrees), (authority, true));
    assert!(report.left_over.is_empty());
    ground.assert_alike(plant, authority).await;

    let again = ground.repair(authority).run(|_| {}).await.unwrap();
    assert!(again.check.agrees && again.agrees);
    assert_eq!((again.check.counts.total(), again.repaired), (0, 0));
}

#[tokio::test]
async fn differences_of_every_class_are_found_and_repaired_from_meilisearch() {
    found_and_repaired(Side::Meili).await;
}

#[tokio::test]
async fn differences_of_every_class_are_found_and_repaired_from_postgres() {
    found_and_repaired(Side::Pg).await;
}

/// A target over which a write comes before the call of a number.
struct Racing {
    inner: PostgresWriter,
    ground: Arc<Ground>,
    before: usize,
    calls: AtomicUsize,
    authority: Side,
}

const LIVE: Version = Version(PLANTED.0 + 1_000_000);

impl Racing {
    /// The live write of another replica: the side that decides first, then the other.
    async fn race(&self) {
        if self.calls.fetch_add(1, Ordering::SeqCst) != self.before {
            return;
        }
        for kind in DriftKind::ALL {
            let live = json!({"id": format!("{}-0", kind.as_str()), "title": "live"});
            let write = TargetWrite {
                id: live["id"].as_str().unwrap().into(),
                version: LIVE,
                document: Some(fields(live.clone()).into()),
                age: Some(Duration::ZERO),
            };
            let by = WrittenBy { writer: Writer(99), authority: self.authority };
            if self.authority == Side::Meili {
                self.ground.put_there(&live).await;
            }
            let applied = self.inner.write(&self.ground.index, by, &[write]).await.unwrap();
            assert!(matches!(applied[0], Applied::Written { .. }));
            if self.authority == Side::Pg {
                self.ground.put_there(&live).await;
            }
        }
    }
}

impl TargetWriter for Racing {
    fn write<'a>(
        &'a self,
        index: &'a str,
        by: WrittenBy,
        batch: &'a [TargetWrite],
    ) -> BoxFuture<'a, Result<Vec<Applied>, BackendError>> {
        self.inner.write(index, by, batch)
    }

    fn merge<'a>(
        &'a self,
        index: &'a str,
        by: WrittenBy,
        batch: &'a [(DocumentId, Version, Document)],
    ) -> BoxFuture<'a, Result<Vec<Result<Document, Version>>, BackendError>> {
        self.inner.merge(index, by, batch)
    }

    fn read<'a>(
        &'a self,
        index: &'a str,
        ids: &'a [DocumentId],
    ) -> BoxFuture<'a, Result<Vec<Option<Standing>>, BackendError>> {
        self.inner.read(index, ids)
    }

    fn replace<'a>(
        &'a self,
        index: &'a str,
        by: WrittenBy,
        batch: &'a [Replacement],
    ) -> BoxFuture<'a, Result<Vec<bool>, BackendError>> {
        Box::pin(async move {
            self.race().await;
            self.inner.replace(index, by, batch).await
        })
    }

    fn sweep<'a>(
        &'a self,
        index: &'a str,
        by: WrittenBy,
        version: Version,
        filter: Option<&'a FilterInput>,
    ) -> BoxFuture<'a, Result<u64, BackendError>> {
        self.inner.sweep(index, by, version, filter)
    }

    fn swept<'a>(
        &'a self,
        index: &'a str,
        swept: Swept<'a>,
        after: Option<&'a DocumentId>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<DocumentId>, BackendError>> {
        self.inner.swept(index, swept, after, limit)
    }
}

#[tokio::test]
async fn a_write_that_comes_in_between_wins() {
    for authority in [Side::Meili, Side::Pg] {
        for before in 0..3 {
            let ground = Arc::new(Ground::new(Plant::of_each(3, 1)).await);
            let inner = ground.pg_options().writer();
            let target = Racing { inner, ground: ground.clone(), before, calls: AtomicUsize::new(0), authority };
            let target = Arc::new(target);
            let report = ground.repair_with(authority, target.clone()).run(|_| {}).await.unwrap();
            assert!(report.agrees, "{authority} {before}: {report:?}");
            let raced = target.calls.load(Ordering::SeqCst) > before;
            assert!(raced || before > 0, "{authority} {before}");
            if !raced {
                continue;
            }
            let (there, here) = (ground.all_there().await, ground.all_here().await);
            for kind in DriftKind::ALL {
                let id = format!("{}-0", kind.as_str());
                let live = fields(json!({"id": id, "title": "live"}));
                assert_eq!((there.get(&id), here.get(&id)), (Some(&live), Some(&live)), "{authority} {before} {id}");
            }
        }
    }
}

/// A document that PostgreSQL takes as the one that decides, and Meilisearch never will.
#[tokio::test]
async fn what_cannot_be_repaired_is_left_with_the_reason() {
    let ground = Ground::of(&[], &[json!({"id": "not an id"}), json!({"id": "fine"})]).await;
    let report = ground.repair(Side::Pg).run(|_| {}).await.unwrap();
    assert!(!report.agrees);
    assert_eq!((report.repaired, report.left.extra, report.left.total()), (1, 1, 1));
    let [left] = report.left_over.as_slice() else { panic!("{:?}", report.left_over) };
    assert_eq!((left.id.as_str(), left.kind), ("not an id", DriftKind::Extra));
    assert!(left.why.contains("meili failed (rejected)"), "{}", left.why);
}

#[tokio::test]
async fn no_more_are_repaired_in_a_second_than_allowed() {
    let ground = Ground::new(Plant { missing: 30, ..Plant::clean(1) }).await;
    let mut began: Option<Instant> = None;
    let mut done: BTreeMap<u64, Duration> = BTreeMap::new();
    let repair = ground.repair(Side::Meili).rate(40);
    let report = repair.run(|progress| {
        if progress.pass == DriftPass::Repair {
            done.insert(progress.looked_at, began.get_or_insert_with(Instant::now).elapsed());
        }
    });
    assert!(report.await.unwrap().agrees);
    assert!(done[&30] >= Duration::from_millis(500), "{done:?}");
    assert!(done.len() > 3, "{done:?}");
}

/// A write that PostgreSQL had yet to be given when the roles were swapped is not beaten by the deletion of an orphan.
#[tokio::test]
async fn a_late_write_comes_over_the_tombstone_of_an_orphan() {
    let ground = Ground::new(Plant { missing: 1, ..Plant::clean(1) }).await;
    assert!(ground.repair(Side::Pg).run(|_| {}).await.unwrap().agrees);
    let late = TargetWrite {
        id: "missing-0".into(),
        version: PLANTED,
        document: Some(fields(json!({"id": "missing-0"})).into()),
        age: Some(Duration::from_secs(5)),
    };
    let by = WrittenBy { writer: Writer(5), authority: Side::Meili };
    let applied = ground.pg_options().writer().write(&ground.index, by, &[late]).await.unwrap();
    assert_eq!(applied, [Applied::Written { contended: true }]);
}
