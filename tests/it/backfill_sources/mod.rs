//! The sources of a backfill: a real PostgreSQL, a Meilisearch, files.

mod jsonl;
mod meili;
mod sql;
mod sql_refusals;

use std::collections::BTreeMap;

use crossfade::backfill::source::{
    BackfillSource, Shard, SourceDescription, SourceDocument, SourceError, SourceErrorKind, SourceRow,
};
use serde_json::Value;

/// All rows of a shard, page by page; each page twice, which has to come to the same.
async fn read_shard(source: &dyn BackfillSource, shard: &Shard, limit: usize) -> Vec<SourceRow> {
    let (mut rows, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let page = source.read(shard, cursor.as_deref(), limit).await.unwrap();
        assert!(page.rows.len() <= limit, "{} rows of {limit}", page.rows.len());
        let again = source.read(shard, cursor.as_deref(), limit).await.unwrap();
        assert_eq!(again, page, "the same page, read again");
        rows.extend(page.rows);
        cursor = page.cursor.or(cursor);
        if page.end {
            return rows;
        }
    }
}

/// All rows of a source that rests, in the order of its shards, and how many shards it was.
async fn read_all(source: &dyn BackfillSource, shards: usize, limit: usize) -> (Vec<SourceRow>, usize) {
    let plan = source.plan(shards).await.unwrap();
    assert!((1..=shards).contains(&plan.shards.len()));
    let mut rows = Vec::new();
    for shard in &plan.shards {
        rows.extend(read_shard(source, shard, limit).await);
    }
    (rows, plan.shards.len())
}

fn document(row: &SourceRow) -> &SourceDocument {
    row.content.as_ref().unwrap()
}

fn ids(rows: &[SourceRow]) -> Vec<&str> {
    rows.iter().map(|row| document(row).id.as_str()).collect()
}

/// What rows hold, by id. No id may be there twice.
fn bodies(rows: &[SourceRow]) -> BTreeMap<String, Value> {
    let bodies: BTreeMap<String, Value> = rows
        .iter()
        .map(document)
        .map(|row| (row.id.to_string(), Value::Object(row.document.clone().unwrap())))
        .collect();
    assert_eq!(bodies.len(), rows.len(), "a row twice");
    bodies
}

#[track_caller]
fn assert_unfit(error: &SourceError, holds: &[&str]) {
    assert_eq!(error.kind(), SourceErrorKind::Unfit, "{error}");
    for part in holds {
        assert!(error.to_string().contains(part), "`{part}` is not in: {error}");
    }
}

/// Through the control tables and back.
fn kept(description: &SourceDescription) -> SourceDescription {
    let kept = serde_json::to_value(description).unwrap();
    let back = serde_json::from_value(kept).unwrap();
    assert_eq!(&back, description);
    back
}
