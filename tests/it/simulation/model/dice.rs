//! Calls, drawn at random.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use crossfade::{
    backend::write::{Replacement, Stamp, Swept, TargetWrite, TargetWriter, Writer, WrittenBy},
    document::{Document, DocumentId, Version},
    error::Side,
};
use rand::{RngExt, rngs::StdRng};
use serde_json::json;

pub(super) const IDS: [&str; 3] = ["a", "b", "c"];
pub(super) const HOUR: Duration = Duration::from_secs(3600);

#[derive(Debug)]
pub(super) enum Call {
    Write(WrittenBy, Vec<TargetWrite>),
    Merge(WrittenBy, Vec<(DocumentId, Version, Document)>),
    Replace(WrittenBy, Vec<(Replacement, Stamped)>),
    Sweep(WrittenBy, Version),
    Matching(Version, Option<DocumentId>, usize),
    Tombstones(Version, Option<DocumentId>, usize),
}

/// Which stamp a row is expected to bear: those of the two servers differ.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stamped {
    Any,
    /// The one it bears.
    Now,
    /// Another one.
    Before,
}

/// Draws calls.
pub(super) struct Dice {
    pub(super) dice: StdRng,
    /// What every call is told apart by.
    pub(super) step: i64,
    pub(super) later: bool,
}

impl Call {
    /// Makes it, and says what came of it.
    pub(super) async fn make(&self, writer: &dyn TargetWriter, index: &str) -> String {
        match self {
            Self::Write(by, batch) => format!("{:?}", writer.write(index, *by, batch).await.unwrap()),
            Self::Merge(by, batch) => format!("{:?}", writer.merge(index, *by, batch).await.unwrap()),
            Self::Replace(by, batch) => {
                let ids: Vec<DocumentId> = batch.iter().map(|(replacement, _)| replacement.id.clone()).collect();
                let stands = writer.read(index, &ids).await.unwrap();
                let stamped = batch.iter().zip(stands).map(|((replacement, stamped), stands)| {
                    let stamp = match stamped {
                        Stamped::Any => None,
                        Stamped::Now => stands.map(|stands| stands.stamp),
                        Stamped::Before => stands.map(|stands| Stamp(stands.stamp.0 - 1)),
                    };
                    Replacement { stamp, ..replacement.clone() }
                });
                let stamped: Vec<Replacement> = stamped.collect();
                format!("{:?}", writer.replace(index, *by, &stamped).await.unwrap())
            }
            Self::Sweep(by, version) => format!("{:?}", writer.sweep(index, *by, *version, None).await.unwrap()),
            Self::Matching(version, after, limit) => {
                let swept = Swept::Matching(None, *version);
                format!("{:?}", writer.swept(index, swept, after.as_ref(), *limit).await.unwrap())
            }
            Self::Tombstones(version, after, limit) => {
                let swept = Swept::Tombstones(*version);
                format!("{:?}", writer.swept(index, swept, after.as_ref(), *limit).await.unwrap())
            }
        }
    }
}

impl Dice {
    fn below(&mut self, number: usize) -> usize {
        self.dice.random_range(0..number)
    }

    pub(super) fn one_in(&mut self, number: usize) -> bool {
        self.below(number) == 0
    }

    /// Few at a time, so that they meet; and higher ones in time, so that not all is stale.
    fn version(&mut self) -> Version {
        Version(1 + self.step / 8 + self.dice.random_range(0..4))
    }

    fn by(&mut self) -> WrittenBy {
        let writer = Writer(self.dice.random_range(1..=3));
        WrittenBy { writer, authority: [Side::Meili, Side::Pg][self.below(2)] }
    }

    /// Some of the ids, in any order.
    fn ids(&mut self) -> Vec<DocumentId> {
        let mut ids = IDS.map(DocumentId::from).to_vec();
        for _ in 0..self.below(3) {
            ids.remove(self.below(ids.len()));
        }
        let turn = self.below(ids.len());
        ids.rotate_left(turn);
        ids
    }

    fn after(&mut self) -> Option<DocumentId> {
        let id = IDS[self.below(3)].into();
        (!self.one_in(2)).then_some(id)
    }

    fn fields(&mut self) -> Document {
        let field = ["x", "y", "z"][self.below(3)];
        json!({ "step": self.step, field: self.step }).as_object().unwrap().clone()
    }

    fn document(&mut self) -> Option<Arc<Document>> {
        let fields = Arc::new(self.fields());
        (!self.one_in(3)).then_some(fields)
    }

    /// Far from all that was written, so that it does not matter how long the server takes: within the present hour, or
    /// before everything. What begins right now would be within the margin of what came a moment ago, so that it does so
    /// only when an hour has gone by.
    fn age(&mut self) -> Option<Duration> {
        match self.below(4) {
            0 => None,
            1 => Some(HOUR * 1_000),
            2 if self.later => Some(Duration::ZERO),
            _ => Some(HOUR / 2),
        }
    }

    pub(super) fn call(&mut self, standing: &BTreeMap<DocumentId, Version>) -> Call {
        let ids = self.ids();
        match self.below(20) {
            0..9 => {
                let write = |id| {
                    let (version, document, age) = (self.version(), self.document(), self.age());
                    TargetWrite { id, version, document, age }
                };
                let batch = ids.into_iter().map(write).collect();
                Call::Write(self.by(), batch)
            }
            9..12 => {
                let merge = |id| (id, self.version(), self.fields());
                let batch = ids.into_iter().map(merge).collect();
                Call::Merge(self.by(), batch)
            }
            12..16 => {
                let replace = |id| {
                    // Mostly what it should be.
                    let stands = standing.get(&id).copied();
                    let expected = if self.one_in(5) { self.after().map(|_| self.version()) } else { stands };
                    let with = (self.version(), self.document());
                    let stamped = [Stamped::Any, Stamped::Any, Stamped::Now, Stamped::Before][self.below(4)];
                    let with = (!self.one_in(3)).then_some(with);
                    (Replacement { id, expected, stamp: None, with }, stamped)
                };
                let batch = ids.into_iter().map(replace).collect();
                Call::Replace(self.by(), batch)
            }
            16 => Call::Sweep(self.by(), self.version()),
            17 | 18 => Call::Matching(self.version(), self.after(), 1 + self.below(3)),
            _ => Call::Tombstones(self.version(), self.after(), 1 + self.below(3)),
        }
    }
}
