//! What is still to be done for an entry.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::types::{Deed, Intent, Outcome};
use crate::{error::Side, write::Action};

/// Something that is still to be done for an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Duty {
    /// To see to it that it stands on Meilisearch: to follow its task if Meilisearch is the authority, to write it if not.
    Meili,
    /// To write it to PostgreSQL.
    Pg,
    /// To compare the sides, and to copy from the one that is right to the other.
    Reconcile,
}

/// A set of duties.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Duties(u8);

/// How far what one side decided of a document has come, see [`Journal::carried`](super::Journal::carried).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Carried {
    /// The other side has been given all of it. It may still have to be checked.
    #[default]
    All,
    /// Of some of it nobody knows, or not yet, what became of it; or which documents a [sweep](Deed::Sweep) has deleted, or what
    /// the sides hold of those.
    Unknown,
    /// Some of it was accepted, and the other side is yet to be given it.
    Pending,
}

impl Duty {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Meili, Self::Pg, Self::Reconcile];

    /// The value of labels, columns and commands.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Meili => "meili",
            Self::Pg => "pg",
            Self::Reconcile => "reconcile",
        }
    }

    /// The bit of the set.
    pub const fn bit(self) -> u8 {
        match self {
            Self::Meili => 1,
            Self::Pg => 2,
            Self::Reconcile => 4,
        }
    }
}

impl Duties {
    /// None.
    pub const NONE: Self = Self(0);
    /// To see to it that it stands on Meilisearch.
    pub const MEILI: Self = Self(Duty::Meili.bit());
    /// To compare and copy.
    pub const RECONCILE: Self = Self(Duty::Reconcile.bit());
    /// To write to PostgreSQL.
    pub const PG: Self = Self(Duty::Pg.bit());

    /// The set of these bits; others are left out.
    pub fn from_bits(bits: u8) -> Self {
        Self(bits & 7)
    }

    /// The bits.
    pub fn bits(self) -> u8 {
        self.0
    }

    /// Whether it holds a duty.
    pub fn has(self, duty: Duty) -> bool {
        self.0 & duty.bit() != 0
    }

    /// Whether it holds any of another set.
    pub fn has_any(self, of: Self) -> bool {
        self.0 & of.0 != 0
    }

    /// With those of another set.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Without one.
    #[must_use]
    pub fn without(self, duty: Duty) -> Self {
        Self(self.0 & !duty.bit())
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// What has to be done for an entry once this is known of the authority.
    ///
    /// | authority | | accepted | unknown |
    /// | --- | --- | --- | --- |
    /// | Meilisearch | put, delete | meili (follow) and pg | reconcile |
    /// | Meilisearch | merge, sweep | meili (follow), then what follows | reconcile; a sweep: pg |
    /// | PostgreSQL | put, delete, merge | meili (write), then reconcile | reconcile |
    /// | PostgreSQL | sweep | pg (list what was swept) | pg |
    /// | either | resync | reconcile | reconcile |
    pub fn of(intent: &Intent, outcome: Outcome) -> Self {
        let (meili, pg) = (Self::MEILI, Self::PG);
        match (outcome, &intent.deed, intent.authority) {
            (Outcome::Asked | Outcome::Refused, ..) => Self::NONE,
            (Outcome::Unknown, Deed::Sweep(_), _) => pg,
            (Outcome::Unknown, ..) | (_, Deed::Resync, _) => Self::RECONCILE,
            (_, Deed::Sweep(_), Side::Pg) => pg,
            (_, Deed::Sweep(_) | Deed::Change(Action::Merge(_)), _) => meili,
            (_, Deed::Change(_), Side::Meili) => meili.and(pg),
            (_, Deed::Change(_), Side::Pg) => meili,
        }
    }
}

impl Duties {
    /// Those by which the other side is given what this one has decided. PostgreSQL's are reconciled in the end only to see
    /// whether anything came in between; what a partial update made in Meilisearch is copied then.
    pub(super) fn that_carry(decided: Side) -> Self {
        match decided {
            Side::Meili => Self::MEILI.and(Self::PG).and(Self::RECONCILE),
            Side::Pg => Self::MEILI,
        }
    }
}

#[cfg(any(feature = "sqlite", feature = "postgres"))]
impl Carried {
    /// By the number of the furthest entry, as the statements of journals count: 2 is pending, 1 is unknown.
    pub(super) fn of(furthest: Option<i64>) -> Self {
        match furthest {
            None => Self::All,
            Some(1) => Self::Unknown,
            Some(_) => Self::Pending,
        }
    }
}

impl fmt::Debug for Duties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(Duty::ALL.iter().filter(|duty| self.has(**duty))).finish()
    }
}
