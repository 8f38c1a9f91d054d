//! Every metric of the crate: its name, its meaning, its labels. Nothing else calls the `metrics` macros.
//!
//! Labels come from closed sets; none ever holds a query, a user or a document id. Recording looks the recorder up each
//! time, so an exporter may be installed before or after the layers are built; nothing is recorded on the path of a
//! request that is neither sampled nor answered by PostgreSQL.
#![allow(clippy::disallowed_macros)]

use crate::plan::{Plan, Rule};

/// 1 for the plan in force, 0 for the one before. Labels: phase, write_mode, read_backend.
pub const PLAN_INFO: &str = "plan_info";
/// Proposals refused, each distinct one once. Label: reason, a [`Rule`] by name.
pub const PLAN_REJECTED: &str = "plan_rejected_total";
/// Seconds since the flag table was last read; 0 while it can be.
pub const PLAN_STALE: &str = "plan_stale_seconds";
/// Starts without the flag table. Label: from, `last_good` or `defaults`.
pub const PLAN_FALLBACK: &str = "plan_fallback_total";

/// What a start goes on when the flag table cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlanFallback {
    /// The plan that an earlier process left on disk.
    LastGood,
    /// The default flags: source only.
    Defaults,
}

/// A plan came into force.
pub fn plan_in_force(before: &Plan, now: &Plan) {
    plan_info(before, 0.0);
    plan_info(now, 1.0);
}

fn plan_info(plan: &Plan, value: f64) {
    let (phase, flags) = (plan.phase().as_str(), plan.flags);
    let (mode, backend) = (flags.write_mode.as_str(), flags.read_backend.as_str());
    metrics::gauge!(PLAN_INFO, "phase" => phase, "write_mode" => mode, "read_backend" => backend).set(value);
}

/// A proposal was refused.
pub fn plan_rejected(rule: Rule) {
    metrics::counter!(PLAN_REJECTED, "reason" => rule.name()).increment(1);
}

/// How old the knowledge of the flag table is.
pub fn plan_stale(age: std::time::Duration) {
    metrics::gauge!(PLAN_STALE).set(age.as_secs_f64());
}

/// A start without the flag table.
pub fn plan_fallback(from: PlanFallback) {
    let from = match from {
        PlanFallback::LastGood => "last_good",
        PlanFallback::Defaults => "defaults",
    };
    metrics::counter!(PLAN_FALLBACK, "from" => from).increment(1);
}

/// Tells the recorder what the metrics of the plan mean.
pub fn describe_plan() {
    use metrics::Unit;
    metrics::describe_gauge!(PLAN_INFO, "1 for the plan in force, 0 for earlier ones");
    metrics::describe_counter!(PLAN_REJECTED, "flag proposals refused, by rule");
    metrics::describe_gauge!(PLAN_STALE, Unit::Seconds, "age of what is known of the flag table; 0 while it answers");
    metrics::describe_counter!(PLAN_FALLBACK, "starts without the flag table, by what the plan was taken from");
}
