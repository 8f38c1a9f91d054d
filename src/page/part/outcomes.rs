//! How the sampled reads ended.

use maud::{Markup, html};

use super::{
    course::{Times, values},
    format::{count, percent},
    none,
    quality::short_count,
    said, section, table,
};
use crate::{
    page::{
        Page, PlotError,
        plot::{Ink, Lines, Scale, Series, Stack, Words},
    },
    shadow::Outcome,
    store::{Bucket, ReadStats},
};

/// Outcomes that are one line of a plot.
#[derive(Clone, Copy)]
struct Kind {
    name: &'static str,
    ink: Ink,
    holds: fn(&str) -> bool,
}

/// What is no pair, in kinds that can be told apart in a plot.
const KINDS: [Kind; 5] = [
    Kind { name: "shadow error", ink: Ink::Other1, holds: |outcome| outcome == Outcome::ShadowError.as_str() },
    Kind { name: "timeout", ink: Ink::Other2, holds: |outcome| outcome == Outcome::ShadowTimeout.as_str() },
    Kind { name: "primary error", ink: Ink::Other3, holds: |outcome| outcome == Outcome::PrimaryError.as_str() },
    Kind { name: "dropped", ink: Ink::Other4, holds: |outcome| outcome.starts_with("dropped_") },
    // Of a newer version.
    Kind {
        name: "other",
        ink: Ink::Other5,
        holds: |outcome| Outcome::ALL.iter().all(|known| known.as_str() != outcome),
    },
];

pub(super) fn outcomes(page: &Page, times: &Times<'_>) -> Result<Markup, PlotError> {
    let overall = &page.overview.report.overall;
    if overall.outcomes.is_empty() {
        return Ok(section("outcomes", "Outcomes", none("No sampled read in this time.")));
    }
    let content = html! {
        (totals(overall))
        @if !times.buckets.is_empty() {
            div.plots { (reads(times)?) (failures(times)?) }
        }
    };
    Ok(section("outcomes", "Outcomes", content))
}

fn totals(overall: &ReadStats) -> Markup {
    let known = Outcome::ALL.iter().map(|outcome| outcome.as_str());
    // What a newer version may have written comes last.
    let unknown = overall.outcomes.keys().map(String::as_str).filter(|name| known.clone().all(|it| it != *name));
    let all = (overall.stored + overall.lost) as f64;
    let rows: Vec<Vec<Markup>> = known
        .clone()
        .chain(unknown)
        .filter_map(|name| {
            let outcome = overall.outcomes.get(name)?;
            let total = outcome.stored + outcome.lost;
            let errors = overall.errors.get(name).into_iter().flatten();
            let errors: Vec<String> = errors.map(|(kind, rows)| format!("{kind} {}", count(*rows))).collect();
            let cells = [count(total), percent(Some(total as f64 / all)), count(outcome.lost)].map(table::cell);
            Some([said(name, 60)].into_iter().chain(cells).chain([said(&errors.join(", "), 300)]).collect())
        })
        .collect();
    table::table(
        "How the sampled reads ended",
        &["outcome", "reads", "share", "of them not in the log", "kinds of error"],
        &rows,
    )
}

fn compared(bucket: &Bucket) -> u64 {
    bucket.outcomes.get(Outcome::Compared.as_str()).copied().unwrap_or_default()
}

fn total(bucket: &Bucket) -> u64 {
    bucket.outcomes.values().sum()
}

fn reads(times: &Times<'_>) -> Result<Markup, PlotError> {
    let about = "filled: compared; on top: ended otherwise".to_owned();
    let stack = Stack {
        words: Words { id: "reads", title: "Sampled reads over time", about: about.clone() },
        time: times.axis,
        at: &times.edges,
        layers: vec![
            (Ink::Bar, times.buckets.iter().map(compared).collect()),
            (Ink::BarApart, times.buckets.iter().map(|bucket| total(bucket) - compared(bucket)).collect()),
        ],
        name: short_count,
    };
    let row = |bucket: &Bucket| {
        let all = total(bucket);
        (all > 0).then(|| vec![count(all), count(compared(bucket)), count(all - compared(bucket))])
    };
    Ok(html! {
        figure {
            figcaption { strong { "Sampled reads over time" } span { (about) } }
            (stack.draw()?)
            (times.table("Sampled reads over time", &["UTC", "in the log", "compared", "otherwise"], row))
        }
    })
}

/// Shares of the reads in the log that ended in each of the [`KINDS`], of those that occurred.
fn failures(times: &Times<'_>) -> Result<Markup, PlotError> {
    let of_kind = |bucket: &Bucket, kind: Kind| -> u64 {
        bucket.outcomes.iter().filter(|(outcome, _)| (kind.holds)(outcome)).map(|(_, rows)| rows).sum()
    };
    let occurs = |kind: &Kind| times.buckets.iter().any(|bucket| of_kind(bucket, *kind) > 0);
    let line = |kind: Kind| {
        let share = |bucket: &Bucket| {
            let all = total(bucket);
            (all > 0).then(|| of_kind(bucket, kind) as f64 / all as f64)
        };
        Series { name: kind.name.to_owned(), ink: kind.ink, values: times.values(share) }
    };
    let series: Vec<Series> = KINDS.into_iter().filter(occurs).map(line).collect();
    let about = "share of the reads in the log".to_owned();
    let scale = Scale::linear(values(&series));
    let lines = Lines {
        words: Words { id: "failures", title: "What was not compared, over time", about: about.clone() },
        time: times.axis,
        at: &times.middles,
        series,
        scale,
        name: |value| percent(Some(value)),
        marks: &times.marks,
        zero: false,
    };
    let row = |bucket: &Bucket| (total(bucket) > 0).then(|| KINDS.map(|kind| count(of_kind(bucket, kind))).to_vec());
    let head: Vec<&str> = ["UTC"].into_iter().chain(KINDS.map(|kind| kind.name)).collect();
    Ok(html! {
        figure {
            figcaption { strong { "What was not compared, over time" } span { (about) } }
            @if lines.is_empty() { (none("Every read in the log was compared.")) } @else {
                (lines.draw()?)
                (times.table("What was not compared, over time", &head, row))
            }
        }
    })
}
