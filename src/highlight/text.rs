//! One text, formatted.

use serde_json::{Value, json};

use super::{Match, find, window};
use crate::{
    ranking::Matched,
    search::Formatting,
    tokens::{ShownToken, Tokenizer},
};

/// What is to be done with a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Wish {
    /// Whether words are marked.
    pub(super) highlight: bool,
    /// How many words are left.
    pub(super) crop: Option<usize>,
}

/// A text and what the query finds in it.
pub(super) struct Text<'t> {
    text: &'t str,
    tokens: Vec<ShownToken<'t>>,
    matches: Vec<Match>,
}

impl<'t> Text<'t> {
    pub(super) fn new(text: &'t str, tokenizer: &Tokenizer, matched: &Matched) -> Self {
        let tokens = tokenizer.cut_to_show(text);
        let matches = find(text, &tokens, matched);
        Self { text, tokens, matches }
    }

    /// Where the matches are, in bytes; `path` leads through the arrays around the text.
    pub(super) fn places(&self, path: &[usize]) -> Vec<Value> {
        let place = |found: &Match| {
            let (start, end) = self.bytes(found);
            match path {
                [] => json!({ "start": start, "length": end - start }),
                path => json!({ "start": start, "length": end - start, "indices": path }),
            }
        };
        self.matches.iter().map(place).collect()
    }

    /// The text, cut and marked.
    pub(super) fn show(&self, wish: Wish, formatting: &Formatting) -> String {
        let left = match wish.crop {
            // As Meilisearch has it: no words is all of them.
            Some(wanted) if wanted > 0 => window(self.text, &self.tokens, &self.matches, wanted),
            _ => 0..self.text.len(),
        };
        let part = |from: usize, to: usize| self.text.get(from..to).unwrap_or_default();
        let mut shown = String::new();
        if left.start > 0 {
            shown.push_str(&formatting.crop_marker);
        }
        let mut at = left.start;
        for found in self.matches.iter().filter(|_| wish.highlight) {
            let whole = (self.tokens[found.tokens.0].token.start, self.tokens[found.tokens.1].token.end);
            if whole.1 < left.start || whole.0 > left.end {
                continue;
            }
            let (from, to) = (whole.0.max(at), whole.1.min(left.end));
            let marked = self.bytes(found).1.clamp(from.min(to), to);
            shown.push_str(part(at, from));
            shown.push_str(&formatting.before);
            shown.push_str(part(from, marked));
            shown.push_str(&formatting.behind);
            shown.push_str(part(marked, to));
            at = to.max(at);
        }
        shown.push_str(part(at, left.end));
        if left.end < self.text.len() {
            shown.push_str(&formatting.crop_marker);
        }
        shown
    }

    /// From the first character that is found to behind the last.
    fn bytes(&self, found: &Match) -> (usize, usize) {
        let (from, to) = (self.tokens[found.tokens.0].token.start, self.tokens[found.tokens.1].token.end);
        let rest = self.text.get(from..to).unwrap_or_default();
        let length = rest.char_indices().nth(found.characters).map_or(rest.len(), |(at, _)| at);
        (from, from + length)
    }
}
