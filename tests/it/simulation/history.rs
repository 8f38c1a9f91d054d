//! What clients were told, and what may stand in the end.
//!
//! Without versions of the service the order of writes is that of real time, as for a register: of two writes the later one
//! counts if it began after the earlier one had ended; of two that overlap, either may, and so it is of two whose versions
//! say otherwise because the clocks of two replicas are apart. A write that nobody knows the end of
//! may come to stand as long as it may be on its way, or not at all. With versions of the service the higher one counts.
//!
//! What is not promised, see the limits in the README: that a partial update stays deleted by a filter where a call arrives late;
//! that what a machine has forgotten with its power stands where another replica, a swap of the roles, a late call or a later
//! write of a lower version may have come over it;
//! that with several replicas nothing old comes back by a call that was given up; and the order of writes where the roles are swapped
//! and the clocks of replicas are further apart than the writes are.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crossfade::document::{Document, DocumentId, Version};
use serde_json::json;
use tokio::time::Instant;

use super::{
    profile::Profile,
    source::Meili,
    target::Postgres,
    world::{LATE, locked},
};

tokio::task_local! {
    /// Of the write that a task makes.
    pub(super) static NUMBER: u64;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Put,
    Merge,
    Delete,
    /// Everything is deleted.
    Clear,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// It was acknowledged.
    Yes,
    /// It was refused.
    No,
    Nothing,
}

/// One write of one document.
#[derive(Clone, Debug)]
pub(super) struct Op {
    pub(super) number: u64,
    pub(super) id: DocumentId,
    pub(super) what: What,
    pub(super) told: Told,
    pub(super) version: Option<Version>,
    /// Ticks.
    pub(super) invoked: u64,
    pub(super) returned: u64,
    pub(super) began: Instant,
    pub(super) ended: Instant,
    /// When a call that had been given up brought it to Meilisearch once more, and another replica may have taken it for new.
    pub(super) late: Option<Instant>,
}

#[derive(Default)]
pub(super) struct History {
    ops: Mutex<Vec<Op>>,
    /// Versions that were made for writes.
    versions: Mutex<BTreeMap<(u64, DocumentId), Version>>,
    /// Writes whose end a machine without power has forgotten.
    forgotten: Mutex<BTreeSet<(DocumentId, Version)>>,
    numbers: AtomicU64,
    ticks: AtomicU64,
}

/// The writes of one document that were not refused.
struct Story<'a> {
    ops: Vec<&'a Op>,
    /// Whether a call has arrived late.
    late: bool,
}

impl History {
    pub(super) fn number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(super) fn tick(&self) -> u64 {
        self.ticks.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn note(&self, op: Op) {
        locked(&self.ops).push(op);
    }

    /// The write that the task makes has this version.
    pub(super) fn note_version(&self, id: &DocumentId, version: Version) {
        // The worker appends too.
        let _ = NUMBER.try_with(|number| locked(&self.versions).insert((*number, id.clone()), version));
    }

    pub(super) fn forget(&self, write: (DocumentId, Version)) {
        locked(&self.forgotten).insert(write);
    }

    /// How many writes were acknowledged, refused, and not told of.
    pub(super) fn counts(&self) -> [u64; 3] {
        let ops = locked(&self.ops);
        [Told::Yes, Told::No, Told::Nothing].map(|told| ops.iter().filter(|op| op.told == told).count() as u64)
    }

    /// Why what stands in PostgreSQL may not stand.
    pub(super) fn objection(&self, (meili, pg): (&Meili, &Postgres), profile: &Profile, late: bool) -> Option<String> {
        let (stands, raised, arrived_late) = (pg.documents(), pg.raised(), meili.late());
        let (ops, versions, forgotten) = (locked(&self.ops), locked(&self.versions), locked(&self.forgotten));
        let about = |op: &Op| if op.what == What::Clear { "".into() } else { op.id.clone() };
        let made = |op: &Op| {
            let raised = raised.get(&(op.id.clone(), op.number));
            raised.or_else(|| versions.get(&(op.number, about(op)))).copied()
        };
        let remembered = |op: &Op| {
            let version = op.version.or_else(|| versions.get(&(op.number, about(op))).copied());
            // Nothing may have come over it then, see the limits in the README.
            let late = || arrived_late.iter().any(|((id, _), at)| *id == op.id && *at >= op.began);
            let lower = |other: &Op| other.id == op.id && other.version < op.version && other.returned > op.invoked;
            let hidden = || op.version.is_some() && ops.iter().any(lower);
            let may_be_forgotten = profile.swaps || profile.replicas > 1 || late() || hidden();
            !may_be_forgotten || version.is_none_or(|version| !forgotten.contains(&(about(op), version)))
        };
        let known = |op: &Op| {
            let told = if op.told == Told::Yes && !remembered(op) { Told::Nothing } else { op.told };
            let number = (op.what == What::Put).then_some(op.number);
            let late = arrived_late.get(&(op.id.clone(), number)).filter(|_| profile.replicas > 1).copied();
            Op { version: op.version.or_else(|| made(op)), told, late, ..op.clone() }
        };
        let explicit = ops.iter().any(|op| op.version.is_some());
        let ops: Vec<Op> = ops.iter().map(known).collect();
        let mut stories: BTreeMap<&DocumentId, Story<'_>> = BTreeMap::new();
        for op in ops.iter() {
            let story = stories.entry(&op.id).or_insert(Story { ops: Vec::new(), late });
            story.ops.extend((op.told != Told::No).then_some(op));
        }
        if let Some(id) = stands.keys().find(|id| !stories.contains_key(id)) {
            return Some(format!("nobody wrote {id}"));
        }
        stories.into_iter().find_map(|(id, story)| {
            let document = stands.get(id);
            if !explicit && profile.swaps && profile.replicas > 1 && story.is_out_of_order() {
                return None;
            }
            let why = if explicit { story.by_version(document) } else { story.in_time(document) }?;
            Some(format!("{id} is {document:?}: {why}"))
        })
    }
}

impl Op {
    fn is_whole(&self) -> bool {
        self.what != What::Merge
    }

    /// Whether this had ended for certain when the other began, and has the lower version.
    fn is_before(&self, other: &Self) -> bool {
        if self.version > other.version || self.late.is_some_and(|late| late >= other.began) {
            return false;
        }
        match self.told {
            Told::Nothing => self.ended + LATE + Duration::from_millis(1) < other.began,
            _ => self.returned < other.invoked,
        }
    }

    fn field(&self) -> String {
        format!("f{}", self.number)
    }
}

impl Story<'_> {
    /// Whether the versions of two writes say otherwise than time: the clocks of the replicas are apart.
    fn is_out_of_order(&self) -> bool {
        let acknowledged = || self.ops.iter().filter(|op| op.told == Told::Yes && op.version.is_some());
        acknowledged().any(|op| acknowledged().any(|next| op.returned < next.invoked && op.version > next.version))
    }

    fn by_version(&self, document: Option<&Document>) -> Option<String> {
        let put = document.and_then(|document| document["put"].as_u64());
        let highest = self.ops.iter().filter(|op| op.told == Told::Yes).max_by_key(|op| op.version);
        let holds = |op: &Op| if op.what == What::Put { put == Some(op.number) } else { document.is_none() };
        let may = |op: &&&Op| highest.is_none_or(|highest| op.version >= highest.version);
        let allowed = self.ops.iter().filter(may).any(|op| holds(op)) || (highest.is_none() && document.is_none());
        (!allowed).then(|| format!("the highest version that was acknowledged is {highest:?}"))
    }

    fn in_time(&self, document: Option<&Document>) -> Option<String> {
        let acknowledged = || self.ops.iter().filter(|op| op.told == Told::Yes);
        // What came after it for certain, and replaced it.
        let replaced_by = |op: &Op| acknowledged().find(|later| later.is_whole() && op.is_before(later));
        let deletions = || self.ops.iter().filter(|op| matches!(op.what, What::Delete | What::Clear));
        let put = document.and_then(|document| document.get("put")).and_then(serde_json::Value::as_u64);
        let base = match put {
            Some(number) => {
                let op = self.ops.iter().find(|op| op.what == What::Put && op.number == number);
                let Some(op) = op else { return Some(format!("nobody put {number}")) };
                if let Some(later) = replaced_by(op) {
                    return Some(format!("{} was acknowledged after {number}", later.number));
                }
                Some(op)
            }
            None => {
                let deleted = deletions().any(|op| replaced_by(op).is_none());
                let last = acknowledged().rfind(|op| op.is_whole());
                if let Some(last) = last.filter(|_| !deleted) {
                    return Some(format!("{} was acknowledged, and no deletion may have come after it", last.number));
                }
                None
            }
        };
        let mut expected = Document::new();
        for op in self.ops.iter().filter(|op| op.what == What::Merge) {
            if document.is_some_and(|document| document.contains_key(&op.field())) {
                expected.insert(op.field(), json!(op.number));
                let may_be_back = |later: &Op| self.late && later.what == What::Clear;
                let replaced =
                    acknowledged().any(|later| later.is_whole() && op.is_before(later) && !may_be_back(later));
                if replaced || base.is_some_and(|base| op.is_before(base)) {
                    return Some(format!("{} has been replaced, and stands", op.number));
                }
                continue;
            }
            // Whether what stands may have replaced it: what was put, or a deletion.
            let replaced = match base {
                Some(base) => !base.is_before(op),
                None => deletions().any(|deletion| replaced_by(deletion).is_none() && !deletion.is_before(op)),
            };
            if op.told == Told::Yes && !replaced {
                return Some(format!("{} is missing", op.number));
            }
        }
        if document.is_some() && put.is_none() && expected.is_empty() {
            return Some("nobody wrote it".to_owned());
        }
        let document = document?;
        expected.insert("id".to_owned(), json!(self.ops[0].id.as_str()));
        expected.extend(put.map(|put| ("put".to_owned(), json!(put))));
        (expected.len() != document.len()).then(|| "it has fields that nobody wrote".to_owned())
    }
}
