//! Loading: many documents by one statement, in a transaction that may hold more than them.

#[cfg(feature = "meili")]
use std::ops::Range;
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use sqlx::PgTransaction;

use super::{
    PostgresIndex,
    derive::Derivation,
    error::{failed, index_not_found, internal},
    index::{LoadCounts, VersionedDocument},
    sql,
};
use crate::{
    document::{Document, DocumentId, Version},
    error::{BackendError, BackendErrorKind, Side},
    settings::IndexSettings,
    tokens::Segmenter,
};

/// What rows are derived under, as it stood when it was read.
#[derive(Debug)]
pub(crate) struct LoadSettings {
    settings: IndexSettings,
    generation: i64,
    segmenter: Arc<dyn Segmenter>,
}

/// One row as it is to stand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LoadRow<'a> {
    pub(crate) id: &'a DocumentId,
    pub(crate) version: Version,
    /// Its internal number in the source; `None` draws one, unless it stands already.
    pub(crate) ordinal: Option<i64>,
    /// `None` is a tombstone.
    pub(crate) document: Option<&'a Document>,
}

/// Rows made ready for one statement, by columns. No id stands twice.
#[derive(Debug, Default)]
pub(crate) struct LoadColumns {
    generation: i64,
    ids: Vec<String>,
    versions: Vec<i64>,
    /// The source's, or which of the ordinals that are drawn.
    ordinals: Vec<Ordinal>,
    bodies: Vec<Option<String>>,
    facets: Vec<String>,
    words: Vec<Vec<u8>>,
    /// The place of each among the rows that were given.
    places: Vec<usize>,
    bytes: usize,
    /// How many ordinals are drawn.
    drawn: usize,
    /// Rows that were left out since another one of the same id is newer.
    older: u64,
}

/// Where the number of a document comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ordinal {
    /// The source gave it.
    Given(i64),
    /// It is drawn: so many of the same load are drawn before it.
    Drawn(usize),
    /// A tombstone has none.
    None,
}

/// How a load failed.
#[derive(Debug)]
pub(crate) enum LoadFailure {
    /// The settings have changed since the rows were derived: they are to be derived again.
    Outdated,
    /// A row cannot be held. The transaction can be rolled back to a savepoint, and rows tried by themselves.
    Rejected(sqlx::Error),
    /// Another transaction is in the way, or the statement took too long: it may come through if begun anew.
    Busy(sqlx::Error),
    /// The server cannot be reached, or takes no connections just now.
    Outage(sqlx::Error),
    /// Trying again does not help: no room, no right, a column that is missing.
    Lasting(BackendError),
}

/// The numbers that a source gives; those from here on are drawn.
const SOURCE_ORDINALS: std::ops::Range<i64> = 0..1 << 32;
/// Rows that are made ready at once, without letting others have their turn.
const SLICE: usize = 64;

impl LoadSettings {
    /// Makes rows ready. Of several of one id the newest counts, and of equal versions the last. Takes its turns, so that what else
    /// the task does goes on meanwhile.
    pub(crate) async fn derive(&self, rows: &[LoadRow<'_>]) -> Result<LoadColumns, BackendError> {
        let derivation = Derivation::new(&self.settings, &self.segmenter);
        let rows_that_count = newest(rows);
        let older = (rows.len() - rows_that_count.len()) as u64;
        let mut columns = LoadColumns { generation: self.generation, older, ..LoadColumns::default() };
        let ordinals = columns.number(rows, &rows_that_count);
        // As rows are locked.
        let mut order: Vec<usize> = (0..rows_that_count.len()).collect();
        order.sort_unstable_by_key(|nth| rows[rows_that_count[*nth]].id.as_str());
        for slice in order.chunks(SLICE) {
            for nth in slice {
                columns.push(rows[rows_that_count[*nth]], ordinals[*nth], &derivation)?;
                columns.places.push(rows_that_count[*nth]);
            }
            tokio::task::yield_now().await;
        }
        Ok(columns)
    }
}

/// The places of the rows that count, in their order: that of the ordinals that are drawn.
fn newest(rows: &[LoadRow<'_>]) -> Vec<usize> {
    let mut newest: HashMap<&str, usize> = HashMap::with_capacity(rows.len());
    for (place, row) in rows.iter().enumerate() {
        let known = newest.entry(row.id.as_str()).or_insert(place);
        if rows[*known].version <= row.version {
            *known = place;
        }
    }
    let mut places: Vec<usize> = newest.into_values().collect();
    places.sort_unstable();
    places
}

impl LoadColumns {
    /// Where the numbers of these rows come from, which are in the order they were given.
    fn number(&mut self, rows: &[LoadRow<'_>], places: &[usize]) -> Vec<Ordinal> {
        let mut given = HashSet::new();
        let number = |place: &usize| match rows[*place] {
            LoadRow { document: None, .. } => Ordinal::None,
            // No two documents have one number.
            LoadRow { ordinal: Some(ordinal), .. } if SOURCE_ORDINALS.contains(&ordinal) && given.insert(ordinal) => {
                Ordinal::Given(ordinal)
            }
            LoadRow { .. } => {
                self.drawn += 1;
                Ordinal::Drawn(self.drawn - 1)
            }
        };
        places.iter().map(number).collect()
    }

    fn push(&mut self, row: LoadRow<'_>, ordinal: Ordinal, derivation: &Derivation<'_>) -> Result<(), BackendError> {
        let body = row.document.map(serde_json::to_string).transpose();
        let body = body.map_err(|error| internal("writing documents").caused_by(error))?;
        self.bytes += body.as_ref().map_or(0, String::len) + row.id.as_str().len();
        self.ids.push(row.id.as_str().to_owned());
        self.versions.push(row.version.0);
        self.ordinals.push(ordinal);
        self.bodies.push(body);
        let derived = row.document.map(|fields| derivation.derive(fields)).unwrap_or_default();
        self.facets.push(derived.facets_as_text());
        self.words.push(derived.words);
        Ok(())
    }

    /// The bytes of the documents.
    #[cfg(feature = "meili")]
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many rows they are.
    #[cfg(feature = "meili")]
    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }

    /// Rows that were left out since another one of the same id is newer.
    #[cfg(feature = "meili")]
    pub(crate) fn older(&self) -> u64 {
        self.older
    }

    /// The id of a row, and its place among those that were given.
    #[cfg(feature = "meili")]
    pub(crate) fn row(&self, nth: usize) -> Option<(&str, usize)> {
        Some((self.ids.get(nth)?, *self.places.get(nth)?))
    }

    /// Some of the rows, to be written by themselves.
    #[cfg(feature = "meili")]
    pub(crate) fn part(&self, rows: Range<usize>) -> Self {
        let mut drawn = 0;
        let ordinal = |ordinal: &Ordinal| match ordinal {
            Ordinal::Drawn(_) => {
                drawn += 1;
                Ordinal::Drawn(drawn - 1)
            }
            ordinal => *ordinal,
        };
        Self {
            generation: self.generation,
            ordinals: self.ordinals[rows.clone()].iter().map(ordinal).collect(),
            ids: self.ids[rows.clone()].to_vec(),
            versions: self.versions[rows.clone()].to_vec(),
            bodies: self.bodies[rows.clone()].to_vec(),
            facets: self.facets[rows.clone()].to_vec(),
            words: self.words[rows.clone()].to_vec(),
            places: self.places[rows].to_vec(),
            bytes: 0,
            drawn,
            older: 0,
        }
    }

    /// Writes the rows. A newer version wins, an equal one replaces, but does not bring back what was deleted. A row that is beaten by a live
    /// write nonetheless gives it its ordinal, if it has none from the source.
    pub(crate) async fn write(
        &self,
        transaction: &mut PgTransaction<'_>,
        index: &PostgresIndex,
    ) -> Result<LoadCounts, LoadFailure> {
        let doing = "writing documents";
        let generation: Option<i64> = sqlx::query_scalar(sql::GENERATION_FOR_WRITING)
            .bind(index.uid())
            .fetch_optional(&mut **transaction)
            .await
            .map_err(LoadFailure::of("reading the settings"))?;
        match generation {
            None => return Err(LoadFailure::Lasting(index_not_found(index.uid()))),
            Some(generation) if generation != self.generation => return Err(LoadFailure::Outdated),
            Some(_) => {}
        }
        let ordinals = self.ordinals(transaction).await?;
        let upsert = sqlx::query(sql::LOAD)
            .bind(index.uid())
            .bind(self.generation)
            .bind(&self.ids)
            .bind(&self.versions)
            .bind(&ordinals)
            .bind(&self.bodies)
            .bind(&self.facets)
            .bind(&self.words);
        let written = upsert.execute(&mut **transaction).await.map_err(LoadFailure::of(doing))?.rows_affected();
        let beaten = self.ids.len() as u64 - written;
        let (numbered, numbers) = if beaten > 0 { self.given() } else { Default::default() };
        if !numbered.is_empty() {
            let number = sqlx::query(sql::GIVE_ORDINALS).bind(index.uid()).bind(numbered).bind(numbers);
            number.execute(&mut **transaction).await.map_err(LoadFailure::of(doing))?;
        }
        Ok(LoadCounts { written, stale: beaten + self.older })
    }
}

impl LoadColumns {
    /// The documents to which the source gave a number, and these.
    fn given(&self) -> (Vec<&str>, Vec<i64>) {
        let given = self.ids.iter().zip(&self.ordinals).filter_map(|(id, ordinal)| match ordinal {
            Ordinal::Given(ordinal) => Some((id.as_str(), *ordinal)),
            Ordinal::Drawn(_) | Ordinal::None => None,
        });
        given.unzip()
    }

    /// The numbers of the rows, those included that are drawn now.
    async fn ordinals(&self, transaction: &mut PgTransaction<'_>) -> Result<Vec<i64>, LoadFailure> {
        let drawn: Option<Vec<i64>> = match self.drawn {
            0 => None,
            drawn => sqlx::query_scalar(sql::DRAW_ORDINALS)
                .bind(i64::try_from(drawn).unwrap_or(i64::MAX))
                .fetch_one(&mut **transaction)
                .await
                .map_err(LoadFailure::of("drawing ordinals"))?,
        };
        let drawn = drawn.unwrap_or_default();
        let number = |ordinal: &Ordinal| match ordinal {
            Ordinal::Given(ordinal) => *ordinal,
            Ordinal::Drawn(nth) => drawn.get(*nth).copied().unwrap_or(0),
            Ordinal::None => 0,
        };
        Ok(self.ordinals.iter().map(number).collect())
    }
}

impl PostgresIndex {
    /// The settings as they are now, to derive rows under.
    pub(crate) async fn load_settings(&self) -> Result<LoadSettings, BackendError> {
        let mut connection = self.pool().acquire().await.map_err(failed("connecting to read settings"))?;
        let (settings, generation) = self.locked_settings(&mut connection, sql::SETTINGS_AND_GENERATION).await?;
        Ok(LoadSettings { settings, generation, segmenter: Arc::clone(self.options().segmenter()) })
    }

    /// A transaction for a load.
    pub(crate) async fn begin_load(&self) -> Result<PgTransaction<'static>, LoadFailure> {
        self.pool().begin_with(sql::BEGIN_LOADING).await.map_err(LoadFailure::of("beginning a transaction"))
    }

    /// Writes one batch, and says what became of it.
    pub(super) async fn load_batch(&self, batch: &[VersionedDocument]) -> Result<LoadCounts, BackendError> {
        loop {
            let settings = self.load_settings().await?;
            let rows: Vec<LoadRow<'_>> = batch.iter().map(LoadRow::of).collect();
            let columns = settings.derive(&rows).await?;
            let mut load = self.begin_load().await.map_err(LoadFailure::into_error)?;
            match columns.write(&mut load, self).await {
                Ok(counts) => {
                    load.commit().await.map_err(failed("writing documents"))?;
                    return Ok(counts);
                }
                // Somebody has just changed them.
                Err(LoadFailure::Outdated) => {}
                Err(failure) => return Err(failure.into_error()),
            }
        }
    }
}

impl<'a> LoadRow<'a> {
    fn of(document: &'a VersionedDocument) -> Self {
        let VersionedDocument { id, version, ordinal, document } = document;
        Self { id, version: *version, ordinal: Some(*ordinal), document: Some(document) }
    }
}

impl LoadFailure {
    /// Sorts the error of PostgreSQL while `doing`.
    pub(crate) fn of(doing: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |error| {
            let code = error.as_database_error().and_then(|error| error.code()).unwrap_or_default();
            match &*code {
                // A deadlock, a stricter isolation level, a lock that is not given, a statement that was canceled.
                "40P01" | "40001" | "55P03" | "57014" => return Self::Busy(error),
                // No room, on the disk or in memory.
                "53100" | "53200" => return Self::Lasting(failed(doing)(error)),
                _ => {}
            }
            match code.get(..2) {
                // A value the server cannot hold, one that a constraint forbids, or one too large.
                Some("22" | "23" | "54") => Self::Rejected(error),
                Some("08" | "53" | "57") => Self::Outage(error),
                Some(_) => Self::Lasting(failed(doing)(error)),
                None => match error {
                    sqlx::Error::Io(_)
                    | sqlx::Error::Tls(_)
                    | sqlx::Error::PoolTimedOut
                    | sqlx::Error::PoolClosed
                    | sqlx::Error::WorkerCrashed => Self::Outage(error),
                    // The connection broke in the middle of an answer.
                    sqlx::Error::Protocol(_) => Self::Outage(error),
                    _ => Self::Lasting(failed(doing)(error)),
                },
            }
        }
    }

    pub(crate) fn into_error(self) -> BackendError {
        let doing = "writing documents";
        match self {
            Self::Outdated => BackendError::new(
                Side::Pg,
                BackendErrorKind::Unavailable,
                "writing documents: the settings have changed",
            ),
            Self::Rejected(error) => BackendError::new(Side::Pg, BackendErrorKind::Rejected, doing).caused_by(error),
            Self::Busy(error) => BackendError::new(Side::Pg, BackendErrorKind::Timeout, doing).caused_by(error),
            Self::Outage(error) => BackendError::new(Side::Pg, BackendErrorKind::Unavailable, doing).caused_by(error),
            Self::Lasting(error) => error,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn of_one_id_the_newest_row_counts_and_of_equals_the_last() {
        let settings = LoadSettings {
            settings: IndexSettings::default(),
            generation: 3,
            segmenter: Arc::new(crate::tokens::Bigrams),
        };
        let documents = ["a1", "b", "a2", "a3", "a4"].map(|t| json!({ "t": t }).as_object().cloned().unwrap());
        let (a, b) = (DocumentId::from("a"), DocumentId::from("b"));
        let row = |id, version, place: usize| LoadRow {
            id,
            version: Version(version),
            ordinal: None,
            document: Some(&documents[place]),
        };
        let rows = [row(&a, 1, 0), row(&b, 1, 1), row(&a, 5, 2), row(&a, 5, 3), row(&a, 4, 4)];
        let columns = settings.derive(&rows).await.unwrap();
        assert_eq!(
            (columns.ids.as_slice(), columns.versions.as_slice()),
            (&["a".to_owned(), "b".to_owned()][..], &[5, 1][..])
        );
        // In the order of their ids, with numbers in the order they were given.
        assert_eq!(columns.ordinals, [Ordinal::Drawn(1), Ordinal::Drawn(0)]);
        assert_eq!(columns.bodies[0].as_deref(), Some(r#"{"t":"a3"}"#));
        assert_eq!((columns.older, columns.generation), (3, 3));
    }

    #[test]
    fn failures_are_sorted() {
        let io = || sqlx::Error::Io(std::io::Error::other("gone"));
        assert!(matches!(LoadFailure::of("x")(io()), LoadFailure::Outage(_)));
        assert!(matches!(LoadFailure::of("x")(sqlx::Error::RowNotFound), LoadFailure::Lasting(_)));
    }
}
