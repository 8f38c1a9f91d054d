//! CSV as Meilisearch reads it: the first line names the fields, `name:number` and `name:boolean` have a type.

use csv::{ReaderBuilder, StringRecord};
use serde_json::Value;

use super::known::MALFORMED_PAYLOAD;
use crate::{codec::CodecError, document::Document};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    Text,
    Number,
    Boolean,
}

/// The documents of a body. Every one has all fields: those that are empty are null.
pub(super) fn documents(body: &[u8], delimiter: u8) -> Result<Vec<Document>, CodecError> {
    let mut reader = ReaderBuilder::new().delimiter(delimiter).from_reader(body);
    let columns: Vec<(String, Type)> =
        reader.headers().map_err(|error| malformed(&error))?.iter().map(column).collect();
    let mut documents = Vec::new();
    let mut record = StringRecord::new();
    while reader.read_record(&mut record).map_err(|error| malformed(&error))? {
        let mut document = Document::with_capacity(columns.len());
        for ((name, kind), text) in columns.iter().zip(record.iter()) {
            // Of two columns of one name the later stands.
            document.insert(name.clone(), value(*kind, text, documents.len() + 1)?);
        }
        documents.push(document);
    }
    Ok(documents)
}

fn column(header: &str) -> (String, Type) {
    match header.rsplit_once(':') {
        Some((name, "number")) => (name.to_owned(), Type::Number),
        Some((name, "boolean")) => (name.to_owned(), Type::Boolean),
        Some((name, "string")) => (name.to_owned(), Type::Text),
        // Any other is part of the name.
        _ => (header.to_owned(), Type::Text),
    }
}

fn value(kind: Type, text: &str, line: usize) -> Result<Value, CodecError> {
    let trimmed = text.trim();
    let refuse = |what| {
        MALFORMED_PAYLOAD
            .because(format_args!("The `csv` payload provided is malformed: no {what} in document {line}."))
    };
    match kind {
        Type::Text if text.is_empty() => Ok(Value::Null),
        Type::Number | Type::Boolean if trimmed.is_empty() => Ok(Value::Null),
        Type::Text => Ok(Value::from(text)),
        Type::Number => match trimmed.parse::<i64>() {
            Ok(whole) => Ok(Value::from(whole)),
            Err(_) => trimmed.parse::<f64>().map(Value::from).map_err(|_| refuse("number")),
        },
        Type::Boolean => trimmed.parse::<bool>().map(Value::from).map_err(|_| refuse("boolean")),
    }
}

fn malformed(error: &csv::Error) -> CodecError {
    // Where, not what.
    let line = error.position().map_or(0, |position| position.line());
    MALFORMED_PAYLOAD.because(format_args!("The `csv` payload provided is malformed near line {line}."))
}
