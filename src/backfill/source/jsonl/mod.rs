//! Documents, one a line, in a file or from standard input.

mod file;
mod line;
mod stream;

use std::{
    io::{self, Read},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;

use self::{
    file::{Opened, Stretch},
    line::Reading,
    stream::Stream,
};
use super::{
    BackfillSource, Page, Shard, SourceDescription, SourceError, SourcePlan, SourceRow, Total,
    fields::{parse, text, unavailable, unfit},
};
use crate::opaque::opaque_debug;

/// Bytes of lines that make a page, however few rows they are.
const PAGE_BYTES: usize = 16 << 20;
/// Bytes of a line, at most, unless told otherwise.
const LONGEST_LINE: usize = 128 << 20;
/// What standard input is called.
const STDIN: &str = "-";

/// Reads documents, one JSON object a line. The order of the lines is that of insertion, which decides ties.
///
/// Blank lines, a byte order mark, `\r\n`, and a last line without an end are taken as they are meant. A line that is no JSON
/// object, has no valid id, or is longer than 128 MiB is unreadable, and told by its number, or in a shard that
/// does not know how many lines came before, by its byte.
///
/// The file must not change before the job has ended. Standard input is one shard, and of it the last page
/// alone can be read again; a job that is resumed needs the same input from its beginning.
pub struct JsonlSource {
    input: Arc<Input>,
    reading: Reading,
}

enum Input {
    File(PathBuf),
    Stream(Mutex<Stream>),
}

/// Where a line begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Cursor {
    byte: u64,
    /// How many lines are before it, if they were counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
}

impl Cursor {
    const START: Self = Self { byte: 0, line: Some(0) };
}

impl JsonlSource {
    /// Reads a file, in which this field is the id.
    pub fn file(path: impl Into<PathBuf>, primary_key: impl Into<String>) -> Self {
        Self::new(Input::File(path.into()), primary_key.into())
    }

    /// Reads standard input, in which this field is the id.
    pub fn stdin(primary_key: impl Into<String>) -> Self {
        Self::reader(io::stdin(), primary_key)
    }

    /// Reads what comes in, as if it were standard input.
    pub fn reader(input: impl Read + Send + 'static, primary_key: impl Into<String>) -> Self {
        Self::new(Input::Stream(Mutex::new(Stream::new(input, LONGEST_LINE))), primary_key.into())
    }

    fn new(input: Input, primary_key: String) -> Self {
        Self { input: Arc::new(input), reading: Reading { primary_key, version: None, longest: LONGEST_LINE } }
    }

    /// The field that holds the version of a document, a 64-bit integer. A line without one is unreadable.
    #[must_use]
    pub fn version_field(mut self, name: impl Into<String>) -> Self {
        self.reading.version = Some(name.into());
        self
    }

    /// The most bytes a line may have; first 128 MiB. One at a time is held.
    #[must_use]
    pub fn longest_line(mut self, bytes: usize) -> Self {
        self.reading.longest = bytes;
        if let Input::Stream(stream) = &*self.input {
            stream.lock().unwrap_or_else(PoisonError::into_inner).longest(bytes);
        }
        self
    }

    /// Does what may wait for a disk or a pipe where it holds up nobody.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Input, &Reading) -> Result<T, SourceError> + Send + 'static,
    ) -> Result<T, SourceError> {
        let (input, reading) = (Arc::clone(&self.input), self.reading.clone());
        let done = spawn_blocking(move || work(&input, &reading)).await;
        done.map_err(|error| unavailable("reading lines: the reader was stopped").caused_by(error))?
    }

    async fn page(&self, shard: &Shard, after: Option<&str>, limit: usize) -> Result<Page, SourceError> {
        let bound = |text: &Option<String>| text.as_deref().map(|text| parse::<Cursor>(text, "the bounds")).transpose();
        let (lower, upper) = (bound(&shard.lower)?, bound(&shard.upper)?);
        let from = after.map(|text| parse(text, "the cursor")).transpose()?.or(lower).unwrap_or(Cursor::START);
        let stretch = Stretch { from, upto: upper.map(|upper| upper.byte) };
        let limit = limit.max(1);
        let work = move |input: &Input, reading: &Reading| match input {
            Input::File(path) => Opened::open(path)?.page(stretch, reading, limit),
            Input::Stream(stream) => stream.lock().unwrap_or_else(PoisonError::into_inner).page(from, reading, limit),
        };
        self.blocking(work).await
    }

    async fn cut(&self, shards: usize) -> Result<SourcePlan, SourceError> {
        let work = move |input: &Input, _: &Reading| match input {
            Input::File(path) => {
                let mut file = Opened::open(path)?;
                Ok((file.cuts(shards)?, Some(file.total()?)))
            }
            Input::Stream(_) => Ok((Vec::new(), None)),
        };
        let (cuts, total): (Vec<u64>, Option<Total>) = self.blocking(work).await?;
        let bound = |byte: &u64| text(&Cursor { byte: *byte, line: None });
        let bounds: Vec<String> = cuts.iter().map(bound).collect::<Result<_, _>>()?;
        let shard = |at: usize| Shard {
            key: at.to_string(),
            lower: at.checked_sub(1).and_then(|before| bounds.get(before).cloned()),
            upper: bounds.get(at).cloned(),
        };
        Ok(SourcePlan { shards: (0..=bounds.len()).map(shard).collect(), total })
    }

    async fn read_again(&self, places: &[String]) -> Result<Vec<SourceRow>, SourceError> {
        let places = places.to_vec();
        let work = move |input: &Input, reading: &Reading| match input {
            Input::File(path) => Opened::open(path)?.reread(&places, reading),
            Input::Stream(_) => Err(unfit("reading lines of standard input again: they came by once; give a file")),
        };
        self.blocking(work).await
    }
}

impl BackfillSource for JsonlSource {
    fn describe(&self) -> SourceDescription {
        let path = match &*self.input {
            Input::File(path) => path.to_string_lossy().into_owned(),
            Input::Stream(_) => STDIN.to_owned(),
        };
        let Reading { primary_key, version, .. } = self.reading.clone();
        SourceDescription::Jsonl { path, primary_key, version }
    }

    fn check(&self) -> BoxFuture<'_, Result<(), SourceError>> {
        Box::pin(self.blocking(|input, _| match input {
            Input::File(path) => Opened::open(path).map(drop),
            Input::Stream(_) => Ok(()),
        }))
    }

    fn plan(&self, shards: usize) -> BoxFuture<'_, Result<SourcePlan, SourceError>> {
        Box::pin(self.cut(shards))
    }

    fn read<'a>(
        &'a self,
        shard: &'a Shard,
        after: Option<&'a str>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, SourceError>> {
        Box::pin(self.page(shard, after, limit))
    }

    fn reread<'a>(&'a self, places: &'a [String]) -> BoxFuture<'a, Result<Vec<SourceRow>, SourceError>> {
        Box::pin(self.read_again(places))
    }
}

opaque_debug!(JsonlSource);
