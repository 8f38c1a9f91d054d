//! The journal in a file: how many intents a second it takes and gives out, and what a long backlog costs.

use std::{
    fs,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use crossfade::{
    document::{Document, Version},
    error::Side,
    journal::{Deed, Duty, End, Intent, Journal, JournalOptions, Mark, Outcome, Settled, sqlite::SqliteJournal},
    write::Action,
};

use crate::{
    disk::fsync_millis,
    report::{
        Budget::{AtLeast, AtMost},
        verdict,
    },
};

const CONCURRENCY: i64 = 256;
const BATCH: usize = 1000;

/// A put of a document of about 200 bytes.
fn intent(at: i64) -> Intent {
    let fields = serde_json::json!({ "id": at, "title": format!("title {at}"), "text": "x".repeat(150) });
    let fields: Document = fields.as_object().unwrap().clone();
    Intent {
        index: "posts".into(),
        id: at.to_string().into(),
        version: Version(at),
        explicit: false,
        deed: Deed::Change(Action::Put(fields)),
        authority: Side::Pg,
    }
}

async fn open(path: &Path) -> SqliteJournal {
    SqliteJournal::open(path, JournalOptions::default()).await.unwrap()
}

/// One intent a call, 256 calls at a time, each with its resolve or without; then the worker's side of it.
pub async fn throughput(whole: bool) {
    let folder = tempfile::tempdir().unwrap();
    println!("journal: one write and fdatasync of 64 KB takes {:.2} ms here", fsync_millis(folder.path(), 1 << 16));
    let each = if whole { 400 } else { 4 };
    let path = folder.path().join("append.db");
    let journal = Arc::new(open(&path).await);
    let total = CONCURRENCY * each;
    let rate = together(&journal, each, Outcome::Accepted(None)).await;
    let details = format!("one a call, concurrency {CONCURRENCY}, {total} in all");
    verdict("journal: intents appended durably", rate, "/s", AtLeast(20_000.0), &details);

    let begun = Instant::now();
    let mut settled = 0;
    loop {
        let claim = journal.claim(Duty::Meili, BATCH).await.unwrap();
        if claim.entries.is_empty() {
            break;
        }
        settled += claim.entries.len();
        let end = End::Done { supersedes: true };
        let ends: Vec<_> = claim.entries.iter().map(|entry| Settled { seq: entry.seq, end: end.clone() }).collect();
        journal.settle(Duty::Meili, &ends).await.unwrap();
    }
    assert_eq!(settled, total as usize);
    let rate = settled as f64 / begun.elapsed().as_secs_f64();
    println!("journal: {rate:.0} entries/s claimed and settled, {BATCH} at a time (aim 30000)");

    let rate = together(&journal, each, Outcome::Asked).await;
    println!("journal: {rate:.0} writes/s appended, then resolved, at concurrency {CONCURRENCY}");
}

async fn together(journal: &Arc<SqliteJournal>, each: i64, outcome: Outcome) -> f64 {
    let begun = Instant::now();
    let callers: Vec<_> = (0..CONCURRENCY)
        .map(|caller| {
            let journal = Arc::clone(journal);
            tokio::spawn(async move {
                for at in 0..each {
                    let seqs = journal.append(&[intent(caller * each + at)], outcome).await.unwrap();
                    if outcome == Outcome::Asked {
                        let mark = Mark { seq: seqs[0], outcome: Outcome::Accepted(None), document: None };
                        journal.resolve(&[mark]).await.unwrap();
                    }
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
    (CONCURRENCY * each) as f64 / begun.elapsed().as_secs_f64()
}

/// A million entries that wait: memory while they come, the time to open the file, and the first claim after that.
pub async fn backlog(whole: bool) {
    let entries: i64 = if whole { 1_000_000 } else { 10_000 };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("backlog.db");
    let journal = open(&path).await;
    let before = resident_mib();
    let mut most: f64 = 0.0;
    let begun = Instant::now();
    for from in (0..entries).step_by(BATCH) {
        let intents: Vec<Intent> = (from..from + BATCH as i64).map(intent).collect();
        journal.append(&intents, Outcome::Accepted(None)).await.unwrap();
        most = most.max(resident_mib());
    }
    let filled = begun.elapsed();
    drop(journal);
    // The thread of the connection writes the log back before it ends.
    let opened = loop {
        let begun = Instant::now();
        match SqliteJournal::open(&path, JournalOptions::default()).await {
            Ok(journal) => break (journal, begun.elapsed()),
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    };
    let (journal, took) = opened;
    let claimed = Instant::now();
    assert_eq!(journal.claim(Duty::Meili, BATCH).await.unwrap().entries.len(), BATCH);
    let claimed = claimed.elapsed();
    let asked = Instant::now();
    assert_eq!(journal.status().await.unwrap().pending, entries as u64);
    let asked = asked.elapsed();
    most = most.max(resident_mib());
    let details = format!(
        "{entries} entries, {:.0} MiB on disk, {:.0}/s while it grew",
        fs::metadata(&path).unwrap().len() as f64 / 1048576.0,
        entries as f64 / filled.as_secs_f64(),
    );
    verdict("journal: backlog, more memory", most - before, "MiB", AtMost(200.0), &details);
    let details = format!(
        "the first claim of {BATCH} takes {:.0} ms, status {:.1} ms",
        claimed.as_secs_f64() * 1e3,
        asked.as_secs_f64() * 1e3
    );
    verdict("journal: backlog, open", took.as_secs_f64(), "s", AtMost(2.0), &details);
}

fn resident_mib() -> f64 {
    let pages = fs::read_to_string("/proc/self/statm").unwrap();
    let pages: f64 = pages.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096.0 / 1048576.0
}
