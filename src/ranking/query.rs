//! What a query says: terms, phrases, and what must not be there.

use crate::tokens::{LONGEST_WORD, Purpose, Token, TokenKind, Tokenizer};

/// No more terms are read.
const MOST_TERMS: usize = 10;
/// Nor more words and separators.
const MOST_TOKENS: usize = 1_000;
/// What a hard separator adds to the positions behind it.
const HARD_STEP: u32 = 7;

/// A query, read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ParsedQuery {
    /// What is looked for, in order.
    pub terms: Vec<Term>,
    /// What no document found may hold.
    pub without: Vec<Phrase>,
}

/// One thing that is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// What it is.
    pub kind: TermKind,
    /// Where it stands in the query: that of its first word.
    pub position: u32,
}

/// What a term is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TermKind {
    /// A word, or the beginning of one: nothing follows it in what the user typed.
    Word {
        /// Normalized.
        text: String,
        /// Whether it may be the beginning of a word.
        prefix: bool,
    },
    /// Words in quotation marks.
    Phrase(Phrase),
}

/// Words that stand side by side; `None` is a hole, which one word or none may fill.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Phrase(pub Vec<Option<String>>);

impl ParsedQuery {
    /// Reads a query. `prefix` says whether the last word may be the beginning of one.
    pub fn read(text: &str, tokenizer: &Tokenizer, prefix: bool) -> Self {
        let tokens = tokenizer.cut(text, Purpose::Query);
        let more = tokens.len() > MOST_TOKENS;
        let tokens = &tokens[..tokens.len().min(MOST_TOKENS)];
        let mut reader = Reader { text, prefix, ..Reader::default() };
        for (nth, token) in tokens.iter().enumerate().filter(|(_, token)| !token.text.is_empty()) {
            if reader.read.terms.len() >= MOST_TERMS {
                return reader.read;
            }
            reader.token(token, nth + 1 == tokens.len() && !more);
        }
        reader.close();
        reader.read
    }
}

#[derive(Default)]
struct Reader<'t> {
    text: &'t str,
    prefix: bool,
    read: ParsedQuery,
    /// Of the next word.
    position: u32,
    phrase: Option<Open>,
    /// A minus stands right before.
    negated: bool,
}

/// A phrase that has not been closed.
#[derive(Default)]
struct Open {
    words: Phrase,
    position: u32,
    negated: bool,
}

impl Reader<'_> {
    fn token(&mut self, token: &Token<'_>, last: bool) {
        match token.kind {
            TokenKind::Word { .. } | TokenKind::StopWord => self.word(token, last),
            TokenKind::Separator { hard } => self.separator(token, hard),
        }
    }

    fn word(&mut self, token: &Token<'_>, last: bool) {
        let position = self.position;
        self.position += 1;
        let stop_word = token.kind == TokenKind::StopWord;
        let text = || Some(token.text.clone().into_owned()).filter(|_| !stop_word);
        if let Some(phrase) = &mut self.phrase {
            if phrase.words.0.iter().all(Option::is_none) {
                phrase.position = position;
            }
            phrase.words.0.push(text());
        } else if self.negated {
            self.negated = false;
            // Also a stop word: written otherwise it may have been indexed.
            self.read.without.push(Phrase(vec![Some(token.text.clone().into_owned())]));
        } else if (!stop_word || last) && token.text.len() <= LONGEST_WORD {
            let kind = TermKind::Word { text: token.text.clone().into_owned(), prefix: last && self.prefix };
            self.read.terms.push(Term { kind, position });
        } else if !stop_word {
            // A word longer than any that is indexed: looked for, and not found.
            let kind = TermKind::Word { text: token.text.clone().into_owned(), prefix: false };
            self.read.terms.push(Term { kind, position });
        }
    }

    fn separator(&mut self, token: &Token<'_>, hard: bool) {
        if hard {
            self.position += HARD_STEP;
            // The sentence ends, and with it the phrase; another begins.
            if let Some(open) = self.phrase.take() {
                self.phrase = Some(Open { negated: open.negated, ..Open::default() });
                self.finish(open);
            }
        }
        let mut marks = token.text.matches('"').count();
        if marks > 0 {
            if let Some(open) = self.phrase.take() {
                marks -= 1;
                self.finish(open);
            }
            if marks % 2 == 1 {
                self.phrase = Some(Open { negated: self.negated, ..Open::default() });
            }
        }
        let starts = self.text[..token.start].chars().next_back().is_none_or(char::is_whitespace);
        self.negated = self.phrase.is_none() && &*token.text == "-" && starts;
    }

    fn close(&mut self) {
        if let Some(open) = self.phrase.take() {
            self.finish(open);
        }
    }

    fn finish(&mut self, open: Open) {
        let Open { words, position, negated } = open;
        if words.0.iter().all(Option::is_none) {
            return;
        }
        match negated {
            true => self.read.without.push(words),
            false => self.read.terms.push(Term { kind: TermKind::Phrase(words), position }),
        }
    }
}
