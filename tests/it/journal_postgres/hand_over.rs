//! Shards that go from one process to another while there is work in all of them.

use std::{collections::BTreeSet, time::Duration};

use crossfade::journal::{Duty, Entry, Intent, Journal, Outcome, Seq, postgres::PostgresJournal};
use sqlx::PgPool;
use tokio::time::{Instant, timeout};

use super::{LEASE, claim, done, migrated, number, open, outside, put};

const PATIENCE: Duration = Duration::from_secs(20);
const EVENLY: &str =
    "SELECT count(*) FROM (SELECT holder FROM journal_shards GROUP BY 1 HAVING count(*) IN (32, 33)) s";

/// A process that works, and always has something claimed: it settles what it claimed only after it has claimed more.
struct Busy {
    journal: PostgresJournal,
    held: Vec<Entry>,
    claimed: Vec<Seq>,
}

impl Busy {
    async fn new(url: &str) -> Self {
        Self { journal: open(url).await, held: Vec::new(), claimed: Vec::new() }
    }

    async fn work(&mut self) {
        let claimed = claim(&self.journal, Duty::Pg).await;
        self.claimed.extend(claimed.iter().map(|entry| entry.seq));
        let before = std::mem::replace(&mut self.held, claimed);
        self.journal.settle(Duty::Pg, &done(&before)).await.unwrap();
    }
}

/// Documents of their own, in every shard.
async fn more(journal: &PostgresJournal, round: i64) -> Vec<Seq> {
    let puts: Vec<Intent> = (0..700).map(|n| put(format!("{round}-{n}"), round * 1000 + n)).collect();
    journal.append(&puts, Outcome::Accepted(None)).await.unwrap()
}

async fn shared_evenly(look: &PgPool) -> bool {
    number(look, EVENLY).await == 2
}

#[tokio::test]
async fn a_worker_that_joins_late_gets_its_share_though_there_is_always_something_claimed() {
    let database = migrated().await;
    let look = outside(database.url()).await;
    let (mut first, mut late) = (Busy::new(database.url()).await, Busy::new(database.url()).await);
    let mut all = Vec::new();
    all.extend(more(&first.journal, 0).await);
    first.work().await;
    assert_eq!(
        number(&look, "SELECT count(DISTINCT shard) FROM journal_entries").await,
        64,
        "there is work everywhere"
    );
    let evenly = async {
        for round in 1.. {
            all.extend(more(&first.journal, round).await);
            first.work().await;
            late.work().await;
            if shared_evenly(&look).await {
                break;
            }
        }
    };
    timeout(PATIENCE, evenly).await.expect("they share");
    let empty = async {
        while first.claimed.len() + late.claimed.len() < all.len() {
            first.work().await;
            late.work().await;
        }
    };
    timeout(PATIENCE, empty).await.expect("every entry is given out");
    let once: BTreeSet<Seq> = first.claimed.iter().chain(&late.claimed).copied().collect();
    assert_eq!((once.len(), first.claimed.len() + late.claimed.len()), (all.len(), all.len()));
    assert!(!late.claimed.is_empty());
}

#[tokio::test]
async fn postgres_does_not_wait_while_a_shard_is_to_be_given_back_and_meilisearch_takes_its_time() {
    let database = migrated().await;
    let look = outside(database.url()).await;
    let (mut first, mut late) = (Busy::new(database.url()).await, Busy::new(database.url()).await);
    more(&first.journal, 0).await;
    let mut flying = claim(&first.journal, Duty::Meili).await;
    assert_eq!(flying.len(), 700);
    first.work().await;
    // As long as these are under way no shard can be given back; what is new is written even so.
    let began = Instant::now();
    for round in 1.. {
        let new = more(&first.journal, round).await;
        first.work().await;
        late.work().await;
        assert_eq!(first.claimed.iter().filter(|seq| new.contains(seq)).count(), new.len(), "in round {round}");
        if began.elapsed() > LEASE {
            break;
        }
    }
    assert!(!shared_evenly(&look).await);

    // Their tasks end, and others follow; but not in the shards that are to be given back.
    let evenly = async {
        for round in 1_000_000.. {
            more(&first.journal, round).await;
            let next = claim(&first.journal, Duty::Meili).await;
            let landed = std::mem::replace(&mut flying, next);
            first.journal.settle(Duty::Meili, &done(&landed)).await.unwrap();
            first.work().await;
            late.work().await;
            if shared_evenly(&look).await {
                break;
            }
        }
    };
    timeout(PATIENCE, evenly).await.expect("they share");
}
