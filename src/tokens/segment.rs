//! Cutting text that is written without spaces.

use std::fmt;

/// What a text is cut for: a scheme without a dictionary may cut both differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To be found.
    Document,
    /// To find.
    Query,
}

/// A part of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece<'t> {
    /// As it stands there.
    pub text: &'t str,
    /// How many positions it stands after the one before it: 1, or 0 if both begin at one place.
    pub step: u32,
}

/// Cuts runs of Chinese and Japanese characters.
///
/// Documents and queries must be cut by the same one: after a change documents are to be derived again.
pub trait Segmenter: fmt::Debug + Send + Sync {
    /// Cuts a run that holds no separator.
    fn cut<'t>(&self, run: &'t str, purpose: Purpose) -> Vec<Piece<'t>>;
}
