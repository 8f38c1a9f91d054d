//! The statements that read single rows.

use jiff::Timestamp;
use serde_json::Value;
use sqlx::{FromRow, PgPool};

use super::{NoRequest, ShadowRow};
use crate::{document::DocumentId, error::Side, shadow::StoredRequest};

const GET: &str = "
    SELECT id, (extract(epoch FROM created_at) * 1000000)::bigint AS at, endpoint, query_norm, primary_side, outcome,
        error_kind, settled,
        CASE WHEN latency_meili_ms >= 0 THEN meili_ids END AS meili, CASE WHEN latency_pg_ms >= 0 THEN pg_ids END AS pg,
        request::text AS request, request_absent
    FROM shadow_read_logs WHERE id = $1";

/// Of one request the newest pair, so that the worst are not all the same.
const WORST: &str = "
    SELECT id, (extract(epoch FROM created_at) * 1000000)::bigint AS at, endpoint, query_norm, primary_side, outcome,
        error_kind, settled, meili_ids AS meili, pg_ids AS pg, request::text AS request, request_absent
    FROM (
        SELECT DISTINCT ON (request) *
        FROM shadow_read_logs
        WHERE outcome = 'compared' AND settled AND request IS NOT NULL AND meili_ids <> pg_ids
            AND created_at >= 'epoch'::timestamptz + $1 * interval '1 microsecond'
        ORDER BY request, created_at DESC, id DESC
    ) AS latest
    ORDER BY overlap_at_10, agreement_ndcg_at_10_linear_v1 NULLS LAST, created_at DESC, id DESC
    LIMIT $2";

#[derive(FromRow)]
struct Raw {
    id: i64,
    at: i64,
    endpoint: String,
    query_norm: String,
    primary_side: String,
    outcome: String,
    error_kind: String,
    settled: Option<bool>,
    meili: Option<Vec<String>>,
    pg: Option<Vec<String>>,
    request: Option<String>,
    request_absent: String,
}

pub(super) async fn get(pool: &PgPool, id: i64) -> Result<Option<ShadowRow>, sqlx::Error> {
    let row: Option<Raw> = sqlx::query_as(GET).bind(id).fetch_optional(pool).await?;
    Ok(row.map(Into::into))
}

pub(super) async fn worst(pool: &PgPool, since: Timestamp, many: u32) -> Result<Vec<ShadowRow>, sqlx::Error> {
    let mut snapshot = pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    // A long window takes longer than what the others of this pool may.
    sqlx::query("SET LOCAL statement_timeout = '10min'").execute(&mut *snapshot).await?;
    let rows: Vec<Raw> =
        sqlx::query_as(WORST).bind(since.as_microsecond()).bind(i64::from(many)).fetch_all(&mut *snapshot).await?;
    snapshot.commit().await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

impl From<Raw> for ShadowRow {
    fn from(raw: Raw) -> Self {
        let ids = |ids: Vec<String>| ids.into_iter().map(DocumentId::new).collect::<Vec<_>>();
        let request = match &raw.request {
            Some(json) => StoredRequest::read(json).map_err(NoRequest::Unreadable),
            None if raw.request_absent.is_empty() => Err(NoRequest::Unread(raw.outcome.clone())),
            None => Err(NoRequest::Absent(raw.request_absent)),
        };
        Self {
            id: raw.id,
            at: Timestamp::from_microsecond(raw.at).unwrap_or_default(),
            endpoint: raw.endpoint,
            query_norm: raw.query_norm,
            primary: if raw.primary_side == Side::Pg.as_str() { Side::Pg } else { Side::Meili },
            outcome: raw.outcome,
            error_kind: raw.error_kind,
            settled: raw.settled,
            meili: raw.meili.map(ids),
            pg: raw.pg.map(ids),
            request_json: raw.request.and_then(|json| serde_json::from_str::<Value>(&json).ok()),
            request,
        }
    }
}
