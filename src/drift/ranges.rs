//! 4,096 ranges of ids, and what the documents of each add up to.

use sha2::{Digest, Sha256};

use crate::document::DocumentId;

/// How many ranges there are.
pub(super) const RANGES: usize = 1 << 12;

/// What all documents of a side add up to, range by range. Its size does not depend on their number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sums(Vec<Sum>);

/// Sums do not depend on the order in which documents are read, which is not the same on both sides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sum {
    documents: u64,
    content: u64,
}

/// The range of an id: the first 12 bits of its SHA-256, as the SQL of the PostgreSQL side reckons it too.
pub(super) fn range_of(id: &DocumentId) -> u16 {
    let digest = Sha256::digest(id.as_str().as_bytes());
    u16::from(digest[0]) << 4 | u16::from(digest[1]) >> 4
}

impl Sums {
    pub(super) fn new() -> Self {
        Self(vec![Sum::default(); RANGES])
    }

    pub(super) fn add(&mut self, range: u16, content: u64) {
        if let Some(sum) = self.0.get_mut(usize::from(range)) {
            sum.documents += 1;
            sum.content = sum.content.wrapping_add(content);
        }
    }

    /// The ranges that differ, in groups of `most` documents of both sides together, or of one range if that holds more.
    pub(super) fn differing(&self, other: &Self, most: u64) -> Vec<Vec<i32>> {
        let mut groups: Vec<Vec<i32>> = Vec::new();
        let mut room = 0;
        for (range, (one, other)) in (0..).zip(self.0.iter().zip(&other.0)) {
            if one == other {
                continue;
            }
            let documents = one.documents + other.documents;
            match groups.last_mut().filter(|_| documents <= room) {
                Some(group) => group.push(range),
                None => {
                    groups.push(vec![range]);
                    room = most;
                }
            }
            room = room.saturating_sub(documents);
        }
        groups
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    proptest! {
        #[test]
        fn exactly_the_ranges_that_differ_are_found_each_once(
            same in vec((0..4096_u16, any::<u64>()), 0..200),
            one in vec((0..4096_u16, 1..u64::MAX), 0..20),
            most in 1..40_u64,
        ) {
            let (mut left, mut right) = (Sums::new(), Sums::new());
            for (range, content) in &same {
                left.add(*range, *content);
            }
            for (range, content) in same.iter().rev() {
                right.add(*range, *content);
            }
            prop_assert!(left.differing(&right, most).is_empty());
            for (range, content) in &one {
                left.add(*range, *content);
            }
            let groups = left.differing(&right, most);
            let mut found: Vec<i32> = groups.iter().flatten().copied().collect();
            let mut expected: Vec<i32> = one.iter().map(|(range, _)| i32::from(*range)).collect();
            found.sort_unstable();
            expected.sort_unstable();
            expected.dedup();
            prop_assert_eq!(found, expected);
            for group in groups.iter().filter(|group| group.len() > 1) {
                let at = |sums: &Sums| group.iter().map(|range| sums.0[*range as usize].documents).sum::<u64>();
                prop_assert!(at(&left) + at(&right) <= most);
            }
        }
    }

    #[test]
    fn ranges_are_the_first_twelve_bits() {
        // echo -n 17 | sha256sum: 4523540f1504cd17…; of the empty text: e3b0c442…
        assert_eq!((range_of(&"17".into()), range_of(&"".into())), (0x452, 0xe3b));
    }
}
