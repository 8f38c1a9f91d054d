//! How fast a backfill copies, and what it needs: `cargo bench --bench backfill`, or a part of it by name: `-- copy`.
//!
//! A plain program, as the bench of the writes: what is compared takes turns within the run, on one table in one database whose commits
//! wait for the disk.
#![allow(
    missing_docs,
    clippy::panic,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    unreachable_pub,
    missing_debug_implementations
)]

mod copy;
mod ground;
mod memory;
#[path = "../writes/report.rs"]
mod report;
mod sides;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    // `cargo test --benches` runs this too, without the flag: then a moment is enough.
    let whole = std::env::args().any(|argument| argument == "--bench");
    let chosen: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let wanted = |name: &str| chosen.is_empty() || chosen.iter().any(|chosen| chosen == name);
    println!("load average at the start: {}; `copy`, `memory`, `sides` can be asked for", report::load());
    if wanted("copy") {
        runtime.block_on(copy::throughput(whole));
    }
    if wanted("memory") {
        runtime.block_on(memory::peak(whole));
    }
    if wanted("sides") {
        runtime.block_on(sides::compared(whole));
    }
}
