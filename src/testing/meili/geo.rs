//! Places of documents.

use serde_json::{Map, Value};

use super::{error::ApiError, state::Index};
use crate::document::DocumentId;

/// Whether the index looks at places at all.
pub(super) fn matters(index: &Index) -> bool {
    index.settings.filterable().iter().chain(&index.settings.sortable()).any(|name| name == "_geo")
}

/// Why a document's place cannot be indexed, if it cannot.
pub(super) fn check(id: &DocumentId, place: &Value) -> Result<(), ApiError> {
    match place {
        Value::Null => Ok(()),
        Value::Object(fields) => fields_of(id, fields),
        other => Err(invalid(format!(
            "The `_geo` field in the document with the id: `\"{id}\"` is not an object. Was expecting an object with the \
             `_geo.lat` and `_geo.lng` fields but instead got `{other}`."
        ))),
    }
}

fn fields_of(id: &DocumentId, fields: &Map<String, Value>) -> Result<(), ApiError> {
    let whose = format!("in the document with the id: `\"{id}\"`.");
    let (lat, lng) = match (fields.get("lat"), fields.get("lng")) {
        (Some(lat), Some(lng)) => (lat, lng),
        (None, None) => {
            let message = format!(
                "Could not find latitude nor longitude {whose} Was expecting `_geo.lat` and `_geo.lng` fields."
            );
            return Err(invalid(message));
        }
        (None, _) => return Err(invalid(format!("Could not find latitude {whose} Was expecting a `_geo.lat` field."))),
        (_, None) => {
            return Err(invalid(format!("Could not find longitude {whose} Was expecting a `_geo.lng` field.")));
        }
    };
    if fields.len() > 2 {
        let more: Map<String, Value> =
            fields.clone().into_iter().filter(|(name, _)| name != "lat" && name != "lng").collect();
        return Err(invalid(format!(
            "The `_geo` field in the document with the id: `\"{id}\"` contains the following unexpected fields: `{}`.",
            Value::Object(more)
        )));
    }
    let message = match (is_finite(lat), is_finite(lng)) {
        (true, true) => return Ok(()),
        (false, true) => {
            format!("Could not parse latitude {whose} Was expecting a finite number but instead got `{lat}`.")
        }
        (true, false) => {
            format!("Could not parse longitude {whose} Was expecting a finite number but instead got `{lng}`.")
        }
        (false, false) => format!(
            "Could not parse latitude nor longitude {whose} Was expecting finite numbers but instead got `{lat}` and `{lng}`."
        ),
    };
    Err(invalid(message))
}

/// A number, or a text that is one. Of any size: 91 degrees of latitude are taken.
fn is_finite(value: &Value) -> bool {
    let number = value.as_f64().or_else(|| value.as_str()?.parse().ok());
    number.is_some_and(f64::is_finite)
}

fn invalid(message: String) -> ApiError {
    ApiError::bad_request("invalid_document_geo_field", message)
}
