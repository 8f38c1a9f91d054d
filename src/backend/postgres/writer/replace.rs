//! Compare and swap, and what is made of it: partial updates.

use std::collections::HashMap;

use super::{
    Held, PostgresWriter,
    change::document,
    failure::{Failure, failed, of},
    rows::{Row, check_ids},
    sql,
};
use crate::{
    backend::write::{Replacement, WrittenBy},
    document::{Document, DocumentId, Version},
    error::BackendErrorKind,
};

impl PostgresWriter {
    pub(super) async fn try_replace(
        &self,
        index: &str,
        by: WrittenBy,
        batch: &[Replacement],
    ) -> Result<Vec<bool>, Failure> {
        let doing = "replacing documents";
        check_ids(batch.iter().map(|replacement| replacement.id.as_str()))?;
        let mut held = self.begin(index, doing).await?;
        let ids: Vec<&str> = batch.iter().map(|replacement| replacement.id.as_str()).collect();
        let standing: Vec<(String, i64, i64)> = sqlx::query_as(sql::LOCK_VERSIONS)
            .bind(index)
            .bind(ids)
            .fetch_all(held.connection())
            .await
            .map_err(failed(doing))?;
        let standing: HashMap<String, (i64, i64)> =
            standing.into_iter().map(|(id, version, stamp)| (id, (version, stamp))).collect();
        let as_expected =
            |replacement: &Replacement| match (standing.get(replacement.id.as_str()), replacement.expected) {
                (Some((version, stamp)), Some(expected)) => {
                    *version == expected.0 && replacement.stamp.is_none_or(|expected| expected.0 == *stamp)
                }
                (None, None) => true,
                _ => false,
            };
        let mut done: Vec<bool> = batch.iter().map(as_expected).collect();
        let (mut there, mut new, mut touched) = (Vec::new(), Vec::new(), Vec::new());
        for (replacement, _) in batch.iter().zip(&done).filter(|(_, as_expected)| **as_expected) {
            let id = replacement.id.as_str();
            match (&replacement.with, replacement.expected) {
                (Some((version, document)), Some(_)) => there.push(Row::new(id, *version, document.as_deref())),
                (Some((version, document)), None) => new.push(Row::new(id, *version, document.as_deref())),
                (None, Some(_)) => touched.push(id),
                // Nothing stands, and there is nothing to mark.
                (None, None) => {}
            }
        }
        if !touched.is_empty() {
            let touch = sqlx::query(sql::TOUCH).bind(index).bind(by.writer.0).bind(touched).bind(by.authority.as_str());
            touch.execute(held.connection()).await.map_err(failed(doing))?;
        }
        held.put(sql::OVERWRITE, by, there, doing).await?;
        let added = held.put(sql::ADD, by, new, doing).await?;
        held.commit(doing).await?;
        for (replacement, done) in batch.iter().zip(&mut done) {
            // Somebody may have added it since the rows were locked.
            if *done && replacement.expected.is_none() && replacement.with.is_some() {
                *done = added.contains_key(replacement.id.as_str());
            }
        }
        Ok(done)
    }

    pub(super) async fn try_merge(
        &self,
        index: &str,
        by: WrittenBy,
        batch: &[(DocumentId, Version, Document)],
    ) -> Result<Vec<Result<Document, Version>>, Failure> {
        let doing = "updating documents";
        check_ids(batch.iter().map(|(id, ..)| id.as_str()))?;
        let mut held = self.begin(index, doing).await?;
        let mut standing = locked(&mut held, batch, doing).await?;
        let mut known: Vec<bool> = Vec::with_capacity(batch.len());
        let mut merged = Vec::with_capacity(batch.len());
        for (id, version, fields) in batch {
            let stands = standing.remove(id.as_str());
            known.push(stands.is_some());
            merged.push(merge(stands, *version, fields));
        }
        let (mut there, mut new) = (Vec::new(), Vec::new());
        for (((id, version, _), known), merged) in batch.iter().zip(known).zip(&merged) {
            let Ok(merged) = merged else { continue };
            let rows = if known { &mut there } else { &mut new };
            rows.push(Row::new(id.as_str(), *version, Some(merged)));
        }
        held.put(sql::OVERWRITE, by, there, doing).await?;
        let expected = new.len();
        if held.put(sql::ADD, by, new, doing).await?.len() < expected {
            // Somebody has added one since the rows were locked, and its fields are not in what was merged.
            return Err(Failure::Conflict(of(BackendErrorKind::Unavailable, doing)));
        }
        held.commit(doing).await?;
        Ok(merged)
    }
}

/// What stands, and may not change until the transaction ends.
async fn locked(
    held: &mut Held<'_>,
    batch: &[(DocumentId, Version, Document)],
    doing: &'static str,
) -> Result<HashMap<String, (Version, Option<Document>)>, Failure> {
    let ids: Vec<&str> = batch.iter().map(|(id, ..)| id.as_str()).collect();
    let index = held.index;
    let rows: Vec<(String, i64, Option<String>)> = sqlx::query_as(sql::LOCK_DOCUMENTS)
        .bind(index)
        .bind(ids)
        .fetch_all(held.connection())
        .await
        .map_err(failed(doing))?;
    let mut standing = HashMap::with_capacity(rows.len());
    for (id, version, body) in rows {
        let document = body.map(|body| document(&body, doing)).transpose()?;
        standing.insert(id, (Version(version), document));
    }
    Ok(standing)
}

/// What stands with the fields in place of its own, as Meilisearch does it: fields inside of fields are not looked at.
fn merge(
    standing: Option<(Version, Option<Document>)>,
    version: Version,
    fields: &Document,
) -> Result<Document, Version> {
    let mut merged = match standing {
        Some((newer, _)) if newer > version => return Err(newer),
        // A deletion stands against a write of the same version.
        Some((same, None)) if same == version => return Err(same),
        Some((_, Some(document))) => document,
        Some((_, None)) | None => Document::new(),
    };
    merged.extend(fields.iter().map(|(name, value)| (name.clone(), value.clone())));
    Ok(merged)
}
