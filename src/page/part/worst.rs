//! The queries on which the sides agree least, side by side.

use maud::{Markup, html};

use super::{
    format::{count, cut, time, unit},
    none, said, section,
};
use crate::store::WorstQuery;

/// Hits shown of a side, and letters of an id.
const SHOWN: usize = 10;
const ID: usize = 64;
/// Letters of a query.
const SHOWN_CHARS: usize = 300;
/// Entries that are open.
const OPEN: usize = 3;

pub(super) fn worst(queries: &[WorstQuery]) -> Markup {
    let content = html! {
        @if queries.is_empty() {
            (none("No settled pair differs."))
        } @else {
            p.lead {
                "Of settled pairs, one entry a query: the lowest mean overlap first, then the most frequent. Beside it stand that mean and \
                 the number of pairs. The lists are those of its latest pair; behind each id is its place on the other side."
            }
            ol.worst { @for (number, query) in queries.iter().enumerate() { (entry(query, number < OPEN)) } }
        }
    };
    section("worst", "Worst queries", content)
}

/// Closed but for the first ones: twenty pairs of lists would hide what comes after them.
fn entry(query: &WorstQuery, open: bool) -> Markup {
    let shown = query.query.chars().count().min(SHOWN_CHARS) as u64;
    html! {
        li { details open[open] {
            summary {
                span.score { strong { (unit(Some(query.overlap_mean))) } " × " (count(query.pairs)) }
                span.query {
                    @if query.query.trim().is_empty() { span.none { "(empty query)" } } @else { (said(&query.query, SHOWN_CHARS)) }
                }
            }
            p.note {
                "overlap@10 of the latest pair " (unit(Some(query.overlap))) " · row " (query.row) " · " (time(query.at)) " · "
                (said(&query.endpoint, 80)) " · " (answered(&query.primary))
                @if query.offset > 0 { " · from hit " (i64::from(query.offset) + 1) }
                @if query.query_chars > shown { " · " (count(query.query_chars)) " characters" }
            }
            div.sides {
                (side("Meilisearch", &query.meili_ids, &query.pg_ids))
                (side("PostgreSQL", &query.pg_ids, &query.meili_ids))
            }
        } }
    }
}

fn answered(primary: &str) -> &'static str {
    if primary == "pg" { "PostgreSQL answered" } else { "Meilisearch answered" }
}

fn side(name: &str, ids: &[String], other: &[String]) -> Markup {
    html! {
        div.side {
            h4 { (name) }
            @if ids.is_empty() { (none("found nothing")) }
            ol {
                @for id in ids.iter().take(SHOWN) {
                    @match other.iter().position(|there| there == id) {
                        Some(place) => li { (said(&cut(id, ID), ID + 1)) span.place { "#" (place + 1) } },
                        None => li.alone { (said(&cut(id, ID), ID + 1)) span.place { "only here" } },
                    }
                }
            }
            @if ids.len() > SHOWN { p.note { "and " (ids.len() - SHOWN) (if ids.len() >= 50 { " or more" } else { " more" }) } }
        }
    }
}
