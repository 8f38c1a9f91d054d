//! Reading a request of a service's own.

use axum::body::Body;
use http::{
    HeaderMap, Method, Request,
    header::{CONTENT_ENCODING, CONTENT_TYPE},
};
use serde_json::Value;

use super::{
    JsonDocuments, Place,
    address::{self, Address},
    version,
};
use crate::{
    codec::CodecError,
    document::{Document, DocumentId, Version},
    http::codec::writes::read::{Kind, Unread, is_plain, plain_id, united, unread},
    write::{Action, Change, Changes},
};

/// What is not taken, though the handler might take it.
fn refused<T>(what: &str) -> Result<T, CodecError> {
    Err(CodecError::Unsupported(what.to_owned()))
}

impl JsonDocuments {
    pub(super) fn changes(&self, request: &Request<Body>, body: &[u8]) -> Result<Changes, CodecError> {
        let address = address::of(request, self.id_parameter.as_deref());
        let kind = match *request.method() {
            Method::DELETE => return self.deletion(request, body, address),
            Method::PUT => self.put,
            Method::PATCH => self.patch,
            _ => Kind::Put,
        };
        // The last segment of a POST names the collection; so may that of others, unless axum says that it is a parameter.
        let address = address.filter(|address| request.method() != Method::POST && address.certain);
        let body = parse(request.headers(), body)?;
        let mut changes = Vec::new();
        for document in self.listed(&body)? {
            changes.push(self.change(request, &body, document, kind, address.as_ref())?);
        }
        if address.is_some() && changes.len() > 1 {
            return refused("several documents at the address of one");
        }
        Ok(united(changes))
    }

    fn deletion(&self, request: &Request<Body>, body: &[u8], address: Option<Address>) -> Result<Changes, CodecError> {
        let Some(Address { id, .. }) = address else { return refused("a deletion without an id in its path") };
        if !is_plain(&id) {
            return refused("a document id that Meilisearch does not take");
        }
        let body = match body {
            [] => Value::Null,
            body => parse(request.headers(), body)?,
        };
        let version = self.version_of(request, &body, &Value::Null)?;
        Ok(Changes::Documents(vec![Change { id: id.into(), version, action: Action::Delete }]))
    }

    /// The documents of a body.
    fn listed<'a>(&self, body: &'a Value) -> Result<Vec<&'a Value>, CodecError> {
        let Some(at) = body.pointer(&self.documents.list) else { return refused("a body without documents") };
        match at {
            Value::Array(list) => {
                let documents: Option<_> = list.iter().map(|element| element.pointer(&self.documents.id)).collect();
                documents.map_or_else(|| refused("a list with an element without a document"), Ok)
            }
            one if self.documents.id.is_empty() && !self.documents.starred => Ok(vec![one]),
            _ => refused("a body without a list of documents"),
        }
    }

    fn change(
        &self,
        request: &Request<Body>,
        body: &Value,
        document: &Value,
        kind: Kind,
        address: Option<&Address>,
    ) -> Result<Change, CodecError> {
        let version = self.version_of(request, body, document)?;
        let Value::Object(document) = document else { return refused("a document that is no object") };
        let mut document = document.clone();
        if let Some(address) = address
            && !document.contains_key(&self.key)
        {
            document.insert(self.key.clone(), Value::from(address.id.as_str()));
        }
        if let Some(map) = &self.map {
            document = map(document)?;
        }
        let id = self.id_of(&document)?;
        if address.is_some_and(|address| address.id != id.as_str()) {
            return refused("an id in the path that is not the document's");
        }
        Ok(Change { id, version, action: kind.action(document) })
    }

    fn id_of(&self, document: &Document) -> Result<DocumentId, CodecError> {
        let Some(id) = document.get(&self.key) else { return refused("a document without an id") };
        plain_id(id).map_or_else(|| refused("a document id that Meilisearch does not take"), Ok)
    }

    /// The version of a document; `None` only if the service gives none to any. A clock's would not compare with its own.
    fn version_of(
        &self,
        request: &Request<Body>,
        body: &Value,
        document: &Value,
    ) -> Result<Option<Version>, CodecError> {
        let own = self.version_field.as_ref().and_then(|pointer| document.pointer(pointer));
        let found =
            own.filter(|version| !version.is_null()).cloned().or_else(|| match self.version_place.as_ref()? {
                Place::Body(pointer) => body.pointer(pointer).filter(|version| !version.is_null()).cloned(),
                elsewhere => elsewhere.peek(request).map(|text| Value::from(text.into_owned())),
            });
        match found {
            Some(found) => version::read(&found).map(Some),
            None if self.version_field.is_none() && self.version_place.is_none() => Ok(None),
            None => refused("a write without a version"),
        }
    }
}

fn parse(headers: &HeaderMap, body: &[u8]) -> Result<Value, CodecError> {
    let said = |name| headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase());
    if said(CONTENT_ENCODING).is_some_and(|encoding| encoding.trim() != "identity") {
        return refused("a packed body; put the layer inside the decompression");
    }
    if body.trim_ascii().is_empty() {
        return refused("an empty body");
    }
    serde_json::from_slice(body).map_err(|error| {
        // A handler that is sent something else may well be able to read it.
        let json = said(CONTENT_TYPE).is_none_or(|kind| kind.contains("json"));
        let place = format!("line {} column {}", error.line(), error.column());
        match unread(body, 1, &error) {
            Unread::Malformed if json => CodecError::Malformed(format!("The body is malformed at {place}.")),
            Unread::Malformed => CodecError::Unsupported("a body that is not JSON".into()),
            Unread::Doubtful => CodecError::Unsupported(format!("a body with what cannot be read at {place}")),
        }
    })
}
