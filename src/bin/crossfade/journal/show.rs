//! What the journal says, for people and for programs.

use crossfade::{
    journal::{DeadLetter, Deed, Duty, Seq, Status},
    write::Action,
};
use jiff::Timestamp;
use serde::Serialize;

use crate::output::{columns, plain};

/// A dead letter as JSON.
#[derive(Serialize)]
pub(super) struct Letter<'a> {
    seq: Seq,
    duty: Duty,
    index: &'a str,
    /// Empty for a sweep.
    id: &'a str,
    version: i64,
    deed: &'static str,
    authority: &'static str,
    at: Timestamp,
    age_seconds: f64,
    why: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a Deed>,
}

impl<'a> Letter<'a> {
    pub(super) fn new(letter: &'a DeadLetter, body: bool) -> Self {
        let intent = &letter.intent;
        Self {
            seq: letter.seq,
            duty: letter.duty,
            index: &intent.index,
            id: intent.id.as_str(),
            version: intent.version.0,
            deed: deed(&intent.deed),
            authority: intent.authority.as_str(),
            at: letter.at,
            age_seconds: age_seconds(letter),
            why: &letter.why,
            body: body.then_some(&intent.deed),
        }
    }
}

pub(super) fn status(status: &Status) -> String {
    let duty = |duty: Duty, count: u64, what: &str| [duty.as_str().to_owned(), count.to_string(), what.to_owned()];
    let rows = [
        ["asked".to_owned(), status.asked.to_string(), "the authority is being asked".to_owned()],
        duty(Duty::Meili, status.meili, "to be written to Meilisearch, or confirmed there"),
        duty(Duty::Pg, status.pg, "to be written to PostgreSQL"),
        duty(Duty::Reconcile, status.reconcile, "to be compared"),
    ];
    let mut text = format!("pending writes: {}", status.pending);
    if let Some(seconds) = status.oldest_seconds {
        text.push_str(&format!(", the oldest since {}", age(seconds)));
    }
    text.push_str(&format!("\ndead letters: {}", status.dead_letters));
    if status.dead_letters > 0 {
        text.push_str(" (`crossfade journal list`)");
    }
    text.push_str(&format!("\n\n{}", columns(["STATE", "WRITES", ""], &rows)));
    if !status.failing.is_empty() {
        let row = |(duty, count, why): &(Duty, u64, String)| [duty.as_str().to_owned(), count.to_string(), plain(why)];
        let rows: Vec<[String; 3]> = status.failing.iter().map(row).collect();
        text.push_str(&format!("\n\n{}", columns(["FAILING", "WRITES", "LAST FAILURE"], &rows)));
    }
    text
}

/// `limit` is what was asked for: with as many, there may be more.
pub(super) fn letters(letters: &[DeadLetter], bodies: bool, limit: usize) -> String {
    if letters.is_empty() {
        return "no dead letters".to_owned();
    }
    let row = |letter: &DeadLetter| {
        let intent = &letter.intent;
        [
            letter.seq.0.to_string(),
            letter.duty.as_str().to_owned(),
            plain(&intent.index),
            if matches!(intent.deed, Deed::Sweep(_)) { "(sweep)".to_owned() } else { plain(intent.id.as_str()) },
            intent.version.0.to_string(),
            age(age_seconds(letter)),
            plain(&letter.why),
        ]
    };
    let rows: Vec<[String; 7]> = letters.iter().map(row).collect();
    let mut text = columns(["SEQ", "DUTY", "INDEX", "ID", "VERSION", "AGE", "WHY"], &rows);
    if bodies {
        for letter in letters {
            let body = serde_json::to_string(&letter.intent.deed).unwrap_or_default();
            text.push_str(&format!("\n\n{}: {}", letter.seq.0, plain(&body)));
        }
    }
    if let Some(last) = letters.last().filter(|_| letters.len() == limit) {
        text.push_str(&format!("\n\nthere may be more: --after {}", last.seq.0));
    }
    text
}

fn deed(deed: &Deed) -> &'static str {
    match deed {
        Deed::Change(Action::Put(_)) => "put",
        Deed::Change(Action::Merge(_)) => "merge",
        Deed::Change(Action::Delete) => "delete",
        Deed::Resync => "resync",
        Deed::Sweep(_) => "sweep",
    }
}

fn age_seconds(letter: &DeadLetter) -> f64 {
    Timestamp::now().duration_since(letter.at).as_secs_f64().max(0.0)
}

/// The two largest units that are not zero.
fn age(seconds: f64) -> String {
    let seconds = seconds.max(0.0) as u64;
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => format!("{minutes}m {}s", seconds % 60),
        (0, ..) => format!("{hours}h {}m", minutes % 60),
        _ => format!("{days}d {}h", hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::age;

    #[test]
    fn an_age_is_told_in_two_units() {
        for (seconds, text) in
            [(0.4, "0s"), (59.9, "59s"), (60.0, "1m 0s"), (3_661.0, "1h 1m"), (90_000.0, "1d 1h"), (-1.0, "0s")]
        {
            assert_eq!(age(seconds), text);
        }
    }
}
