//! Which side is right about a document.

use crate::{
    backend::write::Standing,
    error::Side,
    journal::{Deed, Entry, Outcome},
};

/// The side to copy from, given what stands in PostgreSQL.
///
/// The authority is right: it is what users have seen. PostgreSQL is right even so if what stands there was decided there and
/// is as new as the entry; if the service gives versions and its is the higher one; and if Meilisearch is known to have
/// lost this very write.
pub(super) fn winner(entry: &Entry, standing: Option<&Standing>) -> Side {
    // Not even a tombstone: PostgreSQL has never known it, and must not have it deleted.
    let Some(standing) = standing else { return Side::Meili };
    // What nobody knows whether it stands does not take back what PostgreSQL has acknowledged.
    if standing.authority == Side::Pg && entry.outcome == Outcome::Unknown {
        return Side::Pg;
    }
    // Meilisearch has decided since: there may be more of it than has come here.
    if entry.intent.authority == Side::Pg && standing.authority == Side::Meili && !entry.intent.explicit {
        return Side::Meili;
    }
    let as_new = standing.version >= entry.intent.version;
    let decided_there = standing.authority == Side::Pg && as_new;
    let higher = entry.intent.explicit && as_new;
    let lost = entry.redo && (standing.version == entry.intent.version || has_been_copied_over(entry, standing));
    if decided_there || higher || lost { Side::Pg } else { entry.intent.authority }
}

/// Whether a write that Meilisearch has lost was replaced in PostgreSQL by a copy of what stood in Meilisearch instead, and by
/// nothing else.
pub(super) fn has_been_copied_over(entry: &Entry, standing: &Standing) -> bool {
    // Without a task it was only taken for lost: then the copy is what has come after it.
    let certain = matches!(entry.outcome, Outcome::Accepted(Some(_)));
    entry.redo && certain && standing.copied_over == Some(entry.intent.version)
}

/// Whether both sides were written, so that only a race could have come in between: it would show in the version.
pub(super) fn only_to_be_checked(entry: &Entry) -> bool {
    let change = matches!(entry.intent.deed, Deed::Change(_));
    change && entry.intent.authority == Side::Pg && matches!(entry.outcome, Outcome::Accepted(_)) && !entry.redo
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        document::Version,
        journal::{Intent, Seq},
        write::Action,
    };

    fn entry(version: i64, explicit: bool, authority: Side, redo: bool) -> Entry {
        let deed = Deed::Change(Action::Delete);
        let version = Version(version);
        let intent = Intent { index: "i".into(), id: "1".into(), version, explicit, deed, authority };
        Entry { seq: Seq(1), intent, outcome: Outcome::Accepted(None), redo, attempts: 0, age: None }
    }

    fn standing(version: i64, authority: Side) -> Standing {
        Standing { version: Version(version), document: None, authority, copied_over: None }
    }

    #[test]
    fn the_authority_is_right_unless_postgres_knows_better() {
        use Side::{Meili, Pg};
        for (what, entry, there, right) in [
            ("nothing stands", entry(5, false, Meili, false), None, Meili),
            ("a race", entry(5, false, Meili, false), Some(standing(5, Meili)), Meili),
            ("overtaken", entry(5, false, Meili, false), Some(standing(9, Meili)), Meili),
            ("older there", entry(5, false, Meili, false), Some(standing(3, Pg)), Meili),
            ("decided there since", entry(5, false, Meili, false), Some(standing(9, Pg)), Pg),
            ("the service says so", entry(5, true, Meili, false), Some(standing(9, Meili)), Pg),
            ("the service says no", entry(5, true, Meili, false), Some(standing(3, Meili)), Meili),
            ("lost by Meilisearch", entry(5, false, Meili, true), Some(standing(5, Meili)), Pg),
            ("lost, but overtaken", entry(5, false, Meili, true), Some(standing(9, Meili)), Meili),
            ("decided by pg, which has lost it", entry(5, false, Pg, false), Some(standing(3, Meili)), Meili),
            ("decided by meili since", entry(5, false, Pg, false), Some(standing(9, Meili)), Meili),
            ("decided by pg", entry(5, false, Pg, false), Some(standing(5, Pg)), Pg),
            ("pg decides, and has never known it", entry(5, false, Pg, false), None, Meili),
        ] {
            assert_eq!(winner(&entry, there.as_ref()), right, "{what}");
        }
    }
}
