//! Documents as answers show them a second time: the words of the query marked, long texts cut to what stands around them.
//!
//! A text is cut into tokens as it was when it was indexed, matches are looked for among them, and what is left is chosen around
//! the best of them; [`Formatter`] walks over the fields of a document.

mod crop;
mod document;
mod matches;
mod text;

use self::{
    crop::window,
    matches::{Match, find},
};
pub use document::{Formatted, Formatter};
