//! The ranking is held to what Meilisearch 1.50 answered over 36,273 films: ids in order, totals, and the score of each rule.
//!
//! A part of the queries is asked; with `CROSSFADE_PARITY=all` all are.

mod corpus;
mod details;
mod rankings;

use std::env;

/// Every so many queries are asked.
fn step(usual: usize) -> usize {
    if env::var("CROSSFADE_PARITY").is_ok_and(|value| value == "all") { 1 } else { usual }
}
