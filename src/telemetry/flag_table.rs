//! How changes of the flag table are heard of.

use super::{
    names::{PLAN_FOUND_BY_POLL, PLAN_LISTENING},
    record::{count, set},
};

/// Changes of the flag table are notified from now on, or no longer.
pub(crate) fn plan_listening(listening: bool) {
    set(PLAN_LISTENING, [], f64::from(u8::from(listening)));
}

/// The poll found a change of the flag table that was not notified.
pub(crate) fn plan_found_by_poll() {
    count(PLAN_FOUND_BY_POLL, [], 1);
}
