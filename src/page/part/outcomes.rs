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

/// What is no pair, in kinds that can be told apart in a plot.
const KINDS: [(&str, Ink, fn(&str) -> bool); 5] = [
    ("shadow error", Ink::Other1, |outcome| outcome == Outcome::ShadowError.as_str()),
    ("timeout", Ink::Other2, |outcome| outcome == Outcome::ShadowTimeout.as_str()),
    ("primary error", Ink::Other3, |outcome| outcome == Outcome::PrimaryError.as_str()),
    ("dropped", Ink::Other4, |outcome| outcome.starts_with("dropped_")),
    // Of a newer version.
    ("other", Ink::Other5, |outcome| Outcome::ALL.into_iter().all(|known| known.as_str() != outcome)),
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
    let of_kind = |bucket: &Bucket, is: fn(&str) -> bool| -> u64 {
        bucket.outcomes.iter().filter(|(outcome, _)| is(outcome)).map(|(_, rows)| rows).sum()
    };
    let series: Vec<Series> = KINDS
        .into_iter()
        .filter(|(.., is)| times.buckets.iter().any(|bucket| of_kind(bucket, *is) > 0))
        .map(|(name, ink, is)| {
            let share = |bucket: &Bucket| {
                let all = total(bucket);
                (all > 0).then(|| of_kind(bucket, is) as f64 / all as f64)
            };
            Series { name: name.to_owned(), ink, values: times.values(share) }
        })
        .collect();
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
    let row = |bucket: &Bucket| {
        (total(bucket) > 0).then(|| KINDS.iter().map(|(.., is)| count(of_kind(bucket, *is))).collect())
    };
    let head: Vec<&str> = ["UTC"].into_iter().chain(KINDS.iter().map(|(name, ..)| *name)).collect();
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
