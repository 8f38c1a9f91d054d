//! Searches.

use std::sync::Arc;

use axum::{
    Json,
    body::Bytes,
    extract::{Path, Query, State},
    http::HeaderMap,
};
use serde_json::{Map, Value, json};

use super::{Answer, App, Parameters, json_body};
use crate::testing::meili::{
    answer::{answer, request_uid},
    error::ApiError,
    fields::Fields,
    question::Question,
    state::Shared,
};

pub(super) async fn by_post(State(shared): App, Path(uid): Path<String>, headers: HeaderMap, body: Bytes) -> Answer {
    one(shared, uid, Question::read(json_body(&headers, &body)?)?).await
}

pub(super) async fn by_get(State(shared): App, Path(uid): Path<String>, Query(parameters): Parameters) -> Answer {
    one(shared, uid, Question::from_parameters(&parameters)?).await
}

async fn one(shared: Arc<Shared>, uid: String, question: Question) -> Answer {
    let mut answer = answer(shared, uid, question).await?;
    answer["requestUid"] = json!(request_uid());
    Ok(Json(answer))
}

pub(super) async fn multi(State(shared): App, headers: HeaderMap, body: Bytes) -> Answer {
    let mut fields = Fields::new(json_body(&headers, &body)?, "", &["queries", "federation"])?;
    let Some(Value::Array(queries)) = fields.value("queries") else {
        return Err(ApiError::bad_request("bad_request", "Missing field `queries`"));
    };
    fields.finish()?;
    let request_uid = request_uid();
    let mut results = Vec::with_capacity(queries.len());
    for (n, query) in queries.into_iter().enumerate() {
        let place = format!(".queries[{n}]");
        let (uid, question) = Question::read_part(query, &place)?;
        let mut result = Map::from_iter([("indexUid".to_owned(), json!(uid))]);
        let answer = answer(Arc::clone(&shared), uid, question).await;
        let answer = answer.map_err(|error| error.prefixed(&format!("Inside `{place}`: ")).into_bad_request())?;
        if let Value::Object(answer) = answer {
            result.extend(answer);
        }
        result.insert("requestUid".to_owned(), json!(request_uid));
        results.push(Value::Object(result));
    }
    Ok(Json(json!({ "results": results })))
}
