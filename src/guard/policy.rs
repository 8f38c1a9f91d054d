use std::time::Duration;

use serde::Deserialize;

/// When the guard rolls back.
///
/// In TOML: `window_seconds`, `sustained`, `min_reads`, `max_failed_share` (0 to 1) and `max_p95_ms`; what is left out has its
/// default.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(try_from = "Given")]
pub struct GuardPolicy {
    /// How long a window is at least; 10 s by default.
    pub window: Duration,
    /// After how many bad windows in a row; 3 by default.
    pub sustained: u32,
    /// How many reads a window must have to be judged; 20 by default.
    pub min_reads: u64,
    /// The largest share of reads that may fail, or that PostgreSQL may leave unanswered; 0.05 by default. More than that is
    /// bad.
    pub max_failed_share: f64,
    /// What 95 % of the reads may take at most; by default nothing is demanded.
    pub max_p95: Option<Duration>,
}

/// What is wrong with a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GuardPolicyError {
    /// A window of no time, or of more than a day.
    #[error("window_seconds must be more than 0 and at most 86400")]
    Window,
    /// No window at all would be enough.
    #[error("sustained must be at least 1")]
    Sustained,
    /// Nothing cannot be judged.
    #[error("min_reads must be at least 1")]
    MinReads,
    /// Not a share.
    #[error("max_failed_share must be from 0 to 1")]
    MaxFailedShare,
    /// No time.
    #[error("max_p95_ms must be more than 0")]
    MaxP95,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    window_seconds: Option<f64>,
    sustained: Option<u32>,
    min_reads: Option<u64>,
    max_failed_share: Option<f64>,
    max_p95_ms: Option<f64>,
}

impl Default for GuardPolicy {
    fn default() -> Self {
        Self { window: Duration::from_secs(10), sustained: 3, min_reads: 20, max_failed_share: 0.05, max_p95: None }
    }
}

impl GuardPolicy {
    /// Whether it can be gone by.
    pub fn check(&self) -> Result<(), GuardPolicyError> {
        const DAY: Duration = Duration::from_secs(86_400);
        if self.window.is_zero() || self.window > DAY {
            return Err(GuardPolicyError::Window);
        }
        if self.sustained == 0 {
            return Err(GuardPolicyError::Sustained);
        }
        if self.min_reads == 0 {
            return Err(GuardPolicyError::MinReads);
        }
        if !(0.0..=1.0).contains(&self.max_failed_share) {
            return Err(GuardPolicyError::MaxFailedShare);
        }
        if self.max_p95.is_some_and(|max| max.is_zero()) {
            return Err(GuardPolicyError::MaxP95);
        }
        Ok(())
    }
}

impl TryFrom<Given> for GuardPolicy {
    type Error = GuardPolicyError;

    fn try_from(given: Given) -> Result<Self, GuardPolicyError> {
        let default = Self::default();
        let seconds = |seconds: f64, or| Duration::try_from_secs_f64(seconds).map_err(|_| or);
        let policy = Self {
            window: match given.window_seconds {
                Some(window) => seconds(window, GuardPolicyError::Window)?,
                None => default.window,
            },
            sustained: given.sustained.unwrap_or(default.sustained),
            min_reads: given.min_reads.unwrap_or(default.min_reads),
            max_failed_share: given.max_failed_share.unwrap_or(default.max_failed_share),
            max_p95: given.max_p95_ms.map(|ms| seconds(ms / 1e3, GuardPolicyError::MaxP95)).transpose()?,
        };
        policy.check()?;
        Ok(policy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_read_from_toml_with_units_in_the_names() {
        let read = |text: &str| toml::from_str::<GuardPolicy>(text);
        assert_eq!(read("").unwrap(), GuardPolicy::default());
        let all = "window_seconds = 0.5\nsustained = 2\nmin_reads = 5\nmax_failed_share = 0.1\nmax_p95_ms = 180";
        let expected = GuardPolicy {
            window: Duration::from_millis(500),
            sustained: 2,
            min_reads: 5,
            max_failed_share: 0.1,
            max_p95: Some(Duration::from_millis(180)),
        };
        assert_eq!(read(all).unwrap(), expected);
        for (text, said) in [
            ("window = 10", "unknown field"),
            ("window_seconds = 0", "window_seconds must be"),
            ("window_seconds = -1", "window_seconds must be"),
            ("window_seconds = 1e9", "window_seconds must be"),
            ("sustained = 0", "sustained must be"),
            ("min_reads = 0", "min_reads must be"),
            ("max_failed_share = 5", "max_failed_share must be"),
            ("max_failed_share = nan", "max_failed_share must be"),
            ("max_p95_ms = 0", "max_p95_ms must be"),
            ("max_p95_ms = inf", "max_p95_ms must be"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(said), "{text}: {error}");
        }
    }
}
