//! The current plan, shared by every layer.

use std::{convert::Infallible, sync::Arc};

use arc_swap::ArcSwap;

use super::{Flagging, Flags, Plan, PlanWatcher, Refusal, rules};

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

    /// Puts other flags in force, effective with the next [`load`](Self::load), if the [rules](super::rules) allow the
    /// change; otherwise nothing changes. For services that keep their flags elsewhere: a watcher overrules it.
    pub fn publish(&self, flags: Flags) -> Result<Plan, Refusal> {
        self.judge(|old| rules::change(old, flags))
    }

    /// Takes the stale mark away, after the target has been brought up to date: the way to do so without a flag table.
    pub fn clear_stale(&self) -> Plan {
        let cleared = |old: &Plan| Ok::<_, Infallible>(Plan { target_stale: false, ..*old });
        self.judge(cleared).unwrap_or_else(|never| match never {})
    }

    /// Replaces the plan by what `judge` makes of it, once more should another change come in between.
    fn judge<E>(&self, judge: impl Fn(&Plan) -> Result<Plan, E>) -> Result<Plan, E> {
        loop {
            let old = self.current.load();
            let plan = judge(&old)?;
            let published = Arc::new(Plan { version: old.version + 1, ..plan });
            if Arc::ptr_eq(&old, &self.current.compare_and_swap(&old, published.clone())) {
                return Ok(*published);
            }
        }
    }

    /// Puts a plan in force that has been judged. Its version is the old one plus one.
    pub(super) fn put(&self, plan: Plan) -> Plan {
        let mut published = plan;
        self.current.rcu(|old| {
            published.version = old.version + 1;
            published
        });
        published
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{ReadBackend, Rule, WriteMode};

    #[test]
    fn only_what_the_rules_allow_is_published() {
        let handle = PlanHandle::fixed(Flags::default());
        let dual = Flags { write_mode: WriteMode::Dual, ..Flags::default() };
        let primary = Flags { read_backend: ReadBackend::Pg, ..dual };
        let pg_only = Flags { write_mode: WriteMode::PgOnly, ..primary };
        let before = handle.load();
        assert_eq!(handle.publish(pg_only).unwrap_err().rule(), Rule::OneStep);
        assert_eq!(handle.load(), before);
        assert_eq!(handle.publish(primary).unwrap().version, 1);

        let brake = handle.publish(Flags { write_mode: WriteMode::MeiliOnly, ..primary }).unwrap();
        assert_eq!((brake.flags.read_backend, brake.target_stale), (ReadBackend::Meili, true));
        assert_eq!(handle.publish(primary).unwrap_err().rule(), Rule::TargetStale);
        handle.clear_stale();
        assert_eq!(handle.publish(primary).unwrap(), handle.load());
        assert_eq!(handle.load().version, 4);
    }
}
