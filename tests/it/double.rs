//! The Meilisearch double: as a real server answers, and as scripted.

mod replay;
mod script;
mod settings;
mod store;
