use proptest::{collection::vec, prelude::*};
use serde_json::{Map, json};

use super::*;

const FIXED: Fingerprints = Fingerprints { keys: (1, 2) };

fn fingerprint(value: Value) -> u64 {
    FIXED.of(&"id".into(), value.as_object().unwrap())
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1e9..1e9).prop_map(|float: f64| json!(float)),
        "\\PC{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::from),
            vec(("[a-d]{1,2}", inner), 0..5).prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

fn document() -> impl Strategy<Value = Document> {
    vec(("[a-f]{1,2}", value()), 1..6).prop_map(|fields| fields.into_iter().collect())
}

/// The same with the fields the other way round, at every depth.
fn turned(value: &Value) -> Value {
    match value {
        Value::Array(values) => values.iter().map(turned).collect(),
        Value::Object(fields) => {
            Value::Object(fields.iter().rev().map(|(name, value)| (name.clone(), turned(value))).collect())
        }
        leaf => leaf.clone(),
    }
}

/// Every value with exactly one leaf, or one name, or one length that is another.
fn changed(value: &Value) -> Vec<Value> {
    match value {
        Value::Null => vec![json!(false), json!(""), json!(0), json!([]), json!({})],
        Value::Bool(truth) => vec![json!(!truth), Value::Null, json!(i32::from(*truth))],
        Value::Number(number) => vec![json!(number.to_string()), json!(-0.125), json!([number])],
        Value::String(text) => vec![json!(format!("{text}x")), json!([text]), Value::Null],
        Value::Array(values) => {
            let mut all = vec![json!({}), values.iter().cloned().chain([Value::Null]).collect()];
            for (place, value) in values.iter().enumerate() {
                for other in changed(value) {
                    let mut values = values.clone();
                    values[place] = other;
                    all.push(values.into());
                }
            }
            all
        }
        Value::Object(fields) => {
            let with = |name: &str, value: Value| {
                let mut fields = fields.clone();
                fields.insert(name.to_owned(), value);
                Value::Object(fields)
            };
            let mut all = vec![with("another", Value::Null)];
            for (name, value) in fields {
                all.extend(changed(value).into_iter().map(|other| with(name, other)));
                let mut without = fields.clone();
                let taken = without.shift_remove(name).unwrap();
                all.push(Value::Object(without.clone()));
                without.insert(format!("{name}x"), taken);
                if without.len() == fields.len() {
                    all.push(Value::Object(without));
                }
            }
            all
        }
    }
}

proptest! {
    #[test]
    fn the_order_of_fields_does_not_count(document in document()) {
        let other = turned(&Value::Object(document.clone()));
        prop_assert_eq!(FIXED.content(&document), FIXED.content(other.as_object().unwrap()));
        prop_assert_eq!(FIXED.fields_that_differ(&document, other.as_object().unwrap()), Vec::<String>::new());
    }

    #[test]
    fn whatever_is_changed_counts(document in document()) {
        let before = FIXED.content(&document);
        for other in changed(&Value::Object(document.clone())) {
            let other = other.as_object().unwrap();
            prop_assert_ne!(before, FIXED.content(other), "{:?} and {:?}", document, other);
            prop_assert_eq!(FIXED.fields_that_differ(&document, other).is_empty(), false);
        }
    }
}

#[test]
fn numbers_of_the_same_value_are_alike_and_no_others() {
    let same = [
        (json!(1), json!(1.0)),
        (json!(0), json!(-0.0)),
        (json!(0.5), serde_json::from_str("5e-1").unwrap()),
        (json!(u64::MAX - 2047), json!(18_446_744_073_709_549_568.0)),
    ];
    for (one, other) in same {
        assert_eq!(FIXED.value(&one), FIXED.value(&other), "{one} and {other}");
    }
    let different = [
        (json!(1), json!(-1)),
        (json!(1), json!("1")),
        (json!(1), json!(1.5)),
        // Next to each other, and the same float.
        (json!(9_007_199_254_740_993_u64), json!(9_007_199_254_740_992_u64)),
        (json!(u64::MAX), json!(-1)),
        (json!(u64::MAX), json!(18_446_744_073_709_551_616.0)),
        (json!(1e300), json!(2e300)),
    ];
    for (one, other) in different {
        assert_ne!(FIXED.value(&one), FIXED.value(&other), "{one} and {other}");
    }
}

#[test]
fn what_stands_beside_each_other_does_not_run_together() {
    for (one, other) in [
        (json!({"a": "b", "c": "d"}), json!({"a": "d", "c": "b"})),
        (json!({"ab": "c"}), json!({"a": "bc"})),
        (json!({"a": ["b", "c"]}), json!({"a": ["bc"]})),
        (json!({"a": [1, 2]}), json!({"a": [2, 1]})),
        (json!({"a": [[1], [2]]}), json!({"a": [[1, 2], []]})),
        (json!({"a": {"b": 1}}), json!({"a": {}, "b": 1})),
        (json!({"a": null}), json!({})),
    ] {
        assert_ne!(fingerprint(one.clone()), fingerprint(other.clone()), "{one} and {other}");
    }
    let document = Map::new();
    assert_ne!(FIXED.of(&"a".into(), &document), FIXED.of(&"b".into(), &document));
}

#[test]
fn vectors_do_not_count_at_the_top() {
    let with = json!({"a": 1, "_vectors": {"x": [1.0]}});
    assert_eq!(fingerprint(with.clone()), fingerprint(json!({"a": 1})));
    assert_eq!(FIXED.fields_that_differ(with.as_object().unwrap(), &Map::new()), ["a"]);
    assert_ne!(fingerprint(json!({"a": {"_vectors": 1}})), fingerprint(json!({"a": {}})));
}
