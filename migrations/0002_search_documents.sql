-- Search indexes as Meilisearch users know them.

CREATE TABLE search_indexes (
    uid         TEXT COLLATE "C" PRIMARY KEY,
    primary_key TEXT NOT NULL,
    settings    JSONB NOT NULL,           -- taken over from the Meilisearch index
    -- Counts the changes of settings that rows depend on; rows of another generation are still to be derived again.
    generation  BIGINT NOT NULL DEFAULT 0,
    -- The last generation that all rows have reached. Until it is the present one, no filter or sort can be trusted.
    derived_generation BIGINT NOT NULL DEFAULT 0
);

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
    -- The searchable words; the weight is the attribute: A the first, B the second, C the third, D all others.
    words      TSVECTOR NOT NULL,
    PRIMARY KEY (index_uid, id),
    CHECK (deleted = (body IS NULL))
);

-- Without pending lists: a search never pays for the writes before it.
CREATE INDEX search_documents_words ON search_documents USING gin (words) WITH (fastupdate = off) WHERE NOT deleted;
CREATE INDEX search_documents_facets ON search_documents USING gin (facets jsonb_path_ops) WITH (fastupdate = off)
    WHERE NOT deleted;
CREATE INDEX search_documents_order ON search_documents (index_uid, ordinal, id) WHERE NOT deleted;
