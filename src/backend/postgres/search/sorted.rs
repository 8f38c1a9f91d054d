//! Documents in the order of their values, by what postings hold.

use std::{cmp::Ordering, collections::HashMap, ops::Range};

use super::columns::Columns;
use crate::{
    backend::postgres::values::decisive,
    error::BackendError,
    sort::{Decisive, SortCriterion},
};

/// Documents with the values they are sorted by.
struct Keys<'a> {
    criteria: &'a [SortCriterion],
    /// Of each document one after the other, those of all criteria.
    values: Vec<Decisive<'a>>,
}

/// The part of these documents, which ascend, that stands at a place in the order of some criteria; what is equal by all of them stands in the
/// order of the documents. `None`: the rows have to be asked.
pub(super) fn sorted(
    columns: &Columns,
    criteria: &[SortCriterion],
    documents: &[u64],
    part: Range<usize>,
) -> Result<Option<Vec<u64>>, BackendError> {
    let Some(keys) = Keys::read(columns, criteria, documents)? else { return Ok(None) };
    let mut order: Vec<usize> = (0..documents.len()).collect();
    let compare = |a: &usize, b: &usize| keys.compare(*a, *b).then(a.cmp(b));
    let end = part.end.min(order.len());
    // What comes behind the part need not be put in order.
    if end > 0 && end < order.len() {
        order.select_nth_unstable_by(end - 1, compare);
    }
    order.truncate(end);
    order.sort_unstable_by(compare);
    Ok(Some(order.into_iter().skip(part.start).map(|place| documents[place]).collect()))
}

/// The rank of each of these documents by one criterion, from 0; equal values have equal ranks. `None`: the rows have to be asked.
pub(super) fn ranks(
    columns: &Columns,
    criterion: &SortCriterion,
    mut documents: Vec<u64>,
) -> Result<Option<HashMap<u64, u32>>, BackendError> {
    documents.sort_unstable();
    let Some(keys) = Keys::read(columns, std::slice::from_ref(criterion), &documents)? else { return Ok(None) };
    let mut order: Vec<usize> = (0..documents.len()).collect();
    order.sort_unstable_by(|a, b| keys.compare(*a, *b));
    let (mut rank, mut ranks) = (0, HashMap::with_capacity(documents.len()));
    for (nth, place) in order.iter().enumerate() {
        if nth > 0 && keys.compare(order[nth - 1], *place) != Ordering::Equal {
            rank += 1;
        }
        ranks.insert(documents[*place], rank);
    }
    Ok(Some(ranks))
}

impl<'a> Keys<'a> {
    /// Reads the values of documents, which ascend. `None` if they are not all among what is packed.
    fn read(
        columns: &'a Columns,
        criteria: &'a [SortCriterion],
        documents: &[u64],
    ) -> Result<Option<Self>, BackendError> {
        let mut values = vec![Decisive::Missing; criteria.len() * documents.len()];
        let mut all_there = true;
        for (nth, criterion) in criteria.iter().enumerate() {
            let mut next = documents.iter().enumerate().peekable();
            columns.each(&criterion.attribute, |ordinal, packed| {
                while next.next_if(|(_, document)| **document < ordinal).is_some() {}
                let Some((place, _)) = next.next_if(|(_, document)| **document == ordinal) else { return };
                match decisive(packed, criterion.direction) {
                    Some(value) => values[place * criteria.len() + nth] = value,
                    None => all_there = false,
                }
            })?;
        }
        Ok(all_there.then_some(Self { criteria, values }))
    }

    fn compare(&self, a: usize, b: usize) -> Ordering {
        let of = |place: usize| &self.values[place * self.criteria.len()..][..self.criteria.len()];
        let pairs = of(a).iter().zip(of(b));
        let orders = self.criteria.iter().zip(pairs).map(|(criterion, (a, b))| criterion.compare_values(*a, *b));
        orders.fold(Ordering::Equal, Ordering::then)
    }
}
