//! The words, quoted texts and signs of a filter expression.

use super::FilterError;

/// A place in an expression. Moves forward only.
pub(super) struct Scanner<'a> {
    text: &'a str,
    /// Bytes read.
    at: usize,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    pub(super) fn is_done(&mut self) -> bool {
        self.rest().is_empty()
    }

    /// The mistake of not finding `expected` here.
    pub(super) fn error(&self, expected: &'static str) -> FilterError {
        FilterError::Syntax { position: self.text[..self.at].chars().count(), expected }
    }

    /// The bare word that comes next, perhaps empty.
    pub(super) fn peek_word(&mut self) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        &rest[..end]
    }

    /// Whether `(` follows the bare word that comes next at once.
    pub(super) fn word_is_call(&mut self) -> bool {
        let length = self.peek_word().len();
        self.rest()[length..].starts_with('(')
    }

    /// Reads `word` if it is the whole of the next bare word.
    pub(super) fn take_word(&mut self, word: &str) -> bool {
        let found = self.peek_word() == word;
        if found {
            self.at += word.len();
        }
        found
    }

    /// Reads `sign` if it comes next.
    pub(super) fn take(&mut self, sign: &str) -> bool {
        let found = self.rest().starts_with(sign);
        if found {
            self.at += sign.len();
        }
        found
    }

    /// Reads an attribute or a value: a bare word that is no keyword, or a quoted text.
    pub(super) fn value(&mut self, expected: &'static str) -> Result<String, FilterError> {
        match self.rest().chars().next() {
            Some(quote @ ('"' | '\'')) => self.quoted(quote),
            _ => match self.peek_word() {
                word if word.is_empty() || is_keyword(word) => Err(self.error(expected)),
                word => {
                    self.at += word.len();
                    Ok(word.to_owned())
                }
            },
        }
    }

    /// What has not been read, less the white space before it.
    fn rest(&mut self) -> &'a str {
        let rest = self.text[self.at..].trim_start();
        self.at = self.text.len() - rest.len();
        rest
    }

    fn next(&mut self) -> Option<char> {
        let next = self.text[self.at..].chars().next()?;
        self.at += next.len_utf8();
        Some(next)
    }

    fn quoted(&mut self, quote: char) -> Result<String, FilterError> {
        const CLOSING: &str = "a closing quote";
        self.next();
        let mut value = String::new();
        loop {
            match self.next().ok_or_else(|| self.error(CLOSING))? {
                c if c == quote => return Ok(value),
                '\\' => value.push(self.escape()?),
                c => value.push(c),
            }
        }
    }

    /// Reads what follows a backslash.
    fn escape(&mut self) -> Result<char, FilterError> {
        const ESCAPE: &str = r#"an escape: \\ \" \' \/ \b \f \n \r \t \u{…} \uXXXX \xXX or octal digits"#;
        let escaped = match self.next() {
            Some('b') => Some('\u{8}'),
            Some('f') => Some('\u{c}'),
            Some('n') => Some('\n'),
            Some('r') => Some('\r'),
            Some('t') => Some('\t'),
            Some(c @ ('"' | '\'' | '\\' | '/')) => Some(c),
            Some('x') => self.code(2, 16),
            Some('u') if self.text[self.at..].starts_with('{') => self.braced(),
            Some('u') => self.code(4, 16),
            Some(c @ '0'..='7') => {
                self.at -= 1;
                let longest = if c <= '3' { 3 } else { 2 };
                let digits = self.text[self.at..].chars().take(longest).take_while(|c| c.is_digit(8)).count();
                self.code(digits, 8)
            }
            _ => None,
        };
        escaped.ok_or_else(|| self.error(ESCAPE))
    }

    fn braced(&mut self) -> Option<char> {
        let digits = self.text[self.at..].strip_prefix('{')?.split_once('}')?.0;
        self.at += 1;
        let code = self.code(digits.len(), 16)?;
        self.at += 1;
        Some(code)
    }

    /// The character numbered by the next `length` digits.
    fn code(&mut self, length: usize, radix: u32) -> Option<char> {
        let digits = self.text.get(self.at..self.at.checked_add(length)?)?;
        // `from_str_radix` would take a sign.
        let code = digits.chars().all(|c| c.is_digit(radix)).then(|| u32::from_str_radix(digits, radix).ok())??;
        self.at += length;
        char::from_u32(code)
    }
}

/// Whether a character may stand in a bare word.
pub(super) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '.')
}

/// Whether a bare word means something in the language, so that it must be quoted to be an attribute or a value.
pub(super) fn is_keyword(word: &str) -> bool {
    matches!(
        word,
        "AND" | "OR" | "IN" | "NOT" | "TO" | "EXISTS" | "IS" | "NULL" | "EMPTY" | "CONTAINS" | "STARTS" | "WITH"
    ) || matches!(word, "_geoRadius" | "_geoBoundingBox")
}
