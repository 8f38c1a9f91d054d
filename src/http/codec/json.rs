//! A codec for a service's own search route, told where things stand.

use std::{borrow::Cow, sync::Arc, time::Duration};

use axum::body::Body;
use http::{HeaderName, Method, Request, StatusCode, Uri};
use serde_json::{Map, Value, json};

use super::{
    HttpCodec, Place, Protocol, Question, parse,
    place::{Shown, rooted},
};
use crate::{
    codec::CodecError,
    document::DocumentId,
    opaque::opaque_debug,
    search::{FilterInput, Hit, Page, SearchHits, SearchQuery},
};

/// Reads what the places do not say; may refuse.
type Adjust = dyn Fn(&Question, &mut SearchQuery) -> Result<(), CodecError> + Send + Sync;
/// Makes the service's answer.
type Respond = dyn Fn(&SearchQuery, &SearchHits) -> Value + Send + Sync;

/// The protocol of a service's own JSON search route; see [`json_search`].
#[must_use]
pub struct JsonSearch {
    index: Option<Arc<str>>,
    shown: Shown,
    query: Place,
    user: Option<Place>,
    filter: Option<Place>,
    sort: Option<Place>,
    limit: Place,
    offset: Place,
    page: Option<Place>,
    total: Option<String>,
    default_limit: usize,
    max_limit: usize,
    adjust: Option<Box<Adjust>>,
    respond: Option<Box<Respond>>,
    headers: Vec<HeaderName>,
    /// Whether anything stands in the body.
    in_body: bool,
}

/// A codec for a service's own JSON search route, whose answers show ids at `ids`: a JSON pointer in which `*` stands
/// for every element of a list, such as `/items/*/event_id`.
///
/// The query is the parameter `q`, the page `limit` (20 by default) and `offset`, unless said otherwise. A search is
/// recognised by its method, POST if anything is said to stand in the body, else GET: apply the layers to that route only.
///
/// **A read that PostgreSQL answers does not reach the handler**, see [`HttpCodec::allow`].
///
/// ```
/// use crossfade::http::codec::json_search;
/// use http::HeaderName;
/// use serde_json::json;
///
/// let codec = json_search("/items/*/event_id")
///     .query("q")
///     .user(HeaderName::from_static("x-user-id"))
///     .limit("size", 10, 100)
///     .filter("filter")
///     .respond(|query, hits| json!({
///         "items": hits.hits.iter().map(|hit| &hit.document).collect::<Vec<_>>(),
///         "total": hits.total,
///         "query": query.text,
///     }));
/// # let _ = codec.build();
/// ```
pub fn json_search(ids: &str) -> JsonSearch {
    JsonSearch {
        index: None,
        shown: Shown::new(ids),
        query: Place::from("q"),
        user: None,
        filter: None,
        sort: None,
        limit: Place::from("limit"),
        offset: Place::from("offset"),
        page: None,
        total: None,
        default_limit: 20,
        max_limit: 1000,
        adjust: None,
        respond: None,
        headers: Vec::new(),
        in_body: false,
    }
}

impl JsonSearch {
    /// The index to ask; without it the backend's own.
    pub fn index(mut self, uid: impl Into<Arc<str>>) -> Self {
        self.index = Some(uid.into());
        self
    }

    /// Where the words are.
    pub fn query(mut self, place: impl Into<Place>) -> Self {
        self.query = place.into();
        self
    }

    /// Where the reader's id is: the key of the canary, and a column of the shadow log.
    pub fn user(mut self, place: impl Into<Place>) -> Self {
        self.user = Some(place.into());
        self
    }

    /// Where a Meilisearch filter expression is. For filters of another shape see [`adjust`](Self::adjust).
    pub fn filter(mut self, place: impl Into<Place>) -> Self {
        self.filter = Some(place.into());
        self
    }

    /// Where the sort criteria are: a list of `field:asc`, or text with commas.
    pub fn sort(mut self, place: impl Into<Place>) -> Self {
        self.sort = Some(place.into());
        self
    }

    /// Where the page size is, the size without it, and the largest the service grants (a larger wish is cut to it).
    pub fn limit(mut self, place: impl Into<Place>, default: usize, max: usize) -> Self {
        (self.limit, self.default_limit, self.max_limit) = (place.into(), default, max);
        self
    }

    /// Where the number of hits to skip is.
    pub fn offset(mut self, place: impl Into<Place>) -> Self {
        self.offset = place.into();
        self
    }

    /// Where the page number (from 1) is, for services that count pages instead of offsets.
    pub fn page(mut self, place: impl Into<Place>) -> Self {
        self.page = Some(place.into());
        self
    }

    /// Where the total is shown in the answer; only for the default [`respond`](Self::respond).
    pub fn total(mut self, pointer: impl Into<String>) -> Self {
        self.total = Some(rooted(&pointer.into()));
        self
    }

    /// Reads the rest: filters in parameters of the service's own, a constant filter of the route, and so on. What it
    /// refuses with [`CodecError::Unsupported`] stays on Meilisearch.
    pub fn adjust(
        mut self,
        adjust: impl Fn(&Question, &mut SearchQuery) -> Result<(), CodecError> + Send + Sync + 'static,
    ) -> Self {
        self.adjust = Some(Box::new(adjust));
        self
    }

    /// Keeps a header for [`adjust`](Self::adjust), for example one that names the tenant.
    pub fn keep_header(mut self, name: HeaderName) -> Self {
        self.headers.push(name);
        self
    }

    /// How hits become the service's answer. By default the documents stand in the list that the ids were read from,
    /// with the total if its place is known, and nothing else.
    pub fn respond(mut self, respond: impl Fn(&SearchQuery, &SearchHits) -> Value + Send + Sync + 'static) -> Self {
        self.respond = Some(Box::new(respond));
        self
    }

    /// The codec.
    pub fn build(mut self) -> HttpCodec<Self> {
        let in_body = self.places().any(|place| matches!(place, Place::Body(_)));
        let headers: Vec<_> = self.places().filter_map(Place::header).cloned().collect();
        self.in_body = in_body;
        self.headers.extend(headers);
        HttpCodec::new(self)
    }

    fn places(&self) -> impl Iterator<Item = &Place> {
        let always = [&self.query, &self.limit, &self.offset];
        let maybe = [&self.user, &self.filter, &self.sort, &self.page];
        always.into_iter().chain(maybe.into_iter().flatten())
    }

    fn number(&self, place: &Place, question: &Question, body: &Value) -> Result<Option<usize>, CodecError> {
        let Some(value) = place.find(question, body) else { return Ok(None) };
        let number = match &value {
            Value::Number(number) => number.as_u64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        let refuse = || CodecError::Malformed(format!("{place:?} holds no whole number"));
        number.and_then(|number| usize::try_from(number).ok()).ok_or_else(refuse).map(Some)
    }

    fn read_page(&self, question: &Question, body: &Value) -> Result<Page, CodecError> {
        let limit = self.number(&self.limit, question, body)?.unwrap_or(self.default_limit).min(self.max_limit);
        let offset = match &self.page {
            Some(place) => self.number(place, question, body)?.unwrap_or(1).saturating_sub(1).saturating_mul(limit),
            None => self.number(&self.offset, question, body)?.unwrap_or(0),
        };
        Ok(Page::Window { offset, limit })
    }
}

impl From<JsonSearch> for HttpCodec<JsonSearch> {
    fn from(protocol: JsonSearch) -> Self {
        protocol.build()
    }
}

impl Protocol for JsonSearch {
    fn is_search(&self, method: &Method, _uri: &Uri) -> bool {
        // Not both: a POST beside a search by GET is a write, or none of the route's methods.
        *method == if self.in_body { Method::POST } else { Method::GET }
    }

    fn reads_body(&self, _method: &Method) -> bool {
        self.in_body
    }

    fn reader<'a>(&self, request: &'a Request<Body>) -> Option<Cow<'a, str>> {
        self.user.as_ref()?.peek(request)
    }

    fn kept_headers(&self) -> &[HeaderName] {
        &self.headers
    }

    fn read(&self, question: &Question) -> Result<SearchQuery, CodecError> {
        let body = if question.body.is_empty() { Value::Null } else { parse(&question.body)? };
        let find = |place: &Option<Place>| place.as_ref().and_then(|place| place.find(question, &body));
        let text = match self.query.find(question, &body) {
            None => String::new(),
            Some(Value::String(text)) => text,
            Some(_) => return Err(CodecError::Malformed("the query is no text".into())),
        };
        let filter: Option<FilterInput> = match find(&self.filter) {
            None => None,
            Some(filter) => {
                Some(serde_json::from_value(filter).map_err(|_| CodecError::Malformed("no filter".into()))?)
            }
        };
        let sort = match find(&self.sort) {
            None => Vec::new(),
            Some(Value::String(text)) => text.split(',').map(|criterion| criterion.trim().to_owned()).collect(),
            Some(list) => serde_json::from_value(list).map_err(|_| CodecError::Malformed("no sort list".into()))?,
        };
        let user = match find(&self.user) {
            Some(Value::String(text)) if !text.is_empty() => Some(Arc::from(text)),
            Some(Value::Number(number)) => Some(Arc::from(number.to_string())),
            _ => None,
        };
        let page = self.read_page(question, &body)?;
        let mut query =
            SearchQuery { index: self.index.clone(), text, user, filter, sort, page, ..SearchQuery::default() };
        if let Some(adjust) = &self.adjust {
            adjust(question, &mut query)?;
        }
        Ok(query)
    }

    fn ids(&self, answer: &Value) -> Result<Vec<DocumentId>, CodecError> {
        let missing = |what: &str| CodecError::Malformed(format!("the answer has no {what}"));
        let list = self.shown.list(answer).ok_or_else(|| missing("list of hits"))?;
        list.iter()
            .map(|hit| {
                hit.pointer(&self.shown.id).and_then(DocumentId::from_json).ok_or_else(|| missing("id in a hit"))
            })
            .collect()
    }

    fn answer(&self, query: &SearchQuery, hits: SearchHits, _took: Duration) -> Value {
        if let Some(respond) = &self.respond {
            return respond(query, &hits);
        }
        let shown = |hit: &Hit| match self.shown.id.as_str() {
            "" => json!(hit.id),
            _ => Value::Object(hit.document.clone()),
        };
        let documents = hits.hits.iter().map(shown).collect();
        let mut answer = Value::Null;
        put(&mut answer, &self.shown.list, Value::Array(documents));
        if let Some(total) = &self.total {
            put(&mut answer, total, json!(hits.total));
        }
        answer
    }

    fn error(&self, _status: StatusCode, message: &str) -> Value {
        json!({ "error": message })
    }
}

/// Puts a value at a pointer, making the objects on the way.
fn put(root: &mut Value, pointer: &str, value: Value) {
    let mut place = root;
    for key in pointer.split('/').skip(1) {
        let key = key.replace("~1", "/").replace("~0", "~");
        if !place.is_object() {
            *place = Value::Object(Map::new());
        }
        place = &mut place[key];
    }
    *place = value;
}

opaque_debug!(JsonSearch);
