//! Reads the fields of a JSON body one by one, with Meilisearch's words for what is wrong.

use serde_json::{Map, Value};

use super::error::ApiError;

/// The fields of a body, or of a part of one, that have not been read yet.
#[derive(Debug)]
pub(super) struct Fields {
    fields: Map<String, Value>,
    /// Where they stand in the body, for example `.queries[0]`; empty for the body itself.
    place: String,
}

impl Fields {
    /// Takes a body, or the part of it at `place`. Every field must be one of `known`.
    pub(super) fn new(body: Value, place: &str, known: &[&str]) -> Result<Self, ApiError> {
        let at = if place.is_empty() { String::new() } else { format!(" at `{place}`") };
        let Value::Object(fields) = body else {
            let message = format!("Invalid value type{at}: expected an object, but found {}", describe(&body));
            return Err(ApiError::bad_request("bad_request", message));
        };
        if let Some(unknown) = fields.keys().find(|name| !known.contains(&name.as_str())) {
            let inside = if place.is_empty() { String::new() } else { format!(" inside `{place}`") };
            let message = format!("Unknown field `{unknown}`{inside}: expected one of {}", listed(known));
            return Err(ApiError::bad_request("bad_request", message));
        }
        Ok(Self { fields, place: place.to_owned() })
    }

    /// A field as it stands; null is no value.
    pub(super) fn value(&mut self, name: &str) -> Option<Value> {
        self.fields.remove(name).filter(|value| !value.is_null())
    }

    pub(super) fn text(&mut self, name: &str, code: &'static str) -> Result<Option<String>, ApiError> {
        self.read(name, code, "a string", |value| value.as_str().map(str::to_owned))
    }

    pub(super) fn count(&mut self, name: &str, code: &'static str) -> Result<Option<usize>, ApiError> {
        self.read(name, code, "a positive integer", |value| value.as_u64().map(|count| count as usize))
    }

    /// A number that may be left out but not be null.
    pub(super) fn count_or(&mut self, name: &str, code: &'static str, default: usize) -> Result<usize, ApiError> {
        match self.fields.get(name) {
            Some(Value::Null) => Err(self.refuse(name, code, "a positive integer", &Value::Null)),
            _ => Ok(self.count(name, code)?.unwrap_or(default)),
        }
    }

    pub(super) fn truth(&mut self, name: &str, code: &'static str) -> Result<Option<bool>, ApiError> {
        self.read(name, code, "a boolean", Value::as_bool)
    }

    pub(super) fn list(&mut self, name: &str, code: &'static str) -> Result<Option<Vec<Value>>, ApiError> {
        self.read(name, code, "an array", |value| value.as_array().cloned())
    }

    pub(super) fn texts(&mut self, name: &str, code: &'static str) -> Result<Option<Vec<String>>, ApiError> {
        let Some(elements) = self.list(name, code)? else {
            return Ok(None);
        };
        let text = |(n, element): (usize, Value)| match element {
            Value::String(text) => Ok(text),
            other => Err(self.refuse(&format!("{name}[{n}]"), code, "a string", &other)),
        };
        elements.into_iter().enumerate().map(text).collect::<Result<_, _>>().map(Some)
    }

    /// Refuses what is left over: known to Meilisearch, not to the double. `false` asks for nothing.
    pub(super) fn finish(self) -> Result<(), ApiError> {
        let asked = self.fields.into_iter().find(|(_, value)| !matches!(value, Value::Null | Value::Bool(false)));
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
        of(&value).map(Some).ok_or_else(|| self.refuse(name, code, expected, &value))
    }

    fn refuse(&self, name: &str, code: &'static str, expected: &str, found: &Value) -> ApiError {
        let (place, found) = (&self.place, describe(found));
        let message = format!("Invalid value type at `{place}.{name}`: expected {expected}, but found {found}");
        ApiError::bad_request(code, message)
    }
}

/// Names as errors list them.
pub(super) fn listed(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
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
