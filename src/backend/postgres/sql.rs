//! All SQL of search documents. Text is put together from constants only; whatever comes from outside is bound.

use sqlx::types::Json;

/// One snapshot answers one query, whatever is written meanwhile.
pub(super) const BEGIN_SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// For writes by their ids, of which no plan depends on a value. Above all for the one that is not ours: of each row PostgreSQL
/// asks whether its index is there, and plans that question anew every time where plans are to be made for the values.
pub(super) const BEGIN_WRITING: &str = "BEGIN; SET LOCAL plan_cache_mode = auto";

/// The same for loads, which take their time.
pub(super) const BEGIN_LOADING: &str = "BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL plan_cache_mode = auto";

pub(super) const BEGIN_UNHURRIED: &str = "BEGIN; SET LOCAL statement_timeout = 0";

/// For what reads a lot: the statement timeout is for searches.
pub(super) const BEGIN_READING: &str = "BEGIN READ ONLY; SET LOCAL statement_timeout = 0";

pub(super) const SETTINGS: &str = "SELECT settings FROM search_indexes WHERE uid = $1";

/// Holds the settings still until the transaction ends; writers share the lock.
pub(super) const SETTINGS_FOR_WRITING: &str =
    "SELECT settings, generation FROM search_indexes WHERE uid = $1 FOR SHARE";

pub(super) const SETTINGS_FOR_CHANGE: &str =
    "SELECT settings, generation FROM search_indexes WHERE uid = $1 FOR UPDATE";

pub(super) const CREATE_INDEX: &str = "
    INSERT INTO search_indexes (uid, primary_key, settings) VALUES ($1, $2, $3) ON CONFLICT (uid) DO NOTHING";

pub(super) const PRIMARY_KEY: &str = "SELECT primary_key FROM search_indexes WHERE uid = $1";

pub(super) const CHANGE_SETTINGS: &str =
    "UPDATE search_indexes SET settings = $2, generation = $3, revision = revision + 1 WHERE uid = $1";

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

pub(super) const ANALYZE: &str = "ANALYZE search_documents, search_postings, search_changes, search_vocabulary";

pub(super) const SETTINGS_AND_GENERATION: &str = "SELECT settings, generation FROM search_indexes WHERE uid = $1";

/// Holds the settings still until the transaction ends.
pub(super) const GENERATION_FOR_WRITING: &str = "SELECT generation FROM search_indexes WHERE uid = $1 FOR SHARE";

/// A newer version wins; an equal one replaces, but does not bring a deleted document back. A document that comes without a number
/// of the source keeps the one it has; so does one whose number another document has here, or gets a new one: the source is
/// changing while it is read. Rows come in the order of their ids, in which every writer locks them.
pub(super) const LOAD: &str = "
    INSERT INTO search_documents AS d (index_uid, id, version, deleted, ordinal, generation, body, facets, words)
    SELECT $1, u.id, u.version, u.body IS NULL,
        CASE WHEN u.body IS NOT NULL AND u.ordinal < 4294967296 AND EXISTS (
            SELECT FROM search_documents o
            WHERE o.index_uid = $1 AND o.ordinal = u.ordinal AND NOT o.deleted AND o.id <> u.id
        ) THEN nextval('search_ordinals') ELSE u.ordinal END,
        $2, u.body::json, u.facets::jsonb, u.words
    FROM unnest($3::text[], $4::bigint[], $5::bigint[], $6::text[], $7::text[], $8::bytea[])
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
    WHERE d.index_uid = $1 AND d.id = u.id AND NOT d.deleted AND d.ordinal >= 4294967296 AND NOT EXISTS (
        SELECT FROM search_documents o WHERE o.index_uid = $1 AND o.ordinal = u.ordinal AND NOT o.deleted
    )";

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
    UPDATE search_documents d SET generation = $2, facets = u.facets, words = u.words
    FROM unnest($3::text[], $4::jsonb[], $5::bytea[]) AS u (id, facets, words)
    WHERE d.index_uid = $1 AND d.id = u.id";

/// The indexes that only searches need: see migrations/0002_search_documents.sql.
#[cfg(feature = "meili")]
pub(super) const SEARCH_INDEX_NAMES: [&str; 1] = ["search_documents_facets"];

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

#[cfg(feature = "meili")]
pub(super) const LACKS_POSTINGS: &str = "SELECT postings <> 'kept' FROM search_indexes WHERE uid = $1";

/// Whether live writes of an index have brought versions that no clock of this crate makes. 0 and 1 are also those of what a
/// repair has brought that was not known before: beside documents with versions of the clock they say nothing.
#[cfg(feature = "meili")]
pub(super) const HAS_OTHER_VERSIONS: &str = "
    SELECT EXISTS (SELECT 1 FROM search_documents WHERE index_uid = $1 AND writer <> 0 AND version < $2 AND version > 1)
        OR EXISTS (SELECT 1 FROM search_documents WHERE index_uid = $1 AND writer <> 0 AND version <= 1)
        AND NOT EXISTS (SELECT 1 FROM search_documents
            WHERE index_uid = $1 AND writer <> 0 AND NOT deleted AND version >= $2)";

/// A JSONB parameter.
pub(super) fn json(value: serde_json::Value) -> Json<serde_json::Value> {
    Json(value)
}
