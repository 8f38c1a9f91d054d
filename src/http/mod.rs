//! The layers on HTTP routes: codecs for JSON search and document routes, on axum's body type.
//!
//! **A read that PostgreSQL answers never reaches the handler, and its extractors do not run.** Whatever decides who may
//! search must therefore be a middleware *outside* the layers (authentication, rate limits); a check in an extractor can
//! be repeated with [`allow`](codec::HttpCodec::allow). Put them *inside* compression as well: a compressed answer cannot be compared and is
//! counted as `dropped_undecodable`.
//!
//! **The same holds for writes, and more:** a write is recorded before the handler runs, and in the phases where PostgreSQL
//! decides the handler does not run at all. Its checks (authentication, validation, quotas) must stand in a middleware
//! outside the layers, or in [`allow`](codec::HttpWrites::allow).

pub mod admin;
mod body;
pub mod codec;

pub use body::CapturedBody;
