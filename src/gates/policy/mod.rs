//! The gates and the ladder of a migration, as a gate file declares them.
//!
//! ```toml
//! observe = "3d"
//!
//! [gates.overlap_median]        # a gate of the defaults, changed
//! at_least = 0.85
//! class = "worst"
//!
//! [gates.judged_ndcg]           # taken away: there are no judgments
//! enabled = false
//!
//! [gates.tail]                  # one more
//! metric = "overlap_at_10"
//! statistic = "mean"
//! class = "tail"
//! at_least = 0.6
//! window = "24h"
//! min_samples = 200
//! before = ["canary"]
//! ```

mod check;
mod error;
mod raw;

use std::{sync::LazyLock, time::Duration};

pub use self::error::PolicyError;
use super::{Gate, Ladder};

/// What is declared about a migration.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// How probable a wrong verdict of a gate is at most, over all looks during a step.
    pub level: f64,
    /// How long PostgreSQL must have answered all readers before it alone is written.
    pub observe: Duration,
    /// How long a step stands at least before the ramp controller goes on.
    pub dwell: Duration,
    /// The shares on the way.
    pub ladder: Ladder,
    /// The gates, by name.
    pub gates: Vec<Gate>,
}

/// The gates that stand unless a file says otherwise, as a gate file.
pub const DEFAULTS: &str = include_str!("../default.toml");

impl Policy {
    /// Reads a gate file over the [defaults](DEFAULTS).
    ///
    /// # Errors
    /// What cannot be, with its line and what is allowed there.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let (raw, defaults) = (raw::Raw::parse(text)?, raw::Raw::parse(DEFAULTS)?);
        check::policy(raw.over(defaults), text)
    }
}

impl Default for Policy {
    fn default() -> Self {
        static DEFAULT: LazyLock<Option<Policy>> = LazyLock::new(|| Policy::parse("").ok());
        // A test reads the defaults; without any, every step holds.
        DEFAULT.clone().unwrap_or(Self {
            level: 0.05,
            observe: Duration::MAX,
            dwell: Duration::MAX,
            ladder: Ladder { shadow: Vec::new(), canary: Vec::new() },
            gates: Vec::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        gates::{Class, Goal, StepKind},
        search::QueryClass,
    };

    fn refused(text: &str) -> String {
        Policy::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn the_defaults_are_a_gate_file() {
        let policy = Policy::parse("").unwrap();
        assert_eq!(policy, Policy::default());
        let of = |name| policy.gates.iter().find(|gate: &&Gate| gate.name == name).unwrap();
        assert_eq!(of("overlap_median").goal, Goal::AtLeast(0.7));
        assert_eq!(of("pg_p95").goal, Goal::AtMost(180.0));
        for kind in StepKind::ALL {
            assert!(policy.gates.iter().any(|gate| gate.before.contains(&kind)), "{kind:?} has no gate");
        }
    }

    #[test]
    fn a_file_changes_adds_and_takes_away() {
        let policy = Policy::parse(
            "observe = '3d'\n[gates.overlap_median]\nat_least = 0.85\nclass = 'worst'\n[gates.judged_ndcg]\nenabled = false\n\
             [gates.tail]\nmetric = 'overlap_at_10'\nstatistic = 'mean'\nclass = 'tail'\nat_least = 0.6\nbefore = ['canary']",
        )
        .unwrap();
        let gate = |name: &str| policy.gates.iter().find(|gate| gate.name == name);
        let changed = gate("overlap_median").unwrap();
        assert_eq!((changed.goal, &changed.class, changed.min_samples), (Goal::AtLeast(0.85), &Class::Worst, 500));
        assert_eq!(gate("judged_ndcg"), None);
        assert_eq!(gate("tail").unwrap().class, Class::One(QueryClass::Tail));
        assert_eq!(policy.observe, Duration::from_secs(3 * 24 * 60 * 60));
        assert_eq!(policy.dwell, Policy::default().dwell);
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_line_and_what_is_allowed() {
        let cases = [
            ("[gates.x]\n\nmetric = 'overlap'", "line 3", "overlap_at_10, agreement_ndcg_at_10"),
            ("[gates.overlap_median]\nat_least = 1.2", "line 2", "from 0 to 1"),
            ("[gates.pg_p95]\nat_most = -1.0", "line 2", "0 or more"),
            ("[gates.overlap_median]\nwindow = '30d'", "line 2", "14d"),
            ("[gates.overlap_median]\nwindow = 'long'", "line 2", "24h"),
            ("[gates.pg_p95]\nstatistic = 'mean'", "line 2", "p1 to p99"),
            ("[gates.overlap_median]\nstatistic = 'p0'", "line 2", "mean, or p1 to p99"),
            ("[gates.shadow_failures]\nstatistic = 'p50'", "line 2", "takes no statistic"),
            ("[gates.overlap_median]\nat_most = 0.5", "line 2", "either"),
            ("[gates.overlap_median]\nbefore = ['canary', 'soon']", "line 2", "shadow_more"),
            ("[gates.overlap_median]\nbefore = []", "line 2", "one step"),
            ("[gates.overlap_median]\nbefore = ['shadow']", "line 2", "no reads are compared"),
            ("[gates.dead_letters]\nclass = 'tail'", "line 2", "by class"),
            ("[gates.overlap_median]\nclass = 'fast'", "line 2", "head, tail"),
            ("[gates.overlap_median]\nmin_samples = 0", "line 2", "1 or more"),
            ("[gates.x]\nmetric = 'dead_letters'\nbefore = ['canary']", "line 1", "at_least or at_most"),
            ("[gates.x]\nat_most = 0", "line 1", "metric"),
            ("[gates.x]\nmetric = 'dead_letters'\nat_most = 0", "line 1", "before"),
            ("[gates.x]\nmetric = 'overlap_at_10'\nat_least = 0.5\nbefore = ['canary']", "line 1", "statistic"),
            ("levle = 0.1", "line 1", "unknown field `levle`"),
            ("level = 0.9", "line 1", "0.5"),
            ("\n[ladder]\nshadow = [5, 120]", "line 3", "from 0 to 100"),
            ("[ladder]\ncanary = [0]", "line 2", "above 0"),
            ("[gates.overlap_median\n", "line 1", ""),
        ];
        for (text, line, allowed) in cases {
            let told = refused(text);
            assert!(told.contains(line) && told.contains(allowed), "{text:?}: {told}");
        }
    }

    #[test]
    fn a_longer_retention_allows_longer_windows() {
        let text = "retention = '40d'\n[gates.overlap_median]\nwindow = '30d'";
        assert!(Policy::parse(text).is_ok());
        // A window of the defaults that does not fit: the line is that of the retention.
        assert!(refused("retention = '12h'").contains("line 1"));
    }
}
