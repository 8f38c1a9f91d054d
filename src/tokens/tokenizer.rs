//! One text into words and separators.

use std::{borrow::Cow, fmt, sync::Arc};

use aho_corasick::{AhoCorasick, MatchKind};
use charabia::{
    Language, Script, Segment, SeparatorKind,
    normalizer::{ClassifierOption, Normalize, NormalizerOption},
    separators::DEFAULT_SEPARATORS,
};
use fst::Set;
use unicode_normalization::UnicodeNormalization;

use super::{
    plain,
    segment::{Purpose, Segmenter},
};
use crate::settings::IndexSettings;

/// Settings made ready to cut texts under.
#[derive(Clone)]
pub struct Tokenizer {
    stop_words: Option<Arc<Set<Vec<u8>>>>,
    separators: Option<Separators>,
    segmenter: Option<Arc<dyn Segmenter>>,
    /// The one language that is meant where scripts leave it open.
    languages: Vec<Language>,
}

/// Separators other than the usual ones.
#[derive(Clone)]
struct Separators {
    all: Arc<[String]>,
    automaton: Arc<AhoCorasick>,
}

/// A part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token<'t> {
    /// What it is.
    pub kind: TokenKind,
    /// Normalized.
    pub text: Cow<'t, str>,
    /// Where it begins in the text, in bytes.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
}

/// A token that knows what its text was made of.
#[derive(Clone, Debug)]
pub struct ShownToken<'t> {
    /// The token.
    pub token: Token<'t>,
    /// For each character its bytes, and those of what it was normalized to; `None` if that changed nothing.
    lengths: Option<Vec<(u8, u8)>>,
}

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// It is searched for.
    Word {
        /// How many positions it stands after the word before it, if nothing stands between: 1, or 0 if both begin at one place.
        step: u32,
    },
    /// It takes a position and is not searched for.
    StopWord,
    /// It parts words.
    Separator {
        /// Sentences too: words on both sides are no neighbours.
        hard: bool,
    },
}

/// Whether a text holds anything but separators, by those that are usual: an index may have others in its settings.
pub fn has_words(text: &str) -> bool {
    let is_usual = |letter: char| {
        let mut bytes = [0; 4];
        DEFAULT_SEPARATORS.contains(&&*letter.encode_utf8(&mut bytes))
    };
    text.chars().any(|letter| letter.is_alphanumeric() || !(letter.is_whitespace() || is_usual(letter)))
}

impl Tokenizer {
    /// Makes the settings ready. `segmenter` cuts Chinese and Japanese; without one a run of characters is one word.
    pub fn new(settings: &IndexSettings, segmenter: Option<Arc<dyn Segmenter>>) -> Self {
        let mut stop_words: Vec<String> = settings.stop_words.iter().map(|word| word.nfkd().collect()).collect();
        stop_words.sort_unstable();
        stop_words.dedup();
        let stop_words = Set::from_iter(&stop_words).ok().filter(|words| !words.is_empty());
        let locales = settings.localized_attributes.iter().flatten().flat_map(|rule| &rule.locales);
        let mut languages: Vec<Language> = locales.filter_map(Language::from_code).collect();
        languages.sort_unstable_by_key(|language| language.code());
        languages.dedup();
        Self { stop_words: stop_words.map(Arc::new), separators: Separators::of(settings), segmenter, languages }
    }

    /// The same, to which stop words are words.
    pub fn without_stop_words(&self) -> Self {
        Self { stop_words: None, ..self.clone() }
    }

    /// Cuts a text.
    pub fn cut<'t>(&self, text: &'t str, purpose: Purpose) -> Vec<Token<'t>> {
        let usual = self.separators.is_none() && self.languages.is_empty();
        let plain = if usual { plain::cut(text, self.stop_words.as_deref()) } else { None };
        plain.unwrap_or_else(|| self.cut_any(text, purpose))
    }

    /// Cuts a text, whatever is in it.
    pub(super) fn cut_any<'t>(&self, text: &'t str, purpose: Purpose) -> Vec<Token<'t>> {
        self.cut_into(text, purpose, false, Token::of)
    }

    #[cfg(test)]
    pub(super) fn stop_words(&self) -> Option<&Set<Vec<u8>>> {
        self.stop_words.as_deref()
    }

    /// Cuts a text for which it is to be shown what has been found in it.
    pub fn cut_to_show<'t>(&self, text: &'t str) -> Vec<ShownToken<'t>> {
        self.cut_into(text, Purpose::Document, true, |mut token, step| {
            let lengths = token.char_map.take();
            ShownToken { lengths, token: Token::of(token, step) }
        })
    }

    fn cut_into<'t, T>(
        &self,
        text: &'t str,
        purpose: Purpose,
        create_char_map: bool,
        made: impl Fn(charabia::Token<'t>, u32) -> T,
    ) -> Vec<T> {
        let languages = (!self.languages.is_empty()).then_some(self.languages.as_slice());
        let separators: Option<Vec<&str>> =
            self.separators.as_ref().map(|separators| separators.all.iter().map(String::as_str).collect());
        let stop_words = self.stop_words.as_ref().and_then(|words| Set::new(words.as_fst().as_bytes()).ok());
        let options = NormalizerOption {
            create_char_map,
            classifier: ClassifierOption { stop_words, separators: separators.as_deref() },
            lossy: true,
        };
        let automaton = self.separators.as_ref().map(|separators| &*separators.automaton);
        let mut tokens = Vec::new();
        for token in text.segment_with_option(automaton, languages) {
            match self.segmenter.as_ref().filter(|_| token.script == Script::Cj && is_run(&token.lemma)) {
                None => tokens.push(made(token.normalize(&options), 1)),
                Some(segmenter) => {
                    let (run, mut at) = (&text[token.byte_start..token.byte_end], token.byte_start);
                    for piece in segmenter.cut(run, purpose) {
                        // Pieces may overlap: where one begins is told by where its text lies in the run.
                        at = begin(text, piece.text).unwrap_or(at);
                        let mut part =
                            charabia::Token { lemma: Cow::Borrowed(piece.text), ..charabia::Token::default() };
                        (part.script, part.language) = (token.script, Some(Language::Jpn));
                        (part.byte_start, part.byte_end) = (at, at + piece.text.len());
                        tokens.push(made(part.normalize(&options), piece.step));
                    }
                }
            }
        }
        tokens
    }
}

/// Whether there is something to cut: separators come as tokens of their own, and numbers stay whole.
fn is_run(lemma: &str) -> bool {
    lemma.chars().any(char::is_alphanumeric)
        && !lemma.chars().all(|letter| letter.is_numeric() || letter.is_ascii_punctuation())
}

/// Where a part of a text begins in it.
fn begin(text: &str, part: &str) -> Option<usize> {
    let at = (part.as_ptr() as usize).checked_sub(text.as_ptr() as usize)?;
    (at + part.len() <= text.len()).then_some(at)
}

impl ShownToken<'_> {
    /// How many characters became the first so many bytes of the normalized text.
    pub fn original_characters(&self, bytes: usize) -> usize {
        match &self.lengths {
            None => self.token.text.char_indices().take_while(|(at, _)| *at < bytes).count(),
            Some(lengths) => {
                let ends = lengths.iter().scan(0, |end, (_, normalized)| {
                    let begin = *end;
                    *end += usize::from(*normalized);
                    Some(begin)
                });
                ends.take_while(|begin| *begin < bytes).count()
            }
        }
    }
}

impl<'t> Token<'t> {
    fn of(token: charabia::Token<'t>, step: u32) -> Self {
        let kind = match token.kind {
            charabia::TokenKind::StopWord => TokenKind::StopWord,
            charabia::TokenKind::Separator(kind) => TokenKind::Separator { hard: kind == SeparatorKind::Hard },
            charabia::TokenKind::Word | charabia::TokenKind::Unknown => TokenKind::Word { step },
        };
        Self { kind, start: token.byte_start, end: token.byte_end, text: token.lemma }
    }
}

impl Separators {
    /// `None` if they are the usual ones and no words are to stay whole.
    fn of(settings: &IndexSettings) -> Option<Self> {
        let IndexSettings { separator_tokens, non_separator_tokens, dictionary, .. } = settings;
        if separator_tokens.is_empty() && non_separator_tokens.is_empty() && dictionary.is_empty() {
            return None;
        }
        let kept =
            DEFAULT_SEPARATORS.iter().copied().filter(|usual| !non_separator_tokens.iter().any(|not| not == usual));
        let added = separator_tokens.iter().map(String::as_str);
        let all: Vec<String> = kept.chain(added).filter(|separator| !separator.is_empty()).map(str::to_owned).collect();
        let whole = dictionary.iter().filter(|word| !word.is_empty());
        let automaton = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(whole.chain(&all)).ok()?;
        Some(Self { all: all.into(), automaton: Arc::new(automaton) })
    }
}

impl fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stop_words = self.stop_words.as_ref().map_or(0, |words| words.len());
        f.debug_struct("Tokenizer")
            .field("stop_words", &stop_words)
            .field("own_separators", &self.separators.is_some())
            .field("segmenter", &self.segmenter)
            .finish_non_exhaustive()
    }
}
