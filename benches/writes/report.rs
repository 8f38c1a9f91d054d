//! Figures against their budgets.

/// What a figure has to be.
#[derive(Clone, Copy)]
pub enum Budget {
    AtLeast(f64),
    AtMost(f64),
}

use Budget::{AtLeast, AtMost};

/// Prints one budget: the figure, the verdict, how busy the machine was, and what else belongs to it.
pub fn verdict(what: &str, figure: f64, unit: &str, budget: Budget, details: &str) {
    let (sign, bound, holds) = match budget {
        AtLeast(bound) => (">=", bound, figure >= bound),
        AtMost(bound) => ("<=", bound, figure <= bound),
    };
    let verdict = if holds { "ok" } else { "OVER" };
    let digits = if bound < 10.0 { 3 } else { 0 };
    println!(
        "{what:<46}{figure:>10.digits$} {unit:<8} budget {sign} {bound:<8}{verdict:<5} load {:<6} {details}",
        load()
    );
}

/// The load average of the last minute.
pub fn load() -> String {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split(' ').next().unwrap_or("?").to_owned()
}

pub fn median(samples: impl IntoIterator<Item = f64>) -> f64 {
    let mut samples = Vec::from_iter(samples);
    samples.sort_by(f64::total_cmp);
    samples.get(samples.len() / 2).copied().unwrap_or(f64::NAN)
}
