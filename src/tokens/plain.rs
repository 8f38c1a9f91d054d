//! Text of plain ASCII, cut as [`charabia`] cuts it, at a tenth of the cost: no script has to be told from another, and nothing is
//! normalized but capital letters.

use std::{borrow::Cow, sync::LazyLock};

use charabia::separators::{CONTEXT_SEPARATORS, DEFAULT_SEPARATORS};
use fst::Set;

use super::tokenizer::{Token, TokenKind};

/// The usual separators of plain text.
static SEPARATORS: LazyLock<Separators> = LazyLock::new(Separators::usual);

/// What a character, or two of them, part: nothing, words, or sentences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Parts {
    Nothing,
    Words,
    Sentences,
}

struct Separators {
    single: [Parts; 128],
    pairs: Vec<([u8; 2], Parts)>,
}

/// Cuts a text at the usual separators; `None` if it is not plain.
pub(super) fn cut<'t>(text: &'t str, stop_words: Option<&Set<Vec<u8>>>) -> Option<Vec<Token<'t>>> {
    let bytes = text.as_bytes();
    if !bytes.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\t' | b'\n' | b'\r')) {
        return None;
    }
    let separators = &*SEPARATORS;
    let mut tokens = Vec::with_capacity(bytes.len() / 3);
    let is_stop_word = |part: &str| stop_words.is_some_and(|words| words.contains(part));
    let mut push = |start: usize, end: usize, parts: Parts| {
        let part = &text[start..end];
        let kind = match parts {
            _ if is_stop_word(part) => TokenKind::StopWord,
            Parts::Nothing => TokenKind::Word { step: 1 },
            Parts::Words | Parts::Sentences => TokenKind::Separator { hard: parts == Parts::Sentences },
        };
        let text = match part.bytes().any(|byte| byte.is_ascii_uppercase()) {
            true => Cow::Owned(part.to_ascii_lowercase()),
            false => Cow::Borrowed(part),
        };
        tokens.push(Token { kind, text, start, end });
    };
    let (mut word, mut at) = (0, 0);
    while at < bytes.len() {
        let (length, parts) = separators.at(&bytes[at..]);
        if parts == Parts::Nothing {
            at += 1;
            continue;
        }
        if word < at {
            push(word, at, Parts::Nothing);
        }
        push(at, at + length, parts);
        at += length;
        word = at;
    }
    if word < at {
        push(word, at, Parts::Nothing);
    }
    Some(tokens)
}

impl Separators {
    fn usual() -> Self {
        let mut usual = Self { single: [Parts::Nothing; 128], pairs: Vec::new() };
        for separator in DEFAULT_SEPARATORS {
            let parts = if CONTEXT_SEPARATORS.contains(separator) { Parts::Sentences } else { Parts::Words };
            match *separator.as_bytes() {
                [byte] => usual.single[usize::from(byte)] = parts,
                [first, second] if separator.is_ascii() => usual.pairs.push(([first, second], parts)),
                _ => {}
            }
        }
        usual
    }

    /// The longest separator at the front of a text, with its length.
    #[inline]
    fn at(&self, bytes: &[u8]) -> (usize, Parts) {
        let parts = self.single[usize::from(bytes[0])];
        if parts == Parts::Nothing && bytes[0].is_ascii_alphanumeric() {
            return (1, parts);
        }
        match self.pairs.iter().find(|(pair, _)| bytes.starts_with(pair)) {
            Some((_, parts)) => (2, *parts),
            None => (1, parts),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::tokens::{Bigrams, Purpose, Tokenizer};

    #[test]
    fn no_usual_separator_of_plain_text_is_longer_than_two_characters_or_begins_with_a_letter() {
        let plain = DEFAULT_SEPARATORS.iter().filter(|separator| separator.is_ascii());
        assert!(plain.clone().all(|separator| separator.len() <= 2));
        assert!(plain.into_iter().all(|separator| !separator.as_bytes()[0].is_ascii_alphanumeric()));
        assert!(SEPARATORS.pairs.contains(&([b'.', b' '], Parts::Sentences)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn plain_text_is_cut_as_any_text_is(
            text in prop_oneof!["[ -~\t\n\r]{0,60}", "([a-cA-C0-9]{1,4}|the|The|[.,;:!?'_\"(-]|[., ] |\\\\|\\$|[\t\n\r])*"],
            stop in prop::collection::vec(prop_oneof![Just("the"), Just("The"), Just("a"), Just(" "), Just("."), Just("1")], 0..3),
        ) {
            let settings = serde_json::from_value(json!({"stopWords": stop})).unwrap();
            let tokenizer = Tokenizer::new(&settings, Some(std::sync::Arc::new(Bigrams)));
            let quick = cut(&text, tokenizer.stop_words()).unwrap();
            prop_assert_eq!(quick, tokenizer.cut_any(&text, Purpose::Document));
        }

        #[test]
        fn what_is_not_plain_is_left(text in "[ -~]{0,8}[^ -~\t\n\r][ -~]{0,8}") {
            prop_assert_eq!(cut(&text, None), None);
        }
    }
}
