-- The journal of the write path, shared by any number of processes. It may live on another server than the target; then
-- the other tables of this schema stay empty there.

-- Who uses it. Times are of this server's clock, so that clocks of hosts need not agree.
CREATE TABLE journal_processes (
    process     BIGINT PRIMARY KEY,       -- drawn at random by each start
    alive_until TIMESTAMPTZ NOT NULL,     -- after this, what it was asking its authority is given up
    works_until TIMESTAMPTZ NOT NULL DEFAULT '-infinity' -- after this, others may take its shards
);

-- The highest version ever appended, by session: appends at the same time do not wait for each other's row. The row of
-- process 0 holds what sessions left that are gone.
CREATE TABLE journal_versions (
    process BIGINT NOT NULL,
    session INT NOT NULL,
    highest BIGINT NOT NULL,
    PRIMARY KEY (process, session)
) WITH (fillfactor = 20);

-- The work, in parts that are leased as one: 0 to 63 by document, 64 for sweeps. With each new holder the epoch rises;
-- what a former holder still sends is told by its epoch, and changes nothing.
CREATE TABLE journal_shards (
    shard  SMALLINT PRIMARY KEY,
    holder BIGINT,
    epoch  BIGINT NOT NULL DEFAULT 0,
    orphaned_at TIMESTAMPTZ NOT NULL DEFAULT '-infinity', -- when the last holder that died stopped working
    limbo_until TIMESTAMPTZ NOT NULL DEFAULT '-infinity'  -- until then what that one was sending may still arrive
);
INSERT INTO journal_shards (shard) SELECT generate_series(0, 64);

CREATE TABLE journal_entries (
    seq           BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    lane          BIGINT NOT NULL,        -- the hash of index and id; its lowest six bits are the shard
    shard         SMALLINT NOT NULL,      -- 64 for a sweep
    -- A NUL, which TEXT cannot hold, stands in these and in reasons as \x01 and 0, and \x01 itself as \x01 and 1.
    index_uid     TEXT COLLATE "C" NOT NULL,
    id            TEXT COLLATE "C" NOT NULL,
    version       BIGINT NOT NULL,
    explicit      BOOLEAN NOT NULL,       -- whether the service gave the version
    authority     TEXT NOT NULL CHECK (authority IN ('meili', 'pg')),
    deed          TEXT NOT NULL,          -- JSON; as text, which keeps the order of fields and holds the escape \u0000
    outcome       TEXT NOT NULL CHECK (outcome IN ('asked', 'accepted', 'unknown')),
    task          BIGINT,                 -- of Meilisearch
    process       BIGINT,                 -- who appended it, and asks the authority
    if_accepted   SMALLINT NOT NULL,      -- the duties that follow, by outcome: 1 meili, 2 pg, 4 reconcile
    if_unknown    SMALLINT NOT NULL,
    duties        SMALLINT NOT NULL,
    redo          BOOLEAN NOT NULL DEFAULT FALSE,
    appended_at   TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    failed_at     TIMESTAMPTZ,
    -- By duty: when to try again (NULL: now), how often it has failed, what went wrong last.
    meili_due     TIMESTAMPTZ,
    meili_tries   INT NOT NULL DEFAULT 0,
    meili_why     TEXT,
    pg_due        TIMESTAMPTZ,
    pg_tries      INT NOT NULL DEFAULT 0,
    pg_why        TEXT,
    reconcile_due TIMESTAMPTZ,
    reconcile_tries INT NOT NULL DEFAULT 0,
    reconcile_why TEXT,
    CHECK ((outcome = 'asked') = (duties = 0))
) WITH (
    -- By rows and not by shares of the table: it is emptied as fast as it is filled.
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_cost_delay = 0,
    autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 20000
);

CREATE INDEX journal_entries_lane ON journal_entries (lane, seq);
CREATE INDEX journal_entries_asked ON journal_entries (process) WHERE outcome = 'asked';
CREATE INDEX journal_entries_sweeps ON journal_entries (index_uid, seq) WHERE shard = 64;
-- What can be done now, and what waits; a million entries that wait do not slow down the search for one that does not.
CREATE INDEX journal_entries_meili ON journal_entries (seq) WHERE (duties & 1) <> 0 AND meili_due IS NULL;
CREATE INDEX journal_entries_pg ON journal_entries (seq) WHERE (duties & 2) <> 0 AND pg_due IS NULL;
CREATE INDEX journal_entries_reconcile ON journal_entries (seq) WHERE duties = 4 AND reconcile_due IS NULL;
CREATE INDEX journal_entries_meili_due ON journal_entries (meili_due)
    WHERE (duties & 1) <> 0 AND meili_due IS NOT NULL;
CREATE INDEX journal_entries_pg_due ON journal_entries (pg_due) WHERE (duties & 2) <> 0 AND pg_due IS NOT NULL;
CREATE INDEX journal_entries_reconcile_due ON journal_entries (reconcile_due)
    WHERE duties = 4 AND reconcile_due IS NOT NULL;
-- The last by document. The condition is worded differently, so that no search for a document walks through that one.
CREATE INDEX journal_entries_reconcile_waits ON journal_entries (lane, reconcile_due)
    WHERE (duties & 7) = 4 AND reconcile_due IS NOT NULL;

-- What could not be done, with all that is needed to do it again.
CREATE TABLE journal_dead_letters (
    seq         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    duty        TEXT NOT NULL CHECK (duty IN ('meili', 'pg', 'reconcile')),
    why         TEXT NOT NULL,
    at          TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    lane        BIGINT NOT NULL,
    shard       SMALLINT NOT NULL,
    index_uid   TEXT COLLATE "C" NOT NULL,
    id          TEXT COLLATE "C" NOT NULL,
    version     BIGINT NOT NULL,
    explicit    BOOLEAN NOT NULL,
    authority   TEXT NOT NULL,
    deed        TEXT NOT NULL,
    if_accepted SMALLINT NOT NULL,
    if_unknown  SMALLINT NOT NULL
);
