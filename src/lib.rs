//! Tower layers that carry a live search service from Meilisearch to PostgreSQL, in the process that serves it.
//!
//! Start at [`migration`], which puts the parts together; `examples/search_service.rs` is a whole service, `cargo drill`
//! rehearses the migration on real data. The read layers from the outside in:
//!
//! - [`decide`]: one request sees one [`plan`](plan::Plan). Loads it, draws the sample, finds the side that answers.
//! - [`shadow`]: a sampled read is also asked of the other side, off the response path, and compared.
//! - [`route`]: asks the side that answers; when PostgreSQL fails, Meilisearch answers the same request.
//!
//! And the one of the write path:
//!
//! - [`dual_write`]: a write is recorded in a [`journal`], decided by one side, and brought to the other.
//!
//! They are generic over the wrapped service and a [`codec`]: `Typed` for services that speak [`search`]'s types, the codecs
//! of `http` for axum routes. A side is anything that implements [`backend::SearchBackend`].
//!
//! # Features
//!
//! | feature | |
//! | --- | --- |
//! | `http` (default) | layers on axum routes |
//! | `meili` (default) | the Meilisearch side |
//! | `postgres` (default) | the PostgreSQL side, the flag table, the shadow log and its replay, a journal, the outbox intake |
//! | `sqlite` (default) | the journal of writes in a file |
//! | `eval` | parity measured on a corpus, queries and judgments |
//! | `html` | the report as a page |
//! | `cli` | the `crossfade` program |
//! | `test-util` | a throwaway PostgreSQL cluster and a Meilisearch double |

#[cfg(all(doctest, feature = "http", feature = "meili", feature = "postgres", feature = "sqlite"))]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(all(doctest, feature = "http", feature = "meili", feature = "postgres"))]
#[doc = include_str!("../docs/runbook.md")]
struct Runbook;

mod host;
mod opaque;

// Words.
pub mod document;
pub mod error;
pub mod filter;
pub mod highlight;
pub mod ranking;
pub mod relevance;
pub mod search;
pub mod settings;
pub mod sort;
pub mod stats;
pub mod tokens;
pub mod write;

// Contracts.
pub mod breaker;
pub mod codec;
pub mod plan;
pub mod tally;
pub mod telemetry;

// Middleware.
pub mod decide;
pub mod dual_write;
pub mod guard;
pub mod route;
pub mod shadow;

// Sides, and the journal between them.
pub mod backend;
pub mod journal;

// Adapters and jobs.
#[cfg(all(feature = "meili", feature = "postgres"))]
pub mod backfill;
#[cfg(feature = "postgres")]
pub mod cutover;
#[cfg(all(feature = "meili", feature = "postgres"))]
pub mod drift;
#[cfg(feature = "eval")]
pub mod eval;
#[cfg(feature = "postgres")]
pub mod gates;
#[cfg(feature = "http")]
pub mod http;
pub mod observe;
#[cfg(feature = "postgres")]
pub mod outbox;
#[cfg(feature = "html")]
pub mod page;
#[cfg(feature = "postgres")]
pub mod replay;
#[cfg(feature = "postgres")]
pub mod store;

// Composition.
pub mod migration;

#[cfg(feature = "test-util")]
pub mod testing;
