//! Blocks of postings: entries of one word in the order of their documents.
//!
//! How many entries, the ordinal of the first; for each entry how far its ordinal is from the one before, how many bytes its places have,
//! and the places. Blocks one after the other read as one.

use std::ops::Range;

use crate::ranking::{read, write};

/// Bytes of a block that is cut from a larger one.
const TARGET: usize = 2_000;
/// Bytes that a block may grow to: a block is written anew with each change, and a row has to fit on a page.
const LARGEST: usize = 3_000;

/// A block that is to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) first: i64,
    pub(super) last: i64,
    pub(super) entries: Vec<u8>,
}

/// One document of a word, with the bytes of its places.
pub(super) type Entry<'a> = (i64, &'a [u8]);

/// Visits the entries of blocks: the ordinal, and where its places lie. `None` if these are no blocks.
pub(in crate::backend::postgres) fn each(bytes: &[u8], mut visit: impl FnMut(i64, Range<usize>)) -> Option<()> {
    let mut rest = bytes;
    while !rest.is_empty() {
        let entries = read(&mut rest)?;
        let mut ordinal = read(&mut rest)?;
        for _ in 0..entries {
            ordinal = ordinal.checked_add(read(&mut rest)?)?;
            let length = usize::try_from(read(&mut rest)?).ok()?;
            let at = bytes.len() - rest.len();
            rest = rest.get(length..)?;
            visit(i64::try_from(ordinal).ok()?, at..at + length);
        }
    }
    Some(())
}

/// A block with changes made to it: an entry in the place of the one with its ordinal, or none. Gives no block if nothing is left, and several
/// if it has grown too large. `None` if these are no blocks.
pub(super) fn change(block: &[u8], changes: &[(i64, Option<&[u8]>)]) -> Option<Vec<Block>> {
    let mut merged: Vec<(i64, Source)> = Vec::new();
    let mut changes_left = changes.iter().enumerate().peekable();
    let mut keep = |ordinal: i64, range: Option<Range<usize>>, merged: &mut Vec<(i64, Source)>| {
        while let Some((nth, (changed, places))) =
            changes_left.next_if(|(_, (changed, _))| range.is_none() || *changed <= ordinal)
        {
            if places.is_some() {
                merged.push((*changed, Source::Change(nth)));
            }
            if range.is_some() && *changed == ordinal {
                return;
            }
        }
        if let Some(range) = range {
            merged.push((ordinal, Source::Block(range)));
        }
    };
    each(block, |ordinal, places| keep(ordinal, Some(places), &mut merged))?;
    keep(i64::MAX, None, &mut merged);
    let entries: Vec<Entry<'_>> = merged
        .iter()
        .map(|(ordinal, source)| match source {
            Source::Block(range) => (*ordinal, &block[range.clone()]),
            Source::Change(nth) => (*ordinal, changes[*nth].1.unwrap_or_default()),
        })
        .collect();
    Some(blocks(&entries))
}

enum Source {
    Block(Range<usize>),
    Change(usize),
}

fn blocks(entries: &[Entry<'_>]) -> Vec<Block> {
    let size = |(_, places): &Entry<'_>| places.len() + 4;
    let all: usize = entries.iter().map(size).sum();
    let most = if all <= LARGEST { LARGEST } else { TARGET };
    let mut blocks = Vec::new();
    let mut rest = entries;
    while !rest.is_empty() {
        let mut bytes = 0;
        let fit = rest
            .iter()
            .take_while(|entry| {
                bytes += size(entry);
                bytes <= most
            })
            .count()
            .max(1);
        let (these, others) = rest.split_at(fit);
        blocks.extend(block(these));
        rest = others;
    }
    blocks
}

fn block(entries: &[Entry<'_>]) -> Option<Block> {
    let ((first, _), (last, _)) = (entries.first()?, entries.last()?);
    let mut bytes = Vec::new();
    write(entries.len() as u64, &mut bytes);
    write(first.unsigned_abs(), &mut bytes);
    let mut before = *first;
    for (ordinal, places) in entries {
        write((ordinal - before).unsigned_abs(), &mut bytes);
        write(places.len() as u64, &mut bytes);
        bytes.extend_from_slice(places);
        before = *ordinal;
    }
    Some(Block { first: *first, last: *last, entries: bytes })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn read_all(blocks: &[Block]) -> BTreeMap<i64, Vec<u8>> {
        let mut all = BTreeMap::new();
        let bytes: Vec<u8> = blocks.iter().flat_map(|block| block.entries.clone()).collect();
        each(&bytes, |ordinal, places| {
            all.insert(ordinal, bytes[places].to_vec());
        })
        .unwrap();
        all
    }

    proptest! {
        #[test]
        fn changes_are_those_of_a_map(
            first in prop::collection::btree_map(0_i64..50, prop::collection::vec(any::<u8>(), 1..900), 1..20),
            changes in prop::collection::btree_map(0_i64..50, prop::option::of(prop::collection::vec(any::<u8>(), 1..900)), 0..20),
        ) {
            let entries: Vec<Entry<'_>> = first.iter().map(|(ordinal, places)| (*ordinal, places.as_slice())).collect();
            let whole = block(&entries).unwrap();
            let list: Vec<(i64, Option<&[u8]>)> = changes.iter().map(|(ordinal, places)| (*ordinal, places.as_deref())).collect();
            let changed = change(&whole.entries, &list).unwrap();
            let mut expected = first;
            for (ordinal, places) in changes {
                match places { Some(places) => { expected.insert(ordinal, places); } None => { expected.remove(&ordinal); } }
            }
            prop_assert_eq!(read_all(&changed), expected);
            prop_assert!(changed.windows(2).all(|pair| pair[0].last < pair[1].first));
            prop_assert!(changed.iter().all(|block| block.entries.len() <= LARGEST + 100));
        }

        #[test]
        fn any_bytes_can_be_visited(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            each(&bytes, |_, _| {});
            change(&bytes, &[(1, Some(&[2]))]);
        }
    }
}
