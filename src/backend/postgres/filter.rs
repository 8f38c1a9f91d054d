//! From [`Filter`] to a condition on the column `facets`. Every attribute and value is a bound parameter, and no
//! condition is ever `NULL`, so that `NOT` turns each of them round.

use std::ops::Bound;

use serde_json::{Value, json};
use sqlx::{Postgres, QueryBuilder};

use super::{derive::storable, sql::json as bound};
use crate::filter::{Condition, Filter, Test};

/// Up to here the values of a list are alternatives, which an index can find; more are two arrays, which it cannot.
const MOST_ALTERNATIVES: usize = 32;

pub(super) fn push_filter(query: &mut QueryBuilder<Postgres>, filter: &Filter) {
    match filter {
        Filter::And(filters) => push_joined(query, filters, " AND ", "TRUE"),
        Filter::Or(filters) => push_joined(query, filters, " OR ", "FALSE"),
        Filter::Not(filter) => {
            query.push("NOT ");
            push_filter(query, filter);
        }
        Filter::Condition { attribute, condition } => push_test(query, &storable(attribute), condition.test()),
    }
}

fn push_joined(query: &mut QueryBuilder<Postgres>, filters: &[Filter], word: &str, of_none: &str) {
    query.push("(").push(if filters.is_empty() { of_none } else { "" });
    for (n, filter) in filters.iter().enumerate() {
        query.push(if n == 0 { "" } else { word });
        push_filter(query, filter);
    }
    query.push(")");
}

fn push_test(query: &mut QueryBuilder<Postgres>, attribute: &str, test: Test) {
    match test {
        Test::Exists => push_contains(query, attribute, json!({"exists": true})),
        Test::Null => push_contains(query, attribute, json!({"null": true})),
        Test::Empty => push_contains(query, attribute, json!({"empty": true})),
        Test::OneOf { texts, numbers, negated } => {
            query.push(if negated { "NOT (" } else { "(" });
            push_one_of(query, attribute, texts, numbers);
            query.push(")");
        }
        Test::Within { text, number } => {
            query.push("(");
            push_within(query, attribute, " -> 'texts'", text.map_json());
            if let Some(range) = number {
                query.push(" OR ");
                push_within(query, attribute, " -> 'numbers'", range.map_json());
            }
            query.push(")");
        }
    }
}

fn push_contains(query: &mut QueryBuilder<Postgres>, attribute: &str, facet: Value) {
    query.push("d.facets @> ").push_bind(bound(json!({attribute: facet})));
}

fn push_one_of(query: &mut QueryBuilder<Postgres>, attribute: &str, texts: Vec<String>, numbers: Vec<f64>) {
    if texts.len() + numbers.len() <= MOST_ALTERNATIVES {
        let texts = texts.into_iter().map(|text| json!({"texts": [text]}));
        let numbers = numbers.into_iter().map(|number| json!({"numbers": [number]}));
        query.push("FALSE");
        for facet in texts.chain(numbers) {
            query.push(" OR ");
            push_contains(query, attribute, facet);
        }
        return;
    }
    // The server looks each value of the document up in a hash table of the list.
    query.push("EXISTS (SELECT FROM jsonb_array_elements_text(d.facets -> ").push_bind(attribute.to_owned());
    query.push(" -> 'texts') v WHERE v = ANY (").push_bind(texts).push("))");
    query.push(" OR EXISTS (SELECT FROM jsonb_array_elements_text(d.facets -> ").push_bind(attribute.to_owned());
    query.push(" -> 'numbers') v WHERE v::float8 = ANY (").push_bind(numbers).push("))");
}

/// One element must lie between both ends, so that both are asked of the same one.
fn push_within(
    query: &mut QueryBuilder<Postgres>,
    attribute: &str,
    values: &str,
    (low, high): (Bound<Value>, Bound<Value>),
) {
    let (low_test, low) = match low {
        Bound::Included(low) => ("@ >= $low", low),
        Bound::Excluded(low) => ("@ > $low", low),
        Bound::Unbounded => ("", Value::Null),
    };
    let (high_test, high) = match high {
        Bound::Included(high) => ("@ <= $high", high),
        Bound::Excluded(high) => ("@ < $high", high),
        Bound::Unbounded => ("", Value::Null),
    };
    let and = if low_test.is_empty() || high_test.is_empty() { "" } else { " && " };
    query.push("COALESCE(jsonb_path_exists(d.facets -> ").push_bind(attribute.to_owned()).push(values);
    query.push(", '$[*] ? (").push(low_test).push(and).push(high_test).push(")', ");
    query.push_bind(bound(json!({"low": low, "high": high}))).push("), FALSE)");
}

/// The conditions that all hold for whatever passes, and of which an index finds the documents: each asks for one of a few values.
pub(super) fn selective(filter: &Filter) -> Vec<&Filter> {
    match filter {
        Filter::And(filters) => filters.iter().flat_map(selective).collect(),
        Filter::Or(filters) if filters.iter().all(|filter| selective(filter) == [filter]) => vec![filter],
        Filter::Or(_) | Filter::Not(_) => Vec::new(),
        Filter::Condition { condition, .. } => match condition.test() {
            Test::OneOf { texts, numbers, negated: false } if texts.len() + numbers.len() <= MOST_ALTERNATIVES => {
                vec![filter]
            }
            _ => Vec::new(),
        },
    }
}

/// How many parameters [`push_filter`] binds, at most.
pub(super) fn parameters(filter: &Filter) -> usize {
    match filter {
        Filter::And(filters) | Filter::Or(filters) => filters.iter().map(parameters).sum(),
        Filter::Not(filter) => parameters(filter),
        Filter::Condition { condition, .. } => match condition {
            // Each may be a text and a number.
            Condition::In(literals) => (2 * literals.len()).min(MOST_ALTERNATIVES),
            // The attribute and the ends, for texts and for numbers.
            _ => 4,
        },
    }
}

/// Both ends as JSON.
trait MapJson {
    fn map_json(self) -> (Bound<Value>, Bound<Value>);
}

impl<T: Into<Value>> MapJson for (Bound<T>, Bound<T>) {
    fn map_json(self) -> (Bound<Value>, Bound<Value>) {
        (self.0.map(Into::into), self.1.map(Into::into))
    }
}
