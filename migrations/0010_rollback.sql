-- What replicas tell so that a rollback can be followed: every flag as each sees it, the latch, and what becomes of the
-- reads that PostgreSQL is to answer.
ALTER TABLE replicas
    ADD COLUMN read_pg_percent    TEXT NOT NULL DEFAULT '',
    ADD COLUMN shadow_sample_rate TEXT NOT NULL DEFAULT '',
    ADD COLUMN target_stale       BOOLEAN NOT NULL DEFAULT FALSE,
    ADD COLUMN latched            BOOLEAN NOT NULL DEFAULT FALSE,
    -- The revision of flag_state that its plan goes by; 0 if it has read none.
    ADD COLUMN revision           BIGINT NOT NULL DEFAULT 0,
    -- Since it started: reads that PostgreSQL answered, failed, was spared by the breaker, and could not be asked.
    ADD COLUMN pg_answered        BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN pg_failed          BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN pg_held_back       BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN pg_unfit           BIGINT NOT NULL DEFAULT 0,
    -- Reads that PostgreSQL is being asked, and when it last answered one; NULL: never.
    ADD COLUMN pg_under_way       BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN pg_answered_at     TIMESTAMPTZ NULL;

-- The same reads by minute, which outlives the processes.
CREATE TABLE read_tallies (
    replica   TEXT NOT NULL,
    minute    TIMESTAMPTZ NOT NULL,       -- in which they were reported
    answered  BIGINT NOT NULL,
    failed    BIGINT NOT NULL,
    held_back BIGINT NOT NULL,
    unfit     BIGINT NOT NULL,
    PRIMARY KEY (replica, minute)
);

CREATE INDEX read_tallies_minute ON read_tallies (minute);
