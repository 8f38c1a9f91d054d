//! Meilisearch's own search routes: `GET` and `POST /indexes/{uid}/search`.

mod answer;
mod query_string;
mod refusal;

use std::{borrow::Cow, sync::Arc, time::Duration};

use axum::body::Body;
use http::{HeaderName, Method, Request, StatusCode, Uri, header::AUTHORIZATION};
use serde_json::Value;

use self::query_string::from_query_string;
use super::{HttpCodec, Place, Protocol, Question, parse};
use crate::{
    codec::CodecError,
    document::DocumentId,
    error::BackendError,
    opaque::opaque_debug,
    search::{ParameterError, Parameters, SearchHits, SearchQuery},
};

/// The protocol of Meilisearch's search routes; see [`meili_search`].
#[must_use]
pub struct MeiliSearch {
    index: String,
    primary_key: String,
    user: Option<Place>,
    keys: Vec<String>,
    trusted: bool,
    left: Vec<String>,
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
/// `q`, `offset`, `limit`, `page`, `hitsPerPage`, `filter`, `sort`, `matchingStrategy`, `attributesToRetrieve`,
/// `attributesToSearchOn`, `distinct`, `facets`, `rankingScoreThreshold`, `showRankingScore`, `showRankingScoreDetails`,
/// `showMatchesPosition`, and what highlighting and cropping take. A request that uses another parameter (`vector`,
/// `hybrid`, `locales`, `media`, `personalize`, `retrieveVectors`, `useNetwork`, `showPerformanceDetails`) stays on
/// Meilisearch and is counted as `unsupported`.
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
        left: Vec::new(),
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

    /// Parameters that PostgreSQL is not trusted with: a request that uses one stays on Meilisearch, and is counted as
    /// `unsupported`, like one with a parameter that is not carried over. Once Meilisearch is no longer current it is refused.
    pub fn leave_to_meili(mut self, parameters: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.left.extend(parameters.into_iter().map(Into::into));
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

impl From<ParameterError> for CodecError {
    fn from(error: ParameterError) -> Self {
        match error {
            ParameterError::Unknown(name) => Self::Unsupported(name),
            ParameterError::Malformed { .. } => Self::Malformed(error.to_string()),
        }
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
        let mut reader = Parameters::default();
        for (name, value) in parameters {
            if self.user == Some(Place::Query(name.clone())) {
                continue;
            }
            if self.left.contains(&name) && !value.is_null() {
                return Err(CodecError::Unsupported(name));
            }
            reader.read(&name, value)?;
        }
        let mut query = SearchQuery { index: Some(self.index.as_str().into()), ..reader.finish() };
        if let Some(user) = &self.user {
            let body = parse(&question.body).unwrap_or_default();
            query.user = user.find(question, &body).and_then(|value| value.as_str().map(Arc::from));
        }
        Ok(query)
    }

    fn ids(&self, answer: &Value) -> Result<Vec<DocumentId>, CodecError> {
        let missing = |what: &str| CodecError::Malformed(format!("the answer has no {what}"));
        let hits = answer.get("hits").and_then(Value::as_array).ok_or_else(|| missing("`hits`"))?;
        let id = |hit: &Value| match hit.get(&self.primary_key) {
            Some(id) => DocumentId::from_json(id).ok_or_else(|| missing("id in a hit")),
            // The client did not ask for it: it can be answered, but not compared.
            None => Err(CodecError::Unsupported("attributesToRetrieve without the primary key".into())),
        };
        hits.iter().map(id).collect()
    }

    fn answer(&self, query: &SearchQuery, hits: SearchHits, took: Duration) -> Value {
        answer::answer(query, &hits, took)
    }

    fn refusal(&self, failure: &BackendError) -> Option<Value> {
        refusal::refusal(failure)
    }

    fn error(&self, status: StatusCode, message: &str) -> Value {
        let (code, kind) = match status {
            StatusCode::BAD_REQUEST => ("bad_request", "invalid_request"),
            StatusCode::FORBIDDEN => ("invalid_api_key", "auth"),
            StatusCode::NOT_FOUND => ("index_not_found", "invalid_request"),
            _ => ("internal", "internal"),
        };
        refusal::body(message, code, kind)
    }
}

opaque_debug!(MeiliSearch);
