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

/// For what reads a lot: the statement timeout is for searches.
pub(super) const BEGIN_READING: &str = "BEGIN READ ONLY; SET LOCAL statement_timeout = 0";

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

/// In which of 4,096 ranges an id falls: the first 12 bits of its SHA-256. Meilisearch lists documents in no order of ids, so
/// ranges of ids would have to be sorted; these need not.
macro_rules! range_of_id {
    () => {
        "((get_byte(sha256(convert_to(d.id, 'UTF8')), 0) << 4) | (get_byte(sha256(convert_to(d.id, 'UTF8')), 1) >> 4))"
    };
}

/// The next documents after an id, or the first ones (`NULL`); of some ranges, or of all (`NULL`).
pub(super) const DOCUMENTS_AFTER: &str = concat!(
    "SELECT d.id, d.version, d.body::text FROM search_documents d
    WHERE d.index_uid = $1 AND ($2::text IS NULL OR d.id > $2) AND NOT d.deleted AND ($4::int[] IS NULL OR ",
    range_of_id!(),
    " = ANY ($4::int[])) ORDER BY d.id LIMIT $3"
);

/// How many rows the table of all indexes has, as far as the planner knows; -1 if it does not.
pub(super) const ROWS_ABOUT: &str = "SELECT reltuples FROM pg_class WHERE oid = 'search_documents'::regclass";

/// Documents in blocks of the table that are drawn at random, `$2` percent of them.
pub(super) const SOME_DOCUMENTS: &str = "
    SELECT s.id FROM (
        SELECT d.id FROM search_documents d TABLESAMPLE SYSTEM ($2) WHERE d.index_uid = $1 AND NOT d.deleted
    ) s ORDER BY random() LIMIT $3";

pub(super) const ANALYZE: &str = "ANALYZE search_documents";

pub(super) const SETTINGS_AND_GENERATION: &str = "SELECT settings, generation FROM search_indexes WHERE uid = $1";

/// Holds the settings still until the transaction ends.
pub(super) const GENERATION_FOR_WRITING: &str = "SELECT generation FROM search_indexes WHERE uid = $1 FOR SHARE";

/// A newer version wins; an equal one replaces, but does not bring a deleted document back. A document that comes without a number
/// of the source keeps the one it has. Rows come in the order of their ids, in which every writer locks them.
pub(super) const LOAD: &str = "
    INSERT INTO search_documents AS d (index_uid, id, version, deleted, ordinal, generation, body, facets, words)
    SELECT $1, u.id, u.version, u.body IS NULL, u.ordinal, $2, u.body::json, u.facets, u.words::tsvector
    FROM unnest($3::text[], $4::bigint[], $5::bigint[], $6::text[], $7::jsonb[], $8::text[])
        AS u (id, version, ordinal, body, facets, words)
    ON CONFLICT (index_uid, id) DO UPDATE SET
        version = excluded.version, deleted = excluded.deleted,
        ordinal = CASE WHEN d.deleted OR excluded.ordinal < 4294967296 THEN excluded.ordinal ELSE d.ordinal END,
        generation = excluded.generation, body = excluded.body, facets = excluded.facets, words = excluded.words,
        writer = 0, written_at = clock_timestamp(), authority = excluded.authority, copied_over = NULL
    WHERE d.version < excluded.version OR (d.version = excluded.version AND (excluded.deleted OR NOT d.deleted))";

/// Ordinals for so many documents, ascending. Apart from the statement that writes: there the rows are in another order.
pub(super) const DRAW_ORDINALS: &str = "SELECT array_agg(nextval('search_ordinals')) FROM generate_series(1, $1)";

/// The source's own numbers for documents that were written before they were loaded. Their rows are locked already.
pub(super) const GIVE_ORDINALS: &str = "
    UPDATE search_documents d SET ordinal = u.ordinal
    FROM unnest($2::text[], $3::bigint[]) AS u (id, ordinal)
    WHERE d.index_uid = $1 AND d.id = u.id AND NOT d.deleted AND d.ordinal >= 4294967296";

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

/// The indexes that only searches need: see migrations/0002_search_documents.sql.
#[cfg(feature = "meili")]
pub(super) const SEARCH_INDEX_NAMES: [&str; 3] =
    ["search_documents_words", "search_documents_facets", "search_documents_order"];

/// With the statements that make them.
#[cfg(feature = "meili")]
pub(super) const SEARCH_INDEXES: &str = "
    SELECT c.relname::text, pg_get_indexdef(i.indexrelid)
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    WHERE i.indrelid = 'search_documents'::regclass AND NOT i.indisunique AND c.relname = ANY ($1)";

/// No row if it is not there; true if it was not built to its end.
#[cfg(feature = "meili")]
pub(super) const IS_INVALID: &str = "
    SELECT NOT i.indisvalid FROM pg_index i WHERE i.indexrelid = to_regclass($1)";

/// Whether live writes of an index have brought versions that no clock of this crate makes.
#[cfg(feature = "meili")]
pub(super) const HAS_OTHER_VERSIONS: &str = "
    SELECT EXISTS (SELECT 1 FROM search_documents WHERE index_uid = $1 AND writer <> 0 AND version < $2)";

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
