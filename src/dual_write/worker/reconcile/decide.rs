//! What is right about a document, given what stands on both sides and what the journal knows of its writes.
//!
//! The authority is right, which is what users have seen: PostgreSQL if it has decided what stands there, else Meilisearch. Or
//! the higher version, if the service gives versions. With these exceptions, in which Meilisearch does not show what it was given
//! last, or PostgreSQL does not yet:
//!
//! - It shows a write whose outcome nobody knew: then that has come to stand.
//! - It shows what has been given up, or was sent from here, and something newer is known: that came late, and goes.
//! - It has lost what it had accepted: that is made again, with the partial updates that came after it.

use serde_json::Value;

use crate::{
    backend::write::Standing,
    document::{Document, Version},
    error::Side,
    journal::{Deed, Entry, Outcome},
    write::Action,
};

/// What is done about a document.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Decision {
    /// What stands in Meilisearch is copied to PostgreSQL; as this write, if it is known which.
    FromMeili(Option<Version>),
    /// What stands in PostgreSQL is sent to Meilisearch.
    FromPg,
    /// This stands nowhere: PostgreSQL is given it first, and decides it.
    Anew(Version, Option<Document>),
}

/// Decides, by the entries of the document in their order.
pub(super) fn decide(entries: &[Entry], standing: Option<&Standing>, there: Option<&Document>) -> Decision {
    let known = Known { entries, standing, there };
    if entries.iter().any(|entry| entry.intent.explicit) {
        return known.by_version();
    }
    if let Some(entries) = known.without_outdated() {
        return decide(&entries, standing, there);
    }
    known.made_again().or_else(|| known.shown()).or_else(|| known.late()).unwrap_or_else(|| known.by_authority())
}

/// Whether both sides were written, so that only a race could have come in between: it would show in the version.
pub(super) fn only_to_be_checked(entry: &Entry) -> bool {
    let change = matches!(entry.intent.deed, Deed::Change(_));
    change && entry.intent.authority == Side::Pg && matches!(entry.outcome, Outcome::Accepted(_)) && !entry.redo
}

struct Known<'a> {
    entries: &'a [Entry],
    standing: Option<&'a Standing>,
    there: Option<&'a Document>,
}

impl Known<'_> {
    /// The version in PostgreSQL; below all others if nothing stands, not even a tombstone.
    fn stands(&self) -> Version {
        self.standing.map_or(Version(i64::MIN), |standing| standing.version)
    }

    /// Whether PostgreSQL has decided what stands there.
    fn decided_by_pg(&self) -> bool {
        self.standing.is_some_and(|standing| standing.authority == Side::Pg)
    }

    /// Whether exactly this write of the whole document is what Meilisearch shows.
    fn is_shown(&self, entry: &Entry) -> bool {
        match &entry.intent.deed {
            Deed::Change(Action::Put(document)) => self.there == Some(document),
            Deed::Change(Action::Delete) => self.there.is_none(),
            Deed::Change(Action::Merge(_)) | Deed::Resync | Deed::Sweep(_) => false,
        }
    }

    /// Whether what Meilisearch shows is this write of the whole document with nothing but partial updates that came after it,
    /// or may have come late: it looks lost then to who looks for it alone.
    fn is_base(&self, place: usize) -> bool {
        let of = |name: &String, value: &Value| {
            let late = self.entries[..place].iter().filter(|entry| entry.outcome == Outcome::Unknown);
            let merges = late.chain(&self.entries[place + 1..]).filter_map(fields);
            merges.filter_map(|fields| fields.get(name)).any(|merged| merged == value)
        };
        match (self.there, &self.entries[place].intent.deed) {
            (Some(there), Deed::Change(Action::Put(document))) => {
                document.keys().all(|name| there.contains_key(name))
                    && there.iter().all(|(name, value)| document.get(name) == Some(value) || of(name, value))
            }
            (there, Deed::Change(Action::Delete)) => {
                there.is_none_or(|there| there.iter().all(|(name, value)| of(name, value)))
            }
            _ => false,
        }
    }

    /// Whether a write of unknown outcome that is shown has come over something else that is newer.
    fn is_late(&self, entry: &Entry) -> bool {
        let newer = || {
            let stands = self.standing.and_then(|standing| standing.document.as_ref());
            entry.intent.version < self.stands() && self.there != stands
        };
        self.is_shown(entry) && (entry.intent.authority == Side::Pg || newer())
    }

    /// The entries without those that a sweep has left for what it deleted, if something newer is known: they come when the
    /// sweep is written out, and stand behind writes that were made after it. `None` if there are none such.
    fn without_outdated(&self) -> Option<Vec<Entry>> {
        let newer = |entry: &Entry, than: Version| {
            let change = matches!(entry.intent.deed, Deed::Change(_));
            change && entry.intent.version > than && (is_accepted(entry) || self.is_shown(entry))
        };
        let outdated = |swept: &Entry| {
            let swept_one = matches!(swept.intent.deed, Deed::Resync) && is_accepted(swept);
            swept_one && self.entries.iter().any(|entry| newer(entry, swept.intent.version))
        };
        let some = self.entries.iter().any(outdated);
        some.then(|| self.entries.iter().filter(|entry| !outdated(entry)).cloned().collect())
    }

    /// The service gives versions: the highest one is right. Meilisearch may show an older one that came last, so it is
    /// believed only where it shows a write that is known.
    fn by_version(&self) -> Decision {
        let shown = self.entries.iter().filter(|entry| self.is_shown(entry)).map(|entry| entry.intent.version).max();
        let whole = self.entries.iter().any(|entry| matches!(entry.intent.deed, Deed::Change(_)));
        match shown {
            Some(shown) if shown > self.stands() => Decision::FromMeili(Some(shown)),
            Some(shown) if shown < self.stands() => self.hidden().unwrap_or(Decision::FromPg),
            None if self.standing.is_none() => Decision::FromMeili(None),
            // What stands may be older than what was swept.
            None if !whole && self.entries.iter().any(|entry| self.is_newer(entry)) => Decision::FromMeili(None),
            _ => Decision::FromPg,
        }
    }

    /// What Meilisearch shows has come late. A newer write of unknown outcome may have stood there before, and its client may have
    /// been told so by a machine that then lost power: it is made to stand.
    fn hidden(&self) -> Option<Decision> {
        let hidden = |entry: &&Entry| entry.outcome == Outcome::Unknown && is_whole(entry);
        let newest = self.entries.iter().filter(hidden).max_by_key(|entry| entry.intent.version)?;
        let version = newest.intent.version;
        (version > self.stands()).then(|| Decision::Anew(version, put(newest).cloned()))
    }

    /// Whether it was decided after what stands in PostgreSQL.
    fn is_newer(&self, entry: &Entry) -> bool {
        entry.intent.version > self.stands() && !(self.decided_by_pg() && may_be_left(entry))
    }

    /// What Meilisearch has lost, unless something else has taken its place.
    fn made_again(&self) -> Option<Decision> {
        // By version: what the two sides decide around a swap of the roles may be recorded in another order.
        let accepted = self.entries.iter().enumerate().filter(|(_, entry)| is_whole(entry) && is_accepted(entry));
        let accepted = accepted.max_by_key(|(_, entry)| entry.intent.version).map(|(place, _)| place);
        let unknown = self.entries.iter().enumerate().rposition(|(place, entry)| {
            let base = || entry.intent.authority == Side::Meili && put(entry).is_some() && self.is_base(place);
            entry.outcome == Outcome::Unknown && (self.is_shown(entry) || base())
        });
        // A write of unknown outcome that is shown has taken the place of what was before it.
        if unknown > accepted && unknown.is_some_and(|place| self.is_late(&self.entries[place])) {
            return None;
        }
        let place = accepted.max(unknown);
        let after = &self.entries[place.map_or(0, |place| place + 1)..];
        let shown = place.filter(|place| self.is_base(*place)).map(|place| &self.entries[place]);
        let whole = place.filter(|_| shown.is_none()).map(|place| &self.entries[place]);
        let whole = whole.filter(|entry| entry.redo && self.is_in_place(entry));
        // Of which write PostgreSQL holds what came of it.
        let replaced = self.standing.map_or(Version(i64::MIN), |s| s.copied_over.unwrap_or(s.version));
        let merges = || {
            let merges = after.iter().filter(|entry| is_accepted(entry) && fields(entry).is_some());
            merges.filter(|entry| entry.intent.version > replaced)
        };
        let first = whole.or_else(|| merges().find(|entry| entry.redo))?;
        if self.decided_by_pg() && self.stands() >= first.intent.version {
            return None;
        }
        let base = match whole {
            Some(whole) if self.stands() == whole.intent.version && merges().next().is_none() => {
                return Some(Decision::FromPg);
            }
            Some(whole) => put(whole).cloned(),
            None if !shown.is_some_and(|entry| self.is_newer(entry)) && self.may_not_have_arrived() => {
                self.standing.and_then(|standing| standing.document.clone())
            }
            // The others are in what stands there.
            None => self.there.cloned(),
        };
        let newest = merges().chain(whole).map(|entry| entry.intent.version).max()?;
        Some(Decision::Anew(newest.max(above(self.standing)), with(base, merges())))
    }

    /// Whether PostgreSQL holds this write, or only what stood in Meilisearch instead of it.
    fn is_in_place(&self, entry: &Entry) -> bool {
        self.standing
            .is_some_and(|standing| standing.version == entry.intent.version || has_been_copied_over(entry, standing))
    }

    /// A write whose outcome nobody knew is what stands, and nothing newer is known.
    fn shown(&self) -> Option<Decision> {
        let shown = self.entries.iter().rposition(|entry| self.is_shown(entry))?;
        let entry = &self.entries[shown];
        let newer = self.entries[shown + 1..].iter().any(is_accepted) || entry.intent.version < self.stands();
        (entry.outcome == Outcome::Unknown && entry.intent.authority == Side::Meili && !newer)
            .then_some(Decision::FromMeili(Some(entry.intent.version)))
    }

    /// What stands has come late: over what PostgreSQL holds, and partial updates it has not been given yet.
    fn late(&self) -> Option<Decision> {
        self.standing?;
        let newer_than = |entry: &Entry, place: usize| {
            entry.intent.version < self.stands() || self.entries[place + 1..].iter().any(is_accepted)
        };
        let sent = |entry: &Entry| entry.outcome == Outcome::Unknown || entry.intent.authority == Side::Pg;
        let mut entries = self.entries.iter().enumerate();
        if !entries.any(|(place, entry)| sent(entry) && self.is_shown(entry) && newer_than(entry, place)) {
            return None;
        }
        let missing = |entry: &&Entry| {
            let merged = entry.intent.authority == Side::Meili && fields(entry).is_some() && is_accepted(entry);
            merged && entry.intent.version > self.stands()
        };
        let merges = || self.entries.iter().filter(missing);
        let Some(newest) = merges().map(|entry| entry.intent.version).max() else { return Some(Decision::FromPg) };
        // One deletion looks like another: it may be that of another replica, and newer than those.
        self.there?;
        let base = self.standing.and_then(|standing| standing.document.clone());
        Some(Decision::Anew(newest.max(above(self.standing)), with(base, merges())))
    }

    fn by_authority(&self) -> Decision {
        // Not even a tombstone: PostgreSQL has never known it, and must not have it deleted.
        let Some(standing) = self.standing else { return Decision::FromMeili(self.own_version()) };
        // What was accepted speaks before what nobody knows whether it stands.
        let speaker = self.entries.iter().rfind(|entry| is_accepted(entry)).or(self.entries.last());
        let Some(speaker) = speaker else { return Decision::FromPg };
        let decided = standing.authority == Side::Pg
            && !came_after(speaker, standing)
            && (standing.version >= speaker.intent.version
                || speaker.outcome == Outcome::Unknown
                || may_be_left(speaker));
        match decided {
            true => self.added(standing).unwrap_or(Decision::FromPg),
            false => self.missed(standing).unwrap_or_else(|| Decision::FromMeili(self.own_version())),
        }
    }

    /// Whether PostgreSQL has decided what stands there, and Meilisearch may never have been given it.
    fn may_not_have_arrived(&self) -> bool {
        let unsure = |entry: &Entry| {
            let lost = entry.redo && entry.intent.version <= self.stands();
            lost || (entry.outcome == Outcome::Unknown && entry.intent.authority == Side::Pg)
        };
        self.decided_by_pg() && self.entries.iter().any(unsure)
    }

    /// Partial updates that Meilisearch has made of something else than what PostgreSQL had decided: that may not have
    /// arrived there.
    fn missed(&self, standing: &Standing) -> Option<Decision> {
        if !self.may_not_have_arrived() {
            return None;
        }
        let merges = || {
            let merges = self.entries.iter().filter(|entry| is_accepted(entry) && fields(entry).is_some());
            merges.filter(|entry| entry.intent.version > standing.version)
        };
        let newest = merges().map(|entry| entry.intent.version).max()?;
        let document = with(standing.document.clone(), merges());
        (document.as_ref() != self.there).then(|| Decision::Anew(newest.max(above(self.standing)), document))
    }

    /// What PostgreSQL has decided, with partial updates of unknown outcome that Meilisearch shows and PostgreSQL does not.
    fn added(&self, standing: &Standing) -> Option<Decision> {
        let holds = |document: Option<&Document>, fields: &Document| {
            document.is_some_and(|document| fields.iter().all(|(name, value)| document.get(name) == Some(value)))
        };
        let shown = |entry: &&Entry| {
            let unknown = entry.outcome == Outcome::Unknown && entry.intent.version > standing.version;
            unknown
                && fields(entry)
                    .is_some_and(|fields| holds(self.there, fields) && !holds(standing.document.as_ref(), fields))
        };
        let merges = || self.entries.iter().filter(shown);
        let newest = merges().map(|entry| entry.intent.version).max()?;
        let document = with(standing.document.clone(), merges());
        Some(Decision::Anew(newest.max(above(self.standing)), document))
    }

    /// Which write Meilisearch shows, if it is newer than what stands in PostgreSQL.
    fn own_version(&self) -> Option<Version> {
        let shown = self.entries.iter().rfind(|entry| self.is_shown(entry)).map(|entry| entry.intent.version);
        shown.filter(|shown| *shown > self.stands())
    }
}

/// The version of what takes the place of what stands: just above it. A write that is still on its way has a higher one, and
/// must not be beaten by a copy that does not contain it.
pub(super) fn above(standing: Option<&Standing>) -> Version {
    Version(standing.map_or(0, |standing| standing.version.0).saturating_add(1))
}

/// Whether a write that Meilisearch has lost was replaced in PostgreSQL by a copy of what stood in Meilisearch instead, and by
/// nothing else.
fn has_been_copied_over(entry: &Entry, standing: &Standing) -> bool {
    // Without a task it was only taken for lost: then the copy is what has come after it.
    let certain = matches!(entry.outcome, Outcome::Accepted(Some(_)));
    certain && standing.copied_over == Some(entry.intent.version)
}

/// Whether Meilisearch accepted a write that began when this stood in PostgreSQL already. Then it is newer, whatever the versions
/// say: those of two replicas do not tell which came first.
fn came_after(entry: &Entry, standing: &Standing) -> bool {
    let accepted = entry.intent.authority == Side::Meili && is_accepted(entry) && !entry.redo;
    let change = matches!(entry.intent.deed, Deed::Change(_));
    accepted && change && entry.age.is_some_and(|age| age < standing.written)
}

fn is_accepted(entry: &Entry) -> bool {
    matches!(entry.outcome, Outcome::Accepted(_))
}

/// Whether it is about a document that a sweep may have left: PostgreSQL shows what it made of its own, and one whose end nobody
/// knows may never have been carried out.
fn may_be_left(entry: &Entry) -> bool {
    let sure = entry.intent.authority == Side::Meili && is_accepted(entry);
    matches!(entry.intent.deed, Deed::Resync) && !sure
}

/// Whether it says all there is to say about the document.
fn is_whole(entry: &Entry) -> bool {
    matches!(&entry.intent.deed, Deed::Change(Action::Put(_) | Action::Delete))
}

fn put(entry: &Entry) -> Option<&Document> {
    match &entry.intent.deed {
        Deed::Change(Action::Put(document)) => Some(document),
        _ => None,
    }
}

fn fields(entry: &Entry) -> Option<&Document> {
    match &entry.intent.deed {
        Deed::Change(Action::Merge(fields)) => Some(fields),
        _ => None,
    }
}

/// A document with partial updates.
fn with<'a>(base: Option<Document>, merges: impl Iterator<Item = &'a Entry>) -> Option<Document> {
    merges.filter_map(fields).fold(base, |document, fields| {
        let mut document = document.unwrap_or_default();
        document.extend(fields.clone());
        Some(document)
    })
}

#[cfg(test)]
mod tests;
