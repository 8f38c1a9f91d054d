//! One request and its answer.
//!
//! The SDK's own client (0.33) makes a buffer of 8 MiB, and fills it with zeros, for every request that has a body: about a
//! millisecond of processor time for each search and each write. Everything but the sending is the SDK's.

use meilisearch_sdk::{
    errors::Error,
    request::{Method, parse_response},
    reqwest::qualified_version,
};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use serde::{Serialize, de::DeserializeOwned};

use super::error::{error, failed};
use crate::error::{BackendError, BackendErrorKind};

/// Connections and the key.
#[derive(Clone)]
pub(super) struct Http(reqwest::Client);

impl Http {
    pub(super) fn new(key: Option<&str>) -> Result<Self, BackendError> {
        let mut headers = HeaderMap::new();
        if let Some(key) = key {
            let bearer = HeaderValue::from_str(&format!("Bearer {key}")).ok();
            let bearer = bearer.filter(|_| key.bytes().all(|byte| byte.is_ascii_graphic()));
            let doing = "reading the API key: it holds signs no key has";
            let mut bearer = bearer.ok_or_else(|| error(BackendErrorKind::Unauthorized, doing))?;
            bearer.set_sensitive(true);
            headers.insert(AUTHORIZATION, bearer);
        }
        let client = reqwest::Client::builder().user_agent(qualified_version()).default_headers(headers).build();
        client.map(Self).map_err(|failure| failed("making the HTTP client", failure.into()))
    }

    /// Asks, and reads an answer of the status that is `expected`; any other is an error.
    pub(super) async fn request<Q, B, A>(&self, url: &str, method: Method<Q, B>, expected: u16) -> Result<A, Error>
    where
        Q: Serialize + Send + Sync,
        B: Serialize + Send + Sync,
        A: DeserializeOwned,
    {
        let mut request = self.0.request(verb(&method), url).query(method.query());
        if let Some(body) = method.into_body() {
            request = request.header(CONTENT_TYPE, "application/json").body(serde_json::to_vec(&body)?);
        }
        let response = request.send().await?;
        let status = response.status().as_u16();
        let body = response.text().await?;
        let body = if body.is_empty() { "null" } else { &body };
        parse_response(status, expected, body, url.to_owned())
    }
}

fn verb<Q, B>(method: &Method<Q, B>) -> reqwest::Method {
    match method {
        Method::Get { .. } => reqwest::Method::GET,
        Method::Post { .. } => reqwest::Method::POST,
        Method::Patch { .. } => reqwest::Method::PATCH,
        Method::Put { .. } => reqwest::Method::PUT,
        Method::Delete { .. } => reqwest::Method::DELETE,
    }
}
