//! The current plan, shared by every layer.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::{Flagging, Flags, Plan, PlanWatcher};

/// Shared access to the current [`Plan`]. Cloning is a reference count; all clones see every change.
#[derive(Clone, Debug)]
pub struct PlanHandle {
    current: Arc<ArcSwap<Plan>>,
}

impl PlanHandle {
    /// A handle whose plan nobody changes but [`publish`](Self::publish): for tests, and for services that keep their
    /// flags elsewhere.
    pub fn fixed(flags: Flags) -> Self {
        Self { current: Arc::new(ArcSwap::from_pointee(Plan::new(flags))) }
    }

    /// A handle that follows the flags in a table and a file, and the watcher that makes it do so: nothing changes
    /// unless [`PlanWatcher::run`] is polled.
    ///
    /// Both sources are read once before this returns. It does not fail: with the table unreachable the plan is the
    /// last good one if it was kept, else the defaults, under the overrides of the file; that is logged and counted.
    pub async fn watch(flagging: Flagging) -> (Self, PlanWatcher) {
        PlanWatcher::start(flagging).await
    }

    /// The plan of this moment, copied out: nothing is held, so it may cross an await.
    #[inline]
    pub fn load(&self) -> Plan {
        **self.current.load()
    }

    /// Puts a new plan in force, effective with the next [`load`](Self::load). Its version is the old one plus one.
    pub fn publish(&self, plan: Plan) -> Plan {
        let mut published = plan;
        self.current.rcu(|old| {
            published.version = old.version + 1;
            published
        });
        published
    }
}
