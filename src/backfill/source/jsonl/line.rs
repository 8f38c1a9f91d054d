//! Lines with their places, and documents out of them.

use std::io::{self, BufRead, ErrorKind};

use serde_json::error::Category;

use crate::{
    backfill::source::{
        SourceDocument, SourceRow, Unreadable,
        fields::{id_of, unreadable, version_of},
    },
    document::Document,
};

/// The mark with which some programs begin a file of UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";
/// Ordinals of a source stay below this: above are those of documents that were written live.
const ORDINALS: u64 = 1 << 32;

/// How documents are read out of lines.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    pub(super) primary_key: String,
    pub(super) version: Option<String>,
    /// Bytes of a line, at most.
    pub(super) longest: usize,
}

/// A line that is not blank.
#[derive(Debug)]
pub(super) struct Line {
    /// Where it begins.
    pub(super) byte: u64,
    /// Where the next one does.
    pub(super) end: u64,
    /// Its number, from 1 on, if those before it were counted.
    pub(super) number: Option<u64>,
    /// `None`: longer than it may be.
    text: Option<Vec<u8>>,
}

/// Reads lines and counts them. Holds no more than one, and of that no more than it may have.
#[derive(Debug)]
pub(super) struct Lines<R> {
    reader: R,
    /// Where the next line begins.
    pub(super) byte: u64,
    /// How many lines there were before it, if they were counted.
    pub(super) number: Option<u64>,
    longest: usize,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(reader: R, byte: u64, number: Option<u64>, longest: usize) -> Self {
        Self { reader, byte, number, longest }
    }

    pub(super) fn longest(&mut self, bytes: usize) {
        self.longest = bytes;
    }

    /// The next line, blank ones included; `None` at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<Line>> {
        let (begin, mut text, mut ended) = (self.byte, Some(Vec::new()), false);
        while !ended {
            let some = match self.reader.fill_buf() {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                some => some?,
            };
            if some.is_empty() {
                break;
            }
            let newline = some.iter().position(|byte| *byte == b'\n');
            let some = &some[..newline.map_or(some.len(), |at| at + 1)];
            match &mut text {
                Some(text) if text.len() + some.len() <= self.longest => text.extend_from_slice(some),
                // What is too long is passed by, and not kept.
                _ => text = None,
            }
            let length = some.len();
            ended = newline.is_some();
            self.reader.consume(length);
            self.byte += length as u64;
        }
        if self.byte == begin {
            return Ok(None);
        }
        self.number = self.number.map(|number| number + 1);
        Ok(Some(Line { byte: begin, end: self.byte, number: self.number, text }))
    }

    /// The next line that is not blank.
    pub(super) fn next_document(&mut self, before: Option<u64>) -> io::Result<Option<Line>> {
        while before.is_none_or(|before| self.byte < before) {
            match self.next()? {
                Some(line) if line.is_blank() => {}
                line => return Ok(line),
            }
        }
        Ok(None)
    }
}

impl Line {
    /// Bytes that are held.
    pub(super) fn held(&self) -> usize {
        self.text.as_ref().map_or(0, Vec::len)
    }

    pub(super) fn is_blank(&self) -> bool {
        self.text.as_ref().is_some_and(|_| self.json().is_empty())
    }

    /// The row of the line.
    pub(super) fn row(&self, reading: &Reading) -> SourceRow {
        let content = self.document(reading).map_err(|Unreadable { id, why }| {
            let at = self
                .number
                .map_or_else(|| format!("the line at byte {}", self.byte), |number| format!("line {number}"));
            Unreadable { id, why: format!("{at}: {why}") }
        });
        let place = self.number.map_or_else(|| self.byte.to_string(), |number| format!("{}:{number}", self.byte));
        SourceRow { place, content }
    }

    fn document(&self, reading: &Reading) -> Result<SourceDocument, Unreadable> {
        if self.text.is_none() {
            return Err(unreadable(None, format!("it is longer than {} bytes", reading.longest)));
        }
        // Not what serde says: it may quote the document.
        let document: Document = serde_json::from_slice(self.json()).map_err(|error| {
            let why = match error.classify() {
                Category::Data => "it is no JSON object".to_owned(),
                _ => format!("it is no valid JSON from column {} on", error.column()),
            };
            unreadable(None, why)
        })?;
        let id = id_of(&document, &reading.primary_key)?;
        let version = version_of(&document, &id, reading.version.as_deref())?;
        Ok(SourceDocument { id, version, ordinal: ordinal(self.byte), document: Some(document) })
    }

    fn json(&self) -> &[u8] {
        let text = self.text.as_deref().unwrap_or_default();
        let text = if self.byte == 0 { text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text) } else { text };
        text.trim_ascii()
    }
}

/// Lines are in the order of insertion, which decides ties. The number of a line is not known in every shard, its place is;
/// and no document is shorter than eight bytes, so each has a number of its own. Beyond 32 GiB new ones are drawn.
fn ordinal(byte: u64) -> Option<i64> {
    let ordinal = byte >> 3;
    (ordinal < ORDINALS).then(|| i64::try_from(ordinal).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    fn read(text: &[u8], longest: usize) -> Vec<Line> {
        // A buffer that is smaller than a line.
        let mut lines = Lines::new(BufReader::with_capacity(4, text), 0, Some(0), longest);
        std::iter::from_fn(|| lines.next_document(None).unwrap()).collect()
    }

    fn reading() -> Reading {
        Reading { primary_key: "id".to_owned(), version: None, longest: 100 }
    }

    #[test]
    fn lines_have_places_and_numbers_whatever_ends_them() {
        let lines = read(b"\xEF\xBB\xBF{\"id\":1}\r\n\n  \r\n{\"id\":2}\n{\"id\":3}", 100);
        let places: Vec<_> = lines.iter().map(|line| (line.byte, line.end, line.number)).collect();
        assert_eq!(places, [(0, 13, Some(1)), (18, 27, Some(4)), (27, 35, Some(5))]);
        for (line, id) in lines.iter().zip(["1", "2", "3"]) {
            assert_eq!(line.row(&reading()).content.unwrap().id.as_str(), id);
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_passed_by_and_not_held() {
        let text = format!("{}\n{}\n", "x".repeat(1000), r#"{"id":1}"#);
        let lines = read(text.as_bytes(), 9);
        assert_eq!((lines.len(), lines[0].held(), lines[1].byte), (2, 0, 1001));
        assert!(lines[0].row(&reading()).content.unwrap_err().why.starts_with("line 1: it is longer"));
        assert!(lines[1].row(&reading()).content.is_ok());
    }

    #[test]
    fn no_message_quotes_the_document() {
        for (text, why) in [
            (r#"["secret"]"#, "line 1: it is no JSON object"),
            (r#""secret""#, "line 1: it is no JSON object"),
            (r#"{"id":1,"secret"}"#, "line 1: it is no valid JSON from column 17 on"),
            (r#"{"id":1} secret"#, "line 1: it is no valid JSON from column 10 on"),
            (r#"{"id":"secret!"}"#, "line 1: `id` is no integer"),
            (r#"{"secret":1}"#, "line 1: it has no field `id`"),
        ] {
            let unreadable = read(text.as_bytes(), 100)[0].row(&reading()).content.unwrap_err();
            assert!(unreadable.why.starts_with(why) && !unreadable.why.contains("secret"), "{}", unreadable.why);
        }
    }

    #[test]
    fn ordinals_grow_with_the_lines_and_stay_below_the_live_ones() {
        let lines = read("{\"id\":1}\n".repeat(50).as_bytes(), 100);
        let ordinals: Vec<_> = lines.iter().map(|line| ordinal(line.byte).unwrap()).collect();
        assert!(ordinals.is_sorted_by(|one, next| one < next), "{ordinals:?}");
        assert_eq!((ordinal((32 << 30) - 1), ordinal(32 << 30)), (Some((1 << 32) - 1), None));
    }
}
