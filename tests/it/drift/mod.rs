//! Drift: planted, found and repaired, on a real PostgreSQL and Meilisearch or its double.

mod audit;
mod check;
mod failures;
mod flight;
pub(crate) mod ground;
mod repair;
