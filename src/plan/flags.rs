//! The flags: their names, their values, their defaults. What combinations are allowed is in the rules.

use std::{fmt, str::FromStr};

use super::{Percent, Refusal};

/// The names of the flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Flag {
    /// `search_write_mode`
    WriteMode,
    /// `search_read_backend`
    ReadBackend,
    /// `search_read_pg_percent`
    ReadPgPercent,
    /// `shadow_sample_rate`
    ShadowSampleRate,
}

/// The values of all flags. `Default` is a service before its migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flags {
    /// Which sides are written.
    pub write_mode: WriteMode,
    /// Which side answers reads.
    pub read_backend: ReadBackend,
    /// While reads are answered by PostgreSQL: for which share of the readers.
    pub read_pg_percent: Percent,
    /// The share of reads that is also sent to the other side and compared.
    pub shadow_sample_rate: Percent,
}

/// `search_write_mode`: which sides are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum WriteMode {
    /// `meili_only`
    #[default]
    MeiliOnly,
    /// `dual`
    Dual,
    /// `pg_only`
    PgOnly,
}

/// `search_read_backend`: which side answers reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ReadBackend {
    /// `meili`: every read, whatever else is set.
    #[default]
    Meili,
    /// `pg`: the share of readers in `search_read_pg_percent`.
    Pg,
}

impl Flag {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::WriteMode, Self::ReadBackend, Self::ReadPgPercent, Self::ShadowSampleRate];

    /// The name in tables, files and commands.
    pub fn name(self) -> &'static str {
        match self {
            Self::WriteMode => "search_write_mode",
            Self::ReadBackend => "search_read_backend",
            Self::ReadPgPercent => "search_read_pg_percent",
            Self::ShadowSampleRate => "shadow_sample_rate",
        }
    }

    /// What it may be set to, in words.
    pub fn values(self) -> &'static str {
        match self {
            Self::WriteMode => "meili_only, dual or pg_only",
            Self::ReadBackend => "meili or pg",
            Self::ReadPgPercent | Self::ShadowSampleRate => "a number from 0 to 100 with at most four decimals",
        }
    }
}

impl FromStr for Flag {
    type Err = Refusal;

    fn from_str(name: &str) -> Result<Self, Refusal> {
        Self::ALL.into_iter().find(|flag| flag.name() == name).ok_or_else(|| Refusal::unknown_flag(name))
    }
}

impl Default for Flags {
    fn default() -> Self {
        Self {
            write_mode: WriteMode::default(),
            read_backend: ReadBackend::default(),
            read_pg_percent: Percent::HUNDRED,
            shadow_sample_rate: Percent::ZERO,
        }
    }
}

impl WriteMode {
    /// The value in tables, files and commands.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MeiliOnly => "meili_only",
            Self::Dual => "dual",
            Self::PgOnly => "pg_only",
        }
    }

    pub(super) fn from_text(text: &str) -> Option<Self> {
        [Self::MeiliOnly, Self::Dual, Self::PgOnly].into_iter().find(|mode| mode.as_str() == text)
    }
}

impl ReadBackend {
    /// The value in tables, files and commands.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Meili => "meili",
            Self::Pg => "pg",
        }
    }

    pub(super) fn from_text(text: &str) -> Option<Self> {
        [Self::Meili, Self::Pg].into_iter().find(|backend| backend.as_str() == text)
    }
}

impl fmt::Display for Flag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
