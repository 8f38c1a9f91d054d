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

pub(super) fn worst(queries: &[WorstQuery]) -> Markup {
    let content = html! {
        @if queries.is_empty() {
            (none("No settled pair differs."))
        } @else {
            p.lead {
                "Of settled pairs, one entry a query: the lowest mean overlap first, then the most frequent. The lists are those of its \
                 latest pair; behind each id is its place on the other side."
            }
            ol.worst { @for query in queries { (entry(query)) } }
        }
    };
    section("worst", "Worst queries", content)
}

fn entry(query: &WorstQuery) -> Markup {
    let shown = query.query.chars().count() as u64;
    html! {
        li {
            h3.query {
                @if query.query.trim().is_empty() { span.none { "(empty query)" } } @else { (said(&query.query, 300)) }
            }
            p.note {
                "overlap@10 " strong { (unit(Some(query.overlap_mean))) } " over " (count(query.pairs)) " "
                (if query.pairs == 1 { "pair" } else { "pairs" })
                @if query.pairs > 1 { ", the latest " (unit(Some(query.overlap))) }
                " · row " (query.row) " · " (time(query.at)) " · " (said(&query.endpoint, 80)) " · " (answered(&query.primary))
                @if query.offset > 0 { " · from hit " (query.offset + 1) }
                @if query.query_chars > shown.min(300) { " · " (count(query.query_chars)) " characters" }
            }
            div.sides {
                (side("Meilisearch", &query.meili_ids, &query.pg_ids))
                (side("PostgreSQL", &query.pg_ids, &query.meili_ids))
            }
        }
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
