//! Reading and writing documents.

use std::collections::HashSet;

use axum::{
    Json,
    body::Bytes,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use serde::de::IgnoredAny;
use serde_json::{Value, error::Category, json};

use super::{Answer, App, JSON, Parameters, accept, check_payload, content_type, json_body};
use crate::{
    backend::memory::retrieve,
    document::{Document, DocumentId},
    filter::{Filter, facets},
    sort::SortCriterion,
    testing::meili::{
        error::ApiError,
        expressions::{check_filter, check_sort, expressions, read_filter, read_sort},
        fields::Fields,
        ids,
        parameters::{check_parameters, list as list_parameter, number},
        state::Shared,
        task::{Deletion, Method, Work},
    },
};

const NDJSON: &str = "application/x-ndjson";
const CSV: &str = "text/csv";
const FETCH_FIELDS: [&str; 8] = ["offset", "limit", "fields", "retrieveVectors", "ids", "filter", "sort", "useNetwork"];

/// Which documents are listed, and how.
struct Listing {
    offset: usize,
    limit: usize,
    fields: Option<Vec<String>>,
    ids: Option<HashSet<DocumentId>>,
    filter: Option<(Filter, Vec<String>)>,
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
    check_parameters(&parameters, &FETCH_FIELDS)?;
    let filter = parameters.get("filter").map(|text| json!(text));
    let listing = Listing {
        offset: number(&parameters, "offset", "invalid_document_offset", 0)?,
        limit: number(&parameters, "limit", "invalid_document_limit", 20)?,
        fields: list_parameter(&parameters, "fields"),
        ids: list_parameter(&parameters, "ids").map(|ids| ids.into_iter().map(DocumentId::from).collect()),
        filter: filter.map(filter_and_texts).transpose()?,
        sort: read_sort(list_parameter(&parameters, "sort"), "invalid_document_sort")?,
    };
    listing.answer(&shared, &uid)
}

pub(super) async fn fetch(State(shared): App, Path(uid): Path<String>, headers: HeaderMap, body: Bytes) -> Answer {
    let mut fields = Fields::new(json_body(&headers, &body)?, "", &FETCH_FIELDS)?;
    let ids = fields.list("ids", "invalid_document_ids")?;
    let listing = Listing {
        offset: fields.count_or("offset", "invalid_document_offset", 0)?,
        limit: fields.count_or("limit", "invalid_document_limit", 20)?,
        fields: fields.texts("fields", "invalid_document_fields")?,
        ids: ids.map(|ids| ids.iter().filter_map(DocumentId::from_json).collect()),
        filter: fields.value("filter").map(filter_and_texts).transpose()?,
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
    let ids: Vec<Value> = serde_json::from_value(json_body(&headers, &body)?)
        .map_err(|error| ApiError::bad_request("bad_request", format!("Json deserialize error: {error}")))?;
    let ids = ids.iter().map(|id| DocumentId::from_json(id).unwrap_or_else(|| id.to_string().into())).collect();
    Ok(accept(&shared, &uid, Work::Delete(Deletion::Ids(ids))))
}

pub(super) async fn delete_by_filter(
    State(shared): App,
    Path(uid): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    let mut fields = Fields::new(json_body(&headers, &body)?, "", &["filter"])?;
    let Some(original) = fields.value("filter") else {
        return Err(ApiError::bad_request("missing_document_filter", "Missing field `filter`"));
    };
    let filter = read_filter(original.clone(), "invalid_document_filter")?;
    if matches!(&filter, Filter::And(all) if all.is_empty()) {
        // In a search it would let everything pass; nobody deletes everything by saying nothing.
        return Err(ApiError::bad_request("invalid_document_filter", "Sending an empty filter is forbidden."));
    }
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
    let kind = content_type(headers, &[JSON, NDJSON, CSV])?;
    check_payload(body)?;
    let documents = match kind {
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
    // Meilisearch looks at the shape before it looks at values, which words the same mistake otherwise.
    let _: IgnoredAny = serde_json::from_slice(body).map_err(|error| unreadable("`json`", error))?;
    match body.trim_ascii_start().first() {
        Some(b'{') => serde_json::from_slice(body).map(|document| vec![document]),
        Some(b'[') => serde_json::from_slice(body),
        _ => return Err(unreadable("`json`", "data are neither an object nor a list of objects")),
    }
    .map_err(|error| refused("`json`", &error))
}

/// A document a line.
fn read_lines(body: &[u8]) -> Result<Vec<Document>, ApiError> {
    let documents = serde_json::Deserializer::from_slice(body).into_iter();
    documents.collect::<Result<_, _>>().map_err(|error| refused("`ndjson`", &error))
}

/// Among documents, a value that is none Meilisearch takes for a failure of its own.
fn refused(format: &str, error: &serde_json::Error) -> ApiError {
    match error.classify() {
        Category::Data => ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", error.to_string()),
        _ => unreadable(format, error),
    }
}

fn unreadable(format: &str, why: impl std::fmt::Display) -> ApiError {
    ApiError::malformed(format, format!("Couldn't serialize document value: {why}"))
}

fn filter_and_texts(value: Value) -> Result<(Filter, Vec<String>), ApiError> {
    let texts = expressions(&value);
    Ok((read_filter(value, "invalid_document_filter")?, texts))
}

impl Listing {
    fn answer(&self, shared: &Shared, uid: &str) -> Answer {
        let data = shared.read();
        let index = data.index(uid)?;
        if let Some((filter, texts)) = &self.filter {
            check_filter(filter, texts, &index.settings.filterable(), "invalid_document_filter")?;
        }
        check_sort(&self.sort, &index.settings.sortable(), "invalid_document_sort")?;
        let matching: Vec<&Document> = match (&self.filter, &self.ids, self.sort.as_slice()) {
            (None, None, []) => index.store.iter().map(|(_, document)| &**document).collect(),
            _ => {
                let passes =
                    |document: &Document| self.filter.as_ref().is_none_or(|(filter, _)| filter.matches(document));
                let numbers = index.store.list(&self.sort, passes);
                let documents = numbers.into_iter().filter_map(|number| index.store.at(number));
                let wanted = documents.filter(|(id, _)| self.ids.as_ref().is_none_or(|ids| ids.contains(id)));
                wanted.map(|(_, document)| &**document).collect()
            }
        };
        let shown = matching.iter().filter(|document| !self.loses(document));
        let slice = shown.skip(self.offset).take(self.limit);
        let results: Vec<Document> = slice.map(|document| retrieve(document, self.fields.as_deref())).collect();
        Ok(Json(json!({
            "results": results,
            "offset": self.offset,
            "limit": self.limit,
            "total": matching.len(),
        })))
    }

    /// Meilisearch 1.50 does not list documents, though it counts them, whose sorted field is there but has no value (null
    /// or an empty list). Those without the field come last.
    fn loses(&self, document: &Document) -> bool {
        self.sort.first().is_some_and(|criterion| {
            let facets = facets(document, |name| name == criterion.attribute);
            facets.get(&criterion.attribute).is_some_and(|facet| facet.numbers.is_empty() && facet.texts.is_empty())
        })
    }
}
