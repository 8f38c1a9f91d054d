//! Reads the parameters of a `GET`.

use std::collections::HashMap;

use super::{error::ApiError, fields::listed};

/// Refuses a parameter that is not one of `known`.
pub(super) fn check_parameters(parameters: &HashMap<String, String>, known: &[&str]) -> Result<(), ApiError> {
    let Some(unknown) = parameters.keys().find(|name| !known.contains(&name.as_str())) else {
        return Ok(());
    };
    let message = format!("Unknown parameter `{unknown}`: expected one of {}", listed(known));
    Err(ApiError::bad_request("bad_request", message))
}

/// A whole number.
pub(super) fn number(
    parameters: &HashMap<String, String>,
    name: &str,
    code: &'static str,
    default: usize,
) -> Result<usize, ApiError> {
    let Some(text) = parameters.get(name) else {
        return Ok(default);
    };
    text.parse().map_err(|_| {
        let message = format!("Invalid value in parameter `{name}`: could not parse `{text}` as a positive integer");
        ApiError::bad_request(code, message)
    })
}

/// A list; `*` and nothing are no list.
pub(super) fn list(parameters: &HashMap<String, String>, name: &str) -> Option<Vec<String>> {
    let text = parameters.get(name).filter(|text| *text != "*")?;
    Some(text.split(',').map(|element| element.trim().to_owned()).collect())
}
