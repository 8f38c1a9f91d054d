//! Answers searches: from a recording where there is one, else by ranking.

use std::{sync::Arc, time::Duration};

use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::{
    error::ApiError,
    expressions::{check_filter, check_sort, quoted},
    question::Question,
    state::{Data, Index, Recording, Shared},
};
use crate::{
    backend::memory::{Found, Query, retrieve},
    document::Document,
    search::Page,
};

/// The slice of a ranking that is shown.
struct Slice {
    hits: Vec<Value>,
    total: usize,
}

/// Answers one search of one index.
pub(super) async fn answer(shared: Arc<Shared>, uid: String, question: Question) -> Result<Value, ApiError> {
    let started = Instant::now();
    if let Some(slice) = recorded(&shared, &uid, &question)? {
        shared.count_recorded_answer();
        return Ok(show(&question, slice, started.elapsed()));
    }
    // Ranking takes its time: not on a thread that serves other requests.
    let ranked = tokio::task::spawn_blocking(move || {
        let slice = rank(&shared.read(), &uid, &question)?;
        Ok(show(&question, slice, started.elapsed()))
    });
    ranked.await.unwrap_or_else(|error| {
        Err(ApiError::new(http::StatusCode::INTERNAL_SERVER_ERROR, "internal", error.to_string()))
    })
}

/// The recorded answer, if the recording reaches as far as the question.
fn recorded(shared: &Shared, uid: &str, question: &Question) -> Result<Option<Slice>, ApiError> {
    if !question.is_plain() {
        return Ok(None);
    }
    let Some(Recording { ids, total }) = shared.recording(uid, &question.text) else {
        return Ok(None);
    };
    let (offset, limit) = (question.page.offset(), question.page.limit());
    let total = total as usize;
    if offset.saturating_add(limit).min(total) > ids.len() {
        return Ok(None);
    }
    let data = shared.read();
    let index = data.index(uid)?;
    let shown = fields(index, question);
    let documents = ids.iter().skip(offset).take(limit).filter_map(|id| index.store.get(id));
    let hits = documents.map(|document| Value::Object(retrieve(document, shown.as_deref()))).collect();
    Ok(Some(Slice { hits, total }))
}

fn rank(data: &Data, uid: &str, question: &Question) -> Result<Slice, ApiError> {
    let index = data.index(uid)?;
    let prefix = format!("Index `{uid}`: ");
    if let Some(filter) = &question.filter {
        check_filter(filter, &[quoted(filter)], &index.settings.filterable(), "invalid_search_filter")
            .map_err(|error| error.prefixed(&prefix))?;
    }
    check_sort(&question.sort, &index.settings.sortable(), "invalid_search_sort")
        .map_err(|error| error.prefixed(&prefix))?;
    index.settings.check_search(&question.sort).map_err(|error| error.prefixed(&prefix))?;
    let Question { text, matching, sort, page, .. } = question;
    let query = Query { text, matching: *matching, sort, page: *page, ..Query::default() };
    let passes = |document: &Document| question.filter.as_ref().is_none_or(|filter| filter.matches(document));
    let Found { ranked, total } = index.store.search(&query, passes);
    let shown = fields(index, question);
    let hits = ranked.iter().filter_map(|ranked| {
        let (_, document) = index.store.at(ranked.number)?;
        let mut hit = retrieve(document, shown.as_deref());
        if question.show_score {
            hit.insert("_rankingScore".to_owned(), json!(ranked.score));
        }
        Some(Value::Object(hit))
    });
    Ok(Slice { hits: hits.collect(), total })
}

/// The fields shown: those asked for, as far as the index displays them.
fn fields(index: &Index, question: &Question) -> Option<Vec<String>> {
    match (index.settings.displayed(), question.retrieve.clone()) {
        (None, asked) => asked,
        (displayed, None) => displayed,
        (displayed, Some(asked)) if asked.iter().any(|field| field == "*") => displayed,
        (Some(displayed), Some(asked)) => Some(asked.into_iter().filter(|field| displayed.contains(field)).collect()),
    }
}

fn show(question: &Question, slice: Slice, took: Duration) -> Value {
    let Slice { hits, total } = slice;
    let mut body = Map::new();
    body.insert("hits".to_owned(), Value::Array(hits));
    body.insert("query".to_owned(), json!(question.text));
    body.insert("processingTimeMs".to_owned(), json!(took.as_millis() as u64));
    let page = match question.page {
        Page::Window { offset, limit } => {
            vec![("limit", limit), ("offset", offset), ("estimatedTotalHits", total)]
        }
        Page::Numbered { page, hits_per_page } => {
            let pages = if hits_per_page == 0 { 0 } else { total.div_ceil(hits_per_page) };
            vec![("hitsPerPage", hits_per_page), ("page", page), ("totalPages", pages), ("totalHits", total)]
        }
    };
    body.extend(page.into_iter().map(|(name, value)| (name.to_owned(), json!(value))));
    Value::Object(body)
}

/// An id for one request: a UUID of version 7.
pub(super) fn request_uid() -> String {
    let now = u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or_default();
    let (high, low): (u16, u64) = (rand::random(), rand::random());
    let variant = 0x8000 | (low >> 48) & 0x3fff;
    format!(
        "{:08x}-{:04x}-7{:03x}-{variant:04x}-{:012x}",
        now >> 16 & 0xffff_ffff,
        now & 0xffff,
        high & 0xfff,
        low & 0xffff_ffff_ffff
    )
}
