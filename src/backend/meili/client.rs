//! Requests with a deadline, read into types of our own: those of the SDK do not know every answer of the server.

use std::time::Duration;

use meilisearch_sdk::{
    errors::{Error, ErrorCode},
    request::Method,
};
use serde::{Serialize, de::DeserializeOwned};
use tokio::time::timeout;

use super::{
    error::{error, failed, not_sent},
    http::Http,
};
use crate::error::{BackendError, BackendErrorKind};

/// The server and the key.
#[derive(Clone)]
pub(super) struct Client {
    http: Http,
    url: String,
}

impl Client {
    pub(super) fn new(url: &str, key: Option<&str>) -> Result<Self, BackendError> {
        let http = Http::new(key)?;
        Ok(Self { http, url: url.trim_end_matches('/').to_owned() })
    }

    pub(super) async fn get<A: DeserializeOwned + Send + 'static>(
        &self,
        path: &str,
        query: impl Serialize + Send + Sync,
        deadline: Duration,
        doing: &'static str,
    ) -> Result<A, BackendError> {
        self.request(path, Method::<_, ()>::Get { query }, deadline, doing).await
    }

    /// `None` if there is no such document.
    pub(super) async fn get_if_there<A: DeserializeOwned + Send + 'static>(
        &self,
        path: &str,
        deadline: Duration,
        doing: &'static str,
    ) -> Result<Option<A>, BackendError> {
        let url = format!("{}{path}", self.url);
        match timeout(deadline, self.http.request(&url, Method::<_, ()>::Get { query: () }, 200)).await {
            Ok(Ok(found)) => Ok(Some(found)),
            Ok(Err(Error::Meilisearch(answer))) if answer.error_code == ErrorCode::DocumentNotFound => Ok(None),
            Ok(Err(failure)) => Err(failed(doing, failure)),
            Err(_) => Err(error(BackendErrorKind::Timeout, doing)),
        }
    }

    /// A write: answered with 202 and a task.
    pub(super) async fn write<A: DeserializeOwned + Send + 'static, B: Serialize + Send + Sync>(
        &self,
        path: &str,
        method: Method<impl Serialize + Send + Sync, B>,
        deadline: Duration,
        doing: &'static str,
    ) -> Result<A, BackendError> {
        let url = format!("{}{path}", self.url);
        match timeout(deadline, self.http.request(&url, method, 202)).await {
            Ok(answer) => answer.map_err(|failure| not_sent(doing, failure)),
            Err(_) => Err(error(BackendErrorKind::Timeout, doing)),
        }
    }

    pub(super) async fn post<A: DeserializeOwned + Send + 'static>(
        &self,
        path: &str,
        body: impl Serialize + Send + Sync,
        deadline: Duration,
        doing: &'static str,
    ) -> Result<A, BackendError> {
        self.request(path, Method::Post { query: (), body }, deadline, doing).await
    }

    async fn request<Q: Serialize + Send + Sync, B: Serialize + Send + Sync, A: DeserializeOwned + Send + 'static>(
        &self,
        path: &str,
        method: Method<Q, B>,
        deadline: Duration,
        doing: &'static str,
    ) -> Result<A, BackendError> {
        let url = format!("{}{path}", self.url);
        match timeout(deadline, self.http.request(&url, method, 200)).await {
            Ok(answer) => answer.map_err(|failure| failed(doing, failure)),
            Err(_) => Err(error(BackendErrorKind::Timeout, doing)),
        }
    }
}
