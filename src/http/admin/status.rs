use serde::{Deserialize, Serialize};

use crate::{
    plan::{Flag, Phase, PlanHandle},
    tally::Tally,
};

/// How a process goes by its flags.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AdminStatus {
    /// The machine, for people.
    pub host: String,
    /// Where it stands.
    pub phase: Phase,
    /// `search_write_mode`
    pub search_write_mode: String,
    /// `search_read_backend`
    pub search_read_backend: String,
    /// `search_read_pg_percent`
    pub search_read_pg_percent: String,
    /// `shadow_sample_rate`
    pub shadow_sample_rate: String,
    /// Whether it takes PostgreSQL for stale.
    pub target_stale: bool,
    /// Whether it is latched by a rollback.
    pub latched: bool,
    /// The version of its plan, counted by itself.
    pub plan_version: u64,
    /// The revision of the flag table that the plan goes by; 0 if it has read none.
    pub revision: i64,
    /// The reads that PostgreSQL is to answer.
    pub reads: ReadsNow,
}

/// The reads that PostgreSQL is to answer, since the process started.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReadsNow {
    /// All that have ended.
    pub wanted: u64,
    /// Those that it answered.
    pub answered: u64,
    /// Those that it did not.
    pub fallbacks: u64,
    /// Those that it is being asked.
    pub under_way: u64,
    /// How long ago it last answered one, in seconds; absent: never.
    pub last_answer_seconds: Option<f64>,
}

impl AdminStatus {
    pub(super) fn of(host: &str, handle: &PlanHandle, tally: &Tally) -> Self {
        // In this order: the plan is at least as new as the revision, and what had been decided by an older one is under way.
        let (revision, plan, under_way) = (handle.revision(), handle.load(), tally.under_way());
        let (counts, last_answer) = (tally.counts(), tally.last_answer());
        Self {
            host: host.to_owned(),
            phase: plan.phase(),
            search_write_mode: plan.flags.text(Flag::WriteMode),
            search_read_backend: plan.flags.text(Flag::ReadBackend),
            search_read_pg_percent: plan.flags.text(Flag::ReadPgPercent),
            shadow_sample_rate: plan.flags.text(Flag::ShadowSampleRate),
            target_stale: plan.target_stale,
            latched: plan.latched,
            plan_version: plan.version,
            revision,
            reads: ReadsNow {
                wanted: counts.wanted(),
                answered: counts.answered,
                fallbacks: counts.fallbacks(),
                under_way,
                last_answer_seconds: last_answer.map(|ago| ago.as_secs_f64()),
            },
        }
    }

    /// Whether Meilisearch answers every read here.
    pub fn reads_meili(&self) -> bool {
        self.search_read_backend == "meili" || self.search_read_pg_percent == "0"
    }
}
