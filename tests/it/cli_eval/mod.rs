//! `crossfade eval`, as a person runs it.

mod failures;
mod figures;
mod ground;
mod signals;
