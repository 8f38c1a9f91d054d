//! Meilisearch's own search routes: `GET` and `POST /indexes/{uid}/search`.

use std::{borrow::Cow, sync::Arc, time::Duration};

use axum::body::Body;
use http::{HeaderName, Method, Request, StatusCode, Uri, header::AUTHORIZATION};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{HttpCodec, Place, Protocol, Question, parse, place::parameters};
use crate::{
    codec::CodecError,
    document::DocumentId,
    opaque::opaque_debug,
    search::{Page, SearchHits, SearchQuery},
};

/// The protocol of Meilisearch's search routes; see [`meili_search`].
#[must_use]
pub struct MeiliSearch {
    index: String,
    primary_key: String,
    user: Option<Place>,
    keys: Vec<String>,
    trusted: bool,
    headers: Vec<HeaderName>,
}

/// A codec for Meilisearch's own search routes of one index, for a service that passes them through. `primary_key` is
/// the field that holds a document's id. Requests for another index are let through untouched: layers for several indexes
/// can be stacked.
///
/// # Who may search
///
/// Meilisearch checks the API key of a request; PostgreSQL cannot. So PostgreSQL answers, and is compared for, only
/// requests that bear one of the keys given to [`api_keys`](MeiliSearch::api_keys); every other one stays on Meilisearch,
/// which refuses it, or knows the tenant token that restricts it. If something in front of the layers has checked the
/// caller, say so with [`trust_callers`](MeiliSearch::trust_callers).
///
/// # What is carried over
///
/// `q`, `offset`, `limit`, `page`, `hitsPerPage`, `filter`, `sort`, `matchingStrategy` and `attributesToRetrieve`. A
/// request that uses another parameter stays on Meilisearch and is counted as `unsupported`.
///
/// ```
/// use crossfade::http::codec::meili_search;
/// let codec = meili_search("movies", "id").api_keys(["a search key for movies"]).build();
/// ```
pub fn meili_search(index: impl Into<String>, primary_key: impl Into<String>) -> MeiliSearch {
    let headers = vec![AUTHORIZATION];
    MeiliSearch {
        index: index.into(),
        primary_key: primary_key.into(),
        user: None,
        keys: Vec::new(),
        trusted: false,
        headers,
    }
}

impl MeiliSearch {
    /// Where the reader's id is: the key of the canary, and a column of the shadow log.
    pub fn user(mut self, place: impl Into<Place>) -> Self {
        self.user = Some(place.into());
        self
    }

    /// The API keys whose bearers may search the whole index, whatever else Meilisearch lets them do.
    pub fn api_keys(mut self, keys: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.keys.extend(keys.into_iter().map(Into::into));
        self
    }

    /// Callers have been checked before they reach the layers.
    pub fn trust_callers(mut self) -> Self {
        self.trusted = true;
        self
    }

    /// The codec.
    pub fn build(mut self) -> HttpCodec<Self> {
        self.headers.extend(self.user.as_ref().and_then(Place::header).cloned());
        HttpCodec::new(self)
    }

    fn may_search(&self, question: &Question) -> bool {
        let bearer = question.header(&AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
        self.trusted || bearer.is_some_and(|bearer| self.keys.iter().any(|key| same(key.as_bytes(), bearer)))
    }
}

/// Equality in a time that depends on the lengths only, so that a key cannot be found out byte by byte.
pub(super) fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

/// The index in a path that ends in `/indexes/{uid}/search`.
fn index_of(path: &str) -> Option<&str> {
    let rest = path.strip_suffix("/search")?;
    let (before, uid) = rest.rsplit_once('/')?;
    (before.ends_with("/indexes") && !uid.is_empty()).then_some(uid)
}

impl From<MeiliSearch> for HttpCodec<MeiliSearch> {
    fn from(protocol: MeiliSearch) -> Self {
        protocol.build()
    }
}

impl Protocol for MeiliSearch {
    fn is_search(&self, method: &Method, uri: &Uri) -> bool {
        matches!(*method, Method::GET | Method::POST) && index_of(uri.path()) == Some(&self.index)
    }

    fn reads_body(&self, method: &Method) -> bool {
        *method == Method::POST
    }

    fn reader<'a>(&self, request: &'a Request<Body>) -> Option<Cow<'a, str>> {
        self.user.as_ref()?.peek(request)
    }

    fn kept_headers(&self) -> &[HeaderName] {
        &self.headers
    }

    fn read(&self, question: &Question) -> Result<SearchQuery, CodecError> {
        if !self.may_search(question) {
            return Err(CodecError::Forbidden);
        }
        let parameters = match question.method {
            Method::POST => match parse(&question.body)? {
                Value::Object(parameters) => parameters,
                _ => return Err(CodecError::Malformed("the body is no object".into())),
            },
            _ => from_query_string(&question.uri),
        };
        let mut query = SearchQuery { index: Some(self.index.as_str().into()), ..SearchQuery::default() };
        let mut page = PageParameters::default();
        for (name, value) in parameters {
            if self.user == Some(Place::Query(name.clone())) {
                continue;
            }
            read_parameter(&mut query, &mut page, &name, value)?;
        }
        if query.retrieve.as_ref().is_some_and(|fields| !fields.contains(&self.primary_key)) {
            // The ids could not be read out of Meilisearch's answer.
            return Err(CodecError::Unsupported("attributesToRetrieve without the primary key".into()));
        }
        query.page = page.into_page();
        if let Some(user) = &self.user {
            let body = parse(&question.body).unwrap_or_default();
            query.user = user.find(question, &body).and_then(|value| value.as_str().map(Arc::from));
        }
        Ok(query)
    }

    fn ids(&self, answer: &Value) -> Result<Vec<DocumentId>, CodecError> {
        let missing = |what: &str| CodecError::Malformed(format!("the answer has no {what}"));
        let hits = answer.get("hits").and_then(Value::as_array).ok_or_else(|| missing("`hits`"))?;
        hits.iter()
            .map(|hit| hit.get(&self.primary_key).and_then(DocumentId::from_json).ok_or_else(|| missing("id in a hit")))
            .collect()
    }

    fn answer(&self, query: &SearchQuery, hits: SearchHits, took: Duration) -> Value {
        let documents: Vec<_> = hits.hits.iter().map(|hit| Value::Object(hit.document.clone())).collect();
        // The order of Meilisearch's own fields.
        let mut answer = json!({ "hits": documents, "query": query.text, "processingTimeMs": took.as_millis() as u64 });
        match query.page {
            Page::Window { offset, limit } => {
                answer["limit"] = json!(limit);
                answer["offset"] = json!(offset);
                answer["estimatedTotalHits"] = json!(hits.total);
            }
            Page::Numbered { page, hits_per_page } => {
                answer["hitsPerPage"] = json!(hits_per_page);
                answer["page"] = json!(page);
                answer["totalPages"] = json!(
                    hits.total
                        .checked_div(hits_per_page as u64)
                        .map_or(0, |full| { full + u64::from(!hits.total.is_multiple_of(hits_per_page as u64)) })
                );
                answer["totalHits"] = json!(hits.total);
            }
        }
        answer["requestUid"] = json!(Uuid::now_v7());
        answer
    }

    fn error(&self, status: StatusCode, message: &str) -> Value {
        let (code, kind) = match status {
            StatusCode::BAD_REQUEST => ("bad_request", "invalid_request"),
            StatusCode::FORBIDDEN => ("invalid_api_key", "auth"),
            StatusCode::NOT_FOUND => ("index_not_found", "invalid_request"),
            _ => ("internal", "internal"),
        };
        let link = format!("https://docs.meilisearch.com/errors#{code}");
        json!({ "message": message, "code": code, "type": kind, "link": link })
    }
}

#[derive(Default)]
struct PageParameters {
    offset: Option<usize>,
    limit: Option<usize>,
    page: Option<usize>,
    hits_per_page: Option<usize>,
}

impl PageParameters {
    /// Either of `page` and `hitsPerPage` selects numbered pages, as in Meilisearch.
    fn into_page(self) -> Page {
        match (self.page, self.hits_per_page) {
            (None, None) => Page::Window { offset: self.offset.unwrap_or(0), limit: self.limit.unwrap_or(20) },
            (page, size) => Page::Numbered { page: page.unwrap_or(1), hits_per_page: size.unwrap_or(20) },
        }
    }
}

fn read_parameter(
    query: &mut SearchQuery,
    page: &mut PageParameters,
    name: &str,
    value: Value,
) -> Result<(), CodecError> {
    if value.is_null() {
        return Ok(());
    }
    match name {
        "q" => query.text = typed(name, value)?,
        "filter" => query.filter = Some(typed(name, value)?),
        "sort" => query.sort = typed(name, value)?,
        "matchingStrategy" => query.matching = typed(name, value)?,
        "attributesToRetrieve" => {
            let fields: Vec<String> = typed(name, value)?;
            query.retrieve = (!fields.iter().any(|field| field == "*")).then_some(fields);
        }
        "offset" => page.offset = Some(typed(name, value)?),
        "limit" => page.limit = Some(typed(name, value)?),
        "page" => page.page = Some(typed(name, value)?),
        "hitsPerPage" => page.hits_per_page = Some(typed(name, value)?),
        // Asking for nothing extra is no use of a feature.
        "showRankingScore" | "showRankingScoreDetails" | "showMatchesPosition" if value == Value::Bool(false) => {}
        _ => return Err(CodecError::Unsupported(name.to_owned())),
    }
    Ok(())
}

fn typed<T: DeserializeOwned>(name: &str, value: Value) -> Result<T, CodecError> {
    T::deserialize(value).map_err(|error| CodecError::Malformed(format!("`{name}`: {error}")))
}

/// The parameters of a GET request in the types of a POST body. Lists are separated by commas.
fn from_query_string(uri: &Uri) -> Map<String, Value> {
    parameters(uri)
        .map(|(name, value)| {
            let value = match &*name {
                "offset" | "limit" | "page" | "hitsPerPage" => {
                    value.parse::<u64>().map_or_else(|_| Value::String(value.to_string()), Value::from)
                }
                // A list of filters is given as JSON.
                "filter" => match serde_json::from_str(&value) {
                    Ok(list @ Value::Array(_)) => list,
                    _ => Value::String(value.into_owned()),
                },
                "sort" | "attributesToRetrieve" => value.split(',').map(|item| Value::from(item.trim())).collect(),
                "showRankingScore" | "showRankingScoreDetails" | "showMatchesPosition" => Value::Bool(value == "true"),
                _ => Value::String(value.into_owned()),
            };
            (name.into_owned(), value)
        })
        .collect()
}

opaque_debug!(MeiliSearch);
