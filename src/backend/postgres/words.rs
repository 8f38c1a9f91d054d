//! The column `words`: the words of a document with their places, packed.
//!
//! How many words; for each, ascending, how many bytes it shares with the one before, the rest of it, and its places (see
//! [`encode`]); then how many fields, and for each its number and how many words it has; then how many attributes with values, and for each
//! its name and the values (see [`values`]). All numbers are of variable length.
//!
//! What is no word of a text stands in postings behind a control character, with which no word begins.

use std::collections::BTreeMap;

use super::{derive::storable, values};
use crate::{
    filter::{Facet, Facets},
    ranking::{LONGEST_FIELD, encode, read, write},
    tokens::{DocumentWords, Field, Place},
};

/// The word under which postings hold the documents that have a field of so many words.
pub(super) fn length_word(words: usize) -> String {
    format!("\u{1}{words}")
}

/// What the words begin with under which postings hold the values of attributes.
pub(super) const VALUES: char = '\u{2}';
/// The word under which postings hold all documents, with no places; it comes right behind those of values.
pub(super) const ALL_DOCUMENTS: &str = "\u{3}";
/// Bytes of the name of an attribute whose values postings hold; an index has to hold the word.
const LONGEST_NAME: usize = 1_000;

/// The word under which postings hold the values of an attribute in each document that has it (see [`values`]); `None` if they do not.
pub(super) fn value_word(attribute: &str) -> Option<String> {
    (attribute.len() <= LONGEST_NAME).then(|| format!("{VALUES}{}", storable(attribute)))
}

/// The attribute whose values postings hold under this word.
pub(super) fn attribute_of(word: &str) -> Option<&str> {
    word.strip_prefix(VALUES)
}

/// Whether it is a word of a text.
pub(super) fn is_of_text(word: &str) -> bool {
    !word.starts_with(|first: char| first < ' ')
}

/// Packs words, and values by attribute.
pub(super) fn pack(words: &DocumentWords, facets: &Facets) -> Vec<u8> {
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
    // Two names may be one in PostgreSQL.
    let held: BTreeMap<String, &Facet> =
        facets.iter().filter_map(|(name, facet)| Some((value_word(name)?, facet))).collect();
    write(held.len() as u64, &mut bytes);
    for (word, facet) in held {
        push(word.as_bytes(), &mut bytes);
        push(&values::pack(facet), &mut bytes);
    }
    bytes
}

/// Visits the entries that a document has in postings: its words and the lengths of its fields, each with its places, and the values of its
/// attributes. `None` if these are no packed words.
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
    for _ in 0..read(&mut bytes)? {
        let word = take(&mut bytes)?;
        visit(std::str::from_utf8(word).ok()?, take(&mut bytes)?);
    }
    visit(ALL_DOCUMENTS, &[]);
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

    fn any_values() -> impl Strategy<Value = Facets> {
        let facet = prop::collection::vec("[ab]{1,3}", 0..3);
        let facet = facet.prop_map(|texts| Facet { texts, ..Facet::default() });
        prop::collection::btree_map(prop_oneof!["[ab]{1,5}", Just("a".repeat(LONGEST_NAME + 1))], facet, 0..4)
    }

    proptest! {
        #[test]
        fn words_and_values_are_visited_as_they_were_packed(
            words in prop::collection::btree_map("[ab]{1,5}", prop::collection::btree_set((0_u32..3, 0_u16..40), 1..5), 0..10),
            values in any_values(),
        ) {
            let bytes = |places: &[Place]| {
                let mut bytes = Vec::new();
                encode(places, &mut bytes);
                bytes
            };
            let (mut all, mut expected) = (DocumentWords::default(), BTreeMap::new());
            for (word, at) in words {
                let places: Vec<Place> = at.into_iter().map(|(field, position)| Place { field: Field(field), position }).collect();
                places.iter().for_each(|place| *all.lengths.entry(place.field).or_insert(0) += 1);
                expected.insert(word.clone(), bytes(&places));
                all.words.insert(word, places);
            }
            let mut fields: BTreeMap<u32, Vec<Place>> = BTreeMap::new();
            for (field, length) in &all.lengths {
                fields.entry(*length).or_default().push(Place { field: *field, position: 0 });
            }
            expected.extend(fields.into_iter().filter(|(length, _)| *length <= 30).map(|(length, places)| (format!("\u{1}{length}"), bytes(&places))));
            let held = values.iter().filter(|(name, _)| name.len() <= LONGEST_NAME);
            expected.extend(held.map(|(name, facet)| (format!("\u{2}{name}"), values::pack(facet))));
            expected.insert("\u{3}".to_owned(), Vec::new());
            let mut visited = BTreeMap::new();
            let end = each(&pack(&all, &values), |word, places| {
                assert!(visited.insert(word.to_owned(), places.to_vec()).is_none(), "{word:?} comes twice");
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
