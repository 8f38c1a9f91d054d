//! What can be wrong with a dictionary folder.

use std::io;
use std::path::{Path, PathBuf};

/// Why a folder could not be read as MeCab's IPADIC. Every message names the file and what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DictionaryError {
    /// The folder or one of its files could not be opened or read.
    #[error(
        "cannot read {}: {source}; name the folder that holds IPADIC's source files (*.csv, matrix.def, char.def, \
         unk.def): on Debian, install mecab-ipadic and name /usr/share/mecab/dic/ipadic", path.display()
    )]
    Unreadable {
        /// The folder or file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The folder has no `*.csv` file with a word in it, as where only the compiled dictionary (`sys.dic`) lies.
    #[error(
        "{} holds no *.csv file with words; a compiled dictionary (sys.dic) cannot be used: name the folder of the \
         source files (on Debian, install mecab-ipadic and name /usr/share/mecab/dic/ipadic)", folder.display()
    )]
    NoWords {
        /// The folder.
        folder: PathBuf,
    },
    /// One line is not what the file's format asks for.
    #[error("{}, line {line}: {problem}; correct the line or install the dictionary again", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// The lines are well-formed, but something is missing or there is too much of it.
    #[error("{}: {problem}; install the dictionary again or complete the file", path.display())]
    Incomplete {
        /// The file.
        path: PathBuf,
        /// What is missing.
        problem: String,
    },
}

impl DictionaryError {
    /// An error about line `line` (from 1) of `path`.
    pub(super) fn line(path: &Path, line: usize, problem: impl Into<String>) -> Self {
        Self::Line { path: path.to_owned(), line, problem: problem.into() }
    }

    /// An error about `path` as a whole.
    pub(super) fn incomplete(path: &Path, problem: impl Into<String>) -> Self {
        Self::Incomplete { path: path.to_owned(), problem: problem.into() }
    }
}
