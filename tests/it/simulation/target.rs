//! PostgreSQL, as `backend::postgres` writes it; a test compares the two.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use crossfade::{
    backend::write::{Applied, Replacement, Stamp, Standing, Swept, TargetWrite, TargetWriter, Writer, WrittenBy},
    document::{Document, DocumentId, Version},
    error::{BackendError, BackendErrorKind, Side},
    search::FilterInput,
};
use futures_util::future::BoxFuture;
use tokio::time::Instant;

use super::{
    brief,
    world::{Broken, Line, Station, locked},
};

/// What was written this long before a write began counts as written after.
const MARGIN: Duration = Duration::from_secs(5);

/// The server, which has one index.
#[derive(Default)]
pub(super) struct Postgres {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    rows: BTreeMap<DocumentId, Row>,
    /// How often a row has been written or marked.
    stamps: i64,
    swept: Option<Instant>,
    /// Under which version PostgreSQL has decided what was put under a number: above what stood there.
    raised: BTreeMap<(DocumentId, u64), Version>,
}

#[derive(Clone)]
struct Row {
    version: Version,
    document: Option<Document>,
    writer: Writer,
    written: Instant,
    authority: Side,
    copied_over: Option<Version>,
    contended: bool,
    stamp: Stamp,
}

/// A process's connection to it.
#[derive(Clone)]
pub(super) struct PostgresClient {
    pub(super) server: Arc<Postgres>,
    pub(super) line: Line,
}

impl Postgres {
    /// What stands, without tombstones.
    pub(super) fn documents(&self) -> BTreeMap<DocumentId, Document> {
        let state = locked(&self.state);
        state.rows.iter().filter_map(|(id, row)| Some((id.clone(), row.document.clone()?))).collect()
    }

    /// The versions of what was put, by its number, where PostgreSQL has decided it.
    pub(super) fn raised(&self) -> BTreeMap<(DocumentId, u64), Version> {
        locked(&self.state).raised.clone()
    }

    pub(super) fn write(&self, by: WrittenBy, batch: &[TargetWrite]) -> Vec<Applied> {
        let mut state = locked(&self.state);
        batch.iter().map(|write| state.write(by, write)).collect()
    }

    pub(super) fn merge(
        &self,
        by: WrittenBy,
        batch: &[(DocumentId, Version, Document)],
    ) -> Vec<Result<Document, Version>> {
        let mut state = locked(&self.state);
        batch.iter().map(|(id, version, fields)| state.merge(by, id, *version, fields)).collect()
    }

    pub(super) fn read(&self, ids: &[DocumentId]) -> Vec<Option<Standing>> {
        let state = locked(&self.state);
        let standing = |row: &Row| Standing {
            version: row.version,
            document: row.document.clone(),
            authority: row.authority,
            copied_over: row.copied_over,
            written: row.written.elapsed(),
            stamp: row.stamp,
        };
        ids.iter().map(|id| state.rows.get(id).map(standing)).collect()
    }

    pub(super) fn replace(&self, by: WrittenBy, batch: &[Replacement]) -> Vec<bool> {
        let mut state = locked(&self.state);
        batch.iter().map(|replacement| state.replace(by, replacement)).collect()
    }

    pub(super) fn sweep(&self, by: WrittenBy, version: Version) -> u64 {
        let mut state = locked(&self.state);
        let (stamp, mut swept) = (state.stamp(), 0);
        for row in state.rows.values_mut().filter(|row| row.document.is_some() && row.version <= version) {
            let authority = if row.authority == Side::Pg { Side::Pg } else { by.authority };
            *row = Row { version, document: None, authority, contended: row.contended, ..Row::by(by, stamp) };
            swept += 1;
        }
        swept
    }

    pub(super) fn swept(&self, swept: Swept<'_>, after: Option<&DocumentId>, limit: usize) -> Vec<DocumentId> {
        let mut state = locked(&self.state);
        if after.is_none() {
            state.swept = Some(Instant::now());
        }
        let chosen = |row: &Row| match swept {
            Swept::Matching(_, version) => row.document.is_some() && row.version <= version,
            Swept::Tombstones(version) => row.document.is_none() && row.version == version,
        };
        let ids = state.rows.iter().filter(|(id, row)| after.is_none_or(|after| *id > after) && chosen(row));
        ids.map(|(id, _)| id.clone()).take(limit).collect()
    }
}

impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let document = brief::document(self.document.as_ref());
        write!(
            f,
            "{document} {} by {} W{}",
            brief::version(self.version),
            self.authority.as_str(),
            self.writer.0 & 0xff
        )?;
        self.copied_over.map_or(Ok(()), |over| write!(f, " over {}", brief::version(over)))
    }
}

impl Row {
    fn by(by: WrittenBy, stamp: Stamp) -> Self {
        Self {
            version: Version(0),
            document: None,
            writer: by.writer,
            written: Instant::now(),
            authority: by.authority,
            copied_over: None,
            contended: false,
            stamp,
        }
    }
}

impl State {
    fn stamp(&mut self) -> Stamp {
        self.stamps += 1;
        Stamp(self.stamps)
    }

    fn write(&mut self, by: WrittenBy, write: &TargetWrite) -> Applied {
        // Before the beginning of time if nobody knows.
        let since = |then: Instant| write.age.is_none_or(|age| then + age + MARGIN > Instant::now());
        let swept = self.swept.is_some_and(since);
        let document = write.document.as_deref().cloned();
        let mut row = Row { version: write.version, document, ..Row::by(by, self.stamp()) };
        let contended = match self.rows.get(&write.id) {
            None => swept,
            Some(stands) => {
                let same = stands.version == write.version;
                let wins =
                    stands.version < write.version || (same && (row.document.is_none() || stands.document.is_some()));
                if !wins {
                    return Applied::Stale { current: stands.version };
                }
                let raced = (stands.writer != by.writer || stands.contended) && since(stands.written);
                if raced && stands.authority == Side::Pg {
                    row.authority = Side::Pg;
                }
                swept || raced
            }
        };
        row.contended = contended;
        if by.authority == Side::Pg
            && let Some(number) = row.document.as_ref().and_then(|document| document.get("put")?.as_u64())
        {
            self.raised.insert((write.id.clone(), number), write.version);
        }
        self.rows.insert(write.id.clone(), row);
        Applied::Written { contended }
    }

    fn merge(
        &mut self,
        by: WrittenBy,
        id: &DocumentId,
        version: Version,
        fields: &Document,
    ) -> Result<Document, Version> {
        let mut document = match self.rows.get(id) {
            Some(row) if row.version > version => return Err(row.version),
            Some(Row { version: same, document: None, .. }) if *same == version => return Err(version),
            row => row.and_then(|row| row.document.clone()).unwrap_or_default(),
        };
        document.extend(fields.clone());
        self.overwrite(by, id, version, Some(document.clone()));
        Ok(document)
    }

    fn replace(&mut self, by: WrittenBy, replacement: &Replacement) -> bool {
        let stamp = self.stamp();
        let row = self.rows.get_mut(&replacement.id);
        if row.as_ref().map(|row| row.version) != replacement.expected {
            return false;
        }
        if replacement.stamp.is_some_and(|expected| row.as_ref().is_some_and(|row| row.stamp != expected)) {
            return false;
        }
        match (&replacement.with, row) {
            (Some((version, document)), _) => {
                self.overwrite(by, &replacement.id, *version, document.as_deref().cloned());
            }
            (None, Some(row)) => {
                (row.writer, row.written, row.authority) = (by.writer, Instant::now(), by.authority);
                row.stamp = stamp;
            }
            (None, None) => {}
        }
        true
    }

    fn overwrite(&mut self, by: WrittenBy, id: &DocumentId, version: Version, document: Option<Document>) {
        // Nobody knows when it began, so that every other writer has come in between, and every sweep.
        let raced = |row: &Row| row.writer != by.writer || row.contended;
        let contended = self.swept.is_some() || self.rows.get(id).is_some_and(raced);
        let over = self.rows.get(id).map(|row| row.copied_over.unwrap_or(row.version));
        let copy = by.authority == Side::Meili && self.rows.get(id).is_some_and(|row| version.0 - 1 <= row.version.0);
        let copied_over = over.filter(|_| copy);
        let stamp = self.stamp();
        self.rows.insert(id.clone(), Row { version, document, copied_over, contended, ..Row::by(by, stamp) });
    }
}

impl PostgresClient {
    async fn ask<T: Send + 'static>(
        &self,
        doing: &'static str,
        effect: impl FnOnce(&Postgres) -> T + Send + 'static,
    ) -> Result<T, BackendError> {
        let (server, line) = (self.server.clone(), self.line.clone());
        let told = move || {
            let answer = effect(&server);
            if !matches!(doing, "read") {
                line.tell(|| format!("pg {doing}: {:?}", locked(&server.state).rows));
            }
            answer
        };
        let failed = |_: Broken| BackendError::new(Side::Pg, BackendErrorKind::Unavailable, "simulating");
        self.line.call(Station::Pg, doing, told).await.map_err(failed)
    }
}

impl TargetWriter for PostgresClient {
    fn write<'a>(
        &'a self,
        _index: &'a str,
        by: WrittenBy,
        batch: &'a [TargetWrite],
    ) -> BoxFuture<'a, Result<Vec<Applied>, BackendError>> {
        let batch = batch.to_vec();
        Box::pin(self.ask("write", move |server| server.write(by, &batch)))
    }

    fn merge<'a>(
        &'a self,
        _index: &'a str,
        by: WrittenBy,
        batch: &'a [(DocumentId, Version, Document)],
    ) -> BoxFuture<'a, Result<Vec<Result<Document, Version>>, BackendError>> {
        let batch = batch.to_vec();
        Box::pin(self.ask("merge", move |server| server.merge(by, &batch)))
    }

    fn read<'a>(
        &'a self,
        _index: &'a str,
        ids: &'a [DocumentId],
    ) -> BoxFuture<'a, Result<Vec<Option<Standing>>, BackendError>> {
        let ids = ids.to_vec();
        Box::pin(self.ask("read", move |server| server.read(&ids)))
    }

    fn replace<'a>(
        &'a self,
        _index: &'a str,
        by: WrittenBy,
        batch: &'a [Replacement],
    ) -> BoxFuture<'a, Result<Vec<bool>, BackendError>> {
        let batch = batch.to_vec();
        Box::pin(self.ask("replace", move |server| server.replace(by, &batch)))
    }

    fn sweep<'a>(
        &'a self,
        _index: &'a str,
        by: WrittenBy,
        version: Version,
        _filter: Option<&'a FilterInput>,
    ) -> BoxFuture<'a, Result<u64, BackendError>> {
        Box::pin(self.ask("sweep", move |server| server.sweep(by, version)))
    }

    fn swept<'a>(
        &'a self,
        _index: &'a str,
        swept: Swept<'a>,
        after: Option<&'a DocumentId>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<DocumentId>, BackendError>> {
        // Only sweeps without a filter are made here.
        let swept = match swept {
            Swept::Matching(_, version) => Swept::Matching(None, version),
            Swept::Tombstones(version) => Swept::Tombstones(version),
        };
        let after = after.cloned();
        Box::pin(self.ask("swept", move |server| server.swept(swept, after.as_ref(), limit)))
    }
}
