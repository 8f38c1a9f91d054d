//! `matrix.def`: what it costs that one kind of word follows another.

use std::path::Path;

use super::error::DictionaryError;
use super::source::SourceFile;

/// The cost that the dictionary's own tools give a pair that the file leaves out: as good as forbidden.
const ABSENT: i16 = i16::MAX;

/// Costs by the right side of the word before and the left side of the word after.
pub(super) struct Matrix {
    rights: usize,
    lefts: usize,
    costs: Vec<i16>,
}

impl Matrix {
    /// Reads `matrix.def` in `folder`.
    ///
    /// # Errors
    ///
    /// [`DictionaryError`] if the file is missing, is empty or has a line that is not three numbers in range.
    pub(super) fn load(folder: &Path) -> Result<Self, DictionaryError> {
        let file = SourceFile::read(folder.join("matrix.def"))?;
        let mut lines = file.lines();
        let Some((line, header)) = lines.next() else {
            return Err(DictionaryError::incomplete(file.path(), "the file is empty"));
        };
        let mut sizes = fields(header);
        let rights = usize::from(file.number::<u16>(line, sizes.next(), "the first size")?);
        let lefts = usize::from(file.number::<u16>(line, sizes.next(), "the second size")?);
        if rights == 0 || lefts == 0 {
            return Err(file.error(line, "a size is 0"));
        }
        let mut costs = vec![ABSENT; rights * lefts];
        for (line, text) in lines {
            let mut fields = fields(text);
            let right: usize = file.number(line, fields.next(), "the id of the word before")?;
            let left: usize = file.number(line, fields.next(), "the id of the word after")?;
            if right >= rights || left >= lefts {
                return Err(
                    file.error(line, format!("the sizes in the first line, {rights} and {lefts}, are exceeded"))
                );
            }
            costs[left * rights + right] = file.number(line, fields.next(), "the cost")?;
        }
        Ok(Self { rights, lefts, costs })
    }

    /// Whether a word with these ids can be looked up.
    pub(super) fn holds(&self, left: u16, right: u16) -> bool {
        usize::from(left) < self.lefts && usize::from(right) < self.rights
    }

    /// The costs of standing before a word whose left id is `left`, by the right id of the word before.
    pub(super) fn before(&self, left: u16) -> &[i16] {
        let start = usize::from(left) * self.rights;
        &self.costs[start..start + self.rights]
    }
}

fn fields(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(u8::is_ascii_whitespace).filter(|field| !field.is_empty())
}
