//! All SQL of searches. Text is put together from constants only; whatever comes from outside is bound.

use sqlx::{Postgres, QueryBuilder};

use crate::{
    backend::postgres::{derive::storable, filter::push_filter},
    filter::Filter,
    sort::{Direction, SortCriterion},
};

use super::distinct::Shown;

/// The index as it is: its number, the revision of its settings, its last fold, whether all rows are derived, whether the postings are kept,
/// about how many documents there are in all (an estimate of the server, 0 if it has none), and the settings unless those of `$2` and `$3` are
/// still in force.
pub(super) const STATE: &str = "
    SELECT i.number, i.revision, COALESCE(f.fold, 0), i.derived_generation = i.generation, i.postings = 'kept',
        (SELECT GREATEST(reltuples, 0)::bigint FROM pg_class WHERE oid = 'search_documents'::regclass),
        CASE WHEN i.number = $2 AND i.revision = $3 THEN NULL ELSE i.settings END
    FROM search_indexes i LEFT JOIN search_folds f ON f.index_number = i.number WHERE i.uid = $1";

/// The words that have come or gone since a fold.
pub(super) const WORDS: &str = "
    SELECT word, there FROM search_vocabulary WHERE index_number = $1 AND fold > $2 AND ($2 >= 0 OR there)";

/// The documents that have changed since the last fold: the ordinal the blocks have for each, and what it is now.
pub(super) const CHANGES: &str = "
    SELECT c.ordinal, d.ordinal, d.words
    FROM (SELECT DISTINCT ON (id) id, ordinal FROM search_changes WHERE index_uid = $1 ORDER BY id, seq) c
    LEFT JOIN search_documents d ON d.index_uid = $1 AND d.id = c.id AND NOT d.deleted";

/// The blocks of words, and of all words between two, not the first of them included; in no order, since sorting takes the server
/// longer than reading.
pub(super) const POSTINGS: &str = "
    SELECT word, first, entries FROM search_postings WHERE index_number = $1 AND word = ANY ($2)
    UNION ALL
    SELECT p.word, p.first, p.entries FROM unnest($3::text[], $4::text[]) AS u (low, high)
    CROSS JOIN LATERAL (
        SELECT word, first, entries FROM search_postings
        WHERE index_number = $1 AND word > u.low AND word < u.high AND NOT word = ANY ($2)
    ) p";

/// The blocks of words, in no order.
pub(super) const BLOCKS: &str =
    "SELECT word, first, entries FROM search_postings WHERE index_number = $1 AND word = ANY ($2)";

/// The words between two that blocks hold, each found from the one before it: there are many blocks of each.
pub(super) const WORDS_BETWEEN: &str = "
    WITH RECURSIVE w (word) AS (
        (SELECT word FROM search_postings WHERE index_number = $1 AND word > $2 AND word < $3 ORDER BY word LIMIT 1)
        UNION ALL
        SELECT (SELECT p.word FROM search_postings p WHERE p.index_number = $1 AND p.word > w.word AND p.word < $3
            ORDER BY p.word LIMIT 1)
        FROM w WHERE w.word IS NOT NULL
    )
    SELECT word FROM w WHERE word IS NOT NULL";

/// Documents by their ordinals.
pub(super) const BODIES: &str = "
    SELECT ordinal, id, body::text FROM search_documents
    WHERE index_uid = $1 AND ordinal = ANY ($2) AND NOT deleted";

/// PostgreSQL takes 65,535, but planning that many conditions takes longer than a reader waits.
const MOST_PARAMETERS: usize = 10_000;
/// A statement can sort by 1,664 columns, of which a criterion takes two.
const MOST_CRITERIA: usize = 500;

/// Whether a filter and sort criteria are too large for one statement.
pub(in crate::backend::postgres) fn is_too_large(filter: Option<&Filter>, sort: &[SortCriterion]) -> bool {
    filter.map_or(0, crate::backend::postgres::filter::parameters) > MOST_PARAMETERS || sort.len() > MOST_CRITERIA
}

/// The ordinals of the documents that pass a filter, ascending; of some, or of all.
pub(super) fn passing(uid: &str, filter: &Filter, some: Option<&[i64]>) -> QueryBuilder<Postgres> {
    let mut query = QueryBuilder::new("SELECT COALESCE(array_agg(d.ordinal ORDER BY d.ordinal), '{}')");
    push_universe(&mut query, uid, Some(filter));
    if let Some(some) = some {
        query.push(" AND d.ordinal = ANY (").push_bind(some.to_vec()).push(")");
    }
    query
}

/// For each of these filters the ordinals of some documents that pass, up to a number.
pub(super) fn some_passing(uid: &str, filters: &[&Filter], most: i64) -> QueryBuilder<Postgres> {
    let mut query = QueryBuilder::default();
    for (nth, filter) in filters.iter().enumerate() {
        query.push(if nth == 0 { "" } else { " UNION ALL " });
        query.push("SELECT COALESCE(array_agg(ordinal), '{}') FROM (SELECT d.ordinal");
        push_universe(&mut query, uid, Some(filter));
        query.push(" LIMIT ").push_bind(most).push(") s");
    }
    query
}

/// How many documents pass a filter, less some.
pub(super) fn count(uid: &str, filter: Option<&Filter>, without: &[i64]) -> QueryBuilder<Postgres> {
    let mut query = QueryBuilder::new("SELECT count(*)");
    push_universe(&mut query, uid, filter);
    push_without(&mut query, without);
    query
}

/// The ordinals of a slice of the documents that pass a filter, less some, in their order.
pub(super) fn slice(
    uid: &str,
    filter: Option<&Filter>,
    without: &[i64],
    sort: &[SortCriterion],
    (offset, limit): (i64, i64),
) -> QueryBuilder<Postgres> {
    let mut query = QueryBuilder::new("SELECT d.ordinal");
    push_universe(&mut query, uid, filter);
    push_without(&mut query, without);
    query.push(" ORDER BY ");
    for criterion in sort {
        push_criterion(&mut query, criterion);
    }
    query.push("d.ordinal OFFSET ").push_bind(offset).push(" LIMIT ").push_bind(limit);
    query
}

/// The rank of each of these documents by the values of an attribute, from 0; equal values have equal ranks.
pub(super) fn ranks(uid: &str, criterion: &SortCriterion, ordinals: Vec<i64>) -> QueryBuilder<Postgres> {
    let mut query = QueryBuilder::new("SELECT d.ordinal, dense_rank() OVER (ORDER BY ");
    push_criterion(&mut query, criterion);
    query.push("1) - 1");
    push_universe(&mut query, uid, None);
    query.push(" AND d.ordinal = ANY (").push_bind(ordinals).push(")");
    query
}

/// Which documents a statement is about.
#[derive(Clone, Copy, Default)]
pub(super) struct Universe<'a> {
    pub(super) uid: &'a str,
    pub(super) filter: Option<&'a Filter>,
    pub(super) without: &'a [i64],
    /// Of these only.
    pub(super) some: Option<&'a [i64]>,
    /// Less those that have a value which another has shown.
    pub(super) less: Option<&'a Shown>,
}

/// The values of an attribute in each of these documents that has it.
pub(super) fn values(uid: &str, attribute: &str, ordinals: &[i64]) -> QueryBuilder<Postgres> {
    let mut query = QueryBuilder::new("SELECT d.ordinal, d.facets -> ");
    query.push_bind(storable(attribute));
    push_found(&mut query, Universe { uid, some: Some(ordinals), ..Universe::default() });
    query.push(" AND d.facets ? ").push_bind(storable(attribute));
    query
}

/// How many documents have a value that another has shown.
pub(super) fn hidden(of: Universe<'_>, shown: &Shown) -> QueryBuilder<Postgres> {
    let mut query = QueryBuilder::new("SELECT count(*)");
    push_found(&mut query, of);
    query.push(" AND ");
    push_hidden(&mut query, shown);
    query
}

/// The documents of a universe.
pub(super) fn push_found(query: &mut QueryBuilder<Postgres>, of: Universe<'_>) {
    push_universe(query, of.uid, of.filter);
    push_without(query, of.without);
    if let Some(some) = of.some {
        query.push(" AND d.ordinal = ANY (").push_bind(some.to_vec()).push(")");
    }
    if let Some(shown) = of.less {
        query.push(" AND NOT ");
        push_hidden(query, shown);
    }
}

fn push_hidden(query: &mut QueryBuilder<Postgres>, shown: &Shown) {
    let attribute = storable(&shown.attribute);
    query.push("(NOT d.ordinal = ANY (").push_bind(shown.kept.clone());
    query.push(") AND (EXISTS (SELECT FROM jsonb_array_elements_text(d.facets -> ").push_bind(attribute.clone());
    query.push(" -> 'texts') v WHERE v = ANY (").push_bind(shown.texts.clone());
    query.push(")) OR EXISTS (SELECT FROM jsonb_array_elements_text(d.facets -> ").push_bind(attribute);
    query.push(" -> 'numbers') v WHERE v::float8 = ANY (").push_bind(shown.numbers.clone()).push("))))");
}

fn push_universe(query: &mut QueryBuilder<Postgres>, uid: &str, filter: Option<&Filter>) {
    query.push(" FROM search_documents d WHERE d.index_uid = ").push_bind(uid.to_owned()).push(" AND NOT d.deleted");
    if let Some(filter) = filter {
        query.push(" AND ");
        push_filter(query, filter);
    }
}

fn push_without(query: &mut QueryBuilder<Postgres>, without: &[i64]) {
    if !without.is_empty() {
        query.push(" AND NOT d.ordinal = ANY (").push_bind(without.to_vec()).push(")");
    }
}

/// Numbers before texts, both before nothing, in both directions.
fn push_criterion(query: &mut QueryBuilder<Postgres>, criterion: &SortCriterion) {
    // Values are stored in ascending order.
    let (element, direction) = match criterion.direction {
        Direction::Ascending => ("0", " ASC NULLS LAST, "),
        Direction::Descending => ("-1", " DESC NULLS LAST, "),
    };
    let attribute = storable(&criterion.attribute);
    query.push("(d.facets -> ").push_bind(attribute.clone()).push(" -> 'numbers' ->> ").push(element);
    query.push(")::float8").push(direction);
    query.push("CASE WHEN d.facets -> ").push_bind(attribute.clone()).push(" -> 'numbers' IS NULL THEN d.facets -> ");
    query.push_bind(attribute).push(" -> 'texts' ->> ").push(element).push(" END COLLATE \"C\"").push(direction);
}
