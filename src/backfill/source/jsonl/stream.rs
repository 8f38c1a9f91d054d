//! Standard input, which comes by once.

use std::{
    collections::VecDeque,
    io::{BufRead, BufReader, Read},
};

use super::{
    Cursor, PAGE_BYTES, Page, SourceError,
    file::failed,
    line::{Line, Lines, Reading},
};
use crate::backfill::source::fields::{text, unfit};

/// What comes in. The last page is kept until the next one is asked for, so that it can be read again.
pub(super) struct Stream {
    lines: Lines<Box<dyn BufRead + Send>>,
    /// Where the kept lines begin.
    from: u64,
    kept: VecDeque<Line>,
    ended: bool,
}

impl Stream {
    pub(super) fn new(input: impl Read + Send + 'static, longest: usize) -> Self {
        let lines = Lines::new(Box::new(BufReader::with_capacity(1 << 16, input)) as _, 0, Some(0), longest);
        Self { lines, from: 0, kept: VecDeque::new(), ended: false }
    }

    pub(super) fn longest(&mut self, bytes: usize) {
        self.lines.longest(bytes);
    }

    pub(super) fn page(&mut self, after: Cursor, reading: &Reading, limit: usize) -> Result<Page, SourceError> {
        self.go_to(after.byte)?;
        while !self.ended && self.kept.len() < limit && self.held() < PAGE_BYTES {
            match self.lines.next_document(None).map_err(failed("reading standard input"))? {
                Some(line) => self.kept.push_back(line),
                None => self.ended = true,
            }
        }
        let rows: Vec<_> = self.kept.iter().take(limit).map(|line| line.row(reading)).collect();
        let end = self.ended && rows.len() == self.kept.len();
        let here = Cursor { byte: self.lines.byte, line: self.lines.number };
        let last = self.kept.iter().take(limit).next_back().map(|line| Cursor { byte: line.end, line: line.number });
        Ok(Page { rows, cursor: Some(text(&if end { here } else { last.unwrap_or(after) })?), end })
    }

    /// Forgets what stands before, and passes by what was read in an earlier life.
    fn go_to(&mut self, byte: u64) -> Result<(), SourceError> {
        if byte < self.from {
            let why = "it came by once and cannot be read again; give a file";
            return Err(unfit(format!("reading standard input from byte {byte} on: {why}")));
        }
        while self.kept.pop_front_if(|line| line.byte < byte).is_some() {}
        while self.lines.byte < byte {
            let line = self.lines.next().map_err(failed("passing by what was read of standard input"))?;
            self.ended |= line.is_none();
            if line.is_none_or(|line| line.end > byte) {
                let why = "it is not what the job began with; give the same, or start a new job";
                return Err(unfit(format!("passing by {byte} bytes of standard input that were read: {why}")));
            }
        }
        self.from = byte;
        Ok(())
    }

    fn held(&self) -> usize {
        self.kept.iter().map(Line::held).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading() -> Reading {
        Reading { primary_key: "id".to_owned(), version: None, longest: 1000 }
    }

    fn input(rows: usize) -> std::io::Cursor<Vec<u8>> {
        std::io::Cursor::new((1..=rows).flat_map(|id| format!("{{\"id\":{id}}}\n\n").into_bytes()).collect())
    }

    fn ids(page: &Page) -> Vec<String> {
        page.rows.iter().map(|row| row.content.as_ref().unwrap().id.to_string()).collect()
    }

    fn read(stream: &mut Stream, after: Option<&str>, limit: usize) -> Result<Page, SourceError> {
        let after = after.map_or(Cursor::START, |text| serde_json::from_str(text).unwrap());
        stream.page(after, &reading(), limit)
    }

    #[test]
    fn the_last_page_can_be_read_again_also_in_parts_and_no_other() {
        let mut stream = Stream::new(input(5), 1000);
        let first = read(&mut stream, None, 3).unwrap();
        assert_eq!(ids(&first), ["1", "2", "3"]);
        assert_eq!(read(&mut stream, None, 3).unwrap(), first);
        let part = read(&mut stream, None, 1).unwrap();
        assert_eq!((ids(&part), part.end), (vec!["1".to_owned()], false));
        let rest = read(&mut stream, part.cursor.as_deref(), 2).unwrap();
        assert_eq!(ids(&rest), ["2", "3"]);
        let last = read(&mut stream, rest.cursor.as_deref(), 10).unwrap();
        assert_eq!((ids(&last), last.end), (vec!["4".to_owned(), "5".to_owned()], true));
        assert!(read(&mut stream, None, 3).unwrap_err().to_string().contains("give a file"));
        let end = read(&mut stream, last.cursor.as_deref(), 3).unwrap();
        assert!(end.rows.is_empty() && end.end);
    }

    #[test]
    fn a_new_process_passes_by_what_was_read() {
        let first = read(&mut Stream::new(input(5), 1000), None, 2).unwrap();
        let page = read(&mut Stream::new(input(5), 1000), first.cursor.as_deref(), 10).unwrap();
        assert_eq!(ids(&page), ["3", "4", "5"]);
        let lost = read(&mut Stream::new(input(1), 1000), first.cursor.as_deref(), 10).unwrap_err();
        assert!(lost.to_string().contains("not what the job began with"), "{lost}");
        let other = std::io::Cursor::new(b"{\"id\":   1}\n{\"id\":2}\n{\"id\":3}\n".to_vec());
        let lost = read(&mut Stream::new(other, 1000), first.cursor.as_deref(), 10).unwrap_err();
        assert!(lost.to_string().contains("not what the job began with"), "{lost}");
    }
}
