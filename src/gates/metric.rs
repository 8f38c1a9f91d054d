//! What a gate can look at.

use std::{fmt, str::FromStr};

use serde::{Serialize, Serializer};

use crate::store::evidence::statements;

/// A figure that a gate is about. Closed: each has a query, a unit and a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Metric {
    /// overlap@10 of settled pairs.
    OverlapAt10,
    /// Agreement NDCG@10 of settled pairs: the side that answered is the reference, so this is likeness and not quality.
    AgreementNdcgAt10,
    /// Mean overlap@10 as a share of what the source reaches with itself.
    OverlapOfCeiling,
    /// How long PostgreSQL took over pairs, in milliseconds.
    PgLatencyMs,
    /// PostgreSQL's latency by Meilisearch's, quantile by quantile.
    LatencyRatio,
    /// Share of pairs that PostgreSQL failed, or did not answer in time.
    ShadowFailures,
    /// Share of settled first pages on which only PostgreSQL found nothing.
    ZeroResultExcess,
    /// Share of pairs during which writes were under way, or nobody knew.
    Unsettled,
    /// Recorded outcomes by sampled reads.
    Completeness,
    /// Share of the reads meant for PostgreSQL that Meilisearch answered in its place.
    ReadFallbacks,
    /// NDCG@10 by judgments, PostgreSQL's by Meilisearch's, of the last `eval` run that was kept.
    JudgedNdcgRatio,
    /// Documents that differed in the last drift check.
    DriftDocuments,
    /// Writes that wait in the journals.
    JournalPending,
    /// The age of the oldest of them, in seconds.
    JournalOldestSeconds,
    /// Writes that could not be done.
    DeadLetters,
    /// 1 if the last backfill of each index succeeded, else 0.
    BackfillSucceeded,
    /// Processes of the service that know the flags of the table and do not go by them.
    ReplicasBehind,
}

/// What of a metric's values is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Statistic {
    /// The mean.
    Mean,
    /// The percentile of this number, 1 to 99.
    Percentile(u8),
}

/// In what a figure is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// From 0 to 1.
    Share,
    /// A quotient, from 0.
    Ratio,
    /// Milliseconds.
    Ms,
    /// Seconds.
    Seconds,
    /// A number of things.
    Count,
}

/// How a metric becomes a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Values of pairs, of which a statistic is taken.
    Values {
        /// Whether they lie between 0 and 1, so that there are bounds of the mean.
        bounded: bool,
    },
    /// A share of pairs or reads, or a quotient of means.
    Share,
    /// Something that is known or not: no samples, no bounds.
    Fact,
}

impl Metric {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::OverlapAt10,
        Self::AgreementNdcgAt10,
        Self::OverlapOfCeiling,
        Self::PgLatencyMs,
        Self::LatencyRatio,
        Self::ShadowFailures,
        Self::ZeroResultExcess,
        Self::Unsettled,
        Self::Completeness,
        Self::ReadFallbacks,
        Self::JudgedNdcgRatio,
        Self::DriftDocuments,
        Self::JournalPending,
        Self::JournalOldestSeconds,
        Self::DeadLetters,
        Self::BackfillSucceeded,
        Self::ReplicasBehind,
    ];

    /// The name in gate files, tables and answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::OverlapAt10 => "overlap_at_10",
            Self::AgreementNdcgAt10 => "agreement_ndcg_at_10",
            Self::OverlapOfCeiling => "overlap_of_ceiling",
            Self::PgLatencyMs => "pg_latency_ms",
            Self::LatencyRatio => "latency_ratio",
            Self::ShadowFailures => "shadow_failures",
            Self::ZeroResultExcess => "zero_result_excess",
            Self::Unsettled => "unsettled",
            Self::Completeness => "completeness",
            Self::ReadFallbacks => "read_fallbacks",
            Self::JudgedNdcgRatio => "judged_ndcg_ratio",
            Self::DriftDocuments => "drift_documents",
            Self::JournalPending => "journal_pending",
            Self::JournalOldestSeconds => "journal_oldest_seconds",
            Self::DeadLetters => "dead_letters",
            Self::BackfillSucceeded => "backfill_succeeded",
            Self::ReplicasBehind => "replicas_behind",
        }
    }

    /// How it becomes a figure.
    pub fn kind(self) -> Kind {
        match self {
            Self::OverlapAt10 | Self::AgreementNdcgAt10 => Kind::Values { bounded: true },
            Self::PgLatencyMs | Self::LatencyRatio => Kind::Values { bounded: false },
            Self::OverlapOfCeiling
            | Self::ShadowFailures
            | Self::ZeroResultExcess
            | Self::Unsettled
            | Self::Completeness
            | Self::ReadFallbacks => Kind::Share,
            Self::JudgedNdcgRatio
            | Self::DriftDocuments
            | Self::JournalPending
            | Self::JournalOldestSeconds
            | Self::DeadLetters
            | Self::BackfillSucceeded
            | Self::ReplicasBehind => Kind::Fact,
        }
    }

    /// In what it is measured.
    pub fn unit(self) -> Unit {
        match self {
            Self::PgLatencyMs => Unit::Ms,
            Self::LatencyRatio | Self::JudgedNdcgRatio | Self::OverlapOfCeiling => Unit::Ratio,
            Self::JournalOldestSeconds => Unit::Seconds,
            Self::DriftDocuments
            | Self::JournalPending
            | Self::DeadLetters
            | Self::BackfillSucceeded
            | Self::ReplicasBehind => Unit::Count,
            _ => Unit::Share,
        }
    }

    /// The statement that feeds it. `$1` is the beginning of the window, in microseconds since 1970, or its length in seconds.
    pub fn query(self) -> &'static str {
        match self {
            Self::Completeness => statements::RECORDED,
            Self::ReadFallbacks => statements::READ_TALLY,
            Self::JudgedNdcgRatio => statements::LAST_EVAL,
            Self::DriftDocuments => statements::LAST_DRIFT,
            Self::BackfillSucceeded => statements::LAST_BACKFILLS,
            Self::JournalPending | Self::JournalOldestSeconds | Self::DeadLetters | Self::ReplicasBehind => {
                statements::REPLICAS
            }
            _ => &statements::PAIRS,
        }
    }

    /// Whether there is a figure for each class of query.
    pub fn by_class(self) -> bool {
        !matches!(self, Self::Completeness | Self::ReadFallbacks) && self.kind() != Kind::Fact
    }

    /// Whether it is about pairs of the shadow, so that there is nothing to see before reads are sampled.
    pub fn is_of_pairs(self) -> bool {
        self.by_class() || self == Self::Completeness
    }
}

impl Statistic {
    /// The percentile as a share, 0 to 1; `None` for the mean.
    pub fn quantile(self) -> Option<f64> {
        match self {
            Self::Mean => None,
            Self::Percentile(percent) => Some(f64::from(percent) / 100.0),
        }
    }
}

impl Unit {
    /// What a threshold can be: from 0, and for a share to 1.
    pub fn most(self) -> f64 {
        if self == Self::Share { 1.0 } else { f64::MAX }
    }

    /// The word of answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Share => "share",
            Self::Ratio => "ratio",
            Self::Ms => "ms",
            Self::Seconds => "seconds",
            Self::Count => "count",
        }
    }
}

impl FromStr for Metric {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|metric| metric.name() == name).ok_or(())
    }
}

impl FromStr for Statistic {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        if name == "mean" {
            return Ok(Self::Mean);
        }
        let percent = name.strip_prefix('p').filter(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()));
        let percent = percent.and_then(|digits| digits.parse().ok()).filter(|percent| (1..=99).contains(percent));
        percent.map(Self::Percentile).ok_or(())
    }
}

impl fmt::Display for Statistic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mean => f.write_str("mean"),
            Self::Percentile(percent) => write!(f, "p{percent}"),
        }
    }
}

impl Serialize for Metric {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl Serialize for Statistic {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
