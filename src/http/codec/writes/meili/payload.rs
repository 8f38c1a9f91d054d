//! Reading bodies as Meilisearch reads them.

use std::fmt;

use http::{HeaderMap, header::CONTENT_TYPE};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::{Value, map::Entry};

use super::{
    csv,
    known::{INVALID_CONTENT_TYPE, MALFORMED_PAYLOAD, MISSING_CONTENT_TYPE, MISSING_PAYLOAD},
};
use crate::{
    codec::CodecError,
    document::Document,
    http::codec::writes::read::{Unread, unread},
};

/// How documents are written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    Ndjson,
    Csv { delimiter: u8 },
}

/// A document, and which of its fields were named more than once: the last stands.
struct Read {
    document: Document,
    repeated: Vec<String>,
}

/// The format that the content type names. Letters may be large or small, parameters are of no account.
pub(super) fn format(headers: &HeaderMap, delimiter: Option<u8>) -> Result<Format, CodecError> {
    match (&*content_type(headers)?, delimiter) {
        ("text/csv", delimiter) => Ok(Format::Csv { delimiter: delimiter.unwrap_or(b',') }),
        ("application/json", None) => Ok(Format::Json),
        ("application/x-ndjson", None) => Ok(Format::Ndjson),
        (_, None) => Err(INVALID_CONTENT_TYPE.because(
            "The Content-Type is invalid. Accepted values for the Content-Type header are: `application/json`, \
             `application/x-ndjson`, `text/csv`",
        )),
        (_, Some(_)) => Err(INVALID_CONTENT_TYPE
            .because("The Content-Type does not support the use of a csv delimiter. Use `text/csv`.")),
    }
}

/// The documents of a body.
pub(super) fn documents(format: Format, body: &[u8], primary_key: &str) -> Result<Vec<Document>, CodecError> {
    if body.is_empty() {
        return Err(MISSING_PAYLOAD.because("A payload is missing."));
    }
    let read: Vec<Read> = match format {
        Format::Csv { delimiter } => return csv::documents(body, delimiter),
        Format::Json if body.trim_ascii_start().first() == Some(&b'{') => {
            vec![serde_json::from_slice(body).map_err(|error| refused("json", body, 1, &error))?]
        }
        Format::Json => serde_json::from_slice(body).map_err(|error| refused("json", body, 1, &error))?,
        Format::Ndjson => {
            let documents = serde_json::Deserializer::from_slice(body).into_iter();
            let documents: Result<_, _> = documents.collect();
            documents.map_err(|error| refused("ndjson", body, usize::MAX, &error))?
        }
    };
    if read.iter().any(|read| read.repeated.iter().any(|name| name == primary_key)) {
        return Err(CodecError::Unsupported("a document with two primary keys".into()));
    }
    Ok(read.into_iter().map(|read| read.document).collect())
}

/// The JSON of a route that takes nothing else.
pub(super) fn json(headers: &HeaderMap, body: &[u8]) -> Result<Value, CodecError> {
    let kind = content_type(headers)?;
    if kind != "application/json" && !kind.ends_with("+json") {
        return Err(INVALID_CONTENT_TYPE.because(
            "The Content-Type is invalid. Accepted values for the Content-Type header are: `application/json`",
        ));
    }
    if body.is_empty() {
        return Err(MISSING_PAYLOAD.because("A json payload is missing."));
    }
    serde_json::from_slice(body).map_err(|error| refused("json", body, 1, &error))
}

fn content_type(headers: &HeaderMap) -> Result<String, CodecError> {
    let Some(given) = headers.get(CONTENT_TYPE) else {
        return Err(MISSING_CONTENT_TYPE.because("A Content-Type header is missing."));
    };
    let given = String::from_utf8_lossy(given.as_bytes());
    Ok(given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

fn refused(format: &str, body: &[u8], values: usize, error: &serde_json::Error) -> CodecError {
    // Where, not what: the message may quote the document.
    let place = format!("line {} column {}", error.line(), error.column());
    match unread(body, values, error) {
        Unread::Malformed => {
            MALFORMED_PAYLOAD.because(format_args!("The `{format}` payload provided is malformed at {place}."))
        }
        Unread::Doubtful => {
            CodecError::Unsupported(format!("a `{format}` payload with what cannot be read at {place}"))
        }
    }
}

impl<'de> Deserialize<'de> for Read {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;

        impl<'de> Visitor<'de> for Fields {
            type Value = Read;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a document")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Read, A::Error> {
                let mut read = Read { document: Document::new(), repeated: Vec::new() };
                while let Some((name, value)) = fields.next_entry::<String, Value>()? {
                    match read.document.entry(name) {
                        Entry::Vacant(place) => {
                            place.insert(value);
                        }
                        Entry::Occupied(mut place) => {
                            read.repeated.push(place.key().clone());
                            place.insert(value);
                        }
                    }
                }
                Ok(read)
            }
        }

        deserializer.deserialize_map(Fields)
    }
}
