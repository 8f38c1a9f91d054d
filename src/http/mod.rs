//! The layers on HTTP routes: codecs for JSON search routes, on axum's body type.
//!
//! Put the layers *inside* whatever decides who may search (authentication, rate limits): a read that PostgreSQL answers
//! never reaches the handler. Put them *inside* compression as well: a compressed answer cannot be compared and is
//! counted as `dropped_undecodable`.

mod body;
pub mod codec;

pub use body::{CapturedBody, Tee};
