//! What the write path costs and bears: `cargo bench --bench writes`, or a part of it by name: `-- journal`.
//!
//! A plain program: the figures are rates and latencies under load, taken in this run and printed against their budgets, one
//! line each. What is compared takes turns within the run. A machine that does something else at the time falsifies all of
//! them, so each line has its load average; quiet is below the number of its processors.
#![allow(missing_docs, clippy::unwrap_used, clippy::disallowed_methods, unreachable_pub, missing_debug_implementations)]

mod disk;
mod journal;
mod latency;
mod off;
mod report;
mod sides;
mod target;
mod worker;

use tokio::runtime::{Builder, Runtime};

fn main() {
    let runtime = threads(2);
    // What is another process otherwise.
    let beside = threads(1);
    // `cargo test --benches` runs this too, without the flag: then a moment is enough.
    let whole = std::env::args().any(|argument| argument == "--bench");
    let chosen: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let wanted = |name: &str| chosen.is_empty() || chosen.iter().any(|chosen| chosen == name);
    println!(
        "load average at the start: {}; `latency`, `journal`, `target`, `worker`, `off` can be asked for",
        report::load()
    );
    if wanted("latency") {
        runtime.block_on(latency::source_decides(whole, beside.handle()));
        runtime.block_on(latency::target_decides(whole, beside.handle()));
    }
    if wanted("journal") {
        runtime.block_on(journal::throughput(whole));
        runtime.block_on(journal::backlog(whole));
    }
    if wanted("target") {
        runtime.block_on(target::throughput(if whole { 100_000 } else { 1_000 }));
    }
    if wanted("worker") {
        runtime.block_on(worker::throughput(whole));
    }
    if wanted("off") {
        runtime.block_on(off::typed(whole));
        runtime.block_on(off::http(whole));
    }
}

fn threads(number: usize) -> Runtime {
    Builder::new_multi_thread().worker_threads(number).enable_all().build().unwrap()
}
