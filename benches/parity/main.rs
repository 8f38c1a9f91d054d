//! How fast PostgreSQL answers as Meilisearch does, and what that costs: `cargo bench --bench parity`, or a part of it by name: `-- scale`.
//!
//! With `MEILI_URL` (and `MEILI_MASTER_KEY`) set, a real Meilisearch is loaded with the same and asked the same.
//!
//! A plain program: documents are made up of the words of film titles and casts, as often as those stand there.
#![allow(
    missing_docs,
    clippy::panic,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    unreachable_pub,
    missing_debug_implementations
)]

mod corpus;
mod meili;
#[allow(dead_code)] // other benches need all of it
#[path = "../writes/report.rs"]
mod report;
mod scale;
mod upsert;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    // `cargo test --benches` runs this too, without the flag: then a moment is enough.
    let whole = std::env::args().any(|argument| argument == "--bench");
    let chosen: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let wanted = |name: &str| chosen.is_empty() || chosen.iter().any(|chosen| chosen == name);
    println!("load average at the start: {}; `scale`, `upsert` can be asked for", report::load());
    if wanted("scale") {
        runtime.block_on(scale::curve(whole));
    }
    if wanted("upsert") {
        runtime.block_on(upsert::cost(whole));
    }
}
