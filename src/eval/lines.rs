//! The lines of a file, plain or compressed by gzip.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
};

use flate2::read::MultiGzDecoder;

use super::EvalError;

/// What a file begins with that gzip has made.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// The lines of a file, without their ends. Blank lines count and are not given.
pub(super) struct Lines {
    path: PathBuf,
    reader: Box<dyn BufRead + Send>,
    read: usize,
}

/// A line and its number, from 1.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) number: usize,
    pub(super) text: String,
}

impl Lines {
    pub(super) fn open(path: &Path) -> Result<Self, EvalError> {
        let file = File::open(path).map_err(EvalError::unreadable(path))?;
        Self::of(path, file)
    }

    /// The name is for messages; what it is compressed by is seen by its first bytes.
    fn of(path: &Path, reader: impl Read + Send + 'static) -> Result<Self, EvalError> {
        let mut reader = BufReader::with_capacity(1 << 16, reader);
        let start = reader.fill_buf().map_err(EvalError::unreadable(path))?;
        let reader: Box<dyn BufRead + Send> = if start.starts_with(&GZIP) {
            Box::new(BufReader::with_capacity(1 << 16, MultiGzDecoder::new(reader)))
        } else {
            Box::new(reader)
        };
        Ok(Self { path: path.to_owned(), reader, read: 0 })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    fn next_line(&mut self) -> Result<Option<Line>, EvalError> {
        loop {
            let mut text = String::new();
            match self.reader.read_line(&mut text) {
                Ok(0) => return Ok(None),
                Ok(_) => self.read += 1,
                Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
                    return Err(EvalError::line(&self.path, self.read + 1, "it is no UTF-8"));
                }
                Err(error) => return Err(EvalError::unreadable(&self.path)(error)),
            }
            let line = text.strip_suffix('\n').map_or(&*text, |line| line.strip_suffix('\r').unwrap_or(line));
            let line = if self.read == 1 { line.strip_prefix('\u{feff}').unwrap_or(line) } else { line };
            if !line.trim().is_empty() {
                return Ok(Some(Line { number: self.read, text: line.to_owned() }));
            }
        }
    }
}

impl Iterator for Lines {
    type Item = Result<Line, EvalError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_line().transpose()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write};

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    fn read(bytes: &[u8]) -> Vec<(usize, String)> {
        let lines = Lines::of(Path::new("x"), Cursor::new(bytes.to_vec())).unwrap();
        lines.map(|line| line.map(|line| (line.number, line.text)).unwrap()).collect()
    }

    #[test]
    fn lines_are_the_same_plain_and_compressed() {
        let text = "\u{feff}one\r\n\n \ttwo \nthree";
        let expected = [(1, "one"), (3, " \ttwo "), (4, "three")].map(|(number, text)| (number, text.to_owned()));
        assert_eq!(read(text.as_bytes()), expected);
        let (mut first, mut second) = (GzEncoder::new(Vec::new(), Compression::fast()), Vec::new());
        first.write_all(&text.as_bytes()[..9]).unwrap();
        second.extend(first.finish().unwrap());
        // Files that are put together by `cat` are several streams.
        let mut rest = GzEncoder::new(Vec::new(), Compression::fast());
        rest.write_all(&text.as_bytes()[9..]).unwrap();
        second.extend(rest.finish().unwrap());
        assert_eq!(read(&second), expected);
        assert!(read(b"").is_empty());
    }

    #[test]
    fn failures_name_the_file_and_the_line() {
        let mut lines = Lines::of(Path::new("x.tsv"), Cursor::new(b"a\n\xff\n".to_vec())).unwrap();
        lines.next().unwrap().unwrap();
        assert_eq!(lines.next().unwrap().unwrap_err().to_string(), "x.tsv, line 2: it is no UTF-8");
        let missing = Lines::open(Path::new("/nowhere/x")).err().unwrap().to_string();
        assert!(missing.starts_with("the file /nowhere/x cannot be read"), "{missing}");
    }
}
