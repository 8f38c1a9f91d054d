//! The id in a path.

use axum::{
    body::Body,
    extract::{FromRequestParts, MatchedPath, RawPathParams},
};
use futures_util::FutureExt;
use http::Request;

use crate::http::codec::writes::path::decoded;

/// An id in a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) id: String,
    /// Whether axum says that this is a parameter, and not the name of a collection.
    pub(super) certain: bool,
}

/// The id in the path of a request: the parameter of this name, or the last segment.
pub(super) fn of(request: &Request<Body>, parameter: Option<&str>) -> Option<Address> {
    let address = match parameter {
        Some(name) => Address { id: named(request, name)?, certain: true },
        None => {
            let matched = request.extensions().get::<MatchedPath>();
            let last = matched.map(|matched| matched.as_str().rsplit('/').next().unwrap_or_default());
            if last.is_some_and(|last| !last.starts_with('{') || last.starts_with("{*") || !last.ends_with('}')) {
                return None;
            }
            let id = decoded(request.uri().path().rsplit('/').next()?).into_owned();
            Address { id, certain: matched.is_some() }
        }
    };
    (!address.id.is_empty()).then_some(address)
}

/// A parameter of axum's route, percent-decoded. It stands in the extensions, in a type of axum's own: reading it never waits.
fn named(request: &Request<Body>, name: &str) -> Option<String> {
    let (mut parts, ()) = Request::new(()).into_parts();
    parts.extensions = request.extensions().clone();
    let parameters = RawPathParams::from_request_parts(&mut parts, &()).now_or_never()?.ok()?;
    parameters.iter().find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
}
