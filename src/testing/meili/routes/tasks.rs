//! Reading tasks.

use std::collections::HashSet;

use axum::{
    Json,
    extract::{Path, Query, State},
};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Answer, App, Parameters};
use crate::testing::meili::{
    error::ApiError,
    fields::listed,
    parameters::{check_parameters, list as list_parameter, number},
};

pub(super) async fn show(State(shared): App, Path(uid): Path<String>) -> Answer {
    let Ok(number) = uid.parse() else {
        let message = format!("Task uid `{uid}` is invalid. It should only contain numeric characters.");
        return Err(ApiError::bad_request("invalid_task_uids", message));
    };
    let data = shared.read();
    let task = data.tasks.get::<usize>(number).and_then(Option::as_ref);
    Ok(Json(task.ok_or_else(|| ApiError::task_not_found(&uid))?.show()))
}

/// The parameters of the list, and those of them that are imitated.
const PARAMETERS: [&str; 16] = [
    "limit",
    "from",
    "reverse",
    "batchUids",
    "uids",
    "canceledBy",
    "types",
    "statuses",
    "indexUids",
    "afterEnqueuedAt",
    "beforeEnqueuedAt",
    "afterStartedAt",
    "beforeStartedAt",
    "afterFinishedAt",
    "beforeFinishedAt",
    "useNetwork",
];
const IMITATED: [&str; 7] = ["limit", "from", "batchUids", "uids", "statuses", "indexUids", "afterFinishedAt"];

/// Newest first, from `from` down.
pub(super) async fn list(State(shared): App, Query(parameters): Parameters) -> Answer {
    check_parameters(&parameters, &PARAMETERS)?;
    if let Some(other) = parameters.keys().find(|name| !IMITATED.contains(&name.as_str())) {
        return Err(ApiError::not_imitated(other));
    }
    let limit = number(&parameters, "limit", "invalid_task_limit", 20)?;
    let read = |name, code| list_parameter(&parameters, name).map(|uids| read_uids(name, code, &uids)).transpose();
    let (uids, batches) = (read("uids", "invalid_task_uids")?, read("batchUids", "invalid_batch_uids")?);
    let from = number(&parameters, "from", "invalid_task_from", usize::MAX)?;
    let statuses = list_parameter(&parameters, "statuses");
    let all = ["enqueued", "processing", "succeeded", "failed", "canceled"];
    if let Some(unknown) = statuses.iter().flatten().find(|status| !all.contains(&status.as_str())) {
        let message = format!(
            "Invalid value in parameter `statuses`: `{unknown}` is not a valid task status. Available statuses are {}.",
            listed(&all)
        );
        return Err(ApiError::bad_request("invalid_task_statuses", message));
    }
    let indexes = list_parameter(&parameters, "indexUids");
    let after: Option<Timestamp> = match parameters.get("afterFinishedAt").map(|text| (text, text.parse())) {
        Some((text, Err(_))) => {
            let message = format!(
                "Invalid value in parameter `afterFinishedAt`: `{text}` is an invalid date-time. It should follow the \
                 YYYY-MM-DD or RFC 3339 date-time format."
            );
            return Err(ApiError::bad_request("invalid_task_after_finished_at", message));
        }
        Some((_, Ok(after))) => Some(after),
        None => None,
    };
    let data = shared.read();
    let is_one_of = |list: &Option<Vec<String>>, text: &str| {
        list.as_ref().is_none_or(|list| list.iter().any(|element| element == text))
    };
    let matching = || {
        let all = data.tasks.iter().rev().flatten();
        all.filter(|task| is_one_of(&statuses, task.status.as_str()) && is_one_of(&indexes, &task.index))
            .filter(|task| uids.as_ref().is_none_or(|uids| uids.contains(&task.uid)))
            .filter(|task| batches.as_ref().is_none_or(|uids| task.batch.is_some_and(|uid| uids.contains(&uid))))
            .filter(|task| after.is_none_or(|after| task.finished_at.is_some_and(|end| end > after)))
    };
    let mut rest = matching().skip_while(|task| task.uid > from);
    let shown: Vec<_> = rest.by_ref().take(limit).collect();
    let results: Vec<Value> = shown.iter().map(|task| task.show()).collect();
    Ok(Json(json!({
        "results": results,
        "total": matching().count(),
        "limit": limit,
        "from": shown.first().map(|task| task.uid),
        "next": rest.next().map(|task| task.uid),
    })))
}

fn read_uids(name: &str, code: &'static str, uids: &[String]) -> Result<HashSet<usize>, ApiError> {
    let read = |(n, uid): (usize, &String)| {
        uid.parse().map_err(|_| {
            let message =
                format!("Invalid value in parameter `{name}[{n}]`: could not parse `{uid}` as a positive integer");
            ApiError::bad_request(code, message)
        })
    };
    uids.iter().enumerate().map(read).collect()
}
