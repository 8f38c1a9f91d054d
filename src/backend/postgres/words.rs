//! The column `words`: the words of a document with their places, packed.
//!
//! How many words; for each, ascending, how many bytes it shares with the one before, the rest of it, and its places (see
//! [`encode`]); then how many fields, and for each its number and how many words it has. All numbers are of variable length.

use std::collections::BTreeMap;

use crate::{
    ranking::{LONGEST_FIELD, encode, read, write},
    tokens::{DocumentWords, Field, Place},
};

/// The word under which postings hold the documents that have a field of so many words.
pub(super) fn length_word(words: usize) -> String {
    format!("\u{1}{words}")
}

/// Packs words.
pub(super) fn pack(words: &DocumentWords) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(words.words.len() as u64, &mut bytes);
    let (mut before, mut places) = ("", Vec::new());
    for (word, at) in &words.words {
        let shared = word.bytes().zip(before.bytes()).take_while(|(a, b)| a == b).count();
        write(shared as u64, &mut bytes);
        push(&word.as_bytes()[shared..], &mut bytes);
        places.clear();
        encode(at, &mut places);
        push(&places, &mut bytes);
        before = word;
    }
    write(words.lengths.len() as u64, &mut bytes);
    for (field, length) in &words.lengths {
        write(u64::from(field.0), &mut bytes);
        write(u64::from(*length), &mut bytes);
    }
    bytes
}

/// Visits the entries that a document has in postings: its words and the lengths of its fields, each with its places. `None`
/// if these are no packed words.
pub(super) fn each(mut bytes: &[u8], mut visit: impl FnMut(&str, &[u8])) -> Option<()> {
    if bytes.is_empty() {
        return Some(());
    }
    let mut word = Vec::new();
    for _ in 0..read(&mut bytes)? {
        let shared = usize::try_from(read(&mut bytes)?).ok().filter(|shared| *shared <= word.len())?;
        word.truncate(shared);
        word.extend_from_slice(take(&mut bytes)?);
        let places = take(&mut bytes)?;
        visit(std::str::from_utf8(&word).ok()?, places);
    }
    let mut lengths: BTreeMap<usize, Vec<Place>> = BTreeMap::new();
    for _ in 0..read(&mut bytes)? {
        let field = Field(u32::try_from(read(&mut bytes)?).ok()?);
        let length = usize::try_from(read(&mut bytes)?).ok()?;
        if length <= LONGEST_FIELD {
            lengths.entry(length).or_default().push(Place { field, position: 0 });
        }
    }
    let mut places = Vec::new();
    for (length, fields) in lengths {
        places.clear();
        encode(&fields, &mut places);
        visit(&length_word(length), &places);
    }
    Some(())
}

fn push(part: &[u8], bytes: &mut Vec<u8>) {
    write(part.len() as u64, bytes);
    bytes.extend_from_slice(part);
}

fn take<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(read(bytes)?).ok()?;
    let (part, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(part)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn words_are_visited_as_they_were_packed(words in prop::collection::btree_map("[ab]{1,5}", prop::collection::btree_set((0_u32..3, 0_u16..40), 1..5), 0..10)) {
            let mut all = DocumentWords::default();
            for (word, at) in words {
                let places: Vec<Place> = at.into_iter().map(|(field, position)| Place { field: Field(field), position }).collect();
                places.iter().for_each(|place| *all.lengths.entry(place.field).or_insert(0) += 1);
                all.words.insert(word, places);
            }
            let mut expected = BTreeMap::new();
            let mut fields: BTreeMap<u32, Vec<Place>> = BTreeMap::new();
            for (word, places) in &all.words {
                expected.insert(word.clone(), places.clone());
            }
            for (field, length) in &all.lengths {
                fields.entry(*length).or_default().push(Place { field: *field, position: 0 });
            }
            expected.extend(fields.into_iter().filter(|(length, _)| *length <= 30).map(|(length, places)| (format!("\u{1}{length}"), places)));
            let mut visited = BTreeMap::new();
            let packed = pack(&all);
            let end = each(&packed, |word, places| {
                visited.insert(word.to_owned(), crate::ranking::Places::new(places).collect::<Vec<_>>());
            });
            prop_assert_eq!(end, Some(()));
            prop_assert_eq!(visited, expected);
        }

        #[test]
        fn any_bytes_can_be_visited(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            each(&bytes, |_, _| {});
        }
    }
}
