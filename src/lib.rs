//! Tower layers that carry a live search service from Meilisearch to PostgreSQL.

// Words.
pub mod document;
pub mod error;
pub mod filter;
pub mod relevance;
pub mod search;
pub mod settings;
pub mod sort;
pub mod text;

// Contracts.
pub mod breaker;
pub mod codec;
pub mod plan;
pub mod telemetry;

// Middleware.
pub mod decide;
pub mod route;
pub mod shadow;

// Sides.
pub mod backend;

// Adapters and jobs.
#[cfg(feature = "http")]
pub mod http;
#[cfg(feature = "postgres")]
pub mod store;

// Composition.
pub mod migration;

#[cfg(feature = "test-util")]
pub mod testing;
