//! Each value of an attribute once.

use std::collections::{HashMap, HashSet};

use serde::Deserialize;
use sqlx::{PgConnection, types::Json};

use super::sql::{self, Universe};
use crate::{backend::postgres::error::failed, error::BackendError};

/// Documents whose values are read together.
const SOME: usize = 2_000;

/// The values of an attribute in a document.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Values {
    pub(super) numbers: Vec<f64>,
    pub(super) texts: Vec<String>,
}

/// Keeps the first document of each value.
#[derive(Debug)]
pub(super) struct Distinct {
    attribute: String,
    numbers: HashSet<u64>,
    texts: HashSet<String>,
    kept: Vec<i64>,
}

/// The values that have been shown, and the documents that showed them.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) attribute: String,
    pub(super) numbers: Vec<f64>,
    pub(super) texts: Vec<String>,
    pub(super) kept: Vec<i64>,
}

/// The values of an attribute in each of these documents that has some.
pub(super) async fn values_of(
    snapshot: &mut PgConnection,
    uid: &str,
    attribute: &str,
    ordinals: &[i64],
) -> Result<HashMap<i64, Values>, BackendError> {
    let rows: Vec<(i64, Json<Values>)> = sql::values(uid, attribute, ordinals)
        .build_query_as()
        .fetch_all(snapshot)
        .await
        .map_err(failed("reading the values of an attribute"))?;
    Ok(rows.into_iter().map(|(ordinal, Json(values))| (ordinal, values)).collect())
}

impl Distinct {
    pub(super) fn new(attribute: &str) -> Self {
        Self { attribute: attribute.to_owned(), numbers: HashSet::new(), texts: HashSet::new(), kept: Vec::new() }
    }

    /// Those of these documents that show a value nobody has shown, or none at all; no more than so many.
    pub(super) async fn keep(
        &mut self,
        snapshot: &mut PgConnection,
        uid: &str,
        documents: &[u64],
        most: usize,
    ) -> Result<Vec<u64>, BackendError> {
        let mut kept = Vec::new();
        for some in documents.chunks(SOME) {
            let ordinals: Vec<i64> = some.iter().map(|ordinal| *ordinal as i64).collect();
            let mut values = values_of(snapshot, uid, &self.attribute, &ordinals).await?;
            for ordinal in ordinals {
                if kept.len() >= most {
                    return Ok(kept);
                }
                if self.takes(ordinal, values.remove(&ordinal).unwrap_or_default()) {
                    kept.push(ordinal.unsigned_abs());
                }
            }
        }
        Ok(kept)
    }

    fn takes(&mut self, ordinal: i64, values: Values) -> bool {
        let Values { numbers, texts } = values;
        if numbers.iter().any(|number| self.numbers.contains(&number.to_bits()))
            || texts.iter().any(|text| self.texts.contains(text))
        {
            return false;
        }
        if !numbers.is_empty() || !texts.is_empty() {
            self.kept.push(ordinal);
        }
        self.numbers.extend(numbers.into_iter().map(f64::to_bits));
        self.texts.extend(texts);
        true
    }

    pub(super) fn shown(self) -> Shown {
        let Self { attribute, numbers, texts, kept } = self;
        let numbers = numbers.into_iter().map(f64::from_bits).collect();
        Shown { attribute, numbers, texts: texts.into_iter().collect(), kept }
    }
}

impl Shown {
    /// How many documents have a value that another has shown.
    pub(super) async fn hidden(&self, snapshot: &mut PgConnection, of: Universe<'_>) -> Result<u64, BackendError> {
        let hidden: i64 = sql::hidden(of, self)
            .build_query_scalar()
            .persistent(false)
            .fetch_one(snapshot)
            .await
            .map_err(failed("counting documents of values that have been shown"))?;
        Ok(hidden.unsigned_abs())
    }
}
