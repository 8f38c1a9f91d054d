//! Writers that write all the time, and remember what they were told.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::future::join_all;
use rand::RngExt as _;
use serde_json::Value;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::{
    client::{Client, Told},
    expected::{Book, Expected, Numbered, put},
    world::World,
};

const WRITERS: usize = 12;

/// All writers.
pub(super) struct Load {
    writers: Vec<Writer>,
    acknowledged: Arc<AtomicU64>,
}

/// Waits until so many more writes were acknowledged, or for so long: while a side is down there may be none.
pub(super) async fn more(acknowledged: &AtomicU64, count: u64, patience: Duration) {
    let goal = acknowledged.load(Ordering::Relaxed) + count;
    let come = async {
        while acknowledged.load(Ordering::Relaxed) < goal {
            sleep(Duration::from_millis(1)).await;
        }
    };
    let _ = timeout(patience, come).await;
}

/// One of them. Nobody else writes its documents.
struct Writer {
    name: usize,
    book: Book,
    writes: u64,
    acknowledged: Arc<AtomicU64>,
    mixes: bool,
}

impl Load {
    /// Writers that also update documents in part that others of their writes put or delete, if they are to `mix`.
    pub(super) fn new(mixes: bool) -> Self {
        let acknowledged = Arc::<AtomicU64>::default();
        let writer = |name| Writer { name, book: Book::new(), writes: 0, acknowledged: acknowledged.clone(), mixes };
        Self { writers: (0..WRITERS).map(writer).collect(), acknowledged }
    }

    /// Writes until `stop`; those that are told nothing go on after a moment.
    pub(super) async fn run(&mut self, client: &Client, stop: &CancellationToken) {
        join_all(self.writers.iter_mut().map(|writer| writer.run(client, stop))).await;
    }

    /// How many writes were acknowledged so far.
    pub(super) fn acknowledged(&self) -> Arc<AtomicU64> {
        self.acknowledged.clone()
    }

    /// Writes that nobody knows the end of.
    pub(super) fn untold(&self) -> u64 {
        self.writers.iter().map(|writer| writer.writes).sum::<u64>() - self.acknowledged.load(Ordering::Relaxed)
    }

    /// Both sides must hold the same, and that must be what was acknowledged, or what came after it.
    pub(super) async fn check(&self, world: &World) {
        let stands = world.equal().await;
        let books = || self.writers.iter().flat_map(|writer| &writer.book);
        let wrong: Vec<_> = books().filter_map(|(id, expected)| expected.objection(id, stands.get(id))).collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
        let strange: Vec<_> =
            stands.keys().filter(|id| *id != "first" && !books().any(|(known, _)| known == *id)).collect();
        assert!(strange.is_empty(), "nobody wrote {strange:?}");
    }
}

impl Writer {
    async fn run(&mut self, client: &Client, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            if self.write(client).await == Told::Nothing {
                sleep(Duration::from_millis(5)).await;
            }
        }
    }

    async fn write(&mut self, client: &Client) -> Told {
        self.writes += 1;
        let (number, name) = (self.writes, self.name);
        let own_route = rand::random();
        let told = match rand::rng().random_range(0..10) {
            // A batch: its documents hot ones, and one that is written only once.
            0 => {
                let ids = [format!("{name}-whole"), format!("{name}-mixed"), format!("{name}-once-{number}")];
                let posts: Vec<Value> = ids.iter().map(|id| put(id, number)).collect();
                let told = client.put_all(&posts).await;
                for id in ids {
                    self.note(id, Numbered::Put(number), told);
                }
                told
            }
            1 => self.one(client, "once", Numbered::Put(number), own_route).await,
            2..4 => self.one(client, "fields", Numbered::Field(number), own_route).await,
            4 => self.one(client, "whole", Numbered::Delete, own_route).await,
            5 => self.one(client, "mixed", Numbered::Delete, own_route).await,
            6..8 if self.mixes => self.one(client, "mixed", Numbered::Merge(number), own_route).await,
            8 => self.one(client, "mixed", Numbered::Put(number), own_route).await,
            _ => self.one(client, "whole", Numbered::Put(number), own_route).await,
        };
        self.acknowledged.fetch_add(u64::from(told == Told::Acknowledged), Ordering::Relaxed);
        told
    }

    async fn one(&mut self, client: &Client, which: &str, write: Numbered, own_route: bool) -> Told {
        let id = match which {
            "once" => format!("{}-once-{}", self.name, self.writes),
            which => format!("{}-{which}", self.name),
        };
        let told = client.write(&id, &write.write(&id), own_route).await;
        self.note(id, write, told);
        told
    }

    fn note(&mut self, id: String, write: Numbered, told: Told) {
        let expected = self.book.entry(id).or_insert_with(|| match write {
            Numbered::Field(_) => Expected::no_fields(),
            _ => Expected::nothing(),
        });
        expected.note(write, told);
    }
}
