//! The steps of a migration, one after the other. Pure.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::plan::{Flag, Flags, Percent, ReadBackend, WriteMode};

/// The shares at which a migration stops on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ladder {
    /// Of reads that are compared, rising.
    pub shadow: Vec<Percent>,
    /// Of readers that PostgreSQL answers, rising; 100 comes after them by itself.
    pub canary: Vec<Percent>,
}

/// A step from where a migration stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Which one.
    pub kind: StepKind,
    /// The share it goes to; `None` where it goes to none.
    pub share: Option<Percent>,
}

/// The kinds of steps, to say before which of them a gate stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StepKind {
    /// Both sides are written.
    DualWrite,
    /// The first reads are compared.
    Shadow,
    /// More reads are compared.
    ShadowMore,
    /// The first readers are answered by PostgreSQL.
    Canary,
    /// More readers are.
    CanaryMore,
    /// All readers are: the cutover.
    TargetPrimary,
    /// Meilisearch is no longer written: the step without an instant way back.
    TargetOnly,
}

impl Ladder {
    /// The next step; `None` at the end.
    pub fn next(&self, flags: &Flags) -> Option<Step> {
        let above = |rungs: &[Percent], share: Percent| rungs.iter().copied().filter(|rung| *rung > share).min();
        let step = |kind, share| Some(Step { kind, share });
        match (flags.write_mode, flags.read_backend) {
            (WriteMode::MeiliOnly, _) => step(StepKind::DualWrite, None),
            (WriteMode::PgOnly, _) => None,
            (WriteMode::Dual, ReadBackend::Meili) => match above(&self.shadow, flags.shadow_sample_rate) {
                Some(share) if flags.shadow_sample_rate == Percent::ZERO => step(StepKind::Shadow, Some(share)),
                Some(share) => step(StepKind::ShadowMore, Some(share)),
                None => self.readers(Percent::ZERO, StepKind::Canary),
            },
            (WriteMode::Dual, ReadBackend::Pg) if flags.read_pg_percent == Percent::HUNDRED => {
                step(StepKind::TargetOnly, None)
            }
            (WriteMode::Dual, ReadBackend::Pg) => self.readers(flags.read_pg_percent, StepKind::CanaryMore),
        }
    }

    /// To the next rung of the canary, or to all readers.
    fn readers(&self, share: Percent, kind: StepKind) -> Option<Step> {
        let rung = self.canary.iter().copied().filter(|rung| *rung > share && *rung < Percent::HUNDRED).min();
        Some(match rung {
            Some(rung) => Step { kind, share: Some(rung) },
            None => Step { kind: StepKind::TargetPrimary, share: Some(Percent::HUNDRED) },
        })
    }
}

impl Step {
    /// The flags to set, in this order.
    pub fn changes(&self) -> Vec<(Flag, String)> {
        let share = self.share.unwrap_or(Percent::ZERO).to_string();
        match self.kind {
            StepKind::DualWrite => vec![(Flag::WriteMode, WriteMode::Dual.as_str().to_owned())],
            StepKind::Shadow | StepKind::ShadowMore => vec![(Flag::ShadowSampleRate, share)],
            // The share first: otherwise all readers would move at once.
            StepKind::Canary | StepKind::CanaryMore | StepKind::TargetPrimary => {
                vec![(Flag::ReadPgPercent, share), (Flag::ReadBackend, ReadBackend::Pg.as_str().to_owned())]
            }
            StepKind::TargetOnly => vec![(Flag::WriteMode, WriteMode::PgOnly.as_str().to_owned())],
        }
    }
}

impl StepKind {
    /// All of them, in their order.
    pub const ALL: [Self; 7] = [
        Self::DualWrite,
        Self::Shadow,
        Self::ShadowMore,
        Self::Canary,
        Self::CanaryMore,
        Self::TargetPrimary,
        Self::TargetOnly,
    ];

    /// The name in gate files and answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::DualWrite => "dual_write",
            Self::Shadow => "shadow",
            Self::ShadowMore => "shadow_more",
            Self::Canary => "canary",
            Self::CanaryMore => "canary_more",
            Self::TargetPrimary => "target_primary",
            Self::TargetOnly => "target_only",
        }
    }

    /// Whether reads are sampled before it, so that there are pairs to judge by.
    pub fn comes_after_pairs(self) -> bool {
        self > Self::Shadow
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.kind, self.share) {
            (StepKind::DualWrite, _) => f.write_str("write both sides"),
            (StepKind::Shadow | StepKind::ShadowMore, Some(share)) => write!(f, "compare {share} % of the reads"),
            (StepKind::Canary | StepKind::CanaryMore, Some(share)) => {
                write!(f, "answer {share} % of the readers from pg")
            }
            (StepKind::TargetPrimary, _) => f.write_str("answer all readers from pg"),
            (StepKind::TargetOnly, _) => f.write_str("write pg only"),
            (kind, None) => f.write_str(kind.name()),
        }
    }
}

impl Serialize for StepKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{FlagSet, Plan, rules};

    fn ladder(shadow: &[&str], canary: &[&str]) -> Ladder {
        let rungs = |rungs: &[&str]| rungs.iter().map(|rung| rung.parse().unwrap()).collect();
        Ladder { shadow: rungs(shadow), canary: rungs(canary) }
    }

    /// Takes all steps, each by the rules of the flags.
    fn walk(ladder: &Ladder) -> Vec<String> {
        let (mut plan, mut steps) = (Plan::new(Flags::default()), Vec::new());
        while let Some(step) = ladder.next(&plan.flags) {
            for (flag, value) in step.changes() {
                let mut set = FlagSet::default();
                set.set(flag, &value).unwrap();
                plan = rules::change(&plan, set.over(plan.flags)).unwrap();
            }
            let share = step.share.map_or(String::new(), |share| format!(" {share}"));
            steps.push(format!("{}{share}", step.kind.name()));
        }
        steps
    }

    #[test]
    fn all_steps_in_their_order() {
        let steps = walk(&ladder(&["5", "25", "50"], &["5", "25", "50"]));
        let expected = "dual_write, shadow 5, shadow_more 25, shadow_more 50, canary 5, canary_more 25, canary_more 50, \
                        target_primary 100, target_only";
        assert_eq!(steps.join(", "), expected);
    }

    #[test]
    fn rungs_may_be_few_and_out_of_order() {
        assert_eq!(
            walk(&ladder(&["10", "1"], &[])).join(", "),
            "dual_write, shadow 1, shadow_more 10, target_primary 100, target_only"
        );
        assert_eq!(walk(&ladder(&["1"], &["100"])).join(", "), "dual_write, shadow 1, target_primary 100, target_only");
    }

    #[test]
    fn from_anywhere_between_two_rungs_to_the_next() {
        let set = |texts: &[(&str, &str)]| FlagSet::parse(texts.iter().copied()).unwrap().over(Flags::default());
        let ladder = ladder(&["5", "25"], &["5", "50"]);
        let dual = ("search_write_mode", "dual");
        let next = |texts: &[(&str, &str)]| ladder.next(&set(texts)).unwrap().to_string();
        assert_eq!(next(&[dual, ("shadow_sample_rate", "7.5")]), "compare 25 % of the reads");
        let canary = [dual, ("search_read_backend", "pg"), ("search_read_pg_percent", "7.5")];
        assert_eq!(next(&canary), "answer 50 % of the readers from pg");
    }
}
