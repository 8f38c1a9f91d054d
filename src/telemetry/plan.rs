//! The plan in force, and what became of changes.

use super::{
    names::{GUARD_POWERLESS, GUARD_ROLLBACKS, PLAN_FALLBACK, PLAN_INFO, PLAN_REJECTED, PLAN_STALE, ROLLBACK_LATCHED},
    record::{count, set},
};

/// What a start goes on when the flag table cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlanFallback {
    /// The plan that an earlier process left on disk.
    LastGood,
    /// The default flags: source only.
    Defaults,
}

/// A plan came into force, or is no longer.
pub(crate) fn plan_info(phase: &'static str, write_mode: &'static str, read_backend: &'static str, in_force: bool) {
    let labels = [("phase", phase), ("write_mode", write_mode), ("read_backend", read_backend)];
    set(PLAN_INFO, labels, if in_force { 1.0 } else { 0.0 });
}

/// A proposal was refused; `rule` is the name of one.
pub(crate) fn plan_rejected(rule: &'static str) {
    count(PLAN_REJECTED, [("reason", rule)], 1);
}

/// How old the knowledge of the flag table is.
pub(crate) fn plan_stale(age: std::time::Duration) {
    set(PLAN_STALE, [], age.as_secs_f64());
}

/// A start without the flag table.
pub(crate) fn plan_fallback(from: PlanFallback) {
    let from = match from {
        PlanFallback::LastGood => "last_good",
        PlanFallback::Defaults => "defaults",
    };
    count(PLAN_FALLBACK, [("from", from)], 1);
}

/// Whether a rollback is latched.
pub(crate) fn rollback_latched(latched: bool) {
    set(ROLLBACK_LATCHED, [], f64::from(u8::from(latched)));
}

/// The guard has rolled back; `reason` is from a closed set.
pub(crate) fn guard_rolled_back(reason: &'static str) {
    count(GUARD_ROLLBACKS, [("reason", reason)], 1);
}

/// The guard would have rolled back; `reason` is from a closed set.
pub(crate) fn guard_powerless(reason: &'static str) {
    count(GUARD_POWERLESS, [("reason", reason)], 1);
}
