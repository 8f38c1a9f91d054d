//! The processes of the service.

use jiff::Timestamp;
use maud::{Markup, html};

use super::{
    format::{NOTHING, count, millis, seconds, time},
    none, said, section, table,
};
use crate::store::Replica;

/// Shown at most.
const SHOWN: usize = 60;

pub(super) fn replicas(replicas: &[Replica], until: Timestamp) -> Markup {
    if replicas.is_empty() {
        let text = "No process has reported within the hour before the report was made.";
        return section("replicas", "Processes", none(text));
    }
    let number = |value: Option<i64>| value.map_or_else(|| NOTHING.to_owned(), |value| count(value.unsigned_abs()));
    let row = |replica: &Replica| {
        let word = if replica.live { "pass" } else { "hold" };
        vec![
            html! { (said(&replica.host, 60)) br; span.note { (said(&replica.replica, 40)) } },
            html! { span class={ "badge " (word) } { (if replica.live { "live" } else { "silent" }) } },
            said(&replica.phase, 40),
            table::cell(replica.plan_version.to_string()),
            table::cell(number(replica.journal_pending)),
            table::cell(replica.journal_oldest_seconds.map_or_else(|| NOTHING.to_owned(), seconds)),
            table::cell(number(replica.journal_dead_letters)),
            table::cell(millis(replica.write_millis)),
            table::cell(seconds(replica.seen_seconds.max(0.0))),
        ]
    };
    // The live ones first, else as they are.
    let (live, silent): (Vec<&Replica>, Vec<&Replica>) = replicas.iter().partition(|replica| replica.live);
    let rows: Vec<Vec<Markup>> = live.into_iter().chain(silent).take(SHOWN).map(row).collect();
    let head = [
        "host and process",
        "",
        "phase",
        "plan",
        "writes that wait",
        "the oldest",
        "dead letters",
        "a write takes",
        "seen before",
    ];
    let left = replicas.len().saturating_sub(SHOWN);
    let content = html! {
        (table::table("The processes of the service", &head, &rows))
        p.note {
            "As of " (time(until)) "."
            @if left > 0 { " And " (left) " more; " code { "crossfade replicas list" } " shows all." }
        }
    };
    section("replicas", "Processes", content)
}
