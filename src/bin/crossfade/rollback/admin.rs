//! The admin routes of a process.

use std::time::Duration;

use crossfade::http::admin::{AdminStatus, RollbackOrder};
use reqwest::{Client, RequestBuilder, StatusCode, Url};
use serde::Deserialize;

use super::ways::Order;

/// How long an answer may take.
const DEADLINE: Duration = Duration::from_secs(3);

/// A process, by its admin routes.
pub(super) struct Admin {
    /// Without a password, should there be one in it.
    place: String,
    routes: Option<(Client, Url)>,
    token: Option<String>,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum AdminError {
    #[error("no URL; give http://host:port/path")]
    Url,
    #[error("no token: set CROSSFADE_ADMIN_TOKEN, or give --admin-token")]
    NoToken,
    #[error("the token is not the one of this process")]
    Unauthorized,
    #[error("{0}")]
    Refused(String),
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
    #[error("it answered {0}: {1}")]
    Answered(StatusCode, String),
}

#[derive(Deserialize)]
struct Problem {
    error: String,
}

impl Admin {
    pub(super) fn new(url: &str, token: Option<&str>) -> Self {
        let url = Url::parse(url.trim_end_matches('/')).ok().filter(Url::has_host);
        let client = Client::builder().timeout(DEADLINE).no_proxy().build().ok();
        let place = url.clone().map_or_else(|| "(no URL)".to_owned(), shown);
        Self { place, routes: client.zip(url), token: token.map(str::to_owned) }
    }

    pub(super) fn place(&self) -> &str {
        &self.place
    }

    pub(super) async fn status(&self) -> Result<AdminStatus, AdminError> {
        self.ask("status", |client, url| client.get(url)).await
    }

    pub(super) async fn roll_back(&self, order: &Order<'_>) -> Result<AdminStatus, AdminError> {
        let order = RollbackOrder { why: order.why.to_owned(), by: order.by.to_owned() };
        let body = serde_json::to_vec(&order).unwrap_or_default();
        self.ask("rollback", |client, url| client.post(url).body(body)).await
    }

    async fn ask(
        &self,
        route: &str,
        request: impl FnOnce(&Client, Url) -> RequestBuilder,
    ) -> Result<AdminStatus, AdminError> {
        let (client, base) = self.routes.as_ref().ok_or(AdminError::Url)?;
        let token = self.token.as_deref().ok_or(AdminError::NoToken)?;
        let url = Url::parse(&format!("{base}/{route}")).map_err(|_| AdminError::Url)?;
        let unreachable = |error: reqwest::Error| AdminError::Unreachable(causes(&error.without_url()));
        let answer = request(client, url).bearer_auth(token).send().await.map_err(unreachable)?;
        let (status, body) = (answer.status(), answer.bytes().await.map_err(unreachable)?);
        match status {
            StatusCode::OK => serde_json::from_slice(&body)
                .map_err(|_| AdminError::Answered(status, "these are not the admin routes of a crossfade".to_owned())),
            StatusCode::UNAUTHORIZED => Err(AdminError::Unauthorized),
            StatusCode::CONFLICT => Err(AdminError::Refused(problem(&body))),
            status => Err(AdminError::Answered(status, problem(&body))),
        }
    }
}

fn shown(mut url: Url) -> String {
    // Fails only where there can be none.
    let _ = url.set_password(None);
    let _ = url.set_username("");
    url.to_string()
}

fn problem(body: &[u8]) -> String {
    serde_json::from_slice(body).map_or_else(|_| "(no reason)".to_owned(), |Problem { error }| error)
}

fn causes(error: &dyn std::error::Error) -> String {
    let first = error.to_string();
    std::iter::successors(error.source(), |error| error.source()).fold(first, |said, cause| format!("{said}: {cause}"))
}
