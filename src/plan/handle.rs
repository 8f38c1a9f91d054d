//! The current plan, shared by every layer.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::{Flags, Plan};

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
