//! The documents of a batch, as one side takes them.

use std::{iter, ops::Range, sync::Arc};

use super::row::{Change, Deed, Named};
use crate::{
    backend::write::TargetWrite,
    document::{DocumentId, Version},
    error::Side,
    write::Action,
};

/// Documents, none twice, and the rows that asked for them.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) rows: Vec<Named>,
    load: Load,
}

#[derive(Debug)]
enum Load {
    /// What is put comes first: a call takes changes of one kind.
    Meili {
        changes: Vec<(DocumentId, Action)>,
        puts: usize,
    },
    Pg(Vec<TargetWrite>),
}

/// A piece of a batch, for one call.
#[derive(Clone, Copy, Debug)]
pub(super) enum Piece<'a> {
    Meili(&'a [(DocumentId, Action)]),
    Pg(&'a [TargetWrite]),
}

impl Batch {
    /// Of changes whose deeds are known.
    pub(super) fn new(side: Side, mut changes: Vec<Change>) -> Self {
        if side == Side::Meili {
            changes.sort_by_key(|change| change.deed == Deed::Delete);
        }
        let mut rows = Vec::with_capacity(changes.len());
        let mut documents = Vec::with_capacity(changes.len());
        for Change { row, deed } in changes {
            rows.push(row);
            documents.push(if let Deed::Put(document) = deed { Some(document) } else { None });
        }
        let load = match side {
            Side::Meili => {
                let puts = documents.iter().take_while(|document| document.is_some()).count();
                let action = |document: Option<_>| document.map_or(Action::Delete, Action::Put);
                let changes = rows.iter().zip(documents).map(|(row, document)| (row.id.clone(), action(document)));
                Load::Meili { changes: changes.collect(), puts }
            }
            Side::Pg => {
                let write = |(row, document): (&Named, Option<_>)| TargetWrite {
                    id: row.id.clone(),
                    version: Version(row.seq),
                    document: document.map(Arc::new),
                    age: None,
                };
                Load::Pg(rows.iter().zip(documents).map(write).collect())
            }
        };
        Self { rows, load }
    }

    /// The pieces to begin with.
    pub(super) fn pieces(&self) -> Vec<Range<usize>> {
        let end = self.rows.len();
        let pieces: Vec<_> = match &self.load {
            Load::Meili { puts, .. } => vec![0..*puts, *puts..end],
            Load::Pg(_) => iter::once(0..end).collect(),
        };
        pieces.into_iter().filter(|piece| !piece.is_empty()).collect()
    }

    pub(super) fn piece(&self, range: &Range<usize>) -> Piece<'_> {
        match &self.load {
            Load::Meili { changes, .. } => Piece::Meili(&changes[range.clone()]),
            Load::Pg(writes) => Piece::Pg(&writes[range.clone()]),
        }
    }
}

/// A piece in two.
pub(super) fn halves(range: Range<usize>) -> [Range<usize>; 2] {
    let middle = range.start + range.len() / 2;
    [range.start..middle, middle..range.end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Document;

    #[test]
    fn a_call_to_meilisearch_is_of_one_kind() {
        let change = |seq: i64, deed| {
            let id = DocumentId::from(seq.to_string());
            Change { row: Named { seq, op: String::new(), keys: Vec::new(), id }, deed }
        };
        let changes = vec![change(1, Deed::Delete), change(2, Deed::Put(Document::new())), change(3, Deed::Delete)];
        let batch = Batch::new(Side::Meili, changes.clone());
        assert_eq!(batch.pieces(), [0..1, 1..3]);
        let ids = |range| match batch.piece(&range) {
            Piece::Meili(changes) => changes.iter().map(|(id, _)| id.as_str().to_owned()).collect::<Vec<_>>(),
            Piece::Pg(_) => panic!("the other side"),
        };
        assert_eq!((ids(0..1), ids(1..3)), (vec!["2".to_owned()], vec!["1".to_owned(), "3".to_owned()]));
        assert_eq!(Batch::new(Side::Pg, changes).pieces(), iter::once(0..3).collect::<Vec<_>>());
        assert_eq!(Batch::new(Side::Meili, Vec::new()).pieces(), Vec::<Range<usize>>::new());
    }

    #[test]
    fn halves_hold_everything_once() {
        assert_eq!(halves(4..7), [4..5, 5..7]);
    }
}
