use std::sync::Arc;

use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::{
    HeaderValue, StatusCode,
    header::{CACHE_CONTROL, WWW_AUTHENTICATE},
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{AdminStatus, AdminToken};
use crate::{host, plan::PlanHandle, tally::Tally};

/// The body of `POST /rollback`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RollbackOrder {
    /// Why; kept in the history of the flags. Not empty.
    pub why: String,
    /// Who; `admin` if nobody is named.
    #[serde(default = "somebody")]
    pub by: String,
}

fn somebody() -> String {
    "admin".to_owned()
}

struct Process {
    host: String,
    plan: PlanHandle,
    tally: Arc<Tally>,
}

/// More than any reason needs.
const BODY_LIMIT: usize = 16 * 1024;

pub(crate) fn router(token: AdminToken, plan: PlanHandle, tally: Arc<Tally>) -> Router {
    Router::new()
        .route("/status", get(status))
        .route("/rollback", post(roll_back))
        .with_state(Arc::new(Process { host: host::name(), plan, tally }))
        .fallback(|| async { answer(StatusCode::NOT_FOUND, "there are `GET /status` and `POST /rollback`") })
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        // Outermost: without a token nobody learns what there is.
        .layer(middleware::from_fn_with_state(token, opened))
}

async fn opened(State(token): State<AdminToken>, request: Request, next: Next) -> Response {
    if token.opens(request.headers()) {
        return next.run(request).await;
    }
    let mut refused = answer(StatusCode::UNAUTHORIZED, "send the admin token as `Authorization: Bearer <token>`");
    refused.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    refused
}

async fn status(State(process): State<Arc<Process>>) -> Response {
    process.status()
}

async fn roll_back(State(process): State<Arc<Process>>, body: Bytes) -> Response {
    let order: RollbackOrder = match serde_json::from_slice(&body) {
        Ok(order) => order,
        Err(error) => return answer(StatusCode::BAD_REQUEST, &format!("send {{\"why\": \"..\"}}: {error}")),
    };
    if order.why.trim().is_empty() {
        return answer(StatusCode::BAD_REQUEST, "send {\"why\": \"..\"}: the reason is kept in the history");
    }
    match process.plan.latch(&order.by, &order.why) {
        Ok(_) => {
            tracing::warn!(by = order.by, why = order.why, "rolled back by an admin call");
            process.status()
        }
        Err(refusal) => answer(StatusCode::CONFLICT, &refusal.to_string()),
    }
}

impl Process {
    fn status(&self) -> Response {
        let status = Json(AdminStatus::of(&self.host, &self.plan, &self.tally));
        ([(CACHE_CONTROL, "no-store")], status).into_response()
    }
}

fn answer(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({ "error": message }))).into_response()
}
