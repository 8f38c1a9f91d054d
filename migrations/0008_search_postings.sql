-- The words of documents the other way round: for each word the documents that hold it, with the places. Blocks of bytes
-- that are rewritten rarely: what changes is noted in `search_changes`, which searches read too, and folded into the blocks
-- some hundred documents at a time.

CREATE TABLE search_postings (
    index_number INT NOT NULL,
    -- Behind U+0001, a number: documents with a field of so many words. Behind U+0002, an attribute: its values, see values.rs. U+0003: all
    -- documents.
    word         TEXT COLLATE "C" NOT NULL,
    first        BIGINT NOT NULL,         -- the first and the last ordinal in the block
    last         BIGINT NOT NULL,
    entries      BYTEA NOT NULL,          -- see src/backend/postgres/postings/block.rs
    PRIMARY KEY (index_number, word, first)
) WITH (fillfactor = 80, toast_tuple_target = 8160, autovacuum_vacuum_scale_factor = 0.05);
-- Bytes that are packed already.
ALTER TABLE search_postings ALTER COLUMN entries SET STORAGE EXTERNAL;

-- The words that the blocks hold, for those that keep them in memory: what has changed since a fold is few.
CREATE TABLE search_vocabulary (
    index_number INT NOT NULL,
    word         TEXT COLLATE "C" NOT NULL,
    fold         BIGINT NOT NULL,         -- the fold that brought it, or took it away
    there        BOOLEAN NOT NULL,
    PRIMARY KEY (index_number, word)
);
CREATE INDEX search_vocabulary_fold ON search_vocabulary (index_number, fold);

-- How often the changes of an index have been folded. Apart from the index: writers hold its row.
CREATE TABLE search_folds (
    index_number INT PRIMARY KEY,
    fold         BIGINT NOT NULL
);

-- Documents that have changed since the last fold: several rows if several times. Nobody waits for anybody here: writers add rows, the
-- fold takes away those it saw.
CREATE TABLE search_changes (
    index_uid TEXT COLLATE "C" NOT NULL,
    seq       BIGINT GENERATED ALWAYS AS IDENTITY,
    id        TEXT COLLATE "C" NOT NULL,
    -- As they stood before the change: the first row of a document tells what the blocks hold of it; NULL is nothing.
    ordinal   BIGINT,
    words     BYTEA,
    PRIMARY KEY (index_uid, seq)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_analyze_scale_factor = 0,
    autovacuum_analyze_threshold = 5000);
ALTER TABLE search_changes ALTER COLUMN words SET STORAGE EXTERNAL;

-- Whether the postings follow the documents (`kept`), are left out while many documents are loaded (`deferred`: changes are not even
-- noted, and nothing can be searched), or are being built from them (`building`: changes are noted, and folded when it is done).
ALTER TABLE search_indexes ADD COLUMN postings TEXT NOT NULL DEFAULT 'kept' CHECK (postings IN ('kept', 'deferred', 'building'));

-- How far the postings that are being built are. Apart from the index: writers hold its row.
CREATE TABLE search_builds (
    index_number INT PRIMARY KEY,
    epoch        BIGINT NOT NULL DEFAULT 1,        -- counts who builds: who has an older one may write nothing
    word         TEXT COLLATE "C" NOT NULL DEFAULT '', -- the words up to this one stand
    share        DOUBLE PRECISION NOT NULL DEFAULT 0 CHECK (share BETWEEN 0 AND 1) -- of the work that is done
);

-- Triggers, so that no way of writing documents can pass the index by.
CREATE FUNCTION search_documents_added() RETURNS TRIGGER LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO search_changes (index_uid, id)
    SELECT d.index_uid, d.id FROM added d JOIN search_indexes i ON i.uid = d.index_uid
    WHERE NOT d.deleted AND i.postings <> 'deferred';
    RETURN NULL;
END
$$;

-- The plan of the statement is made when a connection first needs it, for as many rows as there are then, which is none when a
-- write of new documents comes first, and is kept. In a nested loop a thousand rows would then cost a million comparisons.
CREATE FUNCTION search_documents_changed() RETURNS TRIGGER LANGUAGE plpgsql SET search_path FROM CURRENT
    SET enable_nestloop = off AS $$
BEGIN
    INSERT INTO search_changes (index_uid, id, ordinal, words)
    SELECT o.index_uid, o.id, CASE WHEN NOT o.deleted THEN o.ordinal END, CASE WHEN NOT o.deleted THEN o.words END
    FROM before o JOIN after n USING (index_uid, id) JOIN search_indexes i ON i.uid = o.index_uid
    WHERE i.postings <> 'deferred' AND NOT (o.deleted AND n.deleted)
        AND (o.deleted, o.ordinal, o.words) IS DISTINCT FROM (n.deleted, n.ordinal, n.words);
    RETURN NULL;
END
$$;

CREATE FUNCTION search_documents_removed() RETURNS TRIGGER LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO search_changes (index_uid, id, ordinal, words)
    SELECT d.index_uid, d.id, d.ordinal, d.words FROM removed d JOIN search_indexes i ON i.uid = d.index_uid
    WHERE i.postings <> 'deferred' AND NOT d.deleted;
    RETURN NULL;
END
$$;

CREATE FUNCTION search_documents_emptied() RETURNS TRIGGER LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    -- What a build has read is gone. First, as who builds locks it first.
    UPDATE search_builds SET epoch = epoch + 1, word = '', share = 0;
    -- Folds go on counting: who keeps words in memory has to hear that there are none.
    UPDATE search_folds SET fold = fold + 1;
    UPDATE search_vocabulary v SET there = FALSE, fold = f.fold FROM search_folds f WHERE f.index_number = v.index_number;
    -- Not deleted row by row: dead rows would stand in the way of the next load.
    TRUNCATE search_postings, search_changes;
    RETURN NULL;
END
$$;

CREATE FUNCTION search_index_removed() RETURNS TRIGGER LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    DELETE FROM search_postings WHERE index_number = OLD.number;
    DELETE FROM search_vocabulary WHERE index_number = OLD.number;
    DELETE FROM search_folds WHERE index_number = OLD.number;
    DELETE FROM search_changes WHERE index_uid = OLD.uid;
    DELETE FROM search_builds WHERE index_number = OLD.number;
    RETURN NULL;
END
$$;

CREATE TRIGGER search_documents_added AFTER INSERT ON search_documents
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION search_documents_added();
CREATE TRIGGER search_documents_changed AFTER UPDATE ON search_documents
    REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION search_documents_changed();
CREATE TRIGGER search_documents_removed AFTER DELETE ON search_documents
    REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION search_documents_removed();
CREATE TRIGGER search_documents_emptied AFTER TRUNCATE ON search_documents
    FOR EACH STATEMENT EXECUTE FUNCTION search_documents_emptied();
CREATE TRIGGER search_index_removed AFTER DELETE ON search_indexes
    FOR EACH ROW EXECUTE FUNCTION search_index_removed();
