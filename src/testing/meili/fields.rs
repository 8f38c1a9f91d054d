//! Reads the fields of a JSON body one by one, with Meilisearch's words for what is wrong.

use serde_json::{Map, Value};

use super::error::ApiError;

/// The fields of a body that have not been read yet.
#[derive(Debug)]
pub(super) struct Fields(Map<String, Value>);

impl Fields {
    /// Takes a body. Every field must be one of `known`.
    pub(super) fn new(body: Value, known: &[&str]) -> Result<Self, ApiError> {
        let Value::Object(fields) = body else {
            let message = format!("Invalid value type: expected an object, but found {}", describe(&body));
            return Err(ApiError::bad_request("bad_request", message));
        };
        if let Some(unknown) = fields.keys().find(|name| !known.contains(&name.as_str())) {
            let known: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
            let message = format!("Unknown field `{unknown}`: expected one of {}", known.join(", "));
            return Err(ApiError::bad_request("bad_request", message));
        }
        Ok(Self(fields))
    }

    /// A field as it stands; null is no value.
    pub(super) fn value(&mut self, name: &str) -> Option<Value> {
        self.0.remove(name).filter(|value| !value.is_null())
    }

    pub(super) fn text(&mut self, name: &str, code: &'static str) -> Result<Option<String>, ApiError> {
        self.read(name, code, "a string", |value| value.as_str().map(str::to_owned))
    }

    pub(super) fn count(&mut self, name: &str, code: &'static str) -> Result<Option<usize>, ApiError> {
        self.read(name, code, "a positive integer", |value| value.as_u64().map(|count| count as usize))
    }

    pub(super) fn truth(&mut self, name: &str, code: &'static str) -> Result<Option<bool>, ApiError> {
        self.read(name, code, "a boolean", Value::as_bool)
    }

    pub(super) fn texts(&mut self, name: &str, code: &'static str) -> Result<Option<Vec<String>>, ApiError> {
        self.read(name, code, "an array", |value| {
            value.as_array()?.iter().map(|element| element.as_str().map(str::to_owned)).collect()
        })
    }

    /// Refuses what is left over: known to Meilisearch, not to the double. `false` asks for nothing.
    pub(super) fn finish(self) -> Result<(), ApiError> {
        let asked = self.0.into_iter().find(|(_, value)| !matches!(value, Value::Null | Value::Bool(false)));
        asked.map_or(Ok(()), |(name, _)| Err(ApiError::not_imitated(&name)))
    }

    fn read<T>(
        &mut self,
        name: &str,
        code: &'static str,
        expected: &str,
        of: impl Fn(&Value) -> Option<T>,
    ) -> Result<Option<T>, ApiError> {
        let Some(value) = self.value(name) else {
            return Ok(None);
        };
        of(&value).map(Some).ok_or_else(|| {
            let found = describe(&value);
            let message = format!("Invalid value type at `.{name}`: expected {expected}, but found {found}");
            ApiError::bad_request(code, message)
        })
    }
}

/// A value in Meilisearch's words.
pub(super) fn describe(value: &Value) -> String {
    let kind = match value {
        Value::Null => return "null".to_owned(),
        Value::Bool(_) => "a boolean",
        Value::Number(number) if number.is_u64() => "a positive integer",
        Value::Number(number) if number.is_i64() => "a negative integer",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    };
    format!("{kind}: `{value}`")
}
