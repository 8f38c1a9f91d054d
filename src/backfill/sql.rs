//! All SQL of the backfill's control tables. Whatever comes from outside is bound.

/// Jobs with what their shards say; `$1` is one of them, or NULL.
pub(super) const JOBS: &str = "
    SELECT j.job_id, j.target, j.status, j.stage, j.source, j.high_watermark_seq, j.row_version, j.processed_rows,
        j.written_rows, j.stale_rows, j.failed_rows, j.max_failed_rows, j.total_rows, j.total_is_exact,
        s.shards, s.done AS shards_done, s.workers, j.recent_rate,
        extract(epoch FROM clock_timestamp() - j.rate_at)::float8 AS rate_age,
        CASE WHEN j.throttled_at > clock_timestamp() - interval '10 s' THEN j.throttled_by END AS throttled_by,
        j.max_rows_per_second, j.nice_ratio, j.max_write_millis, j.max_journal_pending, j.max_active_sessions,
        j.max_replication_lag_bytes, j.deferred_indexes, j.error_message,
        CASE WHEN i.postings <> 'kept' THEN COALESCE(b.share, 0) END AS postings_built,
        (extract(epoch FROM j.created_at) * 1000000)::bigint AS created_micros,
        (extract(epoch FROM j.started_at) * 1000000)::bigint AS started_micros,
        (extract(epoch FROM j.completed_at) * 1000000)::bigint AS completed_micros,
        (extract(epoch FROM j.updated_at) * 1000000)::bigint AS updated_micros
    FROM backfill_jobs j CROSS JOIN LATERAL (
        SELECT count(*) AS shards, count(*) FILTER (WHERE done) AS done,
            count(*) FILTER (WHERE NOT done AND lease_until > clock_timestamp()) AS workers
        FROM backfill_shards WHERE job_id = j.job_id
    ) s
    LEFT JOIN search_indexes i ON i.uid = j.target AND j.status NOT IN ('succeeded', 'cancelled')
    LEFT JOIN search_builds b ON b.index_number = i.number
    WHERE $1::text IS NULL OR j.job_id = $1
    ORDER BY j.created_at, j.job_id";

/// Jobs are made one after the other, so that no two fill one index.
pub(super) const LOCK_JOBS: &str = "LOCK TABLE backfill_jobs IN SHARE ROW EXCLUSIVE MODE";

pub(super) const CREATE: &str = "
    INSERT INTO backfill_jobs (job_id, target, status, source, preparation, max_failed_rows, lease_seconds, chunk_millis,
        max_rows_per_second, nice_ratio, max_write_millis, max_journal_pending, max_active_sessions,
        max_replication_lag_bytes)
    VALUES ($1, $2, 'pending', $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT (job_id) DO NOTHING";

pub(super) const PREPARATION: &str = "SELECT preparation FROM backfill_jobs WHERE job_id = $1";

/// Of jobs that this crate has made: those of other programs have no shards to mind.
pub(super) const UNFINISHED_OF_TARGET: &str = "
    SELECT job_id FROM backfill_jobs
    WHERE target = $1 AND job_id <> $2 AND status NOT IN ('succeeded', 'cancelled') AND source <> '{}' LIMIT 1";

/// A change of status, from one of those given. What was known of the rate is forgotten.
pub(super) const SET_STATUS: &str = "
    UPDATE backfill_jobs SET status = $2, error_message = $4, throttled_by = NULL, recent_rate = NULL, rate_at = NULL,
        completed_at = CASE WHEN $2 IN ('succeeded', 'cancelled') THEN clock_timestamp() END,
        stage = CASE WHEN $2 = 'succeeded' THEN 'done' ELSE stage END, updated_at = clock_timestamp()
    WHERE job_id = $1 AND status = ANY ($3)";

/// From one stage to the next, while the job runs.
pub(super) const SET_STAGE: &str = "
    UPDATE backfill_jobs SET stage = $3, throttled_by = NULL, updated_at = clock_timestamp()
    WHERE job_id = $1 AND stage = $2 AND status = 'running'";

pub(super) const SET_THROTTLE: &str = "
    UPDATE backfill_jobs SET max_rows_per_second = $2, nice_ratio = $3, max_write_millis = $4, max_journal_pending = $5,
        max_active_sessions = $6, max_replication_lag_bytes = $7, updated_at = clock_timestamp()
    WHERE job_id = $1";

pub(super) const SET_MAX_FAILED: &str = "
    UPDATE backfill_jobs SET max_failed_rows = $2, updated_at = clock_timestamp() WHERE job_id = $1";

pub(super) const PREPARED: &str = "
    UPDATE backfill_jobs SET stage = 'copying', high_watermark_seq = $2, row_version = $3, total_rows = $4,
        total_is_exact = $5, started_at = clock_timestamp(), updated_at = clock_timestamp()
    WHERE job_id = $1 AND stage = 'preparing' AND status = 'running'";

pub(super) const ADD_SHARDS: &str = "
    INSERT INTO backfill_shards (job_id, shard_key, lower_bound, upper_bound)
    SELECT $1, u.shard_key, u.lower_bound, u.upper_bound
    FROM unnest($2::text[], $3::text[], $4::text[]) AS u (shard_key, lower_bound, upper_bound)";

/// Takes the lead, or holds it for its whole length again. A lease and no lock: a process that was frozen would hold that for ever.
pub(super) const LEAD: &str = "
    UPDATE backfill_jobs SET leader = $2, leader_until = clock_timestamp() + make_interval(secs => lease_seconds)
    WHERE job_id = $1 AND (leader_until <= clock_timestamp() OR leader = $2) RETURNING lease_seconds";

pub(super) const LET_LEAD_GO: &str = "
    UPDATE backfill_jobs SET leader_until = '-infinity' WHERE job_id = $1 AND leader = $2";

/// Milliseconds since 1970.
pub(super) const NOW: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint";

/// The next shard that nobody holds; its epoch goes up.
pub(super) const TAKE: &str = "
    WITH free AS (
        SELECT s.shard_key FROM backfill_shards s
        WHERE s.job_id = $1 AND NOT s.done AND s.lease_until <= clock_timestamp()
            AND EXISTS (SELECT 1 FROM backfill_jobs j WHERE j.job_id = $1 AND j.status = 'running')
        ORDER BY s.shard_key LIMIT 1 FOR UPDATE SKIP LOCKED
    )
    UPDATE backfill_shards s
    SET epoch = s.epoch + 1, owner = $2, lease_until = clock_timestamp() + make_interval(secs => j.lease_seconds),
        updated_at = clock_timestamp()
    FROM free, backfill_jobs j
    WHERE s.job_id = $1 AND s.shard_key = free.shard_key AND j.job_id = $1
    RETURNING s.shard_key, s.lower_bound, s.upper_bound, s.epoch, s.chunk_rows, j.lease_seconds, j.chunk_millis,
        j.row_version,
        (SELECT c.last_cursor FROM backfill_checkpoints c WHERE c.job_id = s.job_id AND c.shard_key = s.shard_key)";

/// The status of the job, how many of its shards are not done, and in how many seconds the next lease of them ends.
pub(super) const LEFT: &str = "
    SELECT (SELECT status FROM backfill_jobs WHERE job_id = $1), count(*), min(extract(epoch FROM greatest(lease_until, clock_timestamp()) - clock_timestamp()))::float8
    FROM backfill_shards WHERE job_id = $1 AND NOT done";

pub(super) const RENEW: &str = "
    UPDATE backfill_shards s SET lease_until = clock_timestamp() + make_interval(secs => j.lease_seconds)
    FROM backfill_jobs j
    WHERE s.job_id = $1 AND s.shard_key = $2 AND s.epoch = $3 AND NOT s.done AND j.job_id = $1
    RETURNING j.status";

pub(super) const RELEASE: &str = "
    UPDATE backfill_shards SET lease_until = '-infinity', owner = NULL, chunk_rows = $4
    WHERE job_id = $1 AND shard_key = $2 AND epoch = $3 AND NOT done";

/// In one statement, at the end of the transaction that wrote the rows: the checkpoint, the counters and the lease, all of it only
/// if the shard is still held under this epoch. No row: it is not. The row of the job comes last, since all workers wait for it.
pub(super) const COMMIT: &str = "
    WITH fence AS (
        UPDATE backfill_shards s
        SET processed_rows = s.processed_rows + $4, failed_rows = s.failed_rows + $7, chunk_rows = $9, done = $10,
            lease_until = CASE WHEN $10 THEN '-infinity'
                ELSE clock_timestamp() + make_interval(secs => j.lease_seconds) END,
            updated_at = clock_timestamp()
        FROM backfill_jobs j
        WHERE s.job_id = $1 AND s.shard_key = $2 AND s.epoch = $3 AND NOT s.done AND j.job_id = $1
        RETURNING s.job_id
    ), checkpoint AS (
        INSERT INTO backfill_checkpoints (job_id, shard_key, last_cursor)
        SELECT job_id, $2, $8 FROM fence WHERE $8 IS NOT NULL
        ON CONFLICT (job_id, shard_key) DO UPDATE SET last_cursor = excluded.last_cursor, updated_at = NOW()
    ), failed AS (
        INSERT INTO backfill_failed_rows AS f (job_id, place, document_id, reason, why)
        SELECT fence.job_id, u.place, u.document_id, u.reason, u.why
        FROM fence, unnest($11::text[], $12::text[], $13::text[], $14::text[]) AS u (place, document_id, reason, why)
        ON CONFLICT (job_id, place) DO UPDATE SET document_id = excluded.document_id, reason = excluded.reason,
            why = excluded.why, attempts = f.attempts + 1, failed_at = clock_timestamp()
    )
    UPDATE backfill_jobs j SET
        processed_rows = j.processed_rows + $4, written_rows = j.written_rows + $5, stale_rows = j.stale_rows + $6,
        failed_rows = j.failed_rows + $7,
        recent_rate = CASE
            WHEN j.rate_at IS NULL OR clock_timestamp() < j.rate_at + interval '1 s' THEN j.recent_rate
            ELSE 0.5 * (j.processed_rows + $4 - j.rate_rows) / extract(epoch FROM clock_timestamp() - j.rate_at)
                + 0.5 * coalesce(j.recent_rate,
                    (j.processed_rows + $4 - j.rate_rows) / extract(epoch FROM clock_timestamp() - j.rate_at)) END,
        rate_rows = CASE WHEN j.rate_at IS NULL OR clock_timestamp() >= j.rate_at + interval '1 s'
            THEN j.processed_rows + $4 ELSE j.rate_rows END,
        rate_at = CASE WHEN j.rate_at IS NULL OR clock_timestamp() >= j.rate_at + interval '1 s'
            THEN clock_timestamp() ELSE j.rate_at END,
        updated_at = clock_timestamp()
    FROM fence WHERE j.job_id = fence.job_id
    RETURNING j.status, j.failed_rows, j.max_failed_rows";

/// What the throttle looks at, the limits included, in one go. Own sessions do not count.
pub(super) const PRESSURE: &str = "
    SELECT j.status, j.max_rows_per_second, j.nice_ratio, j.max_write_millis, j.max_journal_pending,
        j.max_active_sessions, j.max_replication_lag_bytes,
        r.write_millis, r.journal_pending::bigint AS journal_pending,
        CASE WHEN j.max_active_sessions IS NOT NULL THEN (
            SELECT count(*)::int FROM pg_stat_activity
            WHERE state = 'active' AND backend_type = 'client backend' AND pid <> pg_backend_pid()
                AND application_name NOT LIKE 'crossfade backfill%') END AS active_sessions,
        CASE WHEN j.max_replication_lag_bytes IS NOT NULL AND NOT pg_is_in_recovery() THEN (
            SELECT max(pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn))::bigint FROM pg_stat_replication)
            END AS replication_lag_bytes
    FROM backfill_jobs j CROSS JOIN LATERAL (
        SELECT max(write_millis) AS write_millis, sum(journal_pending) AS journal_pending
        FROM replicas WHERE seen_at > clock_timestamp() - make_interval(secs => report_seconds * 4)
    ) r
    WHERE j.job_id = $1";

pub(super) const SET_THROTTLED: &str = "
    UPDATE backfill_jobs SET throttled_by = $2, throttled_at = CASE WHEN $2::text IS NULL THEN NULL ELSE clock_timestamp() END
    WHERE job_id = $1 AND (throttled_by IS DISTINCT FROM $2 OR $2 IS NOT NULL)";

pub(super) const FAILED_ROWS: &str = "
    SELECT place, document_id, reason, why, attempts, (extract(epoch FROM failed_at) * 1000000)::bigint
    FROM backfill_failed_rows WHERE job_id = $1 AND ($2::text IS NULL OR place > $2) ORDER BY place LIMIT $3";

pub(super) const FAILED_BY_REASON: &str = "
    SELECT reason, count(*), min(why) FROM backfill_failed_rows WHERE job_id = $1 GROUP BY reason ORDER BY 2 DESC, 1";

/// Rows that failed and do no more: they are counted as written or stale now, or as gone from the source.
pub(super) const MENDED: &str = "
    WITH mended AS (DELETE FROM backfill_failed_rows WHERE job_id = $1 AND place = ANY ($2) RETURNING 1)
    UPDATE backfill_jobs SET failed_rows = failed_rows - (SELECT count(*) FROM mended),
        written_rows = written_rows + $3, stale_rows = stale_rows + $4, updated_at = clock_timestamp()
    WHERE job_id = $1";

pub(super) const FAILED_AGAIN: &str = "
    UPDATE backfill_failed_rows f SET document_id = u.document_id, reason = u.reason, why = u.why,
        attempts = f.attempts + 1, failed_at = clock_timestamp()
    FROM unnest($2::text[], $3::text[], $4::text[], $5::text[]) AS u (place, document_id, reason, why)
    WHERE f.job_id = $1 AND f.place = u.place";

/// Whether a transaction sees the control tables that another connection has written.
pub(super) const SEES_JOB: &str = "SELECT EXISTS (SELECT 1 FROM backfill_jobs WHERE job_id = $1)";

/// In the transaction that drops them. Added to what an attempt before has dropped: that is not there to be found again.
pub(super) const ADD_DEFERRED: &str = "
    UPDATE backfill_jobs SET deferred_indexes = deferred_indexes || $2 WHERE job_id = $1";

pub(super) const SET_DEFERRED: &str = "UPDATE backfill_jobs SET deferred_indexes = $2 WHERE job_id = $1";
