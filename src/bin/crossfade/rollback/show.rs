//! What is printed of a rollback.

use std::fmt::Write as _;

use crossfade::store::{RollbackLevel, StoredFlags};
use serde::Serialize;

use super::{
    follow::{Followed, Process},
    ways::{Attempt, Order, Tried},
};
use crate::output;

/// The answer with `--json`.
#[derive(Serialize)]
pub(super) struct Outcome<'a> {
    level: RollbackLevel,
    by: &'a str,
    why: &'a str,
    ways: &'a [Attempt],
    /// What the flags of the table were, if it was told.
    was: Option<&'a StoredFlags>,
    #[serde(flatten)]
    followed: Option<&'a Followed>,
}

impl<'a> Outcome<'a> {
    pub(super) fn new(order: &Order<'a>, tried: &'a Tried, followed: Option<&'a Followed>) -> Self {
        let was = tried.table.as_ref().map(|done| &done.was);
        Self { level: order.level, by: order.by, why: order.why, ways: &tried.attempts, was, followed }
    }
}

/// How each way went.
pub(super) fn tried(tried: &Tried) -> String {
    let rows: Vec<[String; 4]> = tried.attempts.iter().map(row).collect();
    let others = match tried.table {
        None if tried.attempts.iter().any(|attempt| attempt.done) => {
            "\nthe table was not told: processes that were not named go on by it; roll back once more when it can be reached"
        }
        _ => "",
    };
    output::columns(["WAY", "WHERE", "DONE", "IN"], &rows)
        + &tried.attempts.iter().fold(String::new(), |said, attempt| {
            let Attempt { way, says, .. } = attempt;
            said + &format!("\n{way}: {}", output::plain(says))
        })
        + others
}

fn row(attempt: &Attempt) -> [String; 4] {
    let done = if attempt.done { "yes" } else { "NO" };
    [attempt.way.to_owned(), output::plain(&attempt.place), done.to_owned(), format!("{:.0} ms", attempt.millis)]
}

/// Who follows, and how long PostgreSQL still answered.
pub(super) fn followed(followed: &Followed) -> String {
    let Followed { measured_by, processes, silent, last_pg_answer_ms, followed_ms } = followed;
    let Some(measured_by) = measured_by else {
        return "\nnot measured: no process reports to the table (`MigrationBuilder::heartbeat`), and none was asked (--admin)"
            .to_owned();
    };
    let rows: Vec<[String; 4]> = processes.iter().map(process).collect();
    let mut text = format!("\n{}", output::columns(["PROCESS", "HOST", "FOLLOWS", "LAST ANSWER OF PG"], &rows));
    if let Some(last) = last_pg_answer_ms {
        let _ = write!(text, "\n\nlast read that PostgreSQL answered: {} (told by: {measured_by})", after(*last));
    }
    match followed_ms {
        Some(took) => {
            let _ = write!(text, "\nevery live process answers from Meilisearch, seen after {took:.0} ms");
        }
        None => text.push_str(
            "\nNOT every live process was seen to answer from Meilisearch; look again with `crossfade rollback status`",
        ),
    }
    for silent in silent {
        let _ = write!(
            text,
            "\nsilent: {}: gone, or cut off from the table and going on as it did; see to it yourself",
            output::plain(silent)
        );
    }
    text
}

fn process(process: &Process) -> [String; 4] {
    let Process { process, host, follows, under_way, last_pg_answer_ms, problem } = process;
    let follows = match (follows, problem) {
        (true, _) => "yes".to_owned(),
        (false, Some(problem)) => format!("UNKNOWN: {}", output::plain(problem)),
        (false, None) if *under_way > 0 => format!("NO, {under_way} reads under way"),
        (false, None) => "NO".to_owned(),
    };
    [process.clone(), output::plain(host), follows, after(*last_pg_answer_ms)]
}

fn after(millis: f64) -> String {
    if millis > 0.0 { format!("{millis:.0} ms after the change") } else { "none after the change".to_owned() }
}
