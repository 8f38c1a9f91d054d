//! Reading the dictionary's text files, line by line and in either encoding.

use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};

use encoding_rs::EUC_JP;

use super::error::DictionaryError;

/// The bytes of one file, and in which encoding they are.
pub(super) struct SourceFile {
    path: PathBuf,
    bytes: Vec<u8>,
    utf8: bool,
}

impl SourceFile {
    /// Reads `path`. A file that is valid UTF-8 is taken for that, any other for EUC-JP: the two do not overlap,
    /// since hiragana and katakana in EUC-JP start with bytes that cannot start a UTF-8 character.
    ///
    /// # Errors
    ///
    /// [`DictionaryError::Unreadable`] if the file cannot be read.
    pub(super) fn read(path: PathBuf) -> Result<Self, DictionaryError> {
        let mut bytes = fs::read(&path).map_err(|source| DictionaryError::Unreadable { path: path.clone(), source })?;
        if bytes.starts_with("\u{feff}".as_bytes()) {
            bytes.drain(..3);
        }
        let utf8 = std::str::from_utf8(&bytes).is_ok();
        Ok(Self { path, bytes, utf8 })
    }

    /// Which file this is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The lines with their numbers (from 1), without line ends, empty ones left out. Cutting bytes is safe in both
    /// encodings: bytes of ASCII stand for themselves only.
    pub(super) fn lines(&self) -> impl Iterator<Item = (usize, &[u8])> {
        let lines = self.bytes.split(|&byte| byte == b'\n').enumerate();
        lines.map(|(index, line)| (index + 1, line.trim_ascii())).filter(|(_, line)| !line.is_empty())
    }

    /// The text of `bytes`, a part of line `line`.
    ///
    /// # Errors
    ///
    /// [`DictionaryError::Line`] if the bytes are neither UTF-8 nor EUC-JP.
    pub(super) fn text<'b>(&self, line: usize, bytes: &'b [u8]) -> Result<Cow<'b, str>, DictionaryError> {
        let text = if self.utf8 {
            std::str::from_utf8(bytes).ok().map(Cow::Borrowed)
        } else {
            EUC_JP.decode_without_bom_handling_and_without_replacement(bytes)
        };
        text.ok_or_else(|| self.error(line, "the text is neither UTF-8 nor EUC-JP"))
    }

    /// The number in `field` of line `line`.
    ///
    /// # Errors
    ///
    /// [`DictionaryError::Line`] naming the field as `what` if there is no number in range.
    pub(super) fn number<N: std::str::FromStr>(
        &self,
        line: usize,
        field: Option<&[u8]>,
        what: &str,
    ) -> Result<N, DictionaryError> {
        let field = field.ok_or_else(|| self.error(line, format!("{what} is missing")))?;
        let text = std::str::from_utf8(field.trim_ascii()).unwrap_or_default();
        text.parse().map_err(|_| self.error(line, format!("{what} is {text:?}, which is not a number in range")))
    }

    /// An error about line `line`.
    pub(super) fn error(&self, line: usize, problem: impl Into<String>) -> DictionaryError {
        DictionaryError::line(&self.path, line, problem)
    }
}
