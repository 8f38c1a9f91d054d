//! What a check says.

use jiff::Timestamp;
use serde::Serialize;

use super::SettingDifference;
use crate::{
    document::{Document, DocumentId, Version},
    error::Side,
    store::evidence::DriftSeen,
    telemetry,
};

/// How the sides differ on a document, from the point of view of PostgreSQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DriftKind {
    /// Meilisearch has it, and PostgreSQL has never known it.
    Missing,
    /// PostgreSQL has it, Meilisearch has not.
    Extra,
    /// Both have it, with different content.
    Stale,
    /// Meilisearch has it, PostgreSQL has deleted it.
    Tombstone,
}

/// A document on which the sides differ.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// Its primary key.
    pub id: DocumentId,
    /// How they differ.
    pub kind: DriftKind,
    /// Its version in PostgreSQL, a tombstone's included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<Version>,
    /// The names of the fields that differ, 20 at most; for [`Stale`](DriftKind::Stale) only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
    /// What each side holds, if that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub values: Option<Box<Values>>,
}

/// What the sides hold of a document.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Values {
    /// In Meilisearch.
    pub meili: Option<Document>,
    /// In PostgreSQL.
    pub pg: Option<Document>,
}

/// How many documents differ, by how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DriftCounts {
    /// [`DriftKind::Missing`]
    pub missing: u64,
    /// [`DriftKind::Extra`]
    pub extra: u64,
    /// [`DriftKind::Stale`]
    pub stale: u64,
    /// [`DriftKind::Tombstone`]
    pub tombstone: u64,
}

/// Documents of the two sides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PerSide {
    /// In Meilisearch.
    pub meili: u64,
    /// In PostgreSQL, without tombstones.
    pub pg: u64,
}

/// What a check found. There is one only if both sides were read from the first document to the last: whatever fails on the
/// way is an error.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DriftReport {
    /// The index in Meilisearch.
    pub index: String,
    /// Whether the documents agree: none differs, and none was left unsettled. Settings are another matter.
    pub agrees: bool,
    /// The documents that were read.
    pub documents: PerSide,
    /// How many differ.
    pub counts: DriftCounts,
    /// The first of those that differ, in no order; see [`DriftCheck::keep`](super::DriftCheck::keep).
    pub differences: Vec<Difference>,
    /// Documents that differed when they were listed, and came to agree: they were on their way.
    pub in_flight: u64,
    /// Documents that differed at each look, and were changed between all of them: nothing can be said about those yet.
    pub unsettled: u64,
    /// How many of the 4,096 ranges differed when they were listed.
    pub ranges: u64,
    /// The settings in which the indexes differ.
    pub settings: Vec<SettingDifference>,
    /// When it began.
    pub began: Timestamp,
    /// How long it took.
    pub seconds: f64,
}

impl DriftReport {
    /// What is kept of it, for gates.
    pub fn seen(&self) -> DriftSeen {
        DriftSeen {
            index: self.index.clone(),
            began: self.began,
            meili_documents: self.documents.meili,
            pg_documents: self.documents.pg,
            missing: self.counts.missing,
            extra: self.counts.extra,
            stale: self.counts.stale,
            tombstone: self.counts.tombstone,
            unsettled: self.unsettled,
        }
    }
}

impl DriftKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Missing, Self::Extra, Self::Stale, Self::Tombstone];

    /// The value of labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Extra => "extra",
            Self::Stale => "stale",
            Self::Tombstone => "tombstone",
        }
    }
}

impl DriftCounts {
    /// How many of one kind.
    pub fn of(&self, kind: DriftKind) -> u64 {
        match kind {
            DriftKind::Missing => self.missing,
            DriftKind::Extra => self.extra,
            DriftKind::Stale => self.stale,
            DriftKind::Tombstone => self.tombstone,
        }
    }

    /// How many in all.
    pub fn total(&self) -> u64 {
        DriftKind::ALL.into_iter().map(|kind| self.of(kind)).sum()
    }

    pub(super) fn add(&mut self, kind: DriftKind) {
        match kind {
            DriftKind::Missing => self.missing += 1,
            DriftKind::Extra => self.extra += 1,
            DriftKind::Stale => self.stale += 1,
            DriftKind::Tombstone => self.tombstone += 1,
        }
    }

    /// Shows them in metrics.
    pub(super) fn show(&self) {
        for kind in DriftKind::ALL {
            telemetry::drift_found(kind.as_str(), self.of(kind));
        }
    }
}

impl PerSide {
    pub(super) fn add(&mut self, side: Side, documents: u64) {
        match side {
            Side::Meili => self.meili += documents,
            Side::Pg => self.pg += documents,
        }
    }
}

/// Counts what differs, and keeps the first ones.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) counts: DriftCounts,
    pub(super) kept: Vec<Difference>,
}

impl Tally {
    pub(super) fn add(&mut self, difference: &Difference, keep: usize) {
        self.counts.add(difference.kind);
        if self.kept.len() < keep {
            self.kept.push(difference.clone());
        }
    }
}
