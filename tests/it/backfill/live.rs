//! Live writes beside a backfill: nothing stale comes over them, and nothing deleted comes back.

use std::sync::{Arc, Mutex};

use crossfade::document::{Document, Version};
use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};

use super::ground::{Ground, Scripted, document, id, live};

/// What somebody does to a document.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Op {
    Update,
    Delete,
}

/// When: the row is read between the first and the second, written between the second and the third.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
enum When {
    BeforeRead,
    BetweenReadAndWrite,
    AfterWrite,
}

const OPS: [Op; 2] = [Op::Update, Op::Delete];
const TIMES: [When; 3] = [When::BeforeRead, When::BetweenReadAndWrite, When::AfterWrite];

/// Whether a live write reaches the source before PostgreSQL does, or after it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Delivery {
    /// At once.
    AtOnce,
    /// At the end of everything.
    Late,
}

/// Every interleaving of up to three live writes of a document with the reading and the writing of its row; one document for each.
#[tokio::test]
async fn no_interleaving_leaves_a_stale_row_or_brings_one_back() {
    let mut plans: Vec<Vec<(When, Op, Delivery)>> = vec![vec![]];
    for _ in 0..3 {
        let longer = plans.iter().flat_map(|plan| {
            let last = plan.last().map_or(When::BeforeRead, |(when, ..)| *when);
            TIMES.into_iter().filter(move |when| *when >= last).flat_map(move |when| {
                OPS.into_iter().flat_map(move |op| {
                    [Delivery::AtOnce, Delivery::Late].map(|delivery| {
                        let mut plan = plan.clone();
                        plan.push((when, op, delivery));
                        plan
                    })
                })
            })
        });
        let longer: Vec<_> = longer.collect();
        plans.extend(longer);
        plans.dedup();
    }
    assert!(plans.len() > 500, "{}", plans.len());
    let ground = Ground::new().await;
    let source = Scripted::rows(plans.len());
    let world = Arc::new(World::new(&ground, &source, plans.clone()));
    // Everything is one page: the gate stands between its reading and its writing.
    source.one_page();
    let before = world.clone();
    source.at_read(1, move || {
        let world = before.clone();
        async move { world.happen(When::BeforeRead).await }
    });
    let gate = source.hold_read(1);
    let between = async {
        gate.reached().await;
        world.happen(When::BetweenReadAndWrite).await;
        gate.open();
    };
    let (job, ()) = tokio::join!(ground.run(source.clone()), between);
    world.happen(When::AfterWrite).await;
    world.deliver_late().await;
    assert_eq!(job.processed_rows as usize, plans.len() - world.deleted_before_read());
    let (standing, expected) = (ground.standing().await, source.expected());
    for (n, plan) in plans.iter().enumerate() {
        assert_eq!(standing.get(&id(n)), expected.get(&id(n)), "{plan:?}");
    }
}

/// The service: its authority is the source, and PostgreSQL is written beside it, at once or late.
struct World {
    writer: crossfade::backend::postgres::PostgresWriter,
    source: Scripted,
    plans: Vec<Vec<(When, Op, Delivery)>>,
    clock: crossfade::dual_write::VersionClock,
    late: Mutex<Vec<(usize, Version, Option<Document>)>>,
}

impl World {
    fn new(ground: &Ground, source: &Scripted, plans: Vec<Vec<(When, Op, Delivery)>>) -> Self {
        Self {
            writer: ground.writer.clone(),
            source: source.clone(),
            plans,
            clock: crossfade::dual_write::VersionClock::new(),
            late: Mutex::default(),
        }
    }

    async fn happen(&self, now: When) {
        for (n, plan) in self.plans.iter().enumerate() {
            for (step, (_, op, delivery)) in plan.iter().enumerate().filter(|(_, (when, ..))| *when == now) {
                let document = (*op == Op::Update).then(|| document(n, &format!("step {step}")));
                match &document {
                    Some(document) => self.source.put(n, document.clone()),
                    None => self.source.remove(n),
                }
                let version = self.clock.next();
                match delivery {
                    Delivery::AtOnce => live(&self.writer, &id(n), version, document).await,
                    Delivery::Late => self.late.lock().unwrap().push((n, version, document)),
                }
            }
        }
    }

    async fn deliver_late(&self) {
        let late = std::mem::take(&mut *self.late.lock().unwrap());
        for (n, version, document) in late {
            live(&self.writer, &id(n), version, document).await;
        }
    }

    fn deleted_before_read(&self) -> usize {
        let last = |plan: &&Vec<(When, Op, Delivery)>| {
            plan.iter().rfind(|(when, ..)| *when == When::BeforeRead).is_some_and(|(_, op, _)| *op == Op::Delete)
        };
        self.plans.iter().filter(last).count()
    }
}

/// Random writes all the while, in many chunks.
#[tokio::test]
async fn random_writes_beside_many_chunks_are_what_stands() {
    let mut runner = TestRunner::deterministic();
    let writes = prop::collection::vec((0_usize..400, prop::option::of(0_u32..9)), 300);
    let writes = writes.new_tree(&mut runner).unwrap().current();
    let ground = Ground::new().await;
    let source = Scripted::rows(400);
    let clock = crossfade::dual_write::VersionClock::new();
    let writing = async {
        for (n, title) in writes {
            let document = title.map(|title| document(n, &format!("title {title}")));
            match &document {
                Some(document) => source.put(n, document.clone()),
                None => source.remove(n),
            }
            live(&ground.writer, &id(n), clock.next(), document).await;
        }
    };
    tokio::join!(ground.run(source.clone()), writing);
    assert_eq!(ground.standing().await, source.expected());
}
