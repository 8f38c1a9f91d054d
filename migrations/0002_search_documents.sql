-- Search indexes as Meilisearch users know them.

CREATE TABLE search_indexes (
    uid         TEXT COLLATE "C" PRIMARY KEY,
    number      INT GENERATED ALWAYS AS IDENTITY UNIQUE, -- stands for it where rows are many
    primary_key TEXT NOT NULL,
    settings    JSONB NOT NULL,           -- taken over from the Meilisearch index
    -- Counts all changes of settings.
    revision    BIGINT NOT NULL DEFAULT 0,
    -- Counts the changes of settings that rows depend on; rows of another generation are still to be derived again.
    generation  BIGINT NOT NULL DEFAULT 0,
    -- The last generation that all rows have reached. Until it is the present one, no filter or sort can be trusted.
    derived_generation BIGINT NOT NULL DEFAULT 0
);

-- When the documents of an index were last deleted by a filter, or all of them. Apart from the index: whoever writes
-- documents holds the row of the index.
CREATE TABLE search_sweeps (
    index_uid TEXT COLLATE "C" PRIMARY KEY REFERENCES search_indexes (uid) ON DELETE CASCADE,
    swept_at  TIMESTAMPTZ NOT NULL
);

-- The ordinals of documents that did not come with the source's own number: above all of those, which have 32 bits.
CREATE SEQUENCE search_ordinals MINVALUE 4294967296;

CREATE TABLE search_documents (
    index_uid  TEXT COLLATE "C" NOT NULL REFERENCES search_indexes (uid) ON DELETE CASCADE,
    id         TEXT COLLATE "C" NOT NULL, -- the primary key of the document, as text
    version    BIGINT NOT NULL,
    deleted    BOOLEAN NOT NULL DEFAULT FALSE, -- a tombstone: keeps its version, so that older writes stay beaten
    ordinal    BIGINT NOT NULL,           -- the internal number of the document in the source, on which ties hang
    generation BIGINT NOT NULL,
    -- As the source stores it. JSON and not JSONB: it keeps the order of the fields, which answers show, and can hold
    -- the escape \u0000, which JSONB refuses.
    body       JSON,
    -- What filters and sort criteria see: {"year": {"exists": true, "numbers": [1990]}}
    facets     JSONB NOT NULL,
    -- The searchable words with their places, and the values of `facets`, as src/backend/postgres/words.rs packs them; none for a tombstone.
    words      BYTEA NOT NULL,
    -- Who wrote the row last (0: a bulk load), when by this server's clock, and under which side's authority. Whoever
    -- replaces a row that somebody else wrote after the own write had begun does not know which of the two came first.
    writer     BIGINT NOT NULL DEFAULT 0,
    written_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    authority  TEXT NOT NULL DEFAULT 'meili' CHECK (authority IN ('meili', 'pg')),
    -- The version of the write that a copy from Meilisearch has taken the place of, if the row is such a copy: should
    -- Meilisearch turn out to have lost that write, nothing newer has come over it.
    copied_over BIGINT,
    -- When that write had begun, and whether it met such a row: for the statement that writes, which returns it.
    began      TIMESTAMPTZ,
    contended  BOOLEAN NOT NULL DEFAULT FALSE,
    PRIMARY KEY (index_uid, id),
    CHECK (deleted = (body IS NULL))
) WITH (fillfactor = 90); -- room to mark a row as written without touching its indexes

-- Without a pending list: a search never pays for the writes before it.
CREATE INDEX search_documents_facets ON search_documents USING gin (facets jsonb_path_ops) WITH (fastupdate = off)
    WHERE NOT deleted;
-- No two documents have one number: postings know documents by it.
CREATE UNIQUE INDEX search_documents_order ON search_documents (index_uid, ordinal) WHERE NOT deleted;
-- `written_at` is in no index on purpose: see fillfactor.
CREATE INDEX search_documents_tombstones ON search_documents (index_uid, id) WHERE deleted;
