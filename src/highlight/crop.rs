//! Which part of a text is left of it.

use std::{collections::BTreeSet, ops::Range};

use super::Match;
use crate::tokens::{ShownToken, TokenKind};

/// Words farther apart than this count as this far.
const FAR: usize = 7;

/// The bytes that are left: as many words as are wanted around the best of the matches, or the first ones.
pub(super) fn window(text: &str, tokens: &[ShownToken<'_>], matches: &[Match], wanted: usize) -> Range<usize> {
    let (mut start, mut end, mut missing) = match best(matches, wanted) {
        None => (0, 0, wanted),
        Some((first, last)) => {
            let held = last.words.1 - first.words.0 + 1;
            if held > wanted {
                return cut_match(text, tokens, last, held - wanted);
            }
            (first.tokens.0, last.tokens.1 + 1, wanted - held)
        }
    };
    while missing > 0 {
        let before = start.checked_sub(1).and_then(|before| tokens.get(before));
        match (before.map(kind), tokens.get(end).map(kind)) {
            (None, None) => break,
            (Some(Kind::Word), Some(Kind::Word)) => {
                start -= 1;
                missing -= 1;
                if missing > 0 {
                    end += 1;
                    missing -= 1;
                }
            }
            (Some(Kind::Word), _) => {
                start -= 1;
                missing -= 1;
            }
            (_, Some(Kind::Word)) => {
                end += 1;
                missing -= 1;
            }
            (Some(Kind::Separator { hard: a }), Some(Kind::Separator { hard: b })) if a == b => {
                start -= 1;
                // No separator stands before the mark of what is cut off.
                if missing > 1 {
                    end += 1;
                }
            }
            // Not beyond the end of a sentence, while there is another way.
            (Some(Kind::Separator { hard: true }), Some(_)) | (None, Some(_)) => end += 1,
            (Some(_), _) => start -= 1,
        }
    }
    let from = start.checked_sub(1).and_then(|before| tokens.get(before)).map_or(0, |token| token.token.end);
    let to = tokens.get(end).map_or(text.len(), |token| token.token.start);
    from..to.max(from)
}

/// A match that alone is too long loses words from its end, and keeps all that comes before it, as in Meilisearch.
fn cut_match(text: &str, tokens: &[ShownToken<'_>], last: &Match, mut surplus: usize) -> Range<usize> {
    let mut end = (last.tokens.1 + 2).min(tokens.len());
    while surplus > 0 && end > 0 {
        end -= 1;
        surplus -= usize::from(kind(&tokens[end]) == Kind::Word);
    }
    let next = end.checked_sub(1).and_then(|next| tokens.get(next));
    0..next.map_or(text.len(), |token| token.token.start)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Word,
    Separator { hard: bool },
}

fn kind(token: &ShownToken<'_>) -> Kind {
    match token.token.kind {
        TokenKind::Separator { hard } => Kind::Separator { hard },
        TokenKind::Word { .. } | TokenKind::StopWord => Kind::Word,
    }
}

/// How good some matches are together: the words of the query, how near they are, how many are in order.
type Score = (usize, isize, isize);

/// The first and the last of the best matches that fit into so many words: the most words of the query, then the
/// nearest to each other, then the most in order.
fn best(matches: &[Match], wanted: usize) -> Option<(&Match, &Match)> {
    let only = matches.first()?;
    let mut best: Option<(Score, (usize, usize))> = None;
    let mut keep = |first: usize, last: usize| {
        let score = score(&matches[first..=last]);
        if best.is_none_or(|(known, _)| score > known) {
            best = Some((score, (first, last)));
        }
    };
    let mut first = 0;
    for (next, found) in matches.iter().enumerate() {
        let fits =
            |first: usize| matches[first].words.0 > found.words.1 || found.words.1 - matches[first].words.0 < wanted;
        if found.words.1.saturating_sub(matches[first].words.0) < wanted {
            continue;
        }
        if next > 0 {
            keep(first, next - 1);
        }
        while first + 1 < matches.len() {
            first += 1;
            if fits(first) {
                break;
            }
        }
    }
    let last = matches.len() - 1;
    let length = matches[first].words.1 - matches[first].words.0 + 1;
    if first != last || length < wanted {
        keep(first, last);
    }
    Some(best.map_or((only, only), |(_, (first, last))| (&matches[first], &matches[last])))
}

fn score(matches: &[Match]) -> Score {
    let places: BTreeSet<u32> = matches.iter().flat_map(|found| found.places.clone()).collect();
    let inside: usize = matches.iter().map(|found| found.words.1 - found.words.0).sum();
    let (mut apart, mut ordered) = (inside, inside);
    for pair in matches.windows(2) {
        apart += pair[1].words.0.saturating_sub(pair[0].words.1).min(FAR);
        ordered += usize::from(pair[1].places.start > pair[0].places.start);
    }
    (places.len(), -(apart as isize), ordered as isize)
}
