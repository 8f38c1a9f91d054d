//! What answers show of a document.

use serde_json::Value;

use super::{IndexSettings, covers};
use crate::document::Document;

impl IndexSettings {
    /// What an answer shows of a document: the displayed fields, of those the ones asked for (`None` is all). The order
    /// of the fields stays.
    pub fn show(&self, document: Document, retrieve: Option<&[String]>) -> Document {
        let displayed = select(document, &self.displayed_attributes);
        match retrieve {
            Some(retrieve) => select(displayed, retrieve),
            None => displayed,
        }
    }
}

/// The fields that are listed, or hold a listed one; of those only the listed part.
fn select(document: Document, listed: &[String]) -> Document {
    if listed.iter().any(|name| name == "*") { document } else { select_under(document, "", listed) }
}

fn select_under(document: Document, prefix: &str, listed: &[String]) -> Document {
    let mut selected = Document::new();
    for (key, value) in document {
        let name = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        if listed.iter().any(|listed| covers(listed, &name)) {
            selected.insert(key, value);
        } else if listed.iter().any(|listed| covers(&name, listed)) {
            match value {
                Value::Object(object) => {
                    selected.insert(key, Value::Object(select_under(object, &name, listed)));
                }
                Value::Array(elements) => {
                    let objects = elements.into_iter().filter_map(|element| match element {
                        Value::Object(object) => Some(Value::Object(select_under(object, &name, listed))),
                        _ => None,
                    });
                    selected.insert(key, Value::Array(objects.collect()));
                }
                _ => {}
            }
        }
    }
    selected
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn settings(value: Value) -> IndexSettings {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn fields_shown_keep_their_order() {
        let document = json!({"z": 1, "a": {"b": 1, "c": 2}, "l": [{"x": 1, "y": 2}, 3], "h": 1});
        let settings = settings(json!({"displayedAttributes": ["l", "a", "z"]}));
        let shown = |retrieve: Option<&[String]>| {
            serde_json::to_string(&settings.show(document.as_object().unwrap().clone(), retrieve)).unwrap()
        };
        assert_eq!(shown(None), r#"{"z":1,"a":{"b":1,"c":2},"l":[{"x":1,"y":2},3]}"#);
        let some = ["h".to_owned(), "l.x".to_owned(), "a.c".to_owned()];
        assert_eq!(shown(Some(&some)), r#"{"a":{"c":2},"l":[{"x":1}]}"#);
        assert_eq!(shown(Some(&["*".to_owned()])), shown(None));
    }
}
