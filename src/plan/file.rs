//! Flags in a local TOML file, which win over the table: a rollback that depends on no database.
//!
//! ```toml
//! search_read_backend = "meili"
//! shadow_sample_rate = 2.5
//! ```

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use futures_util::{FutureExt, future::BoxFuture};
use notify::{
    Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher,
    event::{AccessKind, AccessMode},
};
use tokio::{
    sync::Notify,
    time::{Instant, sleep, timeout_at},
};

use super::{Flag, FlagReading, FlagSet, FlagSource, FlagSourceError, Mark, Refusal};

/// A TOML file of flags. A file that is not there sets nothing; deleting it ends the overrides.
///
/// The directory is watched, not the file, so that an editor's save, an atomic rename and the swapped symbolic link of
/// a Kubernetes volume are all seen; a slow poll finds what the watch misses. Replace the file by a rename where you
/// can: one that is written in place may be read half written, which is refused as malformed or, if it happens to
/// parse, holds for a moment.
#[derive(Debug)]
pub struct FlagFile {
    path: PathBuf,
    poll: Duration,
    touched: Arc<Notify>,
    watcher: Option<RecommendedWatcher>,
    next_poll: Option<Instant>,
}

/// How long after a sign of change the file is read: an editor that removes and writes is done by then.
const SETTLE: Duration = Duration::from_millis(10);

impl FlagFile {
    /// The file at `path`, which need not exist yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            poll: Duration::from_secs(5),
            touched: Arc::new(Notify::new()),
            watcher: None,
            next_poll: None,
        }
    }

    /// How often to look although nothing was seen; 5 s by default.
    pub fn poll_every(mut self, interval: Duration) -> Self {
        self.poll = interval;
        self
    }

    fn watch(&mut self) {
        if self.watcher.is_some() {
            return;
        }
        let directory = match self.path.parent() {
            Some(parent) if parent != Path::new("") => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        let touched = Arc::clone(&self.touched);
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            if event.is_ok_and(|event| !is_mere_reading(event.kind)) {
                touched.notify_one();
            }
        });
        let started = watcher.and_then(|mut watcher| {
            watcher.watch(&directory, RecursiveMode::NonRecursive)?;
            Ok(watcher)
        });
        match started {
            Ok(watcher) => self.watcher = Some(watcher),
            Err(error) => tracing::debug!(%error, path = %directory.display(), "the flag file is polled only"),
        }
    }
}

/// Our own reading opens and closes the file; it must not wake us again.
fn is_mere_reading(kind: EventKind) -> bool {
    matches!(kind, EventKind::Access(access) if access != AccessKind::Close(AccessMode::Write))
}

impl FlagSource for FlagFile {
    fn read(&mut self) -> BoxFuture<'_, Result<FlagReading, FlagSourceError>> {
        // Before reading, so that no change falls in between.
        self.watch();
        self.next_poll = Some(Instant::now() + self.poll);
        let path = self.path.clone();
        async move {
            let read = tokio::task::spawn_blocking(move || fs::read_to_string(path)).await;
            match read.map_err(|error| FlagSourceError::Unreachable(error.into()))? {
                Ok(text) => Ok(FlagReading { texts: parse(&text)?, ..FlagReading::default() }),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(FlagReading::default()),
                Err(error) => Err(Refusal::malformed(format_args!("the flag file cannot be read: {error}")).into()),
            }
        }
        .boxed()
    }

    fn changed(&mut self) -> BoxFuture<'_, ()> {
        async move {
            let next_poll = *self.next_poll.get_or_insert_with(|| Instant::now() + self.poll);
            if timeout_at(next_poll, self.touched.notified()).await.is_ok() {
                sleep(SETTLE).await;
            }
        }
        .boxed()
    }

    fn mark<'a>(&'a mut self, _mark: &'a Mark) -> BoxFuture<'a, Result<(), FlagSourceError>> {
        async { Err(FlagSourceError::Unreachable("a flag file is never written".into())) }.boxed()
    }
}

impl FlagSet {
    /// Reads what a flag file says. Anything in it that is no flag, or no value of one, refuses it as a whole.
    pub fn from_toml(text: &str) -> Result<Self, Refusal> {
        Self::parse(parse(text)?)
    }
}

/// Names and texts of a TOML document that holds nothing but flags.
fn parse(text: &str) -> Result<BTreeMap<String, String>, Refusal> {
    let table: toml::Table = toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(1, |span| text[..span.start].lines().count().max(1));
        Refusal::malformed(format_args!("the flag file is no TOML: line {line}: {}", error.message()))
    })?;
    let texts = table.into_iter().map(|(name, value)| {
        let flag: Flag = name.parse()?;
        let text = match value {
            toml::Value::String(text) => text,
            toml::Value::Integer(number) => number.to_string(),
            toml::Value::Float(number) => number.to_string(),
            other => return Err(Refusal::bad_value(flag, &other.to_string())),
        };
        Ok((name, text))
    });
    texts.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Rule;

    #[test]
    fn numbers_may_be_bare() {
        let texts =
            parse("search_write_mode = 'dual'\nshadow_sample_rate = 2.5\nsearch_read_pg_percent = 5\n").unwrap();
        let expected = [("search_read_pg_percent", "5"), ("search_write_mode", "dual"), ("shadow_sample_rate", "2.5")];
        assert!(texts.iter().map(|(name, text)| (name.as_str(), text.as_str())).eq(expected));
    }

    #[test]
    fn what_is_no_set_of_flags_is_refused() {
        let rule = |text| parse(text).unwrap_err().rule();
        assert_eq!(rule("search_write_mode = "), Rule::Malformed);
        assert_eq!(rule("[flags]\nsearch_write_mode = 'dual'"), Rule::UnknownFlag);
        assert_eq!(rule("search_write_mode = true"), Rule::BadValue);
        let message = parse("shadow_sample_rate = 1\nsearch_write_mode dual").unwrap_err().to_string();
        assert!(message.starts_with("malformed: the flag file is no TOML: line 2: "), "{message}");
    }
}
