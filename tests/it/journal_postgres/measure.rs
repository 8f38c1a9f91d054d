//! Figures, on demand: `DATABASE_URL=… cargo test --release --all-features --test it journal_postgres::measure -- --ignored --nocapture`
//!
//! Without `DATABASE_URL` the server is one that never waits for its disk.

use std::time::Duration;

use crossfade::journal::{Duty, End, Journal, Outcome, Settled};
use futures_util::{StreamExt, stream};
use tokio::time::Instant;

use super::{mark, migrated, open, put};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures"]
async fn throughput() {
    let database = migrated().await;
    let journal = open(database.url()).await;
    let began = Instant::now();
    let mut latencies = Vec::new();
    for n in 0..300_i64 {
        let began = Instant::now();
        journal.append(&[put(n.to_string(), n)], Outcome::Refused).await.unwrap();
        latencies.push(began.elapsed());
    }
    latencies.sort();
    println!("alone: p50 of append and resolve {:?}, {:?} in all", latencies[150], began.elapsed());

    for concurrency in [16, 256] {
        let count = 20_000_i64;
        let began = Instant::now();
        let one = |n: i64| {
            let journal = &journal;
            async move {
                let seqs = journal.append(&[put(format!("{concurrency}-{n}"), n)], Outcome::Asked).await.unwrap();
                seqs[0]
            }
        };
        let seqs: Vec<_> = stream::iter(0..count).map(one).buffer_unordered(concurrency).collect().await;
        let rate = count as f64 / began.elapsed().as_secs_f64();
        println!("{concurrency} at once: {rate:.0} appends a second");
        let began = Instant::now();
        let one = |seq| {
            let journal = &journal;
            async move { journal.resolve(&[mark(seq, Outcome::Accepted(None))]).await.unwrap() }
        };
        stream::iter(seqs).map(one).buffer_unordered(concurrency).for_each(|_| async {}).await;
        let rate = count as f64 / began.elapsed().as_secs_f64();
        println!("{concurrency} at once: {rate:.0} resolutions a second");
    }
    for duty in [Duty::Pg, Duty::Meili] {
        let (mut count, mut claiming, mut settling) = (0, Duration::ZERO, Duration::ZERO);
        loop {
            let began = Instant::now();
            let entries = journal.claim(duty, 500).await.unwrap().entries;
            claiming += began.elapsed();
            if entries.is_empty() {
                break;
            }
            count += entries.len();
            let end = |seq| Settled { seq, end: End::Done { supersedes: true } };
            let ends: Vec<_> = entries.iter().map(|entry| end(entry.seq)).collect();
            let began = Instant::now();
            journal.settle(duty, &ends).await.unwrap();
            settling += began.elapsed();
        }
        println!("{}: {count} entries, claimed in {claiming:?}, settled in {settling:?}", duty.as_str());
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures"]
async fn a_long_backlog() {
    let database = migrated().await;
    let journal = open(database.url()).await;
    let began = Instant::now();
    for batch in 0..500_i64 {
        let intents: Vec<_> = (0..1000).map(|n| put(format!("{batch}-{n}"), n)).collect();
        journal.append(&intents, Outcome::Accepted(None)).await.unwrap();
    }
    println!("500,000 appended in {:?}, one call after another", began.elapsed());
    let later = open(database.url()).await;
    for what in ["first", "second", "third"] {
        let began = Instant::now();
        let entries = later.claim(Duty::Pg, 500).await.unwrap().entries;
        println!("{what} claim of {}: {:?}", entries.len(), began.elapsed());
        let began = Instant::now();
        let end = End::Retry { after: Duration::from_secs(60), why: None, counts: true };
        let ends: Vec<_> = entries.iter().map(|entry| Settled { seq: entry.seq, end: end.clone() }).collect();
        later.settle(Duty::Pg, &ends).await.unwrap();
        println!("{what} settlement: {:?}", began.elapsed());
    }
    let began = Instant::now();
    later.status().await.unwrap();
    println!("status: {:?}", began.elapsed());
}
