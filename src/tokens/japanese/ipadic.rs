//! Cutting with MeCab's IPADIC.

use std::borrow::Cow;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use super::characters::Characters;
use super::error::DictionaryError;
use super::lattice::Lattice;
use super::lexicon::{Lexicon, Rows, Word};
use super::matrix::Matrix;
use super::source::SourceFile;
use crate::tokens::{Piece, Purpose, Segmenter};

/// A sentence is cut here even without an end in sight, which bounds the memory for one.
const SENTENCE_BYTES: usize = 32 * 1024;

/// A Japanese dictionary in memory, read from the source files of MeCab's IPADIC.
///
/// It cuts as Meilisearch does in builds that segment Japanese with IPADIC, which is lindera's way in its mode
/// "decompose": the cheapest series of words, where long words cost extra.
pub struct Ipadic {
    lexicon: Lexicon,
    characters: Characters,
    matrix: Matrix,
}

impl Ipadic {
    /// Reads the dictionary in `folder`: every `*.csv`, `matrix.def`, `char.def` and `unk.def`, each in UTF-8 or
    /// EUC-JP. Debian's package mecab-ipadic puts them into `/usr/share/mecab/dic/ipadic`. Blocks for a second or
    /// so and writes nothing.
    ///
    /// # Errors
    ///
    /// [`DictionaryError`] if a file is missing, cannot be read or has a line that its format does not allow.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use crossfade::tokens::{DictionaryError, Ipadic};
    /// # use std::path::Path;
    /// let ipadic = Ipadic::load(Path::new("/usr/share/mecab/dic/ipadic"))?;
    /// assert_eq!(ipadic.cut("関西国際空港"), ["関西", "国際", "空港"]);
    /// # Ok::<(), DictionaryError>(())
    /// ```
    pub fn load(folder: &Path) -> Result<Self, DictionaryError> {
        let files = csv_files(folder)?;
        let matrix = Matrix::load(folder)?;
        let characters = Characters::load(folder, &matrix)?;
        let mut rows = Rows::default();
        for file in files {
            read_words(&SourceFile::read(file)?, &matrix, &mut rows)?;
        }
        if rows.is_empty() {
            return Err(DictionaryError::NoWords { folder: folder.to_owned() });
        }
        Ok(Self { lexicon: Lexicon::new(rows), characters, matrix })
    }

    /// Cuts `text` into words, white space and signs included: put together, they are `text` again, and none is empty.
    /// Takes time and memory in proportion to the text.
    pub fn cut<'t>(&self, text: &'t str) -> Vec<&'t str> {
        let mut lattice = Lattice::default();
        let (mut starts, mut pieces) = (Vec::new(), Vec::new());
        let mut rest = text;
        while !rest.is_empty() {
            let (sentence, after) = rest.split_at(sentence_end(rest));
            lattice.cut(sentence, &self.lexicon, &self.characters, &self.matrix, &mut starts);
            starts.push(sentence.len());
            let mut from = 0;
            for &to in &starts {
                if from < to {
                    pieces.push(&sentence[from..to]);
                    from = to;
                }
            }
            rest = after;
        }
        pieces
    }
}

impl fmt::Debug for Ipadic {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Ipadic").finish_non_exhaustive()
    }
}

/// Where the first sentence of `text` ends, in bytes.
fn sentence_end(text: &str) -> usize {
    let end = |(start, character): (usize, char)| {
        let end = start + character.len_utf8();
        (matches!(character, '。' | '、' | '\n' | '\t') || end >= SENTENCE_BYTES).then_some(end)
    };
    text.char_indices().find_map(end).unwrap_or(text.len())
}

/// The `*.csv` files of `folder`, in the order of their names: it decides between words that are equal in all else.
fn csv_files(folder: &Path) -> Result<Vec<PathBuf>, DictionaryError> {
    let unreadable = |source| DictionaryError::Unreadable { path: folder.to_owned(), source };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|extension| extension == "csv") {
            files.push(path);
        }
    }
    if files.is_empty() {
        return Err(DictionaryError::NoWords { folder: folder.to_owned() });
    }
    files.sort();
    Ok(files)
}

fn read_words(file: &SourceFile, matrix: &Matrix, rows: &mut Rows) -> Result<(), DictionaryError> {
    for (line, bytes) in file.lines() {
        let (surface, rest) = first_field(bytes).ok_or_else(|| file.error(line, "a quotation mark is not closed"))?;
        let word = word(file, line, &mut rest.split(|&byte| byte == b','), matrix)?;
        // Lindera brings dashes and waves to one form, in the dictionary only.
        let surface = file.text(line, &surface)?.replace('―', "—").replace('～', "〜");
        if !surface.is_empty() && !rows.push(&surface, word) {
            return Err(DictionaryError::incomplete(file.path(), "there are more than 4 GiB of words"));
        }
    }
    Ok(())
}

/// The first field of a line of CSV and what follows its comma; `None` if its quotation marks do not match.
fn first_field(line: &[u8]) -> Option<(Cow<'_, [u8]>, &[u8])> {
    let Some(quoted) = line.strip_prefix(b"\"") else {
        let end = line.iter().position(|&byte| byte == b',').unwrap_or(line.len());
        return Some((Cow::Borrowed(&line[..end]), line.get(end + 1..).unwrap_or_default()));
    };
    let mut field = Vec::new();
    let mut bytes = quoted.iter().enumerate();
    while let Some((index, &byte)) = bytes.next() {
        if byte != b'"' {
            field.push(byte);
        } else if quoted.get(index + 1) == Some(&b'"') {
            field.push(byte);
            bytes.next();
        } else {
            return Some((Cow::Owned(field), quoted.get(index + 2..).unwrap_or_default()));
        }
    }
    None
}

/// The word whose left id, right id and cost are the next three `fields` of line `line`.
///
/// # Errors
///
/// [`DictionaryError::Line`] if one is missing or no number, or if `matrix` does not know the ids.
pub(super) fn word<'f>(
    file: &SourceFile,
    line: usize,
    fields: &mut impl Iterator<Item = &'f [u8]>,
    matrix: &Matrix,
) -> Result<Word, DictionaryError> {
    let left = file.number(line, fields.next(), "the left id")?;
    let right = file.number(line, fields.next(), "the right id")?;
    let cost = file.number(line, fields.next(), "the cost")?;
    if !matrix.holds(left, right) {
        return Err(file.error(line, format!("matrix.def has no costs for the ids {left} and {right}")));
    }
    Ok(Word { left, right, cost })
}

impl Segmenter for Ipadic {
    fn cut<'t>(&self, run: &'t str, _: Purpose) -> Vec<Piece<'t>> {
        self.cut(run).into_iter().map(|text| Piece { text, step: 1 }).collect()
    }
}
