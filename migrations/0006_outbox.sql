-- The outbox intake: how far each side has read the outbox of a service, who reads it, and the rows that could not be
-- applied. The outbox itself stays where it is, in tables of the service.

CREATE TABLE outbox_cursors (
    outbox      TEXT NOT NULL,            -- the name of the intake; unless configured, the table it reads
    side        TEXT NOT NULL CHECK (side IN ('meili', 'pg')),
    seq         BIGINT NULL,              -- every row up to here stands on the side, or is a dead letter; NULL: not begun
    started_seq BIGINT NULL,              -- where it began: a backfill brings what was before
    epoch       BIGINT NOT NULL,          -- counts the owners: who has an older one may move nothing
    owner       TEXT NULL,                -- a random name of the process, for people to read
    lease_until TIMESTAMPTZ NOT NULL,
    updated_at  TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (outbox, side),
    CHECK ((seq IS NULL) = (started_seq IS NULL))
);

CREATE TABLE outbox_dead_letters (
    id           BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    outbox       TEXT NOT NULL,
    side         TEXT NOT NULL CHECK (side IN ('meili', 'pg')),
    seq          BIGINT NOT NULL,
    op           TEXT NULL,               -- as it stands in the outbox
    keys         JSONB NOT NULL,          -- the values of the key columns, in their order
    document_id  TEXT NULL,               -- NULL: none could be made
    reason       TEXT NOT NULL,
    why          TEXT NOT NULL,
    died_at      TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    redrive_asked_at TIMESTAMPTZ NULL,    -- set: the owner of the cursor is to try again
    UNIQUE (outbox, side, seq)
);

CREATE INDEX outbox_dead_letters_redrive ON outbox_dead_letters (outbox, side, id) WHERE redrive_asked_at IS NOT NULL;
