-- The shadow log: one row for every sampled read, however it ended, and a tally of the rows that could not be stored.

CREATE TABLE IF NOT EXISTS shadow_read_logs (
    id               BIGSERIAL PRIMARY KEY,
    endpoint         TEXT NOT NULL,
    user_id          TEXT NOT NULL,
    query_norm       TEXT NOT NULL,
    meili_ids        TEXT[] NOT NULL,
    pg_ids           TEXT[] NOT NULL,
    overlap_at_10    DOUBLE PRECISION NOT NULL,
    latency_meili_ms INT NOT NULL,
    latency_pg_ms    INT NOT NULL,
    created_at       TIMESTAMPTZ NOT NULL DEFAULT NOW()
);

-- Beside the fixed columns, so that a table that is already there is completed.
ALTER TABLE shadow_read_logs
    ADD COLUMN IF NOT EXISTS outcome          TEXT NOT NULL DEFAULT 'compared',
    ADD COLUMN IF NOT EXISTS error_kind       TEXT NOT NULL DEFAULT '',
    ADD COLUMN IF NOT EXISTS phase            TEXT NOT NULL DEFAULT '',
    ADD COLUMN IF NOT EXISTS primary_side     TEXT NOT NULL DEFAULT 'meili',
    ADD COLUMN IF NOT EXISTS plan_version     BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS settled          BOOLEAN NULL,
    ADD COLUMN IF NOT EXISTS query_offset     INT NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS query_limit      INT NOT NULL DEFAULT 20,
    ADD COLUMN IF NOT EXISTS latency_meili_us BIGINT NULL,
    ADD COLUMN IF NOT EXISTS latency_pg_us    BIGINT NULL,
    ADD COLUMN IF NOT EXISTS agreement_ndcg_at_10_linear_v1 DOUBLE PRECISION NULL;

COMMENT ON COLUMN shadow_read_logs.user_id IS 'who asked: a keyed hash unless redaction is off; empty when unknown';
COMMENT ON COLUMN shadow_read_logs.overlap_at_10 IS '0 unless outcome is compared';
COMMENT ON COLUMN shadow_read_logs.latency_meili_ms IS 'rounded; -1: no answer. latency_meili_us is exact';
COMMENT ON COLUMN shadow_read_logs.latency_pg_ms IS 'rounded; -1: no answer. latency_pg_us is exact';
COMMENT ON COLUMN shadow_read_logs.latency_meili_us IS 'microseconds; NULL: no answer';
COMMENT ON COLUMN shadow_read_logs.latency_pg_us IS 'microseconds; NULL: no answer';
COMMENT ON COLUMN shadow_read_logs.created_at IS 'when the request arrived';
COMMENT ON COLUMN shadow_read_logs.settled IS 'whether no write to the index was under way; NULL: unknown';
COMMENT ON COLUMN shadow_read_logs.agreement_ndcg_at_10_linear_v1 IS
    'agreement_ndcg@10/linear-v1: the ranking of primary_side as reference; NULL unless outcome is compared';

-- Serves the report's window and retention. A btree, not BRIN: retention frees the oldest pages and new rows move in
-- there, after which every block range spans all times and BRIN finds nothing. Rows arrive nearly in order of time, so
-- inserts go to the rightmost page. No other index: each would cost every row, and reports are rare.
CREATE INDEX IF NOT EXISTS shadow_read_logs_created_at ON shadow_read_logs (created_at);

-- What never became a row, and why, so that a report can say how complete the log is. Rows are added up; a writer adds
-- one per flush, under a key of its own, so that a repeated flush counts once.
CREATE TABLE shadow_log_losses (
    writer   BIGINT NOT NULL,
    flush    BIGINT NOT NULL,
    line     BIGINT NOT NULL,
    minute   TIMESTAMPTZ NOT NULL,
    endpoint TEXT NOT NULL,
    outcome  TEXT NOT NULL,
    reason   TEXT NOT NULL,
    lost     BIGINT NOT NULL CHECK (lost > 0),
    PRIMARY KEY (writer, flush, line)
);

CREATE INDEX shadow_log_losses_minute ON shadow_log_losses (minute);

COMMENT ON COLUMN shadow_log_losses.minute IS 'the minute in which the requests arrived';
COMMENT ON COLUMN shadow_log_losses.reason IS 'queue_full, refused (by the database), shutdown';
