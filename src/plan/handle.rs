//! The current plan, shared by every layer.

use std::{
    convert::Infallible,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
};

use arc_swap::ArcSwap;
use tokio::sync::Notify;

use super::{Cause, Flagging, Flags, Plan, PlanWatcher, Refusal, rules};
use crate::telemetry;

/// Shared access to the current [`Plan`]. Cloning is a reference count; all clones see every change.
#[derive(Clone, Debug)]
pub struct PlanHandle {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    current: ArcSwap<Plan>,
    /// Held by whoever changes the plan; readers never wait for it.
    changing: Mutex<Option<Cause>>,
    rolled_back: Notify,
    revision: AtomicI64,
}

/// The right to change the plan, for as long as it lives.
pub(super) struct Changing<'a> {
    shared: &'a Shared,
    /// The rollback that the watcher has not taken up yet.
    pub(super) rolled_back: MutexGuard<'a, Option<Cause>>,
}

impl PlanHandle {
    /// A handle whose plan nobody changes but [`publish`](Self::publish): for tests, and for services that keep their
    /// flags elsewhere.
    pub fn fixed(flags: Flags) -> Self {
        let shared = Shared {
            current: ArcSwap::from_pointee(Plan::new(flags)),
            changing: Mutex::default(),
            rolled_back: Notify::new(),
            revision: AtomicI64::new(0),
        };
        Self { shared: Arc::new(shared) }
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
        **self.shared.current.load()
    }

    /// The revision of the flag table that the plan goes by: of two replicas with the same one, both have heard of every
    /// change up to it. 0 while no table has been read. Load it before the plan, which is then at least as new.
    pub fn revision(&self) -> i64 {
        self.shared.revision.load(Ordering::Acquire)
    }

    /// Puts other flags in force, effective with the next [`load`](Self::load), if the [rules](super::rules) allow the
    /// change; otherwise nothing changes. For services that keep their flags elsewhere: a watcher overrules it.
    pub fn publish(&self, flags: Flags) -> Result<Plan, Refusal> {
        self.judge(|old| rules::change(old, flags))
    }

    /// Rolls the reads of this process back to Meilisearch at once, without any I/O, and keeps them there: no flag sends
    /// them forward again. Where a table is watched, it is told as soon as it can be, and every replica follows; only
    /// there the latch is cleared then. Without a table, [`clear_latch`](Self::clear_latch) does it.
    ///
    /// Who is second is not told from who was first: what is latched stays so, for the first reason.
    ///
    /// # Errors
    /// Under `pg_only` there is nothing to go back to.
    pub fn latch(&self, by: &str, why: &str) -> Result<Plan, Refusal> {
        let mut changing = self.changing();
        let old = self.load();
        let plan = rules::latch(&old)?;
        if old.latched {
            return Ok(old);
        }
        // No database holds a NUL, and the table is to be told what the reason was.
        let [by, why] = [by, why].map(|text| text.replace('\0', " ").into());
        *changing.rolled_back = Some(Cause { by, why });
        let plan = changing.put(plan);
        self.shared.rolled_back.notify_one();
        Ok(plan)
    }

    /// Lets reads go to PostgreSQL again: the way to do so without a flag table.
    pub fn clear_latch(&self) -> Plan {
        *self.changing().rolled_back = None;
        let cleared = |old: &Plan| Ok::<_, Infallible>(Plan { latched: false, ..*old });
        self.judge(cleared).unwrap_or_else(|never| match never {})
    }

    /// Takes the stale mark away, after the target has been brought up to date: the way to do so without a flag table.
    pub fn clear_stale(&self) -> Plan {
        let cleared = |old: &Plan| Ok::<_, Infallible>(Plan { target_stale: false, ..*old });
        self.judge(cleared).unwrap_or_else(|never| match never {})
    }

    /// Replaces the plan by what `judge` makes of it.
    fn judge<E>(&self, judge: impl Fn(&Plan) -> Result<Plan, E>) -> Result<Plan, E> {
        let changing = self.changing();
        let plan = judge(&self.load())?;
        Ok(changing.put(plan))
    }

    pub(super) fn changing(&self) -> Changing<'_> {
        let rolled_back = self.shared.changing.lock().unwrap_or_else(PoisonError::into_inner);
        Changing { shared: &self.shared, rolled_back }
    }

    /// Returns when there is a rollback that the watcher has not taken up.
    pub(super) async fn rolled_back(&self) {
        self.shared.rolled_back.notified().await;
    }

    pub(super) fn seen(&self, revision: i64) {
        self.shared.revision.store(revision, Ordering::Release);
    }
}

impl Changing<'_> {
    /// Puts a plan in force that has been judged. Its version is the old one plus one; the same plan changes nothing.
    pub(super) fn put(&self, plan: Plan) -> Plan {
        let before = **self.shared.current.load();
        let now = Plan { version: before.version + 1, ..plan };
        if (Plan { version: now.version, ..before }) == now {
            return before;
        }
        self.shared.current.store(Arc::new(now));
        tell(Some(&before), &now);
        let (from, to) = (before.phase(), now.phase());
        let Plan { flags, target_stale, latched, .. } = now;
        tracing::info!(%from, %to, ?flags, target_stale, latched, "a new plan is in force");
        now
    }
}

/// Shows in the metrics which plan is in force.
pub(super) fn tell(before: Option<&Plan>, now: &Plan) {
    for (plan, in_force) in before.map(|before| (before, false)).into_iter().chain([(now, true)]) {
        let (mode, backend) = (plan.flags.write_mode.as_str(), plan.flags.read_backend.as_str());
        telemetry::plan_info(plan.phase().as_str(), mode, backend, in_force);
    }
    telemetry::rollback_latched(now.latched);
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

    #[test]
    fn a_rollback_holds_against_flags_until_it_is_cleared() {
        let handle = PlanHandle::fixed(Flags::default());
        let primary = Flags { write_mode: WriteMode::Dual, read_backend: ReadBackend::Pg, ..Flags::default() };
        handle.publish(primary).unwrap();
        let rolled_back = handle.latch("guard", "errors").unwrap();
        assert_eq!((rolled_back, rolled_back.flags.read_backend), (handle.load(), ReadBackend::Meili));
        assert_eq!(handle.latch("guard", "again").unwrap(), rolled_back);
        assert_eq!(handle.publish(primary).unwrap_err().rule(), Rule::Latched);
        handle.clear_latch();
        handle.publish(primary).unwrap();

        handle.publish(Flags { write_mode: WriteMode::PgOnly, ..primary }).unwrap();
        let before = handle.load();
        assert_eq!(handle.latch("guard", "errors").unwrap_err().rule(), Rule::MeiliReadsNeedMeiliWrites);
        assert_eq!(handle.load(), before);
    }
}
