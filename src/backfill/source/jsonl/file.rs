//! A file, which can be read anywhere and again.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom},
    path::Path,
};

use super::{
    Cursor, PAGE_BYTES, Page, SourceError, SourceRow, Total,
    line::{Lines, Reading},
};
use crate::backfill::source::fields::{not_ours, text, unavailable, unfit};

/// Bytes from which the number of lines is estimated.
const SAMPLE: u64 = 1 << 16;

/// An open file.
pub(super) struct Opened {
    reader: BufReader<File>,
    length: u64,
}

/// A stretch of a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stretch {
    pub(super) from: Cursor,
    /// Lines that begin before.
    pub(super) upto: Option<u64>,
}

impl Opened {
    pub(super) fn open(path: &Path) -> Result<Self, SourceError> {
        let file = File::open(path).map_err(failed("opening the file"))?;
        let about = file.metadata().map_err(failed("looking at the file"))?;
        if !about.is_file() {
            return Err(unfit("opening the file: it is none; give a pipe as standard input (`-`)"));
        }
        Ok(Self { reader: BufReader::with_capacity(1 << 16, file), length: about.len() })
    }

    /// The bytes at which lines begin that cut it in `shards`.
    pub(super) fn cuts(&mut self, shards: usize) -> Result<Vec<u64>, SourceError> {
        let shards = (shards as u64).max(1);
        let mut cuts: Vec<u64> = Vec::new();
        for shard in 1..shards {
            let begin = self.next_line(self.length / shards * shard).map_err(failed("cutting the file in shards"))?;
            if begin > cuts.last().copied().unwrap_or_default() && begin < self.length {
                cuts.push(begin);
            }
        }
        Ok(cuts)
    }

    /// How many documents there are: counted in a small file, else as many as the first lines let expect.
    pub(super) fn total(&mut self) -> Result<Total, SourceError> {
        let failed = || failed("estimating the number of lines");
        self.reader.seek(SeekFrom::Start(0)).map_err(failed())?;
        let mut lines = Lines::new(&mut self.reader, 0, None, SAMPLE as usize);
        let mut rows = 0_u64;
        while lines.next_document(Some(SAMPLE)).map_err(failed())?.is_some() {
            rows += 1;
        }
        let read = lines.byte;
        if read >= self.length {
            return Ok(Total { rows, exact: true });
        }
        let rows = u128::from(rows) * u128::from(self.length) / u128::from(read.max(1));
        Ok(Total { rows: u64::try_from(rows).unwrap_or(u64::MAX), exact: false })
    }

    pub(super) fn page(mut self, stretch: Stretch, reading: &Reading, limit: usize) -> Result<Page, SourceError> {
        let failed = || failed("reading the file");
        let Stretch { from, upto } = stretch;
        self.seek(from.byte)?;
        let length = self.length;
        let mut lines = Lines::new(self.reader, from.byte, from.line, reading.longest);
        let (mut rows, mut held, mut end) = (Vec::new(), 0, false);
        while rows.len() < limit && held < PAGE_BYTES {
            let Some(line) = lines.next_document(upto).map_err(failed())? else {
                end = true;
                break;
            };
            held += line.held();
            rows.push(line.row(reading));
        }
        if end && upto.is_some_and(|upto| lines.byte < upto) {
            return Err(shorter(length));
        }
        let cursor = text(&Cursor { byte: lines.byte, line: lines.number })?;
        Ok(Page { rows, cursor: Some(cursor), end })
    }

    pub(super) fn reread(mut self, places: &[String], reading: &Reading) -> Result<Vec<SourceRow>, SourceError> {
        let mut rows = Vec::with_capacity(places.len());
        for place in places {
            let Cursor { byte, line } = self::place(place).ok_or_else(|| not_ours("a place"))?;
            self.seek(byte)?;
            let before = line.and_then(|line| line.checked_sub(1));
            let mut lines = Lines::new(&mut self.reader, byte, before, reading.longest);
            if let Some(line) = lines.next().map_err(failed("reading lines again"))? {
                rows.push(line.row(reading));
            }
        }
        Ok(rows)
    }

    /// Goes where a line begins, and makes sure that one does.
    fn seek(&mut self, byte: u64) -> Result<(), SourceError> {
        if byte > self.length {
            return Err(shorter(self.length));
        }
        // At the end nothing is read, and the last line may have no end.
        if byte == 0 || byte == self.length {
            return self.reader.seek(SeekFrom::Start(byte)).map(drop).map_err(failed("reading the file"));
        }
        let mut before = [0];
        let read = self.reader.seek(SeekFrom::Start(byte - 1)).and_then(|_| self.reader.read_exact(&mut before));
        read.map_err(failed("reading the file"))?;
        if before != *b"\n" {
            let why = "no line begins where one did; it has been changed, start a new job";
            return Err(unfit(format!("reading the file at byte {byte}: {why}")));
        }
        Ok(())
    }

    /// Where the first line begins at or after a byte.
    fn next_line(&mut self, byte: u64) -> io::Result<u64> {
        let Some(mut at) = byte.checked_sub(1) else { return Ok(0) };
        self.reader.seek(SeekFrom::Start(at))?;
        loop {
            let some = self.reader.fill_buf()?;
            let newline = some.iter().position(|byte| *byte == b'\n');
            let length = newline.map_or(some.len(), |newline| newline + 1);
            at += length as u64;
            self.reader.consume(length);
            if newline.is_some() || length == 0 {
                return Ok(at);
            }
        }
    }
}

fn place(text: &str) -> Option<Cursor> {
    let (byte, line) = match text.split_once(':') {
        Some((byte, line)) => (byte, Some(line.parse().ok()?)),
        None => (text, None),
    };
    Some(Cursor { byte: byte.parse().ok()?, line })
}

fn shorter(length: u64) -> SourceError {
    let why = "it holds less than when the job began; put the whole file back, or start a new job";
    unfit(format!("reading the file ({length} bytes): {why}"))
}

/// An error of the system. It names no path; the description of the source does.
pub(super) fn failed(doing: &'static str) -> impl FnOnce(io::Error) -> SourceError {
    move |error| match error.kind() {
        ErrorKind::NotFound | ErrorKind::PermissionDenied | ErrorKind::IsADirectory | ErrorKind::NotADirectory => {
            unfit(doing).caused_by(error)
        }
        _ => unavailable(doing).caused_by(error),
    }
}
