//! What an operator may ask of a process itself: how it goes by its flags, and that it rolls back. A way back that needs
//! neither the flag table nor a file.
//!
//! Closed unless opened: there are no such routes before a service mounts
//! [`Migration::admin`](crate::migration::Migration::admin). Best on an address that readers cannot reach; the
//! [token](AdminToken) travels in the clear where the service speaks no TLS.
//!
//! | request | |
//! | --- | --- |
//! | `GET /status` | an [`AdminStatus`] |
//! | `POST /rollback` with `{"why": "..", "by": ".."}` | reads of this process go back to Meilisearch at once and stay there; the flag table is told as soon as it can be, and then every replica follows. Answers an [`AdminStatus`], or 409 under `pg_only` |
//!
//! Both need `Authorization: Bearer <token>`, and are answered 401 otherwise, as everything else is.
//!
//! ```
//! use axum::Router;
//! use crossfade::{http::admin::AdminToken, migration::Migration};
//!
//! # fn example(migration: Migration, service: Router, token: &str) -> Result<Router, Box<dyn std::error::Error>> {
//! Ok(service.nest("/admin", migration.admin(AdminToken::new(token)?)))
//! # }
//! ```

mod routes;
mod status;
mod token;

pub use axum::Router;

pub(crate) use self::routes::router;
pub use self::{
    routes::RollbackOrder,
    status::{AdminStatus, ReadsNow},
    token::{AdminToken, AdminTokenError},
};
