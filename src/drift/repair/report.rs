//! What a repair is to do, and what it did.

use serde::Serialize;

use crate::{
    document::DocumentId,
    drift::{DriftCounts, DriftKind, DriftReport},
    error::Side,
    store::evidence::DriftSeen,
};

/// What would be done about drift: from a [`DriftReport`] alone, without anything that can write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct RepairPlan {
    /// The side that decides, and is copied.
    pub authority: Side,
    /// What is written to Meilisearch.
    pub meili: RepairWrites,
    /// What is written to PostgreSQL.
    pub pg: RepairWrites,
}

/// Writes to one side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RepairWrites {
    /// Documents added or replaced.
    pub put: u64,
    /// Documents deleted.
    pub deleted: u64,
}

/// What a repair found, did and left.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RepairReport {
    /// The side that decided, and was copied.
    pub authority: Side,
    /// Whether the documents agree now: nothing is left, and nothing was left unsettled.
    pub agrees: bool,
    /// What the check found.
    pub check: DriftReport,
    /// Documents that differed and agree now.
    pub repaired: u64,
    /// Documents that differ still.
    pub left: DriftCounts,
    /// The first of those, with the reason.
    pub left_over: Vec<LeftOver>,
    /// Documents that were repaired and have been changed all the time since.
    pub unsettled: u64,
    /// How long it took, the check included.
    pub seconds: f64,
}

/// A document that could not be repaired.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LeftOver {
    /// Its primary key.
    pub id: DocumentId,
    /// How the sides differ on it.
    pub kind: DriftKind,
    /// Why.
    pub why: String,
}

impl RepairPlan {
    /// What a repair would do about this.
    pub fn of(found: &DriftCounts, authority: Side) -> Self {
        let DriftCounts { missing, extra, stale, tombstone } = *found;
        let nothing = RepairWrites::default();
        match authority {
            Side::Meili => {
                let pg = RepairWrites { put: missing + stale + tombstone, deleted: extra };
                Self { authority, meili: nothing, pg }
            }
            Side::Pg => {
                let meili = RepairWrites { put: extra + stale, deleted: missing + tombstone };
                Self { authority, meili, pg: nothing }
            }
        }
    }
}

impl RepairReport {
    /// What is kept of it, for gates: what is left.
    pub fn seen(&self) -> DriftSeen {
        let found = self.check.seen();
        let DriftCounts { missing, extra, stale, tombstone } = self.left;
        let unsettled = found.unsettled + self.unsettled;
        DriftSeen { missing, extra, stale, tombstone, unsettled, ..found }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_side_that_decides_is_never_changed() {
        let found = DriftCounts { missing: 1, extra: 10, stale: 100, tombstone: 1000 };
        let from_meili = RepairPlan::of(&found, Side::Meili);
        assert_eq!(from_meili.meili, RepairWrites::default());
        assert_eq!(from_meili.pg, RepairWrites { put: 1101, deleted: 10 });
        let from_pg = RepairPlan::of(&found, Side::Pg);
        assert_eq!(from_pg.pg, RepairWrites::default());
        assert_eq!(from_pg.meili, RepairWrites { put: 110, deleted: 1001 });
    }
}
