//! Cutting Japanese, which is written without spaces, into words: with a dictionary as Meilisearch does, or without.
//!
//! - [`Ipadic`] reads MeCab's IPADIC from the folder of its source files and cuts as Meilisearch's builds with IPADIC
//!   do. Documents and queries are cut alike, and rankings come out the same.
//! - [`Bigrams`] needs nothing and goes by the kinds of characters: pairs of kanji, runs of katakana, common words of
//!   hiragana. Nearly nine in ten of the first ten hits are those that the dictionary would have brought.
//!
//! Both sides of a search must be cut by the same one: after a change, documents are to be cut again.
//!
//! # How the dictionary cuts
//!
//! Every word of the dictionary that the text could hold, and made-up words for what no dictionary has, form a lattice;
//! its cheapest path is the answer (Viterbi's algorithm over the dictionary's costs). Meilisearch uses lindera for it,
//! in the mode "decompose", where long words cost extra so that compounds come apart. What decides in detail here is
//! lindera 0.43, which is what the recordings of Meilisearch 1.50 agree with:
//!
//! - Kanji words pay from the third character on, all others from the eighth; a character counts as three bytes.
//! - The last word of a sentence pays as well. (Releases from 2 to 5 spare it.)
//! - A made-up word is a run of one category, or one character; there are none of lengths in between. (Release 6
//!   makes them, too.)
//! - Sentences end after `。`, `、`, a line break and a tab, and are cut independently.

mod bigrams;
mod characters;
mod classes;
mod error;
mod ipadic;
mod lattice;
mod lexicon;
mod matrix;
mod source;
#[cfg(test)]
mod tests;

pub use bigrams::Bigrams;
pub use error::DictionaryError;
pub use ipadic::Ipadic;
