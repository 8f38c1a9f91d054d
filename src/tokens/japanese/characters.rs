//! `char.def` and `unk.def`: how text that is in no dictionary is made into words.

use std::collections::HashMap;
use std::path::Path;

use super::error::DictionaryError;
use super::lexicon::Word;
use super::matrix::Matrix;
use super::source::SourceFile;

/// The category of characters that the file does not list.
const DEFAULT: &str = "DEFAULT";
/// The file gives characters in two bytes.
const LISTED: usize = 0x1_0000;

/// One category of characters.
pub(super) struct Category {
    /// Words are made up even where the dictionary has one.
    pub(super) always: bool,
    /// The made-up word is the whole run of the category, else a single character.
    pub(super) grouped: bool,
    /// What the made-up word can be.
    pub(super) words: Vec<Word>,
}

/// All categories, and which of them each character belongs to.
pub(super) struct Characters {
    categories: Vec<Category>,
    /// The distinct lists of categories; the first is the one of unlisted characters.
    lists: Vec<Vec<u8>>,
    /// For each character of the basic plane, which list.
    listed: Vec<u16>,
}

impl Characters {
    /// Reads `char.def` and `unk.def` in `folder`.
    ///
    /// # Errors
    ///
    /// [`DictionaryError`] if a file is missing or malformed, a category is used but not defined, a category has no
    /// made-up word (text of that category could not be cut), or an id is not in `matrix`.
    pub(super) fn load(folder: &Path, matrix: &Matrix) -> Result<Self, DictionaryError> {
        let file = SourceFile::read(folder.join("char.def"))?;
        let mut names = HashMap::new();
        let mut categories = Vec::new();
        let mut ranges = Vec::new();
        for (line, bytes) in file.lines() {
            let text = file.text(line, bytes)?;
            let mut fields = text.split('#').next().unwrap_or_default().split_whitespace();
            let Some(first) = fields.next() else { continue };
            if first.starts_with("0x") {
                ranges.push((line, range(&file, line, first)?, fields.map(str::to_owned).collect::<Vec<_>>()));
                continue;
            }
            let mut flag = |what| file.number::<u32>(line, fields.next().map(str::as_bytes), what);
            let (always, grouped) = (flag("the invoke flag")? == 1, flag("the group flag")? == 1);
            if categories.len() > usize::from(u8::MAX) {
                return Err(file.error(line, "more than 256 categories"));
            }
            if names.insert(first.to_owned(), categories.len() as u8).is_some() {
                return Err(file.error(line, format!("category {first} is defined twice")));
            }
            categories.push(Category { always, grouped, words: Vec::new() });
        }
        let Some(&default) = names.get(DEFAULT) else {
            return Err(DictionaryError::incomplete(file.path(), "the category DEFAULT is not defined"));
        };

        let mut members = vec![Vec::new(); LISTED];
        for (line, range, of) in ranges {
            for name in of {
                let category = *names.get(&name).ok_or_else(|| file.error(line, format!("no category {name}")))?;
                for list in members.get_mut(range.clone()).into_iter().flatten() {
                    // A character keeps every category that any line gives it, in the order of the lines. MeCab keeps
                    // the last line's only; lindera, which is what has to be matched, does not.
                    if !list.contains(&category) {
                        list.push(category);
                    }
                }
            }
        }
        let (lists, listed) = distinct(members, default);
        let mut characters = Self { categories, lists, listed };
        characters.load_words(folder, &names, matrix)?;
        Ok(characters)
    }

    fn load_words(
        &mut self,
        folder: &Path,
        names: &HashMap<String, u8>,
        matrix: &Matrix,
    ) -> Result<(), DictionaryError> {
        let file = SourceFile::read(folder.join("unk.def"))?;
        for (line, bytes) in file.lines() {
            let mut fields = bytes.split(|&byte| byte == b',');
            let name = file.text(line, fields.next().unwrap_or_default())?;
            let word = super::ipadic::word(&file, line, &mut fields, matrix)?;
            // Entries of categories that char.def does not know stand in nobody's way.
            if let Some(&category) = names.get(name.trim()) {
                self.categories[usize::from(category)].words.push(word);
            }
        }
        let mut names: Vec<_> = names.iter().collect();
        names.sort();
        for (name, &category) in names {
            if self.categories[usize::from(category)].words.is_empty() {
                return Err(DictionaryError::incomplete(file.path(), format!("no entry for the category {name}")));
            }
        }
        Ok(())
    }

    /// The categories of `character`, at least one, in the order that decides which runs are grouped.
    pub(super) fn categories(&self, character: char) -> &[u8] {
        let list = self.listed.get(character as usize).copied().unwrap_or(0);
        &self.lists[usize::from(list)]
    }

    /// What a category means.
    pub(super) fn category(&self, category: u8) -> &Category {
        &self.categories[usize::from(category)]
    }
}

fn range(file: &SourceFile, line: usize, text: &str) -> Result<std::ops::Range<usize>, DictionaryError> {
    let (first, last) = text.split_once("..").unwrap_or((text, text));
    let code = |text: &str| u16::from_str_radix(text.trim_start_matches("0x"), 16).map(usize::from);
    match (code(first), code(last)) {
        (Ok(first), Ok(last)) if first <= last => Ok(first..last + 1),
        _ => Err(file.error(line, format!("{text:?} is not a range of characters from 0x0000 to 0xFFFF"))),
    }
}

/// Gives equal lists one number, so that a character takes two bytes.
fn distinct(members: Vec<Vec<u8>>, default: u8) -> (Vec<Vec<u8>>, Vec<u16>) {
    let mut lists = vec![vec![default]];
    let mut numbers = HashMap::new();
    let listed = members.into_iter().map(|list| {
        if list.is_empty() {
            return 0;
        }
        *numbers.entry(list).or_insert_with_key(|list| {
            lists.push(list.clone());
            // As many lists as characters in the basic plane at most, of which the surrogates are none.
            (lists.len() - 1) as u16
        })
    });
    let listed = listed.collect();
    (lists, listed)
}
