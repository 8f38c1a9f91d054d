//! Which flags may be in force together, and which changes are allowed: the one place in Rust.
//!
//! The trigger of `runtime_flags` (migrations/0001) holds the same rules with the same messages; a test compares the
//! two over every combination. Everything here is pure.
//!
//! | rule | refuses |
//! | --- | --- |
//! | `unknown_flag`, `bad_value`, `malformed` | what cannot be read |
//! | `one_step` | `meili_only` and `pg_only` next to each other in time |
//! | `pg_reads_need_pg_writes` | `search_read_backend=pg` under `meili_only` |
//! | `meili_reads_need_meili_writes` | `search_read_backend=meili` under `pg_only` |
//! | `pg_only_needs_all_readers` | `pg_only` while some readers are still answered by Meilisearch |
//! | `target_stale` | `search_read_backend=pg` after the emergency brake, until the mark is cleared |
//! | `latched` | `search_read_backend=pg` after a rollback, until a person has cleared its latch |
//!
//! The emergency brake, `dual -> meili_only`, is always allowed: it sends reads to Meilisearch in the same step,
//! whatever the proposal says of them, and marks the target stale. So is a [rollback](latch), except under `pg_only`.

use std::fmt;

use super::{Flag, Flags, Percent, Plan, ReadBackend, WriteMode};

/// A rule, by its stable name. Closed, so that it can be a metric label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rule {
    /// The name of a flag is not known.
    UnknownFlag,
    /// The text is no value of its flag.
    BadValue,
    /// The source as a whole cannot be read: no TOML, no table of values.
    Malformed,
    /// The write mode moves one step at a time.
    OneStep,
    /// Reads from PostgreSQL need it to be written.
    PgReadsNeedPgWrites,
    /// Reads from Meilisearch need it to be written.
    MeiliReadsNeedMeiliWrites,
    /// With `pg_only`, every reader must be on PostgreSQL.
    PgOnlyNeedsAllReaders,
    /// The target has missed writes.
    TargetStale,
    /// Reads were rolled back, and nobody has said that they may go forward again.
    Latched,
}

/// A proposal that is not put in force: the rule, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    rule: Rule,
    message: String,
}

/// The plan that a change of `old` to the `proposed` flags leads to, or why it is refused.
///
/// The version of the result is that of `old`; a [`PlanHandle`](super::PlanHandle) counts it when it publishes.
pub fn change(old: &Plan, proposed: Flags) -> Result<Plan, Refusal> {
    let (from, to) = (old.flags.write_mode, proposed.write_mode);
    if let (WriteMode::MeiliOnly, WriteMode::PgOnly) | (WriteMode::PgOnly, WriteMode::MeiliOnly) = (from, to) {
        let message = format!(
            "{} cannot go from {} to {} at once; set {}=dual first",
            Flag::WriteMode,
            from.as_str(),
            to.as_str(),
            Flag::WriteMode
        );
        return Err(Refusal { rule: Rule::OneStep, message });
    }
    let mut plan = Plan { flags: proposed, ..*old };
    if is_brake(from, to) {
        plan.flags.read_backend = ReadBackend::Meili;
        plan.target_stale = true;
    }
    check(&plan)?;
    Ok(plan)
}

/// The plan that a rollback of the reads leads to: Meilisearch answers, and the latch keeps it so until it is cleared.
/// Refused only under `pg_only`, where Meilisearch is no longer written.
pub fn latch(old: &Plan) -> Result<Plan, Refusal> {
    let flags = Flags { read_backend: ReadBackend::Meili, ..old.flags };
    let plan = Plan { flags, latched: true, ..*old };
    check(&plan)?;
    Ok(plan)
}

/// Whether a step is the emergency brake.
pub fn is_brake(from: WriteMode, to: WriteMode) -> bool {
    (from, to) == (WriteMode::Dual, WriteMode::MeiliOnly)
}

/// Whether the flags of a plan may be in force together, however they came about.
pub fn check(plan: &Plan) -> Result<(), Refusal> {
    let Flags { write_mode, read_backend, read_pg_percent, .. } = plan.flags;
    let rule = match (write_mode, read_backend) {
        (WriteMode::MeiliOnly, ReadBackend::Pg) => Rule::PgReadsNeedPgWrites,
        (WriteMode::PgOnly, ReadBackend::Meili) => Rule::MeiliReadsNeedMeiliWrites,
        (WriteMode::PgOnly, ReadBackend::Pg) if read_pg_percent != Percent::HUNDRED => Rule::PgOnlyNeedsAllReaders,
        (_, ReadBackend::Pg) if plan.target_stale => Rule::TargetStale,
        (_, ReadBackend::Pg) if plan.latched => Rule::Latched,
        _ => return Ok(()),
    };
    Err(Refusal { rule, message: rule.advice().to_owned() })
}

impl Rule {
    #[cfg(feature = "postgres")]
    pub(crate) const ALL: [Self; 9] = [
        Self::UnknownFlag,
        Self::BadValue,
        Self::Malformed,
        Self::OneStep,
        Self::PgReadsNeedPgWrites,
        Self::MeiliReadsNeedMeiliWrites,
        Self::PgOnlyNeedsAllReaders,
        Self::TargetStale,
        Self::Latched,
    ];

    /// The name of labels and messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::UnknownFlag => "unknown_flag",
            Self::BadValue => "bad_value",
            Self::Malformed => "malformed",
            Self::OneStep => "one_step",
            Self::PgReadsNeedPgWrites => "pg_reads_need_pg_writes",
            Self::MeiliReadsNeedMeiliWrites => "meili_reads_need_meili_writes",
            Self::PgOnlyNeedsAllReaders => "pg_only_needs_all_readers",
            Self::TargetStale => "target_stale",
            Self::Latched => "latched",
        }
    }

    /// What a broken combination means and what to do; the other rules word theirs from the values at hand.
    fn advice(self) -> &'static str {
        match self {
            Self::PgReadsNeedPgWrites => {
                "search_read_backend=pg needs search_write_mode=dual or pg_only; set search_write_mode=dual first"
            }
            Self::MeiliReadsNeedMeiliWrites => {
                "search_write_mode=pg_only needs search_read_backend=pg, because Meilisearch is no longer written; \
                 to leave Meilisearch set search_read_backend=pg first, to return to it set search_write_mode=dual first \
                 and bring it up to date: it has missed the writes of the time on pg_only"
            }
            Self::PgOnlyNeedsAllReaders => {
                "search_write_mode=pg_only needs search_read_pg_percent=100, because Meilisearch is no longer written; \
                 set search_read_pg_percent=100 first"
            }
            Self::TargetStale => {
                "search_read_backend=pg is refused while the target is stale: it has missed writes since dual -> \
                 meili_only; run a backfill or a drift repair, then `crossfade flags clear-stale`"
            }
            Self::Latched => {
                "search_read_backend=pg is refused while a rollback is latched; see why reads went back with `crossfade \
                 rollback status`, and when that is mended, `crossfade rollback clear --why ...`"
            }
            Self::UnknownFlag | Self::BadValue | Self::Malformed | Self::OneStep => "",
        }
    }
}

impl Refusal {
    pub(super) fn unknown_flag(name: &str) -> Self {
        let known = Flag::ALL.map(Flag::name).join(", ");
        Self { rule: Rule::UnknownFlag, message: format!("`{name}` is no flag; the flags are {known}") }
    }

    pub(super) fn bad_value(flag: Flag, text: &str) -> Self {
        let message = format!("`{text}` is no value of {flag}; give {}", flag.values());
        Self { rule: Rule::BadValue, message }
    }

    pub(super) fn malformed(message: impl fmt::Display) -> Self {
        Self { rule: Rule::Malformed, message: message.to_string() }
    }

    /// A refusal of the database: the name of the rule, and its message, which begins with that name.
    #[cfg(feature = "postgres")]
    pub(crate) fn of_database(rule: &str, message: &str) -> Option<Self> {
        let rule = Rule::ALL.into_iter().find(|known| known.name() == rule)?;
        let message = message.strip_prefix(rule.name())?.strip_prefix(": ")?;
        Some(Self { rule, message: message.to_owned() })
    }

    /// Which rule refused.
    pub fn rule(&self) -> Rule {
        self.rule
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule.name(), self.message)
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, sample::select};

    use super::*;

    fn flags() -> impl Strategy<Value = Flags> {
        let mode = select(vec![WriteMode::MeiliOnly, WriteMode::Dual, WriteMode::PgOnly]);
        let backend = select(vec![ReadBackend::Meili, ReadBackend::Pg]);
        let share = || select(vec![0, 5, 50, 100]).prop_map(Percent::whole);
        (mode, backend, share(), share()).prop_map(|(write_mode, read_backend, read_pg_percent, shadow_sample_rate)| {
            Flags { write_mode, read_backend, read_pg_percent, shadow_sample_rate }
        })
    }

    fn is_sound(plan: &Plan) -> bool {
        let Flags { write_mode, read_backend, read_pg_percent, .. } = plan.flags;
        let reads_pg = read_backend == ReadBackend::Pg;
        (!reads_pg || write_mode != WriteMode::MeiliOnly)
            && (reads_pg || write_mode != WriteMode::PgOnly)
            && (write_mode != WriteMode::PgOnly || read_pg_percent == Percent::HUNDRED)
            && !((plan.target_stale || plan.latched) && reads_pg)
    }

    proptest! {
        /// A walk over any proposals from the start: only sound plans are ever in force, the mark appears with the
        /// brake, and neither it nor the latch goes away by a flag.
        #[test]
        fn every_accepted_plan_keeps_every_rule(latched: bool, proposals in prop::collection::vec(flags(), 1..40)) {
            let mut plan = Plan { latched, ..Plan::default() };
            for proposed in proposals {
                let old = plan;
                if let Ok(next) = change(&old, proposed) {
                    plan = next;
                }
                let (from, to) = (old.flags.write_mode as i8, plan.flags.write_mode as i8);
                prop_assert!(is_sound(&plan), "{plan:?}");
                prop_assert!((from - to).abs() <= 1, "{old:?} to {plan:?}");
                prop_assert_eq!(plan.target_stale, old.target_stale || (from, to) == (1, 0));
                prop_assert_eq!(plan.latched, old.latched);
            }
        }

        #[test]
        fn the_brake_always_works(mut old in flags(), proposed in flags(), target_stale: bool, latched: bool) {
            old.write_mode = WriteMode::Dual;
            let old = Plan { flags: old, target_stale, latched, version: 7 };
            let proposed = Flags { write_mode: WriteMode::MeiliOnly, ..proposed };
            let plan = change(&old, proposed).unwrap();
            prop_assert_eq!((plan.flags.read_backend, plan.target_stale), (ReadBackend::Meili, true));
        }

        #[test]
        fn the_rollback_of_reads_always_works_while_meili_is_current(old in flags(), target_stale: bool, latched: bool) {
            let old = Plan { flags: old, target_stale, latched, version: 0 };
            prop_assume!(is_sound(&old));
            if !old.meili_is_current() {
                prop_assert_eq!(latch(&old).unwrap_err().rule(), Rule::MeiliReadsNeedMeiliWrites);
                return Ok(());
            }
            let proposed = Flags { read_backend: ReadBackend::Meili, ..old.flags };
            prop_assert_eq!(change(&old, proposed).unwrap().answers_all(), Some(crate::error::Side::Meili));
            let rolled_back = latch(&old).unwrap();
            prop_assert_eq!((rolled_back.flags, rolled_back.latched), (proposed, true));
            let forward = change(&rolled_back, Flags { read_backend: ReadBackend::Pg, ..proposed });
            prop_assert!(forward.is_err(), "{forward:?}");
        }
    }

    /// Nothing is refused without a reason.
    #[test]
    fn a_sound_single_step_is_allowed() {
        let modes = [WriteMode::MeiliOnly, WriteMode::Dual, WriteMode::PgOnly];
        let mut plans = Vec::new();
        for (write_mode, read_backend) in
            modes.into_iter().flat_map(|mode| [(mode, ReadBackend::Meili), (mode, ReadBackend::Pg)])
        {
            for (read_pg_percent, target_stale) in [(5, false), (5, true), (100, false), (100, true)] {
                let read_pg_percent = Percent::whole(read_pg_percent);
                let flags = Flags { write_mode, read_backend, read_pg_percent, ..Flags::default() };
                for latched in [false, true] {
                    plans.push(Plan { flags, target_stale, latched, version: 0 });
                }
            }
        }
        plans.retain(is_sound);
        for (old, next) in plans.iter().flat_map(|old| plans.iter().map(move |next| (old, next))) {
            let is_single = (old.flags.write_mode as i8 - next.flags.write_mode as i8).abs() <= 1;
            if is_single && (old.target_stale, old.latched) == (next.target_stale, next.latched) {
                assert!(change(old, next.flags).is_ok(), "{old:?} to {next:?}");
            }
        }
    }

    #[test]
    fn a_refusal_says_which_rule_and_what_to_do() {
        let to_pg_only = Flags { write_mode: WriteMode::PgOnly, ..Flags::default() };
        let refusal = change(&Plan::default(), to_pg_only).unwrap_err();
        assert_eq!(
            refusal.to_string(),
            "one_step: search_write_mode cannot go from meili_only to pg_only at once; set search_write_mode=dual first"
        );
    }
}
