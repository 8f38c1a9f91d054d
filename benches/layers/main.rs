//! What the read layers cost on the response path: `cargo bench --bench layers`.
//!
//! Two criterion groups, `reads` (typed, in-memory sides) and `http_reads` (axum route, 6 KB answer), each with the bare
//! service and the layers off, unsampled and sampled; then `isolation`, p99 under load with a shadow that hangs. It ends
//! with a table of every figure against its budget, all taken in this run.
#![allow(missing_docs, clippy::unwrap_used, clippy::disallowed_methods, unreachable_pub, missing_debug_implementations)]

mod calls;
mod isolation;
mod paths;

use std::time::Duration;

use calls::{Figures, Load};
use criterion::Criterion;
use paths::{HttpPath, Mode, Path, TypedPath};

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3))
        .configure_from_args();
    let mut figures = Figures::default();
    flag_read(&mut criterion, &mut figures);
    group::<TypedPath>("reads", &mut criterion, &runtime, &mut figures);
    group::<HttpPath>("http_reads", &mut criterion, &runtime, &mut figures);
    criterion.final_summary();
    figures.print();
    if std::env::args().any(|arg| arg == "isolation") || !std::env::args().any(|arg| arg == "--quick") {
        runtime.block_on(isolation::run());
    }
}

fn flag_read(criterion: &mut Criterion, figures: &mut Figures) {
    let plan = crossfade::plan::PlanHandle::fixed(crossfade::plan::Flags::default());
    criterion.bench_function("flag_read", |bencher| {
        bencher.iter_custom(|iterations| {
            let started = std::time::Instant::now();
            for _ in 0..iterations {
                std::hint::black_box(plan.load());
            }
            figures.add("flag_read", started.elapsed(), iterations)
        });
    });
}

fn group<P: Path>(name: &str, criterion: &mut Criterion, runtime: &tokio::runtime::Runtime, figures: &mut Figures) {
    let mut group = criterion.benchmark_group(name);
    for mode in [None, Some(Mode::Off), Some(Mode::Unsampled), Some(Mode::Sampled)] {
        let label = mode.map_or("bare", Mode::name);
        let load = runtime.block_on(async { Load::<P>::start(mode) });
        group.bench_function(label, |bencher| {
            bencher.iter_custom(|iterations| {
                let took = runtime.block_on(load.run(iterations));
                figures.add(&format!("{name}/{label}"), took, iterations)
            });
        });
    }
}
