-- Backfills: what a job is beyond the fixed columns, its shards with their leases, the rows it could not copy; and the
-- replicas of the service, which tell that they write both sides.

-- Without a default where a job of an older kind, or of somebody else, would get a wrong one.
ALTER TABLE backfill_jobs
    ADD COLUMN IF NOT EXISTS created_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    -- What is copied, to find it again for a resume; holds no password and no key.
    ADD COLUMN source JSONB NOT NULL DEFAULT '{}',
    -- How it is to be prepared.
    ADD COLUMN preparation JSONB NOT NULL DEFAULT '{}',
    -- The version of rows that bring none.
    ADD COLUMN row_version BIGINT NULL,
    -- Where it stands: preparing, copying, indexing, catching_up, done.
    ADD COLUMN stage TEXT NOT NULL DEFAULT 'preparing'
        CHECK (stage IN ('preparing', 'copying', 'indexing', 'catching_up', 'done')),
    -- How many rows there are to be; an estimate, unless exact. NULL: nobody knows.
    ADD COLUMN total_rows BIGINT NULL,
    ADD COLUMN total_is_exact BOOLEAN NOT NULL DEFAULT FALSE,
    -- Of the processed rows: those that stand now as they were read, those beaten by something newer, those that failed.
    ADD COLUMN written_rows BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN stale_rows BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN failed_rows BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN max_failed_rows BIGINT NOT NULL DEFAULT 100 CHECK (max_failed_rows >= 0),
    ADD COLUMN lease_seconds DOUBLE PRECISION NOT NULL DEFAULT 30 CHECK (lease_seconds > 0),
    ADD COLUMN chunk_millis DOUBLE PRECISION NOT NULL DEFAULT 250 CHECK (chunk_millis > 0),
    -- Which process does what only one may do: prepare, build indexes, catch up.
    ADD COLUMN leader TEXT NULL,
    ADD COLUMN leader_until TIMESTAMPTZ NOT NULL DEFAULT '-infinity',
    -- The throttle, which may be changed at any time; NULL is no limit.
    ADD COLUMN max_rows_per_second DOUBLE PRECISION NULL CHECK (max_rows_per_second > 0),
    ADD COLUMN nice_ratio DOUBLE PRECISION NOT NULL DEFAULT 0 CHECK (nice_ratio >= 0), -- pause per time worked
    ADD COLUMN max_write_millis DOUBLE PRECISION NULL CHECK (max_write_millis > 0),
    ADD COLUMN max_journal_pending BIGINT NULL CHECK (max_journal_pending > 0),
    ADD COLUMN max_active_sessions INT NULL CHECK (max_active_sessions > 0),
    ADD COLUMN max_replication_lag_bytes BIGINT NULL CHECK (max_replication_lag_bytes > 0),
    ADD COLUMN throttled_by TEXT NULL,            -- why it last waited; NULL: it does not
    ADD COLUMN throttled_at TIMESTAMPTZ NULL,
    -- The recent rate in rows a second, and what it was reckoned from.
    ADD COLUMN recent_rate DOUBLE PRECISION NULL,
    ADD COLUMN rate_rows BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN rate_at TIMESTAMPTZ NULL,
    -- The definitions of indexes that were dropped for the load and are still to be built.
    ADD COLUMN deferred_indexes TEXT[] NOT NULL DEFAULT '{}';

CREATE TABLE backfill_shards (
    job_id      TEXT NOT NULL REFERENCES backfill_jobs (job_id) ON DELETE CASCADE,
    shard_key   TEXT NOT NULL,
    lower_bound TEXT NULL,                -- as the source reads it; NULL: from the beginning
    upper_bound TEXT NULL,                -- NULL: to the end
    done        BOOLEAN NOT NULL DEFAULT FALSE,
    epoch       BIGINT NOT NULL DEFAULT 0, -- counts the owners: who has an older one may commit nothing
    owner       TEXT NULL,                -- a random name of the worker, for people to read
    lease_until TIMESTAMPTZ NOT NULL DEFAULT '-infinity',
    processed_rows BIGINT NOT NULL DEFAULT 0,
    failed_rows BIGINT NOT NULL DEFAULT 0,
    chunk_rows  INT NOT NULL DEFAULT 500 CHECK (chunk_rows > 0),
    updated_at  TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (job_id, shard_key)
);

-- Rows that could not be copied: the job goes on without them.
CREATE TABLE backfill_failed_rows (
    job_id      TEXT NOT NULL REFERENCES backfill_jobs (job_id) ON DELETE CASCADE,
    place       TEXT NOT NULL,            -- where the source has it, as the source reads it
    document_id TEXT NULL,                -- NULL: none could be read
    reason      TEXT NOT NULL,
    why         TEXT NOT NULL,
    attempts    INT NOT NULL DEFAULT 1,
    failed_at   TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (job_id, place)
);

-- One row for each process of the service that lives, or lived lately.
CREATE TABLE replicas (
    replica      TEXT PRIMARY KEY,         -- drawn at random with every start
    host         TEXT NOT NULL,
    plan_version BIGINT NOT NULL,
    phase        TEXT NOT NULL,
    write_mode   TEXT NOT NULL,
    read_backend TEXT NOT NULL,
    -- Since when it has been in this write mode, as far as it has told.
    mode_since   TIMESTAMPTZ NOT NULL,
    -- Its journal; NULL: it has none, or that did not answer.
    journal_pending        BIGINT NULL,
    journal_oldest_seconds DOUBLE PRECISION NULL,
    journal_dead_letters   BIGINT NULL,
    -- How long its writes have lately taken; NULL: there were none.
    write_millis DOUBLE PRECISION NULL,
    started_at   TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    seen_at      TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    -- How long it means to stay away at most between two reports.
    report_seconds DOUBLE PRECISION NOT NULL
);
