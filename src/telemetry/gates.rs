//! Gates and steps.

use super::{
    names::{GATE_STEPS, GATE_VERDICTS},
    record::count,
};

/// The gates were looked at.
pub(crate) fn gates_judged(verdict: &'static str) {
    count(GATE_VERDICTS, [("verdict", verdict)], 1);
}

/// A step of the migration was taken.
pub(crate) fn step_taken(step: &'static str) {
    count(GATE_STEPS, [("step", step)], 1);
}
