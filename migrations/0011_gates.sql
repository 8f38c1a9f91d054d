-- What gates decide by, and what was decided.

-- Measurements with judgments, as `crossfade eval --store` leaves them.
CREATE TABLE eval_runs (
    id          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    index_uid   TEXT COLLATE "C" NOT NULL,
    ran_at      TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    ran_by      TEXT NOT NULL,
    queries     BIGINT NOT NULL CHECK (queries >= 0),
    judged      BIGINT NOT NULL CHECK (judged >= 0), -- queries with judgments
    overlap_at_10      DOUBLE PRECISION NULL,
    ndcg_at_10         DOUBLE PRECISION NULL,        -- of PostgreSQL; linear gain
    source_ndcg_at_10  DOUBLE PRECISION NULL         -- of Meilisearch, over the same queries
);

-- Comparisons of all documents of an index.
CREATE TABLE drift_checks (
    id         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    index_uid  TEXT COLLATE "C" NOT NULL,
    began_at   TIMESTAMPTZ NOT NULL,
    meili_documents BIGINT NOT NULL CHECK (meili_documents >= 0),
    pg_documents    BIGINT NOT NULL CHECK (pg_documents >= 0), -- without tombstones
    missing    BIGINT NOT NULL CHECK (missing >= 0),
    extra      BIGINT NOT NULL CHECK (extra >= 0),
    stale      BIGINT NOT NULL CHECK (stale >= 0),
    tombstone  BIGINT NOT NULL CHECK (tombstone >= 0),
    unsettled  BIGINT NOT NULL CHECK (unsettled >= 0)  -- that were changed between all looks
);
CREATE INDEX drift_checks_last ON drift_checks (index_uid, began_at DESC);

-- Each verdict, with what it was reached by. Never changed, never deleted by this program.
CREATE TABLE gate_verdicts (
    id         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    asked_by   TEXT NOT NULL,
    verdict    TEXT NOT NULL CHECK (verdict IN ('pass', 'hold', 'fail')),
    step       TEXT NOT NULL,             -- the step it is about; empty at the end of the way
    revision   BIGINT NOT NULL,           -- of the flags it saw
    decision   JSONB NOT NULL             -- every gate with its figure, bounds, samples and reason
);

-- Each step that was taken by `advance` or the ramp controller.
CREATE TABLE gate_steps (
    id         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    step       TEXT NOT NULL,
    share      TEXT NOT NULL DEFAULT '',
    verdict_id BIGINT NOT NULL REFERENCES gate_verdicts (id),
    overridden BOOLEAN NOT NULL,          -- taken although the verdict was no pass
    revision   BIGINT NOT NULL,           -- of the flags after it
    taken_by   TEXT NOT NULL,
    why        TEXT NOT NULL
);

-- Which process takes the steps of the ramp: one row, one owner at a time, on this server's clock.
CREATE TABLE ramp_lease (
    only_row    BOOLEAN PRIMARY KEY DEFAULT TRUE CHECK (only_row),
    owner       TEXT NOT NULL DEFAULT '',
    lease_until TIMESTAMPTZ NOT NULL DEFAULT '-infinity'
);
INSERT INTO ramp_lease DEFAULT VALUES;
