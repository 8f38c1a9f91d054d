//! Reading and writing documents.

use std::collections::HashSet;

use axum::{
    Json,
    body::Bytes,
    extract::{Path, Query, State},
    http::HeaderMap,
    response::Response,
};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::{Value, json};

use super::{Answer, App, JSON, Parameters, accept, content_type, json_body, list as list_parameter, number};
use crate::{
    backend::memory::{Ranking, retrieve},
    document::{Document, DocumentId},
    filter::Filter,
    sort::SortCriterion,
    testing::meili::{
        error::ApiError,
        fields::Fields,
        ids,
        question::{check_filter, check_sort, read_filter, read_sort},
        state::Shared,
        task::{Deletion, Method, Work},
    },
};

const NDJSON: &str = "application/x-ndjson";
const CSV: &str = "text/csv";
const FETCH_FIELDS: [&str; 7] = ["offset", "limit", "fields", "retrieveVectors", "ids", "filter", "sort"];

/// Which documents are listed, and how.
struct Listing {
    offset: usize,
    limit: usize,
    fields: Option<Vec<String>>,
    ids: Option<HashSet<DocumentId>>,
    filter: Option<(Filter, String)>,
    sort: Vec<SortCriterion>,
}

pub(super) async fn show(
    State(shared): App,
    Path((uid, id)): Path<(String, String)>,
    Query(parameters): Parameters,
) -> Answer {
    let data = shared.read();
    let document = data.index(&uid)?.store.get(&id.as_str().into());
    let document = document.ok_or_else(|| ApiError::document_not_found(&id))?;
    Ok(Json(Value::Object(retrieve(document, list_parameter(&parameters, "fields").as_deref()))))
}

pub(super) async fn list(State(shared): App, Path(uid): Path<String>, Query(parameters): Parameters) -> Answer {
    let filter = parameters.get("filter").map(|text| json!(text));
    let listing = Listing {
        offset: number(&parameters, "offset", "invalid_document_offset", 0)?,
        limit: number(&parameters, "limit", "invalid_document_limit", 20)?,
        fields: list_parameter(&parameters, "fields"),
        ids: list_parameter(&parameters, "ids").map(|ids| ids.into_iter().map(DocumentId::from).collect()),
        filter: filter.map(filter_and_text).transpose()?,
        sort: read_sort(list_parameter(&parameters, "sort"), "invalid_document_sort")?,
    };
    listing.answer(&shared, &uid)
}

pub(super) async fn fetch(State(shared): App, Path(uid): Path<String>, headers: HeaderMap, body: Bytes) -> Answer {
    let mut fields = Fields::new(json_body(&headers, &body)?, &FETCH_FIELDS)?;
    let ids = match fields.value("ids") {
        Some(Value::Array(ids)) => Some(ids.iter().filter_map(DocumentId::from_json).collect()),
        Some(_) => return Err(ApiError::bad_request("invalid_document_ids", "Invalid value type at `.ids`")),
        None => None,
    };
    let listing = Listing {
        offset: fields.count("offset", "invalid_document_offset")?.unwrap_or(0),
        limit: fields.count("limit", "invalid_document_limit")?.unwrap_or(20),
        fields: fields.texts("fields", "invalid_document_fields")?,
        ids,
        filter: fields.value("filter").map(filter_and_text).transpose()?,
        sort: read_sort(fields.texts("sort", "invalid_document_sort")?, "invalid_document_sort")?,
    };
    fields.finish()?;
    listing.answer(&shared, &uid)
}

pub(super) async fn replace(
    app: App,
    uid: Path<String>,
    parameters: Parameters,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    add(&app, &uid, &parameters, &headers, &body, Method::Replace)
}

pub(super) async fn update(
    app: App,
    uid: Path<String>,
    parameters: Parameters,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    add(&app, &uid, &parameters, &headers, &body, Method::Update)
}

pub(super) async fn delete_one(State(shared): App, Path((uid, id)): Path<(String, String)>) -> Response {
    accept(&shared, &uid, Work::Delete(Deletion::Ids(vec![id.into()])))
}

pub(super) async fn delete_all(State(shared): App, Path(uid): Path<String>) -> Response {
    accept(&shared, &uid, Work::Delete(Deletion::All))
}

pub(super) async fn delete_batch(
    State(shared): App,
    Path(uid): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    let Value::Array(ids) = json_body(&headers, &body)? else {
        return Err(ApiError::malformed("expected an array of document ids"));
    };
    let ids = ids.iter().filter_map(DocumentId::from_json).collect();
    Ok(accept(&shared, &uid, Work::Delete(Deletion::Ids(ids))))
}

pub(super) async fn delete_by_filter(
    State(shared): App,
    Path(uid): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    let mut fields = Fields::new(json_body(&headers, &body)?, &["filter"])?;
    let Some(original) = fields.value("filter") else {
        return Err(ApiError::bad_request("missing_document_filter", "Missing field `filter`"));
    };
    let filter = read_filter(original.clone(), "invalid_document_filter")?;
    Ok(accept(&shared, &uid, Work::Delete(Deletion::Filter { filter, original })))
}

fn add(
    shared: &Shared,
    uid: &str,
    parameters: &Parameters,
    headers: &HeaderMap,
    body: &Bytes,
    method: Method,
) -> Result<Response, ApiError> {
    let documents = match content_type(headers, &[JSON, NDJSON, CSV])? {
        JSON => read_json(body)?,
        NDJSON => read_lines(body)?,
        other => return Err(ApiError::not_imitated(other)),
    };
    ids::check_index(uid)?;
    let primary_key = parameters.get("primaryKey").cloned();
    Ok(accept(shared, uid, Work::Add { documents, primary_key, method }))
}

/// A list of documents, or one.
fn read_json(body: &[u8]) -> Result<Vec<Document>, ApiError> {
    let single = body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    if single { read::<Document>(body).map(|document| vec![document]) } else { read(body) }
}

/// A document a line.
fn read_lines(body: &[u8]) -> Result<Vec<Document>, ApiError> {
    body.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).map(read).collect()
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(bytes).map_err(|error| {
        // Meilisearch looks at the shape before it looks at values, which words the same mistake otherwise.
        let error = serde_json::from_slice::<IgnoredAny>(bytes).err().unwrap_or(error);
        ApiError::malformed(format!("Couldn't serialize document value: {error}"))
    })
}

fn filter_and_text(value: Value) -> Result<(Filter, String), ApiError> {
    let text = value.as_str().map(str::to_owned);
    let filter = read_filter(value, "invalid_document_filter")?;
    let text = text.unwrap_or_else(|| filter.to_string());
    Ok((filter, text))
}

impl Listing {
    fn answer(&self, shared: &Shared, uid: &str) -> Answer {
        let data = shared.read();
        let index = data.index(uid)?;
        if let Some((filter, text)) = &self.filter {
            check_filter(filter, text, &index.settings.filterable(), "invalid_document_filter")?;
        }
        check_sort(&self.sort, &index.settings.sortable(), "invalid_document_sort")?;
        let filtered: Vec<&Document> = match (&self.filter, &self.ids, self.sort.as_slice()) {
            (None, None, []) => index.store.iter().map(|(_, document)| &**document).collect(),
            _ => {
                let passes =
                    |document: &Document| self.filter.as_ref().is_none_or(|(filter, _)| filter.matches(document));
                let ranked = index.store.rank(&Ranking { sort: &self.sort, ..Ranking::default() }, passes);
                let documents = ranked.iter().filter_map(|ranked| index.store.at(ranked.number));
                let wanted = documents.filter(|(id, _)| self.ids.as_ref().is_none_or(|ids| ids.contains(id)));
                wanted.map(|(_, document)| &**document).collect()
            }
        };
        let slice = filtered.iter().skip(self.offset).take(self.limit);
        let results: Vec<Document> = slice.map(|document| retrieve(document, self.fields.as_deref())).collect();
        Ok(Json(json!({
            "results": results,
            "offset": self.offset,
            "limit": self.limit,
            "total": filtered.len(),
        })))
    }
}
