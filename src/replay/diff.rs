//! What differs between two rankings, in as few documents as can be.

use std::collections::{HashMap, HashSet};

use serde::Serialize;

use crate::document::DocumentId;

/// A document that stands in one ranking only, or out of order. Places count from 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Its id.
    pub id: DocumentId,
    /// Its place in the first ranking.
    pub first: Option<usize>,
    /// Its place in the second one.
    pub second: Option<usize>,
}

/// The documents that would have to be taken out of both rankings for them to be the same, as few as can be: those of one
/// only, and those outside of a longest common subsequence. So a document that comes in at the top is one difference,
/// although all below it have another place; and of two that have changed places one is.
///
/// A document that is listed twice counts at its better place. In the order of the better of both places.
pub fn differences(first: &[DocumentId], second: &[DocumentId]) -> Vec<Difference> {
    let (places, others) = (places(first), places(second));
    let common: Vec<(&DocumentId, usize)> = distinct(first).filter_map(|id| Some((id, *others.get(id)?))).collect();
    let in_order = longest_rise(&common.iter().map(|(_, place)| *place).collect::<Vec<_>>());
    let in_order: HashSet<&DocumentId> = in_order.into_iter().map(|at| common[at].0).collect();
    let all = distinct(first).chain(distinct(second).filter(|id| !places.contains_key(id)));
    let mut differing: Vec<Difference> = all
        .filter(|id| !in_order.contains(id))
        .map(|id| Difference { id: id.clone(), first: places.get(id).copied(), second: others.get(id).copied() })
        .collect();
    differing.sort_by_key(|it| (it.first.into_iter().chain(it.second).min(), it.first.is_none()));
    differing
}

fn distinct(ids: &[DocumentId]) -> impl Iterator<Item = &DocumentId> {
    let mut seen = HashSet::new();
    ids.iter().filter(move |id| seen.insert(*id))
}

fn places(ids: &[DocumentId]) -> HashMap<&DocumentId, usize> {
    let mut places = HashMap::with_capacity(ids.len());
    for (before, id) in ids.iter().enumerate() {
        places.entry(id).or_insert(before + 1);
    }
    places
}

/// Where a longest rising subsequence of these distinct numbers stands (Fredman 1975: patience sorting).
fn longest_rise(numbers: &[usize]) -> Vec<usize> {
    // For each length, where a rise of that length ends lowest; and for each number, where the one before it stands.
    let mut ends: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::with_capacity(numbers.len());
    for (at, number) in numbers.iter().enumerate() {
        let length = ends.partition_point(|end| numbers[*end] < *number);
        before.push(length.checked_sub(1).map(|shorter| ends[shorter]));
        if length == ends.len() {
            ends.push(at);
        } else {
            ends[length] = at;
        }
    }
    let mut rise: Vec<usize> = std::iter::successors(ends.last().copied(), |at| before[*at]).collect();
    rise.reverse();
    rise
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ids(text: &str) -> Vec<DocumentId> {
        text.chars().map(|letter| DocumentId::new(letter.to_string())).collect()
    }

    fn told(first: &str, second: &str) -> Vec<String> {
        let place = |place: Option<usize>| place.map_or("-".to_owned(), |place| place.to_string());
        let differing = differences(&ids(first), &ids(second));
        differing.iter().map(|it| format!("{} {}>{}", it.id, place(it.first), place(it.second))).collect()
    }

    #[test]
    fn as_few_as_can_be() {
        assert_eq!(told("abc", "abc"), [""; 0]);
        assert_eq!(told("", ""), [""; 0]);
        assert_eq!(told("abc", "xab"), ["x ->1", "c 3>-"]);
        assert_eq!(told("abcd", "dabc"), ["d 4>1"]);
        assert_eq!(told("ab", "ba").len(), 1);
        assert_eq!(told("ab", ""), ["a 1>-", "b 2>-"]);
        assert_eq!(told("", "ab"), ["a ->1", "b ->2"]);
        assert_eq!(told("aab", "ab"), [""; 0], "a document counts once");
    }

    /// The length of a longest common subsequence, by the textbook's table.
    fn common(a: &[DocumentId], b: &[DocumentId]) -> usize {
        let mut table = vec![vec![0; b.len() + 1]; a.len() + 1];
        for (i, left) in a.iter().enumerate() {
            for (j, right) in b.iter().enumerate() {
                table[i + 1][j + 1] =
                    if left == right { table[i][j] + 1 } else { table[i][j + 1].max(table[i + 1][j]) };
            }
        }
        table[a.len()][b.len()]
    }

    fn ranking() -> impl Strategy<Value = Vec<DocumentId>> {
        let letters: Vec<char> = ('a'..='n').collect();
        let some = prop::sample::subsequence(letters, 0..14).prop_shuffle();
        some.prop_map(|letters| letters.into_iter().map(|letter| DocumentId::new(letter.to_string())).collect())
    }

    proptest! {
        #[test]
        fn without_them_both_are_the_same_and_no_fewer_would_do(first in ranking(), second in ranking()) {
            let differing = differences(&first, &second);
            let out: HashSet<&DocumentId> = differing.iter().map(|it| &it.id).collect();
            let rest = |ids: &[DocumentId]| -> Vec<DocumentId> {
                ids.iter().filter(|id| !out.contains(id)).cloned().collect()
            };
            prop_assert_eq!(rest(&first), rest(&second));
            prop_assert_eq!(rest(&first).len(), common(&first, &second));
            for it in &differing {
                prop_assert_eq!(it.first, first.iter().position(|id| *id == it.id).map(|before| before + 1));
                prop_assert_eq!(it.second, second.iter().position(|id| *id == it.id).map(|before| before + 1));
            }
        }
    }
}
