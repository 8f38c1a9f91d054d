//! What the words mean.

use maud::{Markup, html};

use super::format;
use crate::page::Page;

pub(super) fn foot(page: &Page) -> Markup {
    let report = &page.overview.report;
    html! {
        footer {
            details {
                summary { "What the words mean" }
                dl {
                    dt { "overlap@10" }
                    dd { "|A ∩ B| / min(10, max(|A|, |B|)) over the first ten hits of both sides; two empty lists are 1 and counted apart." }
                    dt { "agreement NDCG@10" }
                    dd { (report.agreement_form) ": the ranking of the side that answered as the reference." }
                    dt { "settled" }
                    dd { "No write to the index was under way while the pair was read. Only settled pairs count for quality; latencies and outcomes are those of all." }
                    dt { "signed delta" }
                    dd { "PostgreSQL less Meilisearch over the same request: below zero where PostgreSQL was faster." }
                    dt { "p50, p95, p99" }
                    dd { "Percentiles by linear interpolation (Hyndman and Fan, definition 7)." }
                    dt { "lost" }
                    dd { "Sampled reads that are known to be missing from the log. They are tallied by the minute, and in no plot over time." }
                }
            }
            p { "Made by crossfade " (env!("CARGO_PKG_VERSION")) " on " (format::time(report.until)) ". All times are UTC. This page needs no network and runs no script." }
        }
    }
}
