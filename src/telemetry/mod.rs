//! Every metric of the crate: its name, its kind, its meaning, its labels. Nothing else calls the `metrics` macros.
//!
//! [`METRICS`] is the table; dashboards and alerts ([`observe`](crate::observe)) are made from it. Label values come from closed sets (they are
//! `&'static str`); none ever holds a query, a user or a document id. Recording looks the recorder up each time, so an exporter may be
//! installed after the layers are built, but what came before is not seen: install it first; nothing is recorded on the path of a request that
//! is neither sampled nor answered by PostgreSQL.
//!
//! A metric is four things: its constant in `names`, its row in `table`, its labels in `labels`, and a function in the file of its
//! subject, which is called once in `tests`.

#[cfg(all(feature = "meili", feature = "postgres"))]
mod backfill;
#[cfg(feature = "postgres")]
mod flag_table;
#[cfg(feature = "postgres")]
mod gates;
mod journal;
mod labels;
mod metric;
mod names;
#[cfg(feature = "postgres")]
mod outbox;
mod plan;
#[cfg(feature = "postgres")]
mod postings;
mod reads;
mod record;
mod shadow;
#[cfg(feature = "postgres")]
mod shadow_log;
mod table;
#[cfg(test)]
#[cfg(all(feature = "meili", feature = "postgres"))]
mod tests;
mod worker;
mod writes;

pub use metric::{Kind, Label, Metric};
pub use names::*;
pub use plan::PlanFallback;
pub use reads::FallbackReason;
pub use record::describe;
pub use table::METRICS;

#[cfg(all(feature = "meili", feature = "postgres"))]
pub(crate) use backfill::*;
#[cfg(feature = "postgres")]
pub(crate) use flag_table::*;
#[cfg(feature = "postgres")]
pub(crate) use gates::*;
pub(crate) use journal::*;
#[cfg(feature = "postgres")]
pub(crate) use outbox::*;
pub(crate) use plan::*;
#[cfg(feature = "postgres")]
pub(crate) use postings::*;
pub(crate) use reads::*;
pub(crate) use shadow::*;
#[cfg(feature = "postgres")]
pub(crate) use shadow_log::*;
pub(crate) use worker::*;
pub(crate) use writes::*;
