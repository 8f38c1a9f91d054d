//! The service's own read path: it asks Meilisearch and answers in its own words.

use std::{error::Error, sync::Arc};

use axum::{
    Json,
    extract::{Query, State},
    http::StatusCode,
};
use crossfade::{
    codec::CodecError,
    http::codec::Question,
    search::{FilterInput, SearchHits, SearchQuery},
};
use meilisearch_sdk::{client::Client, indexes::Index};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(Clone)]
pub struct Movies {
    pub(super) index: Arc<Index>,
}

/// What the service shows of a film.
#[derive(Serialize, Deserialize)]
struct Movie {
    id: String,
    title: String,
    year: Option<i64>,
    #[serde(default)]
    genres: Vec<String>,
}

#[derive(Deserialize)]
pub struct Parameters {
    #[serde(default)]
    q: String,
    genre: Option<String>,
    limit: Option<usize>,
    #[serde(default)]
    offset: usize,
}

impl Movies {
    pub fn new(url: &str, key: &str, index: &str) -> Result<Self, Box<dyn Error + Send + Sync>> {
        Ok(Self { index: Arc::new(Client::new(url, Some(key))?.index(index)) })
    }
}

/// `GET /v1/search`
pub async fn search(
    State(movies): State<Movies>,
    Query(parameters): Query<Parameters>,
) -> Result<Json<Value>, (StatusCode, Json<Value>)> {
    let filter = parameters.genre.as_deref().map(genre_is);
    let mut query = movies.index.search();
    query.with_query(&parameters.q).with_limit(parameters.limit.unwrap_or(20).min(100)).with_offset(parameters.offset);
    if let Some(filter) = &filter {
        query.with_filter(filter);
    }
    let found = query.execute::<Movie>().await.map_err(|error| {
        tracing::error!(%error, "search failed");
        (StatusCode::BAD_GATEWAY, Json(json!({ "error": "search is not available" })))
    })?;
    let items: Vec<Movie> = found.hits.into_iter().map(|hit| hit.result).collect();
    Ok(Json(json!({ "items": items, "total": found.estimated_total_hits })))
}

fn genre_is(genre: &str) -> String {
    format!("genres = \"{}\"", genre.replace('\\', "\\\\").replace('"', "\\\""))
}

/// For the codec: the filter that the handler makes of `genre`.
pub fn filter(question: &Question, query: &mut SearchQuery) -> Result<(), CodecError> {
    query.filter = question.parameter("genre").map(|genre| FilterInput::Expression(genre_is(&genre)));
    Ok(())
}

/// For the codec: the answer that the handler gives.
pub fn respond(_query: &SearchQuery, hits: &SearchHits) -> Value {
    let movie = |document: &crossfade::document::Document| -> Option<Movie> {
        Movie::deserialize(Value::Object(document.clone())).ok()
    };
    let items: Vec<Movie> = hits.hits.iter().filter_map(|hit| movie(&hit.document)).collect();
    json!({ "items": items, "total": hits.total })
}
