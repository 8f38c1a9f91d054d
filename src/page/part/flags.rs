//! The flags, and who changed them.

use maud::{Markup, html};

use super::{
    format::{NOTHING, count, time},
    none, said, section, table,
};
use crate::{
    plan::{Flag, Flags},
    store::{CHANGES, FlagChange, Overview},
};

pub(super) fn flags(overview: &Overview) -> Markup {
    let content = html! {
        (now(overview))
        h3 { "Changes in this time" }
        @if overview.changes.is_empty() {
            (none("None."))
        } @else {
            (changes(&overview.changes))
        }
    };
    section("flags", "Flags", content)
}

fn now(overview: &Overview) -> Markup {
    let row = |flag: Flag| {
        let stored = overview.flags.flags.iter().find(|stored| stored.flag == flag.name());
        match stored {
            Some(stored) => vec![
                html! { code { (flag.name()) } },
                said(&stored.value, 40),
                said(&stored.updated_by, 80),
                table::cell(time(stored.updated_at)),
            ],
            None => vec![
                html! { code { (flag.name()) } },
                table::cell(Flags::default().text(flag)),
                table::cell("(default)"),
                table::cell(NOTHING),
            ],
        }
    };
    let rows: Vec<Vec<Markup>> = Flag::ALL.into_iter().map(row).collect();
    table::words("The flags", &["flag", "value", "set by", "set at"], &rows)
}

/// By the numbers that the plots show.
fn changes(changes: &[FlagChange]) -> Markup {
    let row = |(number, change): (usize, &FlagChange)| {
        vec![
            table::cell(count(number as u64 + 1)),
            table::cell(time(change.when)),
            html! { code { (said(&change.flag, 80)) } },
            html! { (said(&change.old, 40)) " → " (said(&change.new, 40)) },
            said(&change.who, 80),
            said(&change.why, 300),
        ]
    };
    let rows: Vec<Vec<Markup>> = changes.iter().rev().enumerate().map(row).collect();
    html! {
        (table::words("Changes of flags", &["no.", "when", "flag", "change", "who", "why"], &rows))
        p.note {
            "The numbers are those of the upright lines in the plots."
            @if changes.len() >= CHANGES as usize { " The latest " (changes.len()) " only." }
        }
    }
}
