use std::{fmt, time::Duration};

/// What the guard looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Figure {
    /// Of the reads that PostgreSQL was asked, the share that failed.
    Errors,
    /// Of the reads that PostgreSQL was to answer and could have, the share that it did not: failed, or held back by the
    /// breaker.
    Fallbacks,
    /// Of the reads that PostgreSQL was asked, the share that took longer than they may.
    Latency,
}

/// Why the guard rolls back: the last of the bad windows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Breach {
    /// The figure that was over.
    pub figure: Figure,
    /// The share of reads that were bad in it, 0 to 1.
    pub share: f64,
    /// The largest share that may be.
    pub max_share: f64,
    /// Of how many reads.
    pub reads: u64,
    /// Of [`Figure::Latency`]: what takes longer is bad.
    pub max_wait: Option<Duration>,
    /// How many windows in a row were bad.
    pub windows: u32,
    /// How long a window is at least.
    pub window: Duration,
}

impl Figure {
    /// The value of labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Errors => "errors",
            Self::Fallbacks => "fallbacks",
            Self::Latency => "latency",
        }
    }
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { figure, share, max_share, reads, max_wait, windows, window } = self;
        let of = match figure {
            Figure::Errors => "reads that pg was asked failed",
            Figure::Fallbacks => "reads for pg were not answered by it",
            Figure::Latency => "reads that pg was asked took longer",
        };
        write!(f, "{}: {:.1} % of {reads} {of}", figure.as_str(), share * 100.0)?;
        if let Some(max) = max_wait {
            write!(f, " than {} ms", max.as_secs_f64() * 1e3)?;
        }
        let seconds = window.as_secs_f64();
        write!(f, " in the last of {windows} windows of {seconds} s, and at most {:.1} % may", max_share * 100.0)
    }
}
