//! The SQL of facets that are counted by the rows. Whatever comes from outside is bound.

use sqlx::{Postgres, QueryBuilder};

use super::super::sql::{Universe, push_found};

/// What the values of a facet are ordered by.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum FacetOrder {
    Value,
    Count,
}

/// The names of all attributes with values.
pub(super) fn facet_names(of: Universe<'_>) -> QueryBuilder<Postgres> {
    let mut query = QueryBuilder::new("SELECT DISTINCT k FROM (SELECT jsonb_object_keys(d.facets) AS k");
    push_found(&mut query, of);
    query.push(") s");
    query
}

/// The numbers of a facet, and how many documents have each.
pub(super) fn facet_numbers(
    of: Universe<'_>,
    attribute: &str,
    order: FacetOrder,
    limit: Option<i64>,
) -> QueryBuilder<Postgres> {
    let mut query = QueryBuilder::new("SELECT v, count(*) FROM (SELECT jsonb_array_elements_text(d.facets -> ");
    query.push_bind(attribute.to_owned()).push(" -> 'numbers')::float8 AS v");
    push_found(&mut query, of);
    query.push(") s GROUP BY v ORDER BY ");
    query.push(if order == FacetOrder::Count { "count(*) DESC, v DESC" } else { "v" });
    query.push(" LIMIT ").push_bind(limit);
    query
}

/// The texts of a facet, how many documents have each, and the least ordinal of those.
pub(super) fn facet_texts(
    of: Universe<'_>,
    attribute: &str,
    order: FacetOrder,
    limit: Option<i64>,
) -> QueryBuilder<Postgres> {
    let mut query = QueryBuilder::new(
        "SELECT v, count(*), min(ordinal) FROM (SELECT d.ordinal, jsonb_array_elements_text(d.facets -> ",
    );
    query.push_bind(attribute.to_owned()).push(" -> 'texts') COLLATE \"C\" AS v");
    push_found(&mut query, of);
    query.push(") s GROUP BY v ORDER BY ");
    query.push(if order == FacetOrder::Count { "count(*) DESC, v DESC" } else { "v" });
    query.push(" LIMIT ").push_bind(limit);
    query
}

/// The least number of a facet and the greatest. The values of a document ascend.
pub(super) fn facet_ends(of: Universe<'_>, attribute: &str) -> QueryBuilder<Postgres> {
    let mut query = QueryBuilder::new("SELECT min((d.facets -> ");
    query.push_bind(attribute.to_owned()).push(" -> 'numbers' ->> 0)::float8), max((d.facets -> ");
    query.push_bind(attribute.to_owned()).push(" -> 'numbers' ->> -1)::float8)");
    push_found(&mut query, of);
    query
}
