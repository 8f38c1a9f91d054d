//! The query string of a write.

use http::Uri;

use super::{
    Route,
    known::{BAD_REQUEST, INVALID_DELIMITER, shown},
};
use crate::{codec::CodecError, http::codec::place::parameters};

/// What the query string says.
#[derive(Debug, Default)]
pub(super) struct WriteParameters {
    /// What separates the columns of CSV, if it is said.
    pub(super) delimiter: Option<u8>,
}

/// Reads the query string. What is not known here is not let through: it may change what is written.
pub(super) fn read(uri: &Uri, route: &Route, primary_key: &str) -> Result<WriteParameters, CodecError> {
    let unsupported = |name: &str| Err(CodecError::Unsupported(format!("the parameter `{}`", shown(name))));
    let mut read = WriteParameters::default();
    for (name, value) in parameters(uri) {
        match (&*name, route) {
            // Kept with the task, and of no effect on documents.
            ("customMetadata", _) => {}
            ("primaryKey", Route::Write(_)) if value == primary_key => {}
            ("skipCreation", Route::Write(_)) => match &*value {
                "false" => {}
                "true" => return unsupported(&name),
                _ => return Err(BAD_REQUEST.because("`skipCreation` is neither `true` nor `false`")),
            },
            ("csvDelimiter", Route::Write(_)) if read.delimiter.is_none() => {
                let mut letters = value.chars();
                let delimiter = letters.next().filter(|letter| letter.is_ascii() && letters.next().is_none());
                let delimiter = delimiter.and_then(|letter| u8::try_from(letter).ok());
                read.delimiter = Some(delimiter.ok_or_else(|| {
                    INVALID_DELIMITER.because("the parameter `csvDelimiter` is not one ASCII character")
                })?);
            }
            _ => return unsupported(&name),
        }
    }
    Ok(read)
}
