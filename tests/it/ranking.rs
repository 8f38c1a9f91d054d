//! The ranking against an oracle that tries every interpretation of a query on every document.

mod costs;
mod forms;
pub(crate) mod model;
mod oracle;
mod properties;
