//! Indexes, their settings and stats.

use std::collections::BTreeMap;

use axum::{
    Json,
    body::Bytes,
    extract::{Path, Query, State},
    http::HeaderMap,
    response::Response,
};
use serde_json::{Value, json};

use super::{Answer, App, Parameters, accept, json_body};
use crate::testing::meili::{
    error::ApiError,
    fields::{Fields, describe},
    ids,
    parameters::number,
    settings::Settings,
    task::Work,
};

pub(super) async fn list(State(shared): App, Query(parameters): Parameters) -> Answer {
    let offset = number(&parameters, "offset", "invalid_index_offset", 0)?;
    let limit = number(&parameters, "limit", "invalid_index_limit", 20)?;
    let data = shared.read();
    let shown = data.indexes.iter().skip(offset).take(limit).map(|(uid, index)| index.show(uid));
    let results: Vec<Value> = shown.collect();
    Ok(Json(json!({ "results": results, "offset": offset, "limit": limit, "total": data.indexes.len() })))
}

pub(super) async fn create(State(shared): App, headers: HeaderMap, body: Bytes) -> Result<Response, ApiError> {
    let mut fields = Fields::new(json_body(&headers, &body)?, "", &["uid", "primaryKey"])?;
    let uid = fields.text("uid", "invalid_index_uid")?;
    let uid = uid.ok_or_else(|| ApiError::bad_request("missing_index_uid", "Missing field `uid`"))?;
    ids::check_index(&uid).map_err(|error| error.prefixed("Invalid value at `.uid`: "))?;
    let primary_key = fields.text("primaryKey", "invalid_index_primary_key")?;
    Ok(accept(&shared, &uid, Work::CreateIndex { primary_key }))
}

pub(super) async fn show(State(shared): App, Path(uid): Path<String>) -> Answer {
    ids::check_index(&uid)?;
    Ok(Json(shared.read().index(&uid)?.show(&uid)))
}

pub(super) async fn delete(State(shared): App, Path(uid): Path<String>) -> Response {
    accept(&shared, &uid, Work::DeleteIndex)
}

pub(super) async fn settings(State(shared): App, Path(uid): Path<String>) -> Answer {
    Ok(Json(Value::Object(shared.read().index(&uid)?.settings.show().clone())))
}

pub(super) async fn change_settings(
    State(shared): App,
    Path(uid): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    ids::check_index(&uid)?;
    let patch = match json_body(&headers, &body)? {
        Value::Object(patch) => patch,
        other => {
            let message = format!("Invalid value type: expected an object, but found {}", describe(&other));
            return Err(ApiError::bad_request("bad_request", message));
        }
    };
    Settings::check(&patch)?;
    Ok(accept(&shared, &uid, Work::Settings(patch)))
}

pub(super) async fn stats(State(shared): App, Path(uid): Path<String>) -> Answer {
    let data = shared.read();
    let store = &data.index(&uid)?.store;
    let mut fields: BTreeMap<&str, usize> = BTreeMap::new();
    let mut size = 0;
    for (_, document) in store.iter() {
        size += document.len();
        for name in document.keys() {
            *fields.entry(name).or_default() += 1;
        }
    }
    Ok(Json(json!({
        "numberOfDocuments": store.len(),
        // Sizes are not imitated: the first counts fields.
        "rawDocumentDbSize": size,
        "avgDocumentSize": size.checked_div(store.len()).unwrap_or_default(),
        "isIndexing": data.is_indexing(&uid),
        "numberOfEmbeddings": 0,
        "numberOfEmbeddedDocuments": 0,
        "fieldDistribution": fields,
    })))
}
