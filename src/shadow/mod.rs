//! Compares a sampled share of reads with the other side, off the response path.

mod outcome;
mod record;

pub use outcome::Outcome;
pub use record::{Leg, ShadowRecord, ShadowSink};
