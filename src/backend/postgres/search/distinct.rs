//! Each value of an attribute once.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use serde::Deserialize;
use sqlx::{PgConnection, types::Json};

use super::{
    Search,
    aside::aside,
    changes::Changes,
    held::Held,
    sql::{self, Universe},
};
use crate::{backend::postgres::error::failed, error::BackendError, sort::Decisive};

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
#[derive(Default)]
pub(super) struct Distinct {
    attribute: String,
    changes: Arc<Changes>,
    /// Asked for once, whether it is there or not.
    held: Option<Option<Arc<Held>>>,
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

impl Values {
    pub(super) fn all(&self) -> Vec<Decisive<'_>> {
        let numbers = self.numbers.iter().map(|number| Decisive::Number(*number));
        numbers.chain(self.texts.iter().map(|text| Decisive::Text(text))).collect()
    }
}

impl Distinct {
    pub(super) fn new(attribute: &str, changes: &Arc<Changes>) -> Self {
        Self {
            attribute: attribute.to_owned(),
            changes: Arc::clone(changes),
            held: None,
            numbers: HashSet::new(),
            texts: HashSet::new(),
            kept: Vec::new(),
        }
    }

    /// Those of these documents that show a value nobody has shown, or none at all; no more than so many.
    pub(super) async fn keep(
        &mut self,
        snapshot: &mut PgConnection,
        search: &Search<'_>,
        documents: &[u64],
        most: usize,
    ) -> Result<Vec<u64>, BackendError> {
        if documents.len() > search.few
            && let Some(held) = self.held(snapshot, search).await?
        {
            let (mut this, documents) = (std::mem::take(self), documents.to_vec());
            let kept;
            (*self, kept) = aside(documents.len(), move || {
                let kept = this.keep_of_many(&held, &documents, most)?;
                Ok::<_, BackendError>((this, kept))
            })
            .await??;
            return Ok(kept);
        }
        let mut kept = Vec::new();
        for some in documents.chunks(SOME) {
            let ordinals: Vec<i64> = some.iter().map(|ordinal| *ordinal as i64).collect();
            let values = values_of(snapshot, search.uid, &self.attribute, &ordinals).await?;
            for ordinal in ordinals {
                if kept.len() >= most {
                    return Ok(kept);
                }
                let values: Vec<Decisive<'_>> = values.get(&ordinal).map(Values::all).unwrap_or_default();
                if self.takes(ordinal, &values) {
                    kept.push(ordinal.unsigned_abs());
                }
            }
        }
        Ok(kept)
    }

    fn keep_of_many(&mut self, held: &Held, documents: &[u64], most: usize) -> Result<Vec<u64>, BackendError> {
        let values = held.values(documents)?;
        let mut kept = Vec::new();
        for (ordinal, values) in documents.iter().zip(values.each()) {
            if kept.len() >= most {
                break;
            }
            if self.takes(*ordinal as i64, values) {
                kept.push(*ordinal);
            }
        }
        Ok(kept)
    }

    fn takes(&mut self, ordinal: i64, values: &[Decisive<'_>]) -> bool {
        if values.iter().any(|value| self.has_shown(value)) {
            return false;
        }
        if !values.is_empty() {
            self.kept.push(ordinal);
        }
        for value in values {
            match value {
                Decisive::Number(number) => drop(self.numbers.insert(number.to_bits())),
                Decisive::Text(text) => drop(self.texts.insert((*text).to_owned())),
                Decisive::Missing => {}
            }
        }
        true
    }

    fn has_shown(&self, value: &Decisive<'_>) -> bool {
        match value {
            Decisive::Number(number) => self.numbers.contains(&number.to_bits()),
            Decisive::Text(text) => self.texts.contains(*text),
            Decisive::Missing => false,
        }
    }

    /// Whether any value has been shown, so that it hides others.
    pub(super) fn hides(&self) -> bool {
        !self.kept.is_empty()
    }

    /// The values in all documents, as far as postings hold them; read once.
    pub(super) async fn held(
        &mut self,
        snapshot: &mut PgConnection,
        search: &Search<'_>,
    ) -> Result<Option<Arc<Held>>, BackendError> {
        if let Some(held) = &self.held {
            return Ok(held.clone());
        }
        let held = Held::read(snapshot, search, &self.attribute, &self.changes).await?.map(Arc::new);
        Ok(self.held.insert(held).clone())
    }

    /// Those of these documents, which ascend, that are not hidden by a value that another has shown.
    pub(super) fn visible(&self, held: &Held, documents: &[u64]) -> Result<Vec<i64>, BackendError> {
        let kept: HashSet<i64> = self.kept.iter().copied().collect();
        let values = held.values(documents)?;
        let visible = documents.iter().map(|ordinal| *ordinal as i64).zip(values.each());
        let visible = visible
            .filter(|(ordinal, values)| kept.contains(ordinal) || !values.iter().any(|value| self.has_shown(value)));
        Ok(visible.map(|(ordinal, _)| ordinal).collect())
    }

    pub(super) fn shown(self) -> Shown {
        let Self { attribute, numbers, texts, kept, .. } = self;
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
