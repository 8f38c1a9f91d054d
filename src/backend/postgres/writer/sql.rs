//! All SQL of the writer. Whatever comes from outside is bound.

use sqlx::{Postgres, QueryBuilder};

use crate::{backend::postgres::filter::push_filter, filter::Filter};

/// The first half of the keys of advisory locks; the second is the index. Writers share the lock of their index, and
/// who marks the index as swept has it alone, in the order they came: of the lock on the row of the index, writers that
/// follow each other closely would never let go.
macro_rules! sweep_lock {
    () => {
        "1668244340, hashtext"
    };
}

/// Holds the settings still until the transaction ends; writers share the lock. Sweeps are marked before or after, but
/// not meanwhile.
pub(super) const SETTINGS: &str = concat!(
    "SELECT settings, generation, derived_generation = generation, pg_advisory_xact_lock_shared(",
    sweep_lock!(),
    "(uid))::text IS NULL FROM search_indexes WHERE uid = $1 FOR SHARE"
);

/// Rows as they are to stand. New ones take their ordinals in the order given, and are locked in the order of their ids,
/// so that two batches never wait for each other. What was written within the margin before a write began counts as
/// written after: its transaction may have been under way. An unknown age is an endless one.
macro_rules! rows {
    ($conflict:literal) => {
        concat!(
            "INSERT INTO search_documents AS d (index_uid, id, version, deleted, ordinal, generation, body, facets, words,
                writer, written_at, authority, began, contended)
            SELECT $1, u.id, u.version, u.body IS NULL, u.ordinal, $2, u.body::json, u.facets, u.words,
                $3, clock_timestamp(), $4, u.began, COALESCE(s.swept_at > u.began, FALSE)
            FROM (
                SELECT v.*, CASE WHEN v.body IS NULL THEN 0 ELSE nextval('search_ordinals') END AS ordinal,
                    CASE WHEN v.age IS NULL THEN '-infinity'
                        ELSE clock_timestamp() - make_interval(secs => v.age + $5) END AS began
                FROM unnest($6::text[], $7::bigint[], $8::text[], $9::jsonb[], $10::bytea[], $11::float8[])
                    AS v (id, version, body, facets, words, age)
            ) u LEFT JOIN search_sweeps s ON s.index_uid = $1
            ORDER BY u.id COLLATE \"C\" ",
            $conflict
        )
    };
}

/// A document that stands keeps its ordinal; one that comes back is a new one.
macro_rules! overwrite {
    ($authority:literal, $copied_over:literal, $guard:literal) => {
        concat!(
            rows!(
                "ON CONFLICT (index_uid, id) DO UPDATE SET
                    version = excluded.version, deleted = excluded.deleted,
                    ordinal = CASE WHEN d.deleted THEN excluded.ordinal ELSE d.ordinal END,
                    generation = excluded.generation, body = excluded.body, facets = excluded.facets,
                    words = excluded.words, writer = excluded.writer, written_at = clock_timestamp(),
                    began = excluded.began,
                    contended = excluded.contended
                        OR (d.written_at > excluded.began AND (d.writer <> excluded.writer OR d.contended)), "
            ),
            "authority = ",
            $authority,
            ", copied_over = ",
            $copied_over,
            $guard,
            " RETURNING d.id, d.contended"
        )
    };
}

/// A newer version wins, an equal one replaces; but a deletion stands against a write of the same version. What
/// PostgreSQL had decided, it decides still if the two raced. What comes over a write of its own that had raced, maybe
/// itself once more because nobody was told that it had been written, has raced as well. Gives the ids of what was written; the rows of the others
/// are locked nonetheless.
pub(super) const WRITE: &str = overwrite!(
    "CASE WHEN d.authority = 'pg' AND d.written_at > excluded.began
            AND (d.writer <> excluded.writer OR d.contended) THEN 'pg'
        ELSE excluded.authority END",
    "NULL",
    " WHERE d.version < excluded.version OR (d.version = excluded.version AND (excluded.deleted OR NOT d.deleted))"
);

/// For rows that this transaction has locked, and knows. By the authority of Meilisearch, and hardly newer, it is a copy.
pub(super) const OVERWRITE: &str = overwrite!(
    "excluded.authority",
    "CASE WHEN excluded.authority = 'meili' AND excluded.version - 1 <= d.version
        THEN COALESCE(d.copied_over, d.version) END",
    ""
);

/// For rows that are not there; gives the ids of those that were not.
pub(super) const ADD: &str = rows!("ON CONFLICT (index_uid, id) DO NOTHING RETURNING d.id, d.contended");

pub(super) const VERSIONS: &str = "SELECT id, version FROM search_documents WHERE index_uid = $1 AND id = ANY ($2)";

/// One row without an id if nothing stands, none if the index is not there.
pub(super) const READ: &str = "
    SELECT d.id, d.version, d.body::text, d.authority, d.copied_over,
        EXTRACT(EPOCH FROM clock_timestamp() - d.written_at)::float8, (EXTRACT(EPOCH FROM d.written_at) * 1000000)::bigint
    FROM search_indexes i LEFT JOIN search_documents d ON d.index_uid = i.uid AND d.id = ANY ($2)
    WHERE i.uid = $1";

/// With the stamp: a row is written and marked at no two times alike, to the microsecond.
pub(super) const LOCK_VERSIONS: &str = "
    SELECT id, version, (EXTRACT(EPOCH FROM written_at) * 1000000)::bigint FROM search_documents WHERE index_uid = $1 AND id = ANY ($2)
    ORDER BY id FOR NO KEY UPDATE";

pub(super) const LOCK_DOCUMENTS: &str = "
    SELECT id, version, body::text FROM search_documents WHERE index_uid = $1 AND id = ANY ($2)
    ORDER BY id FOR NO KEY UPDATE";

/// No indexed column changes, so that no index does.
pub(super) const TOUCH: &str = "
    UPDATE search_documents SET writer = $2, written_at = clock_timestamp(), authority = $4
    WHERE index_uid = $1 AND id = ANY ($3)";

pub(super) const LOCK_SWEEPS: &str = concat!("SELECT pg_advisory_xact_lock(", sweep_lock!(), "($1))");

/// A statement of its own: what it sees must be younger than the lock.
pub(super) const MARK_SWEPT: &str = "
    INSERT INTO search_sweeps (index_uid, swept_at) SELECT uid, clock_timestamp() FROM search_indexes WHERE uid = $1
    ON CONFLICT (index_uid) DO UPDATE SET swept_at = excluded.swept_at";

/// Old tombstones, some at a time.
pub(super) const PURGE: &str = "
    WITH old AS MATERIALIZED (
        SELECT id FROM search_documents
        WHERE index_uid = $1 AND deleted AND written_at < clock_timestamp() - make_interval(secs => $2)
        ORDER BY id LIMIT $3 FOR UPDATE
    )
    DELETE FROM search_documents d USING old WHERE d.index_uid = $1 AND d.id = old.id";

/// The documents a sweep is about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Swath<'a> {
    pub(super) index: &'a str,
    pub(super) filter: Option<&'a Filter>,
    pub(super) version: i64,
}

impl Swath<'_> {
    fn push(self, query: &mut QueryBuilder<Postgres>) {
        query.push(" FROM search_documents d WHERE d.index_uid = ").push_bind(self.index.to_owned());
        query.push(" AND NOT d.deleted AND d.version <= ").push_bind(self.version);
        if let Some(filter) = self.filter {
            query.push(" AND ");
            push_filter(query, filter);
        }
    }
}

/// Leaves tombstones of the version, under the ordinals the documents had.
pub(super) fn sweep(swath: Swath<'_>, writer: i64, authority: &'static str) -> QueryBuilder<Postgres> {
    let mut query = QueryBuilder::new("WITH doomed AS MATERIALIZED (SELECT d.id");
    swath.push(&mut query);
    query.push(" ORDER BY d.id FOR NO KEY UPDATE) UPDATE search_documents d SET version = ").push_bind(swath.version);
    query.push(
        ", deleted = TRUE, body = NULL, facets = '{}', words = '', written_at = clock_timestamp(), copied_over = NULL",
    );
    query.push(", writer = ").push_bind(writer);
    // What PostgreSQL had decided, it decides still: a copy to Meilisearch that is under way must not bring it back.
    query.push(", authority = CASE WHEN d.authority = 'pg' THEN 'pg' ELSE ").push_bind(authority).push(" END");
    query.push(" FROM doomed WHERE d.id = doomed.id AND d.index_uid = ").push_bind(swath.index.to_owned());
    query
}

/// The ids of the documents, ascending.
pub(super) fn matching(swath: Swath<'_>, after: Option<&str>, limit: i64) -> QueryBuilder<Postgres> {
    let mut query = QueryBuilder::new("SELECT d.id");
    swath.push(&mut query);
    push_page(&mut query, after, limit);
    query
}

/// The ids of the tombstones of a version, ascending.
pub(super) fn tombstones(index: &str, version: i64, after: Option<&str>, limit: i64) -> QueryBuilder<Postgres> {
    let mut query = QueryBuilder::new("SELECT d.id FROM search_documents d WHERE d.deleted AND d.index_uid = ");
    query.push_bind(index.to_owned()).push(" AND d.version = ").push_bind(version);
    push_page(&mut query, after, limit);
    query
}

fn push_page(query: &mut QueryBuilder<Postgres>, after: Option<&str>, limit: i64) {
    if let Some(after) = after {
        query.push(" AND d.id > ").push_bind(after.to_owned());
    }
    query.push(" ORDER BY d.id LIMIT ").push_bind(limit);
}
