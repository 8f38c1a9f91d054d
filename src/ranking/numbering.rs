//! Documents one after the other, and the place of each: by a table of bits where they are many, by searching where they are few.

/// Documents of one block of the table.
const BLOCK: u64 = 1 << 16;
const WORDS: usize = (BLOCK / 64) as usize;
/// Entries that a block is worth: as many are sorted in the time it takes to clear one.
const WORTH: usize = 64;
/// Fewer entries than these are sorted.
const FEW: usize = 1 << 11;

/// Documents, ascending, each once.
#[derive(Debug, Default)]
pub(super) struct Numbering {
    documents: Vec<u64>,
    table: Option<Table>,
}

/// Which documents there are, as bits, and how many come before each 64 of them. Blocks without any are left out.
#[derive(Debug)]
struct Table {
    /// The blocks, ascending: their first documents by the size of a block.
    blocks: Vec<u64>,
    bits: Vec<u64>,
    before: Vec<u32>,
}

/// Finds places of documents that come in ascending order; it may go back, which takes longer.
pub(super) struct Finder<'a> {
    numbering: &'a Numbering,
    /// The block of the last one and where its words begin, or the place of the last one.
    block: Option<(u64, usize)>,
    from: usize,
}

impl Numbering {
    /// Those of all these lists, each of which is ascending.
    pub(super) fn of(lists: &[&[u64]]) -> Self {
        let entries = lists.iter().map(|list| list.len()).sum::<usize>();
        let table = if entries < FEW || lists.len() < 2 { None } else { Table::of(lists, entries) };
        let documents = match &table {
            Some(table) => table.documents(),
            None => {
                let mut documents = lists.concat();
                if !documents.is_sorted_by(|a, b| a < b) {
                    // Stable: what is sorted already, list by list, is merged.
                    documents.sort();
                    documents.dedup();
                }
                documents
            }
        };
        Self { documents, table }
    }

    pub(super) fn documents(&self) -> &[u64] {
        &self.documents
    }

    pub(super) fn places(&self) -> Finder<'_> {
        Finder { numbering: self, block: None, from: 0 }
    }
}

impl Finder<'_> {
    /// The place of a document, if it is one of them.
    pub(super) fn place(&mut self, document: u64) -> Option<u32> {
        let Some(table) = &self.numbering.table else {
            let documents = &self.numbering.documents;
            self.from = advance(documents, self.from, document);
            return (documents.get(self.from) == Some(&document)).then_some(self.from as u32);
        };
        let block = document / BLOCK;
        let start = match self.block {
            Some((same, start)) if same == block => start,
            _ => {
                let start = table.blocks.binary_search(&block).ok()? * WORDS;
                self.block = Some((block, start));
                start
            }
        };
        let word = start + (document % BLOCK / 64) as usize;
        let (bits, bit) = (table.bits[word], 1 << (document % 64));
        (bits & bit != 0).then(|| table.before[word] + (bits & (bit - 1)).count_ones())
    }
}

impl Table {
    /// `None` if they are strewn too thinly for one.
    fn of(lists: &[&[u64]], entries: usize) -> Option<Self> {
        let mut blocks = Vec::new();
        for list in lists {
            let mut rest = *list;
            while let Some(first) = rest.first() {
                let block = first / BLOCK;
                blocks.push(block);
                rest = &rest[rest.partition_point(|document| document / BLOCK == block)..];
            }
        }
        blocks.sort_unstable();
        blocks.dedup();
        if blocks.len() * WORTH > entries {
            return None;
        }
        let mut bits = vec![0; blocks.len() * WORDS];
        for list in lists {
            let mut start = (u64::MAX, 0);
            for document in *list {
                let block = document / BLOCK;
                if start.0 != block {
                    start = (block, blocks.partition_point(|other| *other < block) * WORDS);
                }
                bits[start.1 + (document % BLOCK / 64) as usize] |= 1 << (document % 64);
            }
        }
        let mut sum = 0;
        let before = |word: &u64| {
            let before = sum;
            sum += word.count_ones();
            before
        };
        let before = bits.iter().map(before).collect();
        Some(Self { blocks, bits, before })
    }

    fn documents(&self) -> Vec<u64> {
        let last = self.bits.last().zip(self.before.last()).map_or(0, |(bits, before)| before + bits.count_ones());
        let mut documents = Vec::with_capacity(last as usize);
        for (block, words) in self.blocks.iter().zip(self.bits.chunks_exact(WORDS)) {
            for (first, word) in (block * BLOCK..).step_by(64).zip(words) {
                let mut left = *word;
                while left != 0 {
                    documents.push(first + u64::from(left.trailing_zeros()));
                    left &= left - 1;
                }
            }
        }
        documents
    }
}

/// The place of a document at or behind `from`, or of the next one: by steps that grow. From the start if it is not behind.
pub(super) fn advance(documents: &[u64], from: usize, document: u64) -> usize {
    let behind = from.checked_sub(1).and_then(|before| documents.get(before)).is_none_or(|before| *before < document);
    let from = if behind { from } else { 0 };
    let (mut low, mut step) = (from, 1);
    while low + step <= documents.len() && documents[low + step - 1] < document {
        low += step;
        step *= 2;
    }
    let high = (low + step).min(documents.len());
    low + documents[low..high].partition_point(|other| *other < document)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    const LATER: u64 = 1 << 32;

    fn check(lists: &[BTreeSet<u64>], others: &[u64]) -> Result<bool, TestCaseError> {
        let lists: Vec<Vec<u64>> = lists.iter().map(|list| list.iter().copied().collect()).collect();
        let numbering = Numbering::of(&lists.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let all: BTreeSet<u64> = lists.iter().flatten().copied().collect();
        let all = Vec::from_iter(all);
        prop_assert_eq!(numbering.documents(), &all);
        let place = |document: u64| all.binary_search(&document).ok().map(|place| place as u32);
        for list in &lists {
            let mut places = numbering.places();
            for document in list {
                prop_assert_eq!(places.place(*document), place(*document));
            }
        }
        let mut places = numbering.places();
        for document in others {
            prop_assert_eq!(places.place(*document), place(*document), "in any order, and of others");
        }
        Ok(numbering.table.is_some())
    }

    fn list(numbers: impl Strategy<Value = u64>, most: usize) -> impl Strategy<Value = BTreeSet<u64>> {
        prop::collection::btree_set(numbers, 0..most)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn few_are_numbered(lists in prop::collection::vec(list(0_u64..300, 40), 0..6), others in prop::collection::vec(0_u64..320, 0..40)) {
            prop_assert!(!check(&lists, &others)?);
        }

        // Those of the source, and those that came later: see the ordinals of the PostgreSQL side.
        #[test]
        fn many_are_numbered(
            lists in prop::collection::vec(list(prop_oneof![0_u64..200_000, LATER..LATER + 70_000], 2_000), 8),
            others in prop::collection::vec(prop_oneof![0_u64..400_000, LATER..LATER + 140_000, any::<u64>()], 0..100),
        ) {
            let entries = lists.iter().map(BTreeSet::len).sum::<usize>();
            prop_assert_eq!(check(&lists, &others)?, entries >= FEW);
        }

        #[test]
        fn those_strewn_thinly_are_numbered(lists in prop::collection::vec(list(any::<u64>(), 1_000), 8)) {
            prop_assert!(!check(&lists, &[0, u64::MAX])?);
        }
    }
}
