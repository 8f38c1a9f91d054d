//! Some rows of the source, made ready to be written.

use super::{
    lease::Failed,
    source::{Page, SourceDocument, SourceRow},
};
use crate::{
    backend::postgres::{LoadColumns, LoadRow, LoadSettings},
    document::Version,
    error::BackendError,
};

/// Documents made ready to be written. What they were made of is gone: it takes several times as much memory.
#[derive(Debug)]
pub(super) struct Rows {
    pub(super) columns: LoadColumns,
    /// Where the source has each row that was given.
    pub(super) places: Vec<String>,
}

/// A page of the source as it is to be written.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) rows: Rows,
    /// Rows that are no documents.
    pub(super) unreadable: Vec<Failed>,
    pub(super) cursor: Option<String>,
    pub(super) end: bool,
}

impl Ready {
    pub(super) async fn new(page: Page, settings: &LoadSettings, version: i64) -> Result<Self, BackendError> {
        let Page { rows: all, cursor, end } = page;
        let (rows, unreadable) = sort(all);
        let rows = derive(rows, settings, version).await?;
        Ok(Self { rows, unreadable, cursor, end })
    }

    /// Rows of either kind.
    pub(super) fn len(&self) -> usize {
        self.rows.places.len() + self.unreadable.len()
    }
}

/// Documents with their places, and what are none.
pub(super) fn sort(rows: Vec<SourceRow>) -> (Vec<(String, SourceDocument)>, Vec<Failed>) {
    let (mut documents, mut unreadable) = (Vec::with_capacity(rows.len()), Vec::new());
    for SourceRow { place, content } in rows {
        match content {
            Ok(document) => documents.push((place, document)),
            Err(row) => {
                let id = row.id.map(|id| id.as_str().to_owned());
                unreadable.push(Failed { place, id, reason: "unreadable", why: row.why });
            }
        }
    }
    (documents, unreadable)
}

/// Rows made ready for one statement.
pub(super) async fn derive(
    rows: Vec<(String, SourceDocument)>,
    settings: &LoadSettings,
    version: i64,
) -> Result<Rows, BackendError> {
    let columns = {
        let rows: Vec<LoadRow<'_>> = rows.iter().map(|(_, document)| row(document, version)).collect();
        settings.derive(&rows).await?
    };
    Ok(Rows { columns, places: rows.into_iter().map(|(place, _)| place).collect() })
}

fn row(document: &SourceDocument, version: i64) -> LoadRow<'_> {
    let SourceDocument { id, version: own, ordinal, document } = document;
    LoadRow { id, version: own.unwrap_or(Version(version)), ordinal: *ordinal, document: document.as_ref() }
}
