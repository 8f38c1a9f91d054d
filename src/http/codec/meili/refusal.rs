//! Refusals with Meilisearch's own codes.

use std::error::Error;

use serde_json::{Value, json};

use crate::{codec::CodecError, error::BackendError, settings::NotAllowed};

/// The body of a refusal whose cause Meilisearch has a code for, or that names a parameter.
pub(super) fn refusal(failure: &BackendError) -> Option<Value> {
    let cause = failure.source()?;
    if let Some(CodecError::Unsupported(what)) = cause.downcast_ref() {
        let message = format!("`{what}` is not offered: this index is answered from PostgreSQL");
        return Some(body(&message, "bad_request", "invalid_request"));
    }
    let refused: &NotAllowed = cause.downcast_ref()?;
    let code = match refused {
        NotAllowed::Filter(_) | NotAllowed::Operator(_) => "invalid_search_filter",
        NotAllowed::Sort(_) | NotAllowed::NoSortRule => "invalid_search_sort",
        NotAllowed::Facet(_) => "invalid_search_facets",
        NotAllowed::Distinct(_) => "invalid_search_distinct",
        NotAllowed::SearchOn(_) => "invalid_search_attributes_to_search_on",
    };
    Some(body(&refused.to_string(), code, "invalid_request"))
}

/// An error as Meilisearch shows it.
pub(super) fn body(message: &str, code: &str, kind: &str) -> Value {
    let link = format!("https://docs.meilisearch.com/errors#{code}");
    json!({ "message": message, "code": code, "type": kind, "link": link })
}
