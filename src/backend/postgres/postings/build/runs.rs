//! Runs of sorted records, read side by side.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    ops::Range,
};

use crate::ranking::read;

/// Bytes that are read at a time, of all runs and of one at most.
const ALL: usize = 8 << 20;
const ONE: usize = 64 << 10;
/// Bytes of the longest number.
const NUMBER: usize = 10;

/// Gives the records of all runs in the order of their words; those of one word in the order of the runs.
#[derive(Debug)]
pub(super) struct Runs {
    file: File,
    runs: Vec<Run>,
    /// The next word of each run that has one, but for the run whose record was given last.
    next: BinaryHeap<Reverse<(Box<str>, usize)>>,
    last: Option<usize>,
    word: Box<str>,
    /// How much is read of a run at a time.
    step: usize,
    /// Bytes of all runs; and of what has been read of them.
    all: u64,
    taken: u64,
}

#[derive(Debug)]
struct Run {
    /// What of it is still to be read of the file.
    left: Range<u64>,
    /// What has been read; what of that has been taken.
    buffer: Vec<u8>,
    taken: usize,
}

impl Runs {
    /// The runs that end at these places of the file, each beginning where the one before ends.
    pub(super) fn new(file: File, ends: &[u64]) -> io::Result<Self> {
        let begins = std::iter::once(&0).chain(ends);
        let run = |(begin, end): (&u64, &u64)| Run { left: *begin..*end, buffer: Vec::new(), taken: 0 };
        let runs: Vec<Run> = begins.zip(ends).map(run).collect();
        let (count, step) = (runs.len(), (ALL / runs.len().max(1)).min(ONE));
        let all = ends.last().copied().unwrap_or(0);
        let next = BinaryHeap::with_capacity(count);
        let mut runs = Self { file, runs, next, last: None, word: "".into(), step, all, taken: 0 };
        for run in 0..count {
            runs.read_word(run)?;
        }
        Ok(runs)
    }

    /// The next record, with its word.
    pub(super) fn next(&mut self) -> io::Result<Option<(&str, &[u8])>> {
        self.go_on()?;
        let Some(Reverse((word, run))) = self.next.pop() else { return Ok(None) };
        let record = self.part(run)?;
        (self.word, self.last) = (word, Some(run));
        Ok(Some((&self.word, &self.runs[run].buffer[record])))
    }

    /// Whether the next record is one of the same word.
    pub(super) fn has_more_of_the_word(&mut self) -> io::Result<bool> {
        self.go_on()?;
        Ok(self.next.peek().is_some_and(|Reverse((next, _))| *next == self.word))
    }

    /// How much of it all has been given, 0 to 1.
    pub(super) fn share(&self) -> f64 {
        if self.all == 0 { 1.0 } else { self.taken as f64 / self.all as f64 }
    }

    /// Lets go of the record that was given last, and looks what its run has next.
    fn go_on(&mut self) -> io::Result<()> {
        match self.last.take() {
            Some(run) => self.read_word(run),
            None => Ok(()),
        }
    }

    fn read_word(&mut self, run: usize) -> io::Result<()> {
        if !self.fill(run, 1)? {
            return Ok(());
        }
        let word = self.part(run)?;
        let word = std::str::from_utf8(&self.runs[run].buffer[word]).map_err(io::Error::other)?.into();
        self.next.push(Reverse((word, run)));
        Ok(())
    }

    /// Takes a part that has its length before it: where it lies in the buffer, until more is read.
    fn part(&mut self, run: usize) -> io::Result<Range<usize>> {
        self.fill(run, NUMBER)?;
        let Run { buffer, taken, .. } = &mut self.runs[run];
        let mut rest = &buffer[*taken..];
        let before = rest.len();
        let length = read(&mut rest).and_then(|length| usize::try_from(length).ok());
        let length = length.ok_or(io::ErrorKind::InvalidData)?;
        let number = before - rest.len();
        *taken += number;
        if !self.fill(run, length)? {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let run = &mut self.runs[run];
        let part = run.taken..run.taken + length;
        run.taken = part.end;
        self.taken += (number + length) as u64;
        Ok(part)
    }

    /// Sees to it that so many bytes are in the buffer; whether the run has them.
    fn fill(&mut self, run: usize, bytes: usize) -> io::Result<bool> {
        let Run { left, buffer, taken } = &mut self.runs[run];
        let there = buffer.len() - *taken;
        if there < bytes && !left.is_empty() {
            buffer.drain(..*taken);
            *taken = 0;
            let more = (left.end - left.start).min((bytes - there).max(self.step) as u64);
            self.file.seek(SeekFrom::Start(left.start))?;
            let read = Read::by_ref(&mut self.file).take(more).read_to_end(buffer)?;
            left.start += read as u64;
        }
        Ok(buffer.len() - *taken >= bytes)
    }
}
