use std::time::Duration;

use serde_json::json;

use super::*;
use crate::{
    backend::write::Stamp,
    journal::{Intent, Seq},
    write::TaskId,
};

/// An entry of a version, by an authority.
fn entry(version: i64, deed: Deed, authority: Side, outcome: Outcome) -> Entry {
    let version = Version(version);
    let intent = Intent { index: "i".into(), id: "1".into(), version, explicit: false, deed, authority };
    Entry { seq: Seq(version.0), intent, outcome, redo: false, attempts: 0, age: None }
}

fn lost(entry: Entry) -> Entry {
    Entry { redo: true, ..entry }
}

fn explicit(mut entry: Entry) -> Entry {
    entry.intent.explicit = true;
    entry
}

fn fields(names: &[&str]) -> Document {
    names.iter().map(|name| ((*name).to_owned(), json!(1))).collect()
}

fn put(names: &[&str]) -> Deed {
    Deed::Change(Action::Put(fields(names)))
}

fn merge(name: &str) -> Deed {
    Deed::Change(Action::Merge(fields(&[name])))
}

fn delete() -> Deed {
    Deed::Change(Action::Delete)
}

fn standing(version: i64, names: Option<&[&str]>, authority: Side) -> Standing {
    Standing {
        version: Version(version),
        document: names.map(fields),
        authority,
        copied_over: None,
        stamp: Stamp(0),
        written: Duration::ZERO,
    }
}

const KNOWN: Outcome = Outcome::Accepted(Some(TaskId(1)));

/// What is decided, given what stands in PostgreSQL and in Meilisearch.
fn decided(entries: &[Entry], pg: Option<Standing>, meili: Option<&[&str]>) -> Decision {
    decide(entries, pg.as_ref(), meili.map(fields).as_ref())
}

#[test]
fn the_authority_is_right() {
    use Side::{Meili, Pg};
    for (what, entry, pg, expected) in [
        ("nothing stands", entry(5, delete(), Meili, KNOWN), None, Decision::FromMeili(None)),
        (
            "a race",
            entry(5, put(&["a"]), Meili, KNOWN),
            Some(standing(5, Some(&["a"]), Meili)),
            Decision::FromMeili(None),
        ),
        (
            "older there",
            entry(5, merge("m"), Meili, KNOWN),
            Some(standing(3, Some(&["p"]), Pg)),
            Decision::FromMeili(None),
        ),
        (
            "decided by pg since",
            entry(5, put(&["a"]), Meili, KNOWN),
            Some(standing(9, Some(&["p"]), Pg)),
            Decision::FromPg,
        ),
        (
            "nobody knows, and pg has decided",
            entry(9, put(&["a"]), Meili, Outcome::Unknown),
            Some(standing(3, Some(&["p"]), Pg)),
            Decision::FromPg,
        ),
        ("pg decides", entry(5, put(&["p"]), Pg, KNOWN), Some(standing(5, Some(&["p"]), Pg)), Decision::FromPg),
        (
            "decided by meili since",
            entry(5, put(&["p"]), Pg, KNOWN),
            Some(standing(9, Some(&["z"]), Meili)),
            Decision::FromMeili(None),
        ),
    ] {
        assert_eq!(decided(&[entry], pg, Some(&["x"])), expected, "{what}");
    }
}

#[test]
fn a_write_of_unknown_outcome_that_is_shown_stands_as_itself() {
    let unknown = entry(9, put(&["u"]), Side::Meili, Outcome::Unknown);
    for authority in [Side::Meili, Side::Pg] {
        let pg = standing(3, Some(&["p"]), authority);
        assert_eq!(
            decided(std::slice::from_ref(&unknown), Some(pg), Some(&["u"])),
            Decision::FromMeili(Some(Version(9)))
        );
    }
}

#[test]
fn what_a_sweep_has_left_does_not_speak_for_what_came_after_it() {
    let swept = entry(2, Deed::Resync, Side::Meili, Outcome::Accepted(None));
    let lost = lost(entry(5, put(&["a"]), Side::Meili, Outcome::Accepted(None)));
    let unknown = entry(9, put(&["u"]), Side::Meili, Outcome::Unknown);
    let pg = || Some(standing(5, Some(&["a"]), Side::Meili));
    let from_meili = Decision::FromMeili(Some(Version(9)));
    assert_eq!(decided(&[lost, unknown.clone(), swept.clone()], pg(), Some(&["u"])), from_meili);
    assert_eq!(decided(&[unknown, swept.clone()], pg(), Some(&["u"])), from_meili);
    // What it has deleted stays so.
    let older = entry(1, put(&["a"]), Side::Meili, Outcome::Unknown);
    assert_eq!(decided(&[older, swept], pg(), None), Decision::FromMeili(None));
}

/// Nobody knew whether a sweep had been carried out: what stands in PostgreSQL under an older version it has left, and what
/// Meilisearch shows may be older still.
#[test]
fn what_has_not_been_swept_stands() {
    let pg = |authority| Some(standing(4, Some(&["p"]), authority));
    for of in [std::convert::identity, explicit] {
        let decided = |by, outcome, stands| {
            let resync = of(entry(7, Deed::Resync, by, outcome));
            decided(&[resync], pg(stands), Some(&["older"]))
        };
        let known = Outcome::Accepted(None);
        for outcome in [known, Outcome::Unknown] {
            assert_eq!(decided(Side::Pg, outcome, Side::Pg), Decision::FromPg);
            assert_eq!(decided(Side::Pg, outcome, Side::Meili), Decision::FromMeili(None));
        }
        assert_eq!(decided(Side::Meili, Outcome::Unknown, Side::Pg), Decision::FromPg);
        // Meilisearch has decided since.
        assert_eq!(decided(Side::Meili, known, Side::Pg), Decision::FromMeili(None));
    }
}

#[test]
fn what_came_late_goes() {
    let late = entry(5, put(&["late"]), Side::Meili, Outcome::Unknown);
    let newer = standing(9, Some(&["new"]), Side::Meili);
    assert_eq!(decided(std::slice::from_ref(&late), Some(newer.clone()), Some(&["late"])), Decision::FromPg);
    // With a partial update that PostgreSQL has not been given yet.
    let merged = entry(12, merge("m"), Side::Meili, KNOWN);
    assert_eq!(
        decided(&[late, merged], Some(newer), Some(&["late"])),
        Decision::Anew(Version(12), Some(fields(&["new", "m"])))
    );
}

#[test]
fn what_meilisearch_has_lost_is_made_again() {
    let gone = || lost(entry(5, put(&["a"]), Side::Meili, KNOWN));
    let in_place = standing(5, Some(&["a"]), Side::Meili);
    assert_eq!(decided(&[gone()], Some(in_place.clone()), Some(&["old"])), Decision::FromPg);
    // With what came after it, which Meilisearch has made of something older.
    let after = entry(6, merge("m"), Side::Meili, KNOWN);
    let again = Decision::Anew(Version(6), Some(fields(&["a", "m"])));
    assert_eq!(decided(&[gone(), after.clone()], Some(in_place), Some(&["old", "m"])), again);
    // A copy has taken its place.
    let copied = Standing { copied_over: Some(Version(5)), ..standing(6, Some(&["old"]), Side::Meili) };
    assert_eq!(decided(&[gone()], Some(copied), Some(&["old"])), Decision::Anew(Version(7), Some(fields(&["a"]))));
    // A deletion that looks lost to who looks for it alone, since a partial update has come after it; until all was swept.
    let deleted = || [lost(entry(5, delete(), Side::Meili, Outcome::Accepted(None))), after.clone()];
    let tombstone = || Some(standing(5, None, Side::Meili));
    assert_eq!(decided(&deleted(), tombstone(), Some(&["m"])), Decision::FromMeili(None));
    assert_eq!(decided(&deleted(), tombstone(), None), Decision::FromMeili(None));
    // Something newer has.
    let newer = standing(9, Some(&["new"]), Side::Meili);
    assert_eq!(decided(&[gone()], Some(newer), Some(&["new"])), Decision::FromMeili(None));
    let whole = entry(8, put(&["new"]), Side::Meili, KNOWN);
    let stands = standing(8, Some(&["new"]), Side::Meili);
    assert_eq!(decided(&[gone(), whole], Some(stands), Some(&["new"])), Decision::FromMeili(None));
    // A partial update, on what stands; the one after it has arrived.
    let merged = lost(entry(6, merge("lost"), Side::Meili, KNOWN));
    let arrived = entry(7, merge("m"), Side::Meili, KNOWN);
    let old = standing(3, Some(&["old"]), Side::Meili);
    assert_eq!(
        decided(&[merged, arrived], Some(old), Some(&["old", "m"])),
        Decision::Anew(Version(7), Some(fields(&["old", "m", "lost"])))
    );
}

/// It has been put together in PostgreSQL, and partial updates came before it was sent.
#[test]
fn what_is_lost_is_made_again_of_what_has_not_arrived_yet() {
    let gone = lost(entry(5, put(&["a"]), Side::Meili, KNOWN));
    let merged = [6, 7].map(|version| entry(version, merge(if version == 6 { "m" } else { "n" }), Side::Meili, KNOWN));
    let entries = [vec![gone], merged.to_vec(), vec![lost(entry(8, merge("lost"), Side::Meili, KNOWN))]].concat();
    assert_eq!(
        decided(&entries, Some(standing(6, Some(&["a", "m"]), Side::Pg)), Some(&["old", "m", "n"])),
        Decision::Anew(Version(8), Some(fields(&["a", "m", "n", "lost"])))
    );
}

#[test]
fn what_partial_updates_were_made_of_is_not_lost() {
    let merged = |version, name, outcome| entry(version, merge(name), Side::Meili, outcome);
    for (deed, pg, base) in [(delete(), None, vec![]), (put(&["a"]), Some(&["a"][..]), vec!["a"])] {
        let whole = lost(entry(5, deed, Side::Meili, Outcome::Accepted(None)));
        for outcome in [KNOWN, Outcome::Unknown] {
            // The first one was deleted by a filter.
            let entries = [whole.clone(), merged(6, "m", KNOWN), merged(7, "n", outcome)];
            let there = [base.clone(), vec!["n"]].concat();
            assert_eq!(decided(&entries, Some(standing(5, pg, Side::Meili)), Some(&there)), Decision::FromMeili(None));
        }
    }
}

/// PostgreSQL had decided what stands there, which Meilisearch may not have been given, and shows something newer.
#[test]
fn partial_updates_are_made_again_of_what_is_shown() {
    let unsure = lost(entry(3, put(&["old"]), Side::Meili, KNOWN));
    let whole = entry(9, put(&["a"]), Side::Meili, Outcome::Unknown);
    let gone = lost(entry(12, merge("gone"), Side::Meili, KNOWN));
    let after = entry(14, merge("m"), Side::Meili, KNOWN);
    let pg = Some(standing(5, Some(&["p"]), Side::Pg));
    let again = Decision::Anew(Version(14), Some(fields(&["a", "gone", "m"])));
    assert_eq!(decided(&[unsure, whole, gone, after], pg, Some(&["a", "m"])), again);
}

/// What the two sides decide around a swap of the roles may be recorded in another order than that of the versions.
#[test]
fn of_what_was_accepted_the_newest_counts() {
    let deleted = lost(entry(7, delete(), Side::Meili, KNOWN));
    let older = entry(6, put(&["p"]), Side::Pg, Outcome::Accepted(None));
    let pg = Some(standing(7, None, Side::Meili));
    assert_eq!(decided(&[deleted, older], pg, Some(&["old"])), Decision::FromPg);
}

#[test]
fn what_has_come_to_stand_is_not_lost_for_a_partial_update_that_came_late() {
    let late = entry(3, merge("late"), Side::Meili, Outcome::Unknown);
    let merged = lost(entry(7, merge("m"), Side::Meili, KNOWN));
    let whole = entry(9, put(&["a"]), Side::Meili, Outcome::Unknown);
    let pg = Some(standing(5, Some(&["old"]), Side::Meili));
    assert_eq!(decided(&[late, merged, whole], pg, Some(&["a", "late"])), Decision::FromMeili(None));
}

/// Something has been made of it since, or is to be.
#[test]
fn what_is_lost_is_not_made_again_before_what_has_replaced_it() {
    let merged = |version, name| entry(version, merge(name), Side::Meili, KNOWN);
    let unknown = |version, deed| entry(version, deed, Side::Meili, Outcome::Unknown);
    let nothing = |version| Some(standing(version, None, Side::Meili));
    let replaced = [lost(merged(3, "replaced")), unknown(4, put(&["u"]))];
    let after = [lost(merged(5, "lost")), merged(6, "m")];
    assert_eq!(
        decided(&[replaced.clone(), after].concat(), nothing(2), Some(&["u", "m"])),
        Decision::Anew(Version(6), Some(fields(&["u", "m", "lost"])))
    );
    let merged_since = [replaced.to_vec(), vec![merged(6, "m")]].concat();
    assert_eq!(decided(&merged_since, nothing(2), Some(&["u", "m"])), Decision::FromMeili(None));
    // Which deletion is shown does not matter.
    let deleted = [unknown(3, delete()), lost(merged(5, "lost"))];
    assert_eq!(decided(&deleted, nothing(4), None), Decision::Anew(Version(5), Some(fields(&["lost"]))));
}

/// The clocks of two replicas differ.
#[test]
fn what_meilisearch_accepted_after_postgres_had_decided_is_newer() {
    let pg = Standing { written: Duration::from_secs(9), ..standing(9, Some(&["p"]), Side::Pg) };
    let decided = |entry, age| decided(&[Entry { age, ..entry }], Some(pg.clone()), Some(&["a"]));
    let accepted = || entry(5, put(&["a"]), Side::Meili, KNOWN);
    assert_eq!(decided(accepted(), Some(Duration::from_secs(8))), Decision::FromMeili(None));
    for age in [Some(Duration::from_secs(9)), None] {
        assert_eq!(decided(accepted(), age), Decision::FromPg, "{age:?}");
    }
    // It is not there any more.
    assert_eq!(decided(lost(accepted()), Some(Duration::from_secs(8))), Decision::FromPg);
}

#[test]
fn of_versions_that_the_service_gives_the_higher_one_is_right() {
    let accepted = |version| explicit(entry(version, put(&["a"]), Side::Meili, KNOWN));
    let pg = |version| Some(standing(version, Some(&["p"]), Side::Meili));
    assert_eq!(decided(&[accepted(5)], pg(9), Some(&["a"])), Decision::FromPg);
    assert_eq!(decided(&[accepted(9)], pg(5), Some(&["a"])), Decision::FromMeili(Some(Version(9))));
    // It shows something older that came last.
    assert_eq!(decided(&[accepted(9)], pg(9), Some(&["older"])), Decision::FromPg);
    assert_eq!(decided(&[accepted(9)], None, Some(&["x"])), Decision::FromMeili(None));
}

#[test]
fn a_newer_write_of_unknown_outcome_stands_where_something_late_hides_it() {
    let known = |version, name| explicit(entry(version, put(&[name]), Side::Meili, KNOWN));
    let unknown = |version| explicit(entry(version, delete(), Side::Meili, Outcome::Unknown));
    let pg = || Some(standing(8, Some(&["b"]), Side::Meili));
    // The write of version 5 has come over it.
    let late = [known(5, "a"), known(8, "b"), unknown(9)];
    assert_eq!(decided(&late, pg(), Some(&["a"])), Decision::Anew(Version(9), None));
    let late = [known(5, "a"), known(8, "b"), unknown(7)];
    assert_eq!(decided(&late, pg(), Some(&["a"])), Decision::FromPg);
    // Nothing has: it has never arrived.
    let early = [known(8, "b"), unknown(9)];
    assert_eq!(decided(&early, pg(), Some(&["b"])), Decision::FromPg);
}
