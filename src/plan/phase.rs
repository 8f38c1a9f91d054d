//! Where a migration stands: derived from the flags, never stored.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Flags, Percent, ReadBackend, WriteMode};

/// Where a migration stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Only Meilisearch is written and read.
    SourceOnly,
    /// Both are written, Meilisearch is read.
    DualWrite,
    /// As before, and a share of the reads is compared.
    Shadow,
    /// A share of the readers is answered by PostgreSQL.
    Canary,
    /// PostgreSQL answers, Meilisearch is kept current and compared.
    TargetPrimary,
    /// Only PostgreSQL is written and read.
    TargetOnly,
}

impl Phase {
    /// All, in the order of a migration.
    pub const ALL: [Self; 6] =
        [Self::SourceOnly, Self::DualWrite, Self::Shadow, Self::Canary, Self::TargetPrimary, Self::TargetOnly];

    pub(super) fn of(flags: &Flags) -> Self {
        match (flags.write_mode, flags.read_backend) {
            (WriteMode::MeiliOnly, _) => Self::SourceOnly,
            (WriteMode::PgOnly, _) => Self::TargetOnly,
            (WriteMode::Dual, ReadBackend::Meili) if flags.shadow_sample_rate == Percent::ZERO => Self::DualWrite,
            (WriteMode::Dual, ReadBackend::Meili) => Self::Shadow,
            (WriteMode::Dual, ReadBackend::Pg) if flags.read_pg_percent == Percent::HUNDRED => Self::TargetPrimary,
            (WriteMode::Dual, ReadBackend::Pg) => Self::Canary,
        }
    }

    /// The value of labels and columns.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SourceOnly => "source_only",
            Self::DualWrite => "dual_write",
            Self::Shadow => "shadow",
            Self::Canary => "canary",
            Self::TargetPrimary => "target_primary",
            Self::TargetOnly => "target_only",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
