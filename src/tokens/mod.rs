//! Text to words, with the positions on which rules of ranking hang: Meilisearch's tokenization.
//!
//! [`charabia`] is the crate Meilisearch itself cuts with: script by script, at separators, each word decomposed, told
//! from stop words, and then lowercased and stripped of its marks where the script has them. What it leaves whole, because
//! it was built without dictionaries, is cut by a [`Segmenter`]: Japanese with a dictionary ([`Ipadic`]), or without ([`Bigrams`]).
//!
//! A document is [cut](document_words) attribute by attribute; a query is cut by the [query parser](crate::ranking).

mod document;
mod japanese;
mod plain;
mod segment;
mod tokenizer;

pub use document::{DocumentWords, Field, Place, document_words};
pub use japanese::{Bigrams, DictionaryError, Ipadic};
pub use segment::{Piece, Purpose, Segmenter};
pub use tokenizer::{ShownToken, Token, TokenKind, Tokenizer, has_words};

/// Bytes of the longest word that is indexed or looked for.
pub const LONGEST_WORD: usize = 250;
