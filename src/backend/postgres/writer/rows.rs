//! Documents as rows, some thousands at a time.

use std::collections::HashMap;

use sqlx::{Postgres, postgres::PgArguments, query::QueryAs, types::Json};

use super::failure::of;
use crate::{
    backend::{postgres::derive::Derivation, write::WrittenBy},
    document::Document,
    error::{BackendError, BackendErrorKind},
};

/// Rows of one statement.
const MOST_ROWS: usize = 2_000;
/// Bytes of bodies in one statement, unless one document alone is larger.
const MOST_BYTES: usize = 16 << 20;
/// Larger documents are refused: Meilisearch takes no larger request either, and PostgreSQL not much more in one value.
const LARGEST_BODY: usize = 128 << 20;
/// What a write is said to have begun earlier than it did, in seconds: for transactions under way, and clocks.
const MARGIN: f64 = 5.0;
/// Longer ago than this is longer than anybody knows.
const LONGEST_AGE: f64 = 1e9;

/// One document as it is to stand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row<'a> {
    pub(super) id: &'a str,
    pub(super) version: i64,
    /// `None` is a tombstone.
    pub(super) document: Option<&'a Document>,
    /// How long ago its write began, in seconds.
    pub(super) age: Option<f64>,
}

/// The rows of one statement, by columns.
#[derive(Debug, Default)]
pub(super) struct Columns<'a> {
    pub(super) ids: Vec<&'a str>,
    versions: Vec<i64>,
    bodies: Vec<Option<String>>,
    facets: Vec<Json<serde_json::Value>>,
    words: Vec<Vec<u8>>,
    ages: Vec<Option<f64>>,
}

/// Cuts rows into statements, so that they lock rows in the order of their ids all the same.
#[derive(Debug)]
pub(super) struct Statements<'a> {
    rows: Vec<Row<'a>>,
    /// Places in `rows`, by id.
    rest: std::vec::IntoIter<usize>,
    /// What did not fit into the last one.
    left: Option<(usize, Option<String>)>,
}

impl<'a> Statements<'a> {
    pub(super) fn new(rows: Vec<Row<'a>>) -> Self {
        let mut places: Vec<usize> = (0..rows.len()).collect();
        places.sort_unstable_by_key(|place| rows[*place].id);
        Self { rows, rest: places.into_iter(), left: None }
    }

    /// The next one.
    pub(super) fn next(&mut self, derivation: &Derivation<'_>) -> Result<Option<Columns<'a>>, BackendError> {
        let mut taken = Vec::from_iter(self.left.take());
        let mut bytes = taken.iter().filter_map(|(_, body)| body.as_ref()).map(String::len).sum::<usize>();
        while taken.len() < MOST_ROWS {
            let Some(place) = self.rest.next() else { break };
            let body = body(&self.rows[place])?;
            bytes += body.as_ref().map_or(0, String::len);
            if bytes > MOST_BYTES && !taken.is_empty() {
                self.left = Some((place, body));
                break;
            }
            taken.push((place, body));
        }
        // In the order they were given: that of the ordinals.
        taken.sort_unstable_by_key(|(place, _)| *place);
        let mut columns = Columns::default();
        for (place, body) in taken {
            columns.push(self.rows[place], body, derivation);
        }
        Ok((!columns.ids.is_empty()).then_some(columns))
    }
}

impl<'a> Columns<'a> {
    fn push(&mut self, row: Row<'a>, body: Option<String>, derivation: &Derivation<'_>) {
        self.ids.push(row.id);
        self.versions.push(row.version);
        self.bodies.push(body);
        let derived = row.document.map(|fields| derivation.derive(fields)).unwrap_or_default();
        self.facets.push(Json(derived.facets()));
        self.words.push(derived.words);
        self.ages.push(row.age.filter(|age| *age < LONGEST_AGE));
    }

    /// One of the statements of [`super::sql`] that take rows.
    pub(super) fn bind(
        self,
        sql: &'static str,
        index: &'a str,
        by: WrittenBy,
        generation: i64,
    ) -> QueryAs<'a, Postgres, (String, bool), PgArguments> {
        sqlx::query_as(sql)
            .bind(index)
            .bind(generation)
            .bind(by.writer.0)
            .bind(by.authority.as_str())
            .bind(MARGIN)
            .bind(self.ids)
            .bind(self.versions)
            .bind(self.bodies)
            .bind(self.facets)
            .bind(self.words)
            .bind(self.ages)
    }
}

/// The places of ids in a batch.
pub(super) fn places<'a>(ids: impl Iterator<Item = &'a str>) -> HashMap<&'a str, usize> {
    ids.enumerate().map(|(place, id)| (id, place)).collect()
}

/// Refuses ids that no row can have.
pub(super) fn check_ids<'a>(mut ids: impl Iterator<Item = &'a str>) -> Result<(), BackendError> {
    if ids.any(|id| id.contains('\0')) {
        return Err(of(BackendErrorKind::Rejected, "writing a document: its id has a NUL character"));
    }
    Ok(())
}

fn body(row: &Row<'_>) -> Result<Option<String>, BackendError> {
    let Some(document) = row.document else { return Ok(None) };
    let doing = "writing documents";
    let body =
        serde_json::to_string(document).map_err(|error| of(BackendErrorKind::Internal, doing).caused_by(error))?;
    if body.len() > LARGEST_BODY {
        let larger = format!("{doing}: one has {} bytes, {LARGEST_BODY} are the most", body.len());
        return Err(of(BackendErrorKind::Rejected, larger));
    }
    Ok(Some(body))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::{
        settings::IndexSettings,
        tokens::{Bigrams, Segmenter},
    };

    fn cut<'a>(rows: Vec<Row<'a>>) -> Vec<Vec<&'a str>> {
        let settings: IndexSettings = serde_json::from_value(json!({"searchableAttributes": []})).unwrap();
        let segmenter: Arc<dyn Segmenter> = Arc::new(Bigrams);
        let derivation = Derivation::new(&settings, &segmenter);
        let mut statements = Statements::new(rows);
        std::iter::from_fn(|| statements.next(&derivation).unwrap()).map(|columns| columns.ids).collect()
    }

    #[test]
    fn statements_follow_each_other_by_id_and_hold_the_order_given() {
        let ids: Vec<String> = (0..4_100).map(|n| format!("{:04}", n * 7 % 4_100)).collect();
        let row = |id| Row { id, version: 1, document: None, age: None };
        let cut = cut(ids.iter().map(|id| row(id.as_str())).collect());
        assert_eq!(cut.iter().map(Vec::len).collect::<Vec<_>>(), [2_000, 2_000, 100]);
        for pair in cut.windows(2) {
            assert!(pair[0].iter().max() < pair[1].iter().min(), "rows are locked in the order of their ids");
        }
        let expected: Vec<&str> = ids.iter().map(String::as_str).filter(|id| *id < "2000").collect();
        assert_eq!(cut[0], expected);
    }

    #[test]
    fn large_documents_are_written_by_statements_of_their_own() {
        let large = json!({"t": "x".repeat(MOST_BYTES / 2)});
        let huge = json!({"t": "x".repeat(MOST_BYTES + 1)});
        let row = |id, document: &serde_json::Value| (id, document.as_object().cloned());
        let documents = [row("b", &large), row("a", &large), row("c", &huge), row("d", &large)];
        let rows =
            documents.iter().map(|(id, document)| Row { id, version: 1, document: document.as_ref(), age: None });
        let expected: [&[&str]; 4] = [&["a"], &["b"], &["c"], &["d"]];
        assert_eq!(cut(rows.collect()), expected);
    }
}
