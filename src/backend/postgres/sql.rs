//! All SQL of search documents. Text is put together from constants only; whatever comes from outside is bound.

use sqlx::{Postgres, QueryBuilder, types::Json};

use super::{
    derive::{WEIGHTS, storable},
    filter::{parameters, push_filter},
};
use crate::{
    filter::Filter,
    sort::{Direction, SortCriterion},
};

/// One snapshot answers one query, whatever is written meanwhile.
pub(super) const BEGIN_SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

pub(super) const BEGIN_UNHURRIED: &str = "BEGIN; SET LOCAL statement_timeout = 0";

/// With whether every row has been derived under them.
pub(super) const SETTINGS: &str = "SELECT settings, derived_generation = generation FROM search_indexes WHERE uid = $1";

/// Holds the settings still until the transaction ends; writers share the lock.
pub(super) const SETTINGS_FOR_WRITING: &str =
    "SELECT settings, generation FROM search_indexes WHERE uid = $1 FOR SHARE";

pub(super) const SETTINGS_FOR_CHANGE: &str =
    "SELECT settings, generation FROM search_indexes WHERE uid = $1 FOR UPDATE";

pub(super) const CREATE_INDEX: &str = "
    INSERT INTO search_indexes (uid, primary_key, settings) VALUES ($1, $2, $3) ON CONFLICT (uid) DO NOTHING";

pub(super) const PRIMARY_KEY: &str = "SELECT primary_key FROM search_indexes WHERE uid = $1";

pub(super) const CHANGE_SETTINGS: &str = "UPDATE search_indexes SET settings = $2, generation = $3 WHERE uid = $1";

/// `NULL` if the index is not there.
pub(super) const DOCUMENT_COUNT: &str = "
    SELECT (SELECT count(*) FROM search_documents d WHERE d.index_uid = i.uid AND NOT d.deleted)
    FROM search_indexes i WHERE i.uid = $1";

pub(super) const ANALYZE: &str = "ANALYZE search_documents";

/// A newer version wins; an equal one replaces a document, but does not bring a deleted one back.
pub(super) const UPSERT: &str = "
    INSERT INTO search_documents AS d (index_uid, id, version, ordinal, generation, body, facets, words)
    SELECT $1, u.id, u.version, u.ordinal, $2, u.body::json, u.facets, u.words::tsvector
    FROM unnest($3::text[], $4::bigint[], $5::bigint[], $6::text[], $7::jsonb[], $8::text[])
        AS u (id, version, ordinal, body, facets, words)
    ON CONFLICT (index_uid, id) DO UPDATE SET
        version = excluded.version, deleted = FALSE, ordinal = excluded.ordinal, generation = excluded.generation,
        body = excluded.body, facets = excluded.facets, words = excluded.words,
        writer = 0, written_at = clock_timestamp(), authority = excluded.authority
    WHERE d.version < excluded.version OR (d.version = excluded.version AND NOT d.deleted)";

pub(super) const DELETE: &str = "
    INSERT INTO search_documents AS d (index_uid, id, version, deleted, ordinal, generation, facets, words)
    SELECT $1, u.id, u.version, TRUE, 0, $2, '{}', ''
    FROM unnest($3::text[], $4::bigint[]) AS u (id, version)
    ON CONFLICT (index_uid, id) DO UPDATE SET
        version = excluded.version, deleted = TRUE, body = NULL, facets = '{}', words = '',
        writer = 0, written_at = clock_timestamp(), authority = excluded.authority
    WHERE d.version <= excluded.version";

/// The next rows that were derived under older settings.
pub(super) const OUTDATED: &str = "
    SELECT id, body::text FROM search_documents
    WHERE index_uid = $1 AND id > $2 AND generation < $3 AND NOT deleted
    ORDER BY id LIMIT $4 FOR UPDATE";

/// All rows have reached a generation.
pub(super) const ALL_DERIVED: &str = "
    UPDATE search_indexes SET derived_generation = $2 WHERE uid = $1 AND derived_generation < $2";

pub(super) const DERIVE_AGAIN: &str = "
    UPDATE search_documents d SET generation = $2, facets = u.facets, words = u.words::tsvector
    FROM unnest($3::text[], $4::jsonb[], $5::text[]) AS u (id, facets, words)
    WHERE d.index_uid = $1 AND d.id = u.id";

/// PostgreSQL takes 65,535, but planning that many conditions takes longer than a reader waits.
const MOST_PARAMETERS: usize = 10_000;
/// A statement can sort by 1,664 columns, of which a criterion takes two.
const MOST_CRITERIA: usize = 500;

/// The documents a query is about, before any word is looked at.
#[derive(Clone, Copy)]
pub(super) struct Universe<'a> {
    pub(super) uid: &'a str,
    pub(super) filter: Option<&'a Filter>,
    /// Words that no document may hold.
    pub(super) without: &'a [String],
}

/// Words that a document must hold, all of them.
#[derive(Clone, Copy)]
pub(super) struct Rung<'a> {
    pub(super) words: &'a [String],
    /// Whether the last one may be the beginning of a word.
    pub(super) open: bool,
}

/// A rung, less the rung above it.
#[derive(Clone, Copy)]
pub(super) struct Step<'a> {
    pub(super) rung: Rung<'a>,
    pub(super) above: Option<Rung<'a>>,
}

/// What decides inside a rung, and the slice that is wanted.
pub(super) struct Order<'a> {
    /// How many places attributes can have; with one, or none, place says nothing.
    pub(super) ranks: usize,
    pub(super) sort: &'a [SortCriterion],
    pub(super) offset: i64,
    pub(super) limit: i64,
}

/// Whether a filter and sort criteria are too large for one statement.
pub(super) fn is_too_large(filter: Option<&Filter>, sort: &[SortCriterion]) -> bool {
    filter.map_or(0, parameters) > MOST_PARAMETERS || sort.len() > MOST_CRITERIA
}

/// Counts the documents of a step.
pub(super) fn count(universe: Universe<'_>, step: Step<'_>) -> QueryBuilder<Postgres> {
    let mut query = QueryBuilder::new("SELECT count(*)");
    push_from(&mut query, universe, step);
    query
}

/// The id and the body of the documents of a step, best first.
pub(super) fn hits(universe: Universe<'_>, step: Step<'_>, order: &Order<'_>) -> QueryBuilder<Postgres> {
    // The sort carries references to the bodies; only those of the hits are read.
    let mut query = QueryBuilder::new("SELECT id, body::text FROM (SELECT d.id, d.body");
    push_from(&mut query, universe, step);
    query.push(" ORDER BY ");
    push_attribute_rank(&mut query, step.rung, order.ranks);
    for criterion in order.sort {
        push_criterion(&mut query, criterion);
    }
    query.push("d.ordinal, d.id OFFSET ").push_bind(order.offset).push(" LIMIT ").push_bind(order.limit).push(") s");
    query
}

fn push_from(query: &mut QueryBuilder<Postgres>, universe: Universe<'_>, step: Step<'_>) {
    query.push(" FROM search_documents d WHERE d.index_uid = ").push_bind(universe.uid.to_owned());
    query.push(" AND NOT d.deleted");
    if !step.rung.words.is_empty() || !universe.without.is_empty() {
        query.push(" AND d.words @@ ").push_bind(step.rung.tsquery(universe.without)).push("::tsquery");
    }
    if let Some(above) = step.above {
        query.push(" AND NOT d.words @@ ").push_bind(above.tsquery(&[])).push("::tsquery");
    }
    if let Some(filter) = universe.filter {
        query.push(" AND ");
        push_filter(query, filter);
    }
}

/// The sum over the words of the place of the best attribute that holds the word.
fn push_attribute_rank(query: &mut QueryBuilder<Postgres>, rung: Rung<'_>, ranks: usize) {
    let last = ranks.min(WEIGHTS.len()).saturating_sub(1);
    if last == 0 || rung.words.is_empty() {
        return;
    }
    for n in 0..rung.words.len() {
        query.push(if n == 0 { "CASE" } else { " + CASE" });
        for (rank, weight) in WEIGHTS.into_iter().enumerate().take(last) {
            query.push(" WHEN d.words @@ ").push_bind(rung.lexeme(n, Some(weight))).push("::tsquery THEN ").push(rank);
        }
        query.push(" ELSE ").push(last).push(" END");
    }
    query.push(", ");
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

impl Rung<'_> {
    /// All words of the rung, and none of `without`.
    fn tsquery(self, without: &[String]) -> String {
        let with = (0..self.words.len()).map(|n| self.lexeme(n, None));
        with.chain(without.iter().map(|word| format!("!'{word}'"))).collect::<Vec<_>>().join(" & ")
    }

    /// One word in the language of `tsquery`. Words are letters and digits: nothing to escape.
    fn lexeme(self, n: usize, weight: Option<char>) -> String {
        let prefix = if self.open && n + 1 == self.words.len() { "*" } else { "" };
        match weight {
            None if prefix.is_empty() => format!("'{}'", self.words[n]),
            None => format!("'{}':*", self.words[n]),
            Some(weight) => format!("'{}':{prefix}{weight}", self.words[n]),
        }
    }
}

/// A JSONB parameter.
pub(super) fn json(value: serde_json::Value) -> Json<serde_json::Value> {
    Json(value)
}
