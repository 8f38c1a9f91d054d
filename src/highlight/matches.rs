//! Where the words of a query stand in a text.

use std::ops::Range;

use crate::{
    ranking::{Matched, MatchedPhrase},
    tokens::{ShownToken, TokenKind},
};

/// One place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Match {
    /// The first token and the last.
    pub(super) tokens: (usize, usize),
    /// The same, counted without separators.
    pub(super) words: (usize, usize),
    /// How many characters from the first on are found; the rest of the last word is not.
    pub(super) characters: usize,
    /// Which words of the query.
    pub(super) places: Range<u32>,
}

pub(super) fn is_separator(token: &ShownToken<'_>) -> bool {
    matches!(token.token.kind, TokenKind::Separator { .. })
}

/// All of them, in order. A phrase takes its words away from what comes later.
pub(super) fn find(text: &str, tokens: &[ShownToken<'_>], matched: &Matched) -> Vec<Match> {
    let words: Vec<usize> = (0..tokens.len()).filter(|token| !is_separator(&tokens[*token])).collect();
    let mut found = Vec::new();
    let mut word = 0;
    while let Some(token) = words.get(word).copied() {
        let phrase = matched.phrases.iter().find(|phrase| holds(phrase, &words[word..], tokens));
        if let Some(phrase) = phrase {
            let last = word + phrase.words.len() - 1;
            let (from, to) = (tokens[token].token.start, tokens[words[last]].token.end);
            let characters = text.get(from..to).map_or(0, |text| text.chars().count());
            found.push(Match {
                tokens: (token, words[last]),
                words: (word, last),
                characters,
                places: phrase.places.clone(),
            });
            word = last;
        } else if let Some((characters, places)) = single(text, &tokens[token], matched) {
            found.push(Match { tokens: (token, token), words: (word, word), characters, places });
        }
        word += 1;
    }
    found
}

/// Whether the words of a phrase stand here. A hole, which a stop word left, matches nothing, as in Meilisearch.
fn holds(phrase: &MatchedPhrase, words: &[usize], tokens: &[ShownToken<'_>]) -> bool {
    let is = |(word, token): (&Option<String>, &usize)| {
        word.as_deref().is_some_and(|word| tokens[*token].token.text == word)
    };
    !phrase.words.is_empty() && phrase.words.len() <= words.len() && phrase.words.iter().zip(words).all(is)
}

fn single(text: &str, token: &ShownToken<'_>, matched: &Matched) -> Option<(usize, Range<u32>)> {
    let lemma = &*token.token.text;
    for words in &matched.words {
        for word in &words.words {
            match words.typed {
                Some(typed) if lemma.starts_with(word.as_str()) => {
                    // As many characters as were typed, of the word as it was found.
                    let length = word.char_indices().nth(typed).map_or(word.len(), |(at, _)| at);
                    return Some((token.original_characters(length), words.places.clone()));
                }
                _ if lemma == word => {
                    let whole = text.get(token.token.start..token.token.end)?;
                    return Some((whole.chars().count(), words.places.clone()));
                }
                _ => {}
            }
        }
    }
    None
}
