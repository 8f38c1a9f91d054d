//! Where things stand in a request and in an answer.

use std::borrow::Cow;

use http::{HeaderName, Request, Uri};
use serde_json::Value;

use super::Question;

/// Where a value stands in a request.
///
/// From text: `"/a/b"` is a JSON pointer into the body, `"q"` a parameter of the query string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A parameter of the query string, percent-decoded.
    Query(String),
    /// A JSON pointer (RFC 6901) into the body.
    Body(String),
    /// A header.
    Header(HeaderName),
}

/// A JSON pointer with one `*`, which stands for every element of an array: where ids stand in an answer. Without a
/// `*` the elements are the ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) list: String,
    pub(super) id: String,
    /// Whether there was a `*`.
    pub(super) starred: bool,
}

impl From<&str> for Place {
    fn from(text: &str) -> Self {
        if text.starts_with('/') { Self::Body(text.to_owned()) } else { Self::Query(text.to_owned()) }
    }
}

impl From<HeaderName> for Place {
    fn from(name: HeaderName) -> Self {
        Self::Header(name)
    }
}

impl Place {
    pub(super) fn header(&self) -> Option<&HeaderName> {
        match self {
            Self::Header(name) => Some(name),
            Self::Query(_) | Self::Body(_) => None,
        }
    }

    /// The value, if it is there. `body` is the parsed body.
    pub(super) fn find(&self, question: &Question, body: &Value) -> Option<Value> {
        match self {
            Self::Query(name) => parameter(&question.uri, name).map(|value| Value::String(value.into_owned())),
            Self::Body(pointer) => body.pointer(pointer).filter(|value| !value.is_null()).cloned(),
            Self::Header(name) => question.header(name)?.to_str().ok().map(|value| Value::String(value.into())),
        }
    }

    /// The same, from a live request, as text; nothing if that is empty. A body is not parsed for it but when the place
    /// is in the body.
    pub(super) fn peek<'a, B>(&self, request: &'a Request<B>) -> Option<Cow<'a, str>> {
        self.peek_any(request).filter(|text| !text.is_empty())
    }

    fn peek_any<'a, B>(&self, request: &'a Request<B>) -> Option<Cow<'a, str>> {
        match self {
            Self::Query(name) => parameter(request.uri(), name),
            Self::Header(name) => request.headers().get(name)?.to_str().ok().map(Cow::Borrowed),
            Self::Body(pointer) => {
                let Some(crate::http::CapturedBody::Whole(body)) = request.extensions().get() else { return None };
                let body: Value = serde_json::from_slice(body).ok()?;
                match body.pointer(pointer)? {
                    Value::String(text) => Some(Cow::Owned(text.clone())),
                    Value::Number(number) => Some(Cow::Owned(number.to_string())),
                    _ => None,
                }
            }
        }
    }
}

/// The first parameter of this name in a query string (`application/x-www-form-urlencoded`).
pub(super) fn parameter<'a>(uri: &'a Uri, name: &str) -> Option<Cow<'a, str>> {
    parameters(uri).find(|(key, _)| key == name).map(|(_, value)| value)
}

/// All parameters, in order.
pub(super) fn parameters(uri: &Uri) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
}

/// A pointer as RFC 6901 wants it, beginning with a slash.
pub(super) fn rooted(pointer: &str) -> String {
    if pointer.is_empty() || pointer.starts_with('/') { pointer.to_owned() } else { format!("/{pointer}") }
}

impl Shown {
    /// From a pointer such as `/items/*/event_id`.
    pub(super) fn new(pointer: &str) -> Self {
        let pointer = rooted(pointer);
        let split = pointer.split_once("/*");
        let (list, id) = split.unwrap_or((&pointer, ""));
        Self { list: list.to_owned(), id: id.to_owned(), starred: split.is_some() }
    }

    /// All there is.
    pub(super) fn whole() -> Self {
        Self { list: String::new(), id: String::new(), starred: false }
    }

    /// The list in an answer.
    pub(super) fn list<'a>(&self, answer: &'a Value) -> Option<&'a Vec<Value>> {
        answer.pointer(&self.list)?.as_array()
    }
}
