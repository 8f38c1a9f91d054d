//! One plan out of the table and the file: the decision, apart from all reading and waiting.

use super::{FlagSet, Flags, Plan, ReadBackend, Refusal, WriteMode, rules};

/// What the sources say, as last understood.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Inputs {
    /// Whether there is a table at all, reachable or not.
    pub(super) has_table: bool,
    /// `None`: it could not be read yet.
    pub(super) table: Option<Table>,
    /// The overrides; nothing set when there is no file.
    pub(super) file: FlagSet,
    /// The target is stale, and the table has not been told yet.
    pub(super) mark_pending: bool,
    /// Reads were rolled back here, and the table has not been told yet.
    pub(super) latch_pending: bool,
}

/// What the table says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) set: FlagSet,
    pub(super) target_stale: bool,
    pub(super) latched: bool,
}

/// The outcome of a decision, and the ground of the next one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Decision {
    pub(super) plan: Plan,
    /// Whether the write mode is an override.
    pub(super) mode_from_file: bool,
    /// See [`Inputs::mark_pending`].
    pub(super) mark_pending: bool,
    /// See [`Inputs::latch_pending`].
    pub(super) latch_pending: bool,
    /// The table had not been read: the flags that no file sets were the defaults.
    pub(super) without_table: bool,
}

impl Inputs {
    /// The plan these inputs call for, after what is in force (`None` at the start).
    ///
    /// The file wins per flag, and its `meili_only` brings the reads along unless it sets them itself. A step of the
    /// write mode that the table made was judged by the database when it was made, and a replica that was cut off may
    /// see two of them as one; every step that involves the file is judged here.
    pub(super) fn decide(&self, in_force: Option<&Decision>) -> Result<Decision, Refusal> {
        let base = self.table.map_or_else(Flags::default, |table| table.set.over(Flags::default()));
        let mut proposed = self.file.over(base);
        if self.file.write_mode == Some(WriteMode::MeiliOnly) && self.file.read_backend.is_none() {
            proposed.read_backend = ReadBackend::Meili;
        }
        let missed = in_force.is_some_and(|decision| self.missed_writes(decision, base));
        if missed {
            proposed.read_backend = ReadBackend::Meili;
        }
        let latch_pending = self.latch_stays_pending();
        let latched = latch_pending || self.is_latched(in_force);
        if latch_pending || latched && !in_force.is_some_and(|decision| decision.plan.latched) {
            // Like the brake: an override of the reads must not hold it up.
            proposed.read_backend = ReadBackend::Meili;
        }
        let old = Plan {
            flags: in_force.map_or(base, |decision| decision.plan.flags),
            target_stale: self.is_stale(in_force) || missed,
            latched,
            version: 0,
        };
        let mode_from_file = self.file.write_mode.is_some();
        let judged_elsewhere = !mode_from_file && !in_force.is_some_and(|decision| decision.mode_from_file);
        let first = in_force.is_none() && self.table.is_none();
        let mut plan = if judged_elsewhere || first {
            if proposed.write_mode == WriteMode::MeiliOnly && old.flags.write_mode != WriteMode::MeiliOnly {
                // The brake in the table: an override of the reads must not hold it up.
                proposed.read_backend = ReadBackend::Meili;
            }
            let plan = Plan { flags: proposed, ..old };
            rules::check(&plan)?;
            plan
        } else {
            rules::change(&old, proposed)?
        };
        // The table has marked the brakes that it made itself, and may have been cleared since.
        let braked = !judged_elsewhere && rules::is_brake(old.flags.write_mode, plan.flags.write_mode);
        let known_to_table = self.table.is_some_and(|table| table.target_stale);
        let mark_pending =
            self.has_table && !known_to_table && (self.mark_pending || braked || missed || self.brake_by_file(&old));
        plan.target_stale |= mark_pending;
        Ok(Decision { plan, mode_from_file, mark_pending, latch_pending, without_table: self.table.is_none() })
    }

    fn is_stale(&self, in_force: Option<&Decision>) -> bool {
        let known = match self.table {
            Some(table) => table.target_stale,
            None => in_force.is_some_and(|decision| decision.plan.target_stale),
        };
        known || self.mark_pending
    }

    fn is_latched(&self, in_force: Option<&Decision>) -> bool {
        match self.table {
            Some(table) => table.latched,
            None => in_force.is_some_and(|decision| decision.plan.latched),
        }
    }

    /// Whether the table is still to be told of a rollback. Once it wants `pg_only` there is nothing to roll back to:
    /// what Meilisearch has missed by then no latch brings back.
    fn latch_stays_pending(&self) -> bool {
        let settled = |table: Table| table.latched || table.set.write_mode == Some(WriteMode::PgOnly);
        self.has_table && self.latch_pending && !self.table.is_some_and(settled)
    }

    /// Whether the target has missed writes because the table could not be read: it wanted both sides written while
    /// the defaults were in force. (Had it wanted `pg_only`, no mark could help: nothing but PostgreSQL may be read.)
    fn missed_writes(&self, in_force: &Decision, base: Flags) -> bool {
        in_force.without_table
            && self.table.is_some_and(|table| !table.target_stale)
            && in_force.plan.flags.write_mode == WriteMode::MeiliOnly
            && base.write_mode == WriteMode::Dual
    }

    /// As long as the file holds back writes that the table wants on both sides, the target misses them.
    fn brake_by_file(&self, old: &Plan) -> bool {
        let wanted = self.table.and_then(|table| table.set.write_mode).unwrap_or_default();
        self.file.write_mode == Some(WriteMode::MeiliOnly)
            && (wanted == WriteMode::Dual || old.flags.write_mode == WriteMode::Dual)
    }
}

#[cfg(test)]
mod tests;
