//! A process that is killed with SIGKILL while it appends, resolves and settles: what it was told, and so told us, stands.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use crossfade::journal::{Duty, End, Journal, JournalErrorKind, Mark, Outcome, Settled, Status, sqlite::SqliteJournal};
use rand::RngExt as _;
use tokio::time::{Instant, sleep};

use super::{
    super::conformance::{OPTIONS, put},
    File,
};

/// Says to a test process that it is the child of one of these, and where its journal is.
const CHILD: &str = "CROSSFADE_TEST_JOURNAL";
const ROUNDS: usize = 20;

fn child(path: &Path, work: &str) -> Command {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "journal::sqlite::kill::works_until_it_is_killed", "--nocapture", "--test-threads=1"]);
    child.env(CHILD, path).env("CROSSFADE_TEST_WORK", work).stdout(Stdio::piped()).stderr(Stdio::null());
    child
}

/// The child: eight callers append, resolve and settle, and tell each thing once it was answered. Nothing on its own.
#[tokio::test]
async fn works_until_it_is_killed() {
    let Ok(path) = std::env::var(CHILD) else { return };
    let journal = Arc::new(SqliteJournal::open(path, OPTIONS).await.unwrap());
    say("open");
    if std::env::var("CROSSFADE_TEST_WORK").as_deref() == Ok("hold") {
        return std::future::pending().await;
    }
    let callers = (0..8).map(|caller| tokio::spawn(work(Arc::clone(&journal), caller)));
    futures_util::future::join_all(callers).await;
}

async fn work(journal: Arc<SqliteJournal>, caller: i64) {
    for version in 1.. {
        let id = format!("{caller}-{version}");
        let seq = journal.append(&[put(&id, version)], Outcome::Asked).await.unwrap()[0];
        say(&format!("appended {} {id}", seq.0));
        let outcome = if version % 3 == 0 { Outcome::Refused } else { Outcome::Accepted(None) };
        let mark = [Mark { seq, outcome, document: None }];
        // Said as soon as it is noted, or when it is resolved.
        let noted = version % 3 == 1 && journal.note(&mark);
        if noted {
            say(&format!("accepted {}", seq.0));
        }
        journal.resolve(&mark).await.unwrap();
        if !noted {
            say(&format!("{} {}", if version % 3 == 0 { "refused" } else { "accepted" }, seq.0));
        }
        if caller == 0 {
            for entry in journal.claim(Duty::Pg, 5).await.unwrap().entries {
                let end = Settled { seq: entry.seq, end: End::Done { supersedes: false } };
                journal.settle(Duty::Pg, &[end]).await.unwrap();
                say(&format!("settled {}", entry.seq.0));
            }
        }
    }
}

/// One write a line, so that no line is half there.
fn say(line: &str) {
    std::io::stdout().write_all(format!("\n@{line}\n").as_bytes()).unwrap();
}

#[derive(Default)]
struct Told {
    appended: BTreeMap<i64, String>,
    refused: BTreeSet<i64>,
    accepted: BTreeSet<i64>,
    settled: BTreeSet<i64>,
}

impl Told {
    fn hear(&mut self, line: &str) {
        let words: Vec<&str> = line.trim_start_matches('@').split(' ').collect();
        let seq = || words[1].parse::<i64>().unwrap();
        match words[0] {
            "appended" => drop(self.appended.insert(seq(), words[2].to_owned())),
            "refused" => drop(self.refused.insert(seq())),
            "accepted" => drop(self.accepted.insert(seq())),
            "settled" => drop(self.settled.insert(seq())),
            _ => {}
        }
    }
}

#[tokio::test]
async fn what_was_answered_survives_sigkill() {
    let file = File::new();
    let mut told = Told::default();
    for round in 0..ROUNDS {
        let mut running = child(&file.path(), "work").spawn().unwrap();
        let mut lines = BufReader::new(running.stdout.take().unwrap()).lines().map_while(Result::ok);
        lines.by_ref().find(|line| line == "@open").expect("the child opens the journal");
        let enough = rand::rng().random_range(1..400);
        lines.by_ref().filter(|line| line.starts_with('@')).take(enough).for_each(|line| told.hear(&line));
        running.kill().unwrap();
        running.wait().unwrap();
        // What it had said before it died counts too.
        lines.filter(|line| line.starts_with('@')).for_each(|line| told.hear(&line));

        let journal = SqliteJournal::open(file.path(), OPTIONS).await.unwrap_or_else(|e| panic!("round {round}: {e}"));
        check(&journal, &told, round).await;
    }
    assert!(told.appended.len() > ROUNDS && told.settled.len() > ROUNDS, "something was done");
}

/// Claims are in memory only, so that looking changes nothing.
async fn check(journal: &SqliteJournal, told: &Told, round: usize) {
    let mut with = BTreeMap::<Duty, BTreeMap<i64, String>>::new();
    for duty in [Duty::Meili, Duty::Pg] {
        let entries = journal.claim(duty, usize::MAX >> 1).await.unwrap().entries;
        with.insert(duty, entries.iter().map(|entry| (entry.seq.0, entry.intent.id.to_string())).collect());
    }
    for seq in &told.accepted {
        let id = &told.appended[seq];
        assert_eq!(with[&Duty::Meili].get(seq), Some(id), "round {round}: accepted {seq}");
        let settled = !with[&Duty::Pg].contains_key(seq);
        assert!(settled || !told.settled.contains(seq), "round {round}: settled {seq} came back");
    }
    for seq in &told.refused {
        assert!(with.values().all(|entries| !entries.contains_key(seq)), "round {round}: refused {seq} came back");
    }
    // The rest was appended, and resolved without our having heard of it, or not resolved: then it is to be reconciled.
    let heard = |seq: &&i64| !told.accepted.contains(seq) && !told.refused.contains(seq);
    let rest: Vec<_> = told.appended.keys().filter(heard).collect();
    let unknown: BTreeSet<i64> = {
        let mut found = BTreeSet::new();
        let deadline = Instant::now() + Duration::from_secs(30);
        let reconcile = journal.status().await.unwrap().reconcile as usize;
        while found.len() < reconcile {
            assert!(Instant::now() < deadline, "limbo does not end");
            let claim = journal.claim(Duty::Reconcile, usize::MAX >> 1).await.unwrap();
            found.extend(claim.entries.iter().map(|entry| entry.seq.0));
            sleep(Duration::from_millis(5)).await;
        }
        found
    };
    for seq in rest {
        let accepted = with[&Duty::Meili].contains_key(seq);
        let refused = told.appended[seq].rsplit('-').next().unwrap().parse::<i64>().unwrap() % 3 == 0;
        assert!(accepted || refused || unknown.contains(seq), "round {round}: appended {seq} is gone");
    }
    let status = journal.status().await.unwrap();
    assert_eq!(status.pending, (with[&Duty::Meili].len() + unknown.len()) as u64);
}

#[tokio::test]
async fn the_lock_keeps_others_out_and_ends_with_the_process() {
    let file = File::new();
    let mut holder = child(&file.path(), "hold").spawn().unwrap();
    let mut lines = BufReader::new(holder.stdout.take().unwrap()).lines().map_while(Result::ok);
    lines.by_ref().find(|line| line == "@open").expect("the child opens the journal");
    let refused = SqliteJournal::open(file.path(), OPTIONS).await.unwrap_err();
    assert_eq!(refused.kind(), JournalErrorKind::InUse, "{refused}");
    holder.kill().unwrap();
    holder.wait().unwrap();
    let journal = SqliteJournal::open(file.path(), OPTIONS).await.unwrap();
    assert_eq!(journal.status().await.unwrap(), Status::default());
    let here = SqliteJournal::open(file.path(), OPTIONS).await.unwrap_err();
    assert_eq!(here.kind(), JournalErrorKind::InUse, "nor twice in one process: {here}");
}
