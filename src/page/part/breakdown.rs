//! Quality by endpoint, by class of query, and against the source itself.

use maud::{Markup, html};

use super::{
    format::{NOTHING, count, millis, percent, unit},
    none, said, table,
};
use crate::{
    page::{ClassRow, Noise},
    store::{Overview, PairStats},
};

/// Endpoints shown at most.
const ENDPOINTS: usize = 40;

pub(super) fn endpoints(overview: &Overview) -> Markup {
    let endpoints = &overview.settled_by_endpoint;
    if endpoints.len() < 2 {
        return html! {};
    }
    let of = |(name, stats): (&String, &PairStats)| ClassRow {
        class: name.clone(),
        pairs: stats.pairs,
        overlap: stats.overlap_at_10,
        identical_order: stats.identical_order,
        agreement: stats.agreement_ndcg_at_10,
        pg_p95_ms: stats.latency_ms.pg.map(|side| side.p95),
    };
    let rows: Vec<ClassRow> = endpoints.iter().take(ENDPOINTS).map(of).collect();
    let left = endpoints.len().saturating_sub(ENDPOINTS);
    html! {
        h3 { "By endpoint" }
        (rows_of("Quality by endpoint", "endpoint", &rows))
        @if left > 0 { p.note { "And " (left) " more; " code { "crossfade report" } " lists all." } }
    }
}

pub(super) fn classes(classes: &[ClassRow]) -> Markup {
    html! {
        h3 { "By class of query" }
        @if classes.is_empty() {
            (none("No classes recorded."))
        } @else {
            (rows_of("Quality by class of query", "class", classes))
        }
    }
}

fn rows_of(about: &str, what: &str, rows: &[ClassRow]) -> Markup {
    let row = |class: &ClassRow| {
        let overlap = class.overlap;
        let figures = [
            count(class.pairs),
            unit(overlap.map(|overlap| overlap.p50)),
            unit(overlap.map(|overlap| overlap.mean)),
            unit(overlap.map(|overlap| overlap.p10)),
            percent(class.identical_order),
            unit(class.agreement),
            millis(class.pg_p95_ms),
        ];
        [said(&class.class, 100)].into_iter().chain(figures.map(table::cell)).collect::<Vec<Markup>>()
    };
    let head = [what, "settled pairs", "p50", "mean", "p10", "same order", "agreement", "p95 of pg"];
    table::table(about, &head, &rows.iter().map(row).collect::<Vec<_>>())
}

pub(super) fn noise(noise: Option<Noise>, settled: &PairStats) -> Markup {
    html! {
        h3 { "Against the source itself" }
        @match noise {
            None => (none("The source was not asked twice: how much it agrees with itself is not known.")),
            Some(noise) => {
                @let overlap = settled.overlap_at_10.map(|overlap| overlap.mean);
                @let relative = overlap.filter(|_| noise.overlap.mean > 0.0).map(|mean| mean / noise.overlap.mean);
                p.lead {
                    "Asked the same twice, " (count(noise.pairs)) " times, Meilisearch agrees with itself in " (unit(Some(noise.overlap.mean)))
                    " (mean; median " (unit(Some(noise.overlap.p50))) ", p10 " (unit(Some(noise.overlap.p10))) "): nobody can agree with it more. PostgreSQL reaches "
                    @if relative.is_some() { strong { (percent(relative)) } } @else { (NOTHING) }
                    " of that."
                }
            }
        }
    }
}
