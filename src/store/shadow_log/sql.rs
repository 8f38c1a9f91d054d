//! The statements of the shadow log's writer.

use std::time::Duration;

use sqlx::PgPool;

use super::{
    losses::{LossKey, Losses},
    row::{Row, RowLeg},
};
use crate::{
    document::DocumentId,
    search::QueryClass,
    shadow::{RequestAbsent, StoredRequest},
};

/// A row and the id it was promised.
pub(super) type NumberedRow = (i64, Row);

/// One batch is one INSERT over column arrays. Measured against a binary COPY of the same rows (two lists of 20 ids, one
/// connection on the loopback, two cores): 70,000 to 90,000 rows a second for this, 53,000 to 92,000 for COPY at 500 to
/// 2,000 rows a batch. At 100 rows COPY falls to 2,300, waiting 40 ms in every batch for its extra round trips, and it
/// has no ON CONFLICT, by which a batch can be sent twice without harm.
const INSERT: &str = "
    INSERT INTO shadow_read_logs (
        id, created_at, endpoint, user_id, query_norm, query_offset, query_limit, primary_side, outcome, error_kind,
        phase, plan_version, settled, meili_ids, latency_meili_ms, latency_meili_us, pg_ids, latency_pg_ms,
        latency_pg_us, overlap_at_10, agreement_ndcg_at_10_linear_v1, query_classes, request, request_absent,
        noise_overlap_at_10)
    SELECT id, 'epoch'::timestamptz + at * interval '1 microsecond', endpoint, user_id, query_norm, query_offset,
        query_limit, primary_side, outcome, error_kind, phase, plan_version, settled, meili_ids::text[],
        latency_meili_ms, latency_meili_us, pg_ids::text[], latency_pg_ms, latency_pg_us, overlap, agreement,
        query_classes::text[], request::jsonb, request_absent, noise_overlap
    FROM UNNEST(
        $1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::int[], $7::int[], $8::text[], $9::text[],
        $10::text[], $11::text[], $12::bigint[], $13::bool[], $14::text[], $15::int[], $16::bigint[], $17::text[],
        $18::int[], $19::bigint[], $20::float8[], $21::float8[], $22::text[], $23::text[], $24::text[], $25::float8[]
    ) AS batch (id, at, endpoint, user_id, query_norm, query_offset, query_limit, primary_side, outcome, error_kind,
        phase, plan_version, settled, meili_ids, latency_meili_ms, latency_meili_us, pg_ids, latency_pg_ms,
        latency_pg_us, overlap, agreement, query_classes, request, request_absent, noise_overlap)
    ON CONFLICT (id) DO NOTHING";

/// Several replicas may delete at once: they skip each other's rows.
const DELETE_OLD: &str = "
    DELETE FROM shadow_read_logs WHERE id IN (
        SELECT id FROM shadow_read_logs WHERE created_at < now() - make_interval(secs => $1)
        ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED)";

/// The few rows of losses go in one statement.
const DELETE_OLD_LOSSES: &str = "DELETE FROM shadow_log_losses WHERE minute < now() - make_interval(secs => $1)";

const INSERT_LOSSES: &str = "
    INSERT INTO shadow_log_losses (writer, flush, line, minute, endpoint, outcome, reason, lost)
    SELECT $1, $2, line, 'epoch'::timestamptz + minute * interval '1 microsecond', endpoint, outcome, reason, lost
    FROM UNNEST($3::bigint[], $4::text[], $5::text[], $6::text[], $7::bigint[]) WITH ORDINALITY
        AS loss (minute, endpoint, outcome, reason, lost, line)
    ON CONFLICT DO NOTHING";

/// Takes `count` row ids out of the table's sequence.
pub(super) async fn reserve_ids(pool: &PgPool, count: usize) -> Result<Vec<i64>, sqlx::Error> {
    sqlx::query_scalar("SELECT nextval('shadow_read_logs_id_seq') FROM generate_series(1, $1)")
        .bind(i64::try_from(count).unwrap_or(i64::MAX))
        .fetch_all(pool)
        .await
}

/// Inserts all rows or none. Rows that are there already, by their id, stay as they are.
pub(super) async fn insert(pool: &PgPool, rows: &[NumberedRow]) -> Result<(), sqlx::Error> {
    let leg = |leg: fn(&Row) -> &RowLeg| move |row: &NumberedRow| array_literal(&leg(&row.1).ids);
    sqlx::query(INSERT)
        .bind(column(rows, |(id, _)| *id))
        .bind(column(rows, |(_, row)| row.at))
        .bind(column(rows, |(_, row)| &*row.endpoint))
        .bind(column(rows, |(_, row)| row.user.as_str()))
        .bind(column(rows, |(_, row)| row.query.as_str()))
        .bind(column(rows, |(_, row)| row.offset))
        .bind(column(rows, |(_, row)| row.limit))
        .bind(column(rows, |(_, row)| row.primary.as_str()))
        .bind(column(rows, |(_, row)| row.outcome.as_str()))
        .bind(column(rows, |(_, row)| row.error_kind))
        .bind(column(rows, |(_, row)| row.phase))
        .bind(column(rows, |(_, row)| row.plan_version))
        .bind(column(rows, |(_, row)| row.settled))
        .bind(column(rows, leg(|row| &row.meili)))
        .bind(column(rows, |(_, row)| row.meili.ms))
        .bind(column(rows, |(_, row)| row.meili.us))
        .bind(column(rows, leg(|row| &row.pg)))
        .bind(column(rows, |(_, row)| row.pg.ms))
        .bind(column(rows, |(_, row)| row.pg.us))
        .bind(column(rows, |(_, row)| row.overlap))
        .bind(column(rows, |(_, row)| row.agreement))
        .bind(column(rows, |(_, row)| classes_literal(&row.classes)))
        .bind(column(rows, |(_, row)| row.request.as_ref().map(StoredRequest::as_json)))
        .bind(column(rows, |(_, row)| row.request_absent.map_or("", RequestAbsent::as_str)))
        .bind(column(rows, |(_, row)| row.noise_overlap))
        .execute(pool)
        .await?;
    Ok(())
}

fn column<'a, R, T>(rows: &'a [R], value: impl Fn(&'a R) -> T) -> Vec<T> {
    rows.iter().map(value).collect()
}

/// The text of a `text[]`. PostgreSQL has no ragged arrays of arrays, so each row's list is sent as one text of the
/// batch and read there by `::text[]`.
fn array_literal(ids: &[DocumentId]) -> String {
    let mut literal = String::with_capacity(2 + ids.iter().map(|id| id.as_str().len() + 3).sum::<usize>());
    literal.push('{');
    for (before, id) in ids.iter().enumerate() {
        literal.push_str(if before == 0 { "\"" } else { ",\"" });
        for character in id.as_str().chars() {
            if matches!(character, '"' | '\\') {
                literal.push('\\');
            }
            literal.push(character);
        }
        literal.push('"');
    }
    literal.push('}');
    literal
}

/// The same of names, which need no quotes.
fn classes_literal(classes: &[QueryClass]) -> String {
    let names: Vec<&str> = classes.iter().map(|class| class.as_str()).collect();
    format!("{{{}}}", names.join(","))
}

/// Whether a failure lies in what a row holds, so that it would come again with that row and only with it. SQLSTATE
/// classes: 22 data, 23 constraints, 44 view checks, 54 limits (an index entry too long), P0 raised by a trigger.
pub(super) fn blames_a_row(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(refusal) => refusal
            .code()
            .is_some_and(|code| ["22", "23", "44", "54", "P0"].iter().any(|class| code.starts_with(class))),
        sqlx::Error::Encode(_) => true,
        _ => false,
    }
}

/// Deletes rows older than `age`, `most` at most, and says how many it were; losses of that age go with them.
pub(super) async fn delete_old(pool: &PgPool, age: Duration, most: usize) -> Result<u64, sqlx::Error> {
    let age = age.as_secs_f64();
    sqlx::query(DELETE_OLD_LOSSES).bind(age).execute(pool).await?;
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    Ok(sqlx::query(DELETE_OLD).bind(age).bind(most).execute(pool).await?.rows_affected())
}

/// Losses on their way into the table, under a key that makes sending them twice harmless.
#[derive(Debug)]
pub(super) struct LossFlush {
    writer: i64,
    number: i64,
    losses: Vec<(LossKey, i64)>,
}

impl LossFlush {
    /// Nothing yet, of a writer that no other is like.
    pub(super) fn new() -> Self {
        Self { writer: rand::random(), number: 0, losses: Vec::new() }
    }

    /// Writes what was counted since the last time, and before it what could not be written then.
    pub(super) async fn send(&mut self, pool: &PgPool, counted: &Losses) -> Result<(), sqlx::Error> {
        self.send_held(pool).await?;
        self.losses = counted.take().into_iter().collect();
        self.send_held(pool).await
    }

    async fn send_held(&mut self, pool: &PgPool) -> Result<(), sqlx::Error> {
        if self.losses.is_empty() {
            return Ok(());
        }
        let losses = &self.losses;
        // An endpoint may hold a NUL, which text cannot.
        let endpoint = |key: &LossKey| key.endpoint.replace('\0', "\u{fffd}");
        sqlx::query(INSERT_LOSSES)
            .bind(self.writer)
            .bind(self.number)
            .bind(column(losses, |(key, _)| key.minute))
            .bind(column(losses, |(key, _)| endpoint(key)))
            .bind(column(losses, |(key, _)| key.outcome.as_str()))
            .bind(column(losses, |(key, _)| key.reason.as_str()))
            .bind(column(losses, |(_, lost)| *lost))
            .execute(pool)
            .await?;
        self.losses.clear();
        self.number += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_quoted_for_an_array() {
        let ids = ["plain", "", "a,b}", r#"q"uo\te"#, "NULL"].map(DocumentId::from);
        assert_eq!(array_literal(&ids), r#"{"plain","","a,b}","q\"uo\\te","NULL"}"#);
        assert_eq!(array_literal(&[]), "{}");
    }
}
