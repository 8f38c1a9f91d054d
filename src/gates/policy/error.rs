//! Why a gate file is refused.

use std::{fmt, ops::Range};

/// A gate file says something that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct PolicyError {
    line: usize,
    message: String,
}

impl PolicyError {
    pub(super) fn at(text: &str, span: &Range<usize>, message: impl Into<String>) -> Self {
        let before = text.get(..span.start).unwrap_or(text);
        Self { line: before.matches('\n').count() + 1, message: message.into() }
    }

    /// The line of the file, from 1.
    pub fn line(&self) -> usize {
        self.line
    }
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the gate file is refused: line {}: {}", self.line, self.message)
    }
}
