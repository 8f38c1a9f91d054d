//! All SQL of folds.

/// The number of the index, and whether this transaction is the only one now that folds. `$2`: whether to wait for another.
pub(super) const LOCK: &str = "
    SELECT number, CASE WHEN $2 THEN pg_advisory_xact_lock(1668244341, number)::text IS NOT NULL
        ELSE pg_try_advisory_xact_lock(1668244341, number) END
    FROM search_indexes WHERE uid = $1";

/// The documents that changed first, up to `$2` of them and `$3` bytes of words, with what the blocks hold of them and what they are now, and all that has been noted of them. One
/// statement, and so one snapshot: what is noted later is left for the next fold. None as long as the postings are not kept: what is
/// noted while they are built is for the first fold after that.
pub(super) const CHANGES: &str = "
    WITH picked AS (
        SELECT DISTINCT id FROM (
            SELECT c.id, c.seq, sum(COALESCE(octet_length(d.words), 0)) OVER (ORDER BY c.seq) - octet_length(d.words) AS before
            FROM (SELECT id, seq FROM search_changes WHERE index_uid = $1 ORDER BY seq LIMIT $2) c
            LEFT JOIN search_documents d ON d.index_uid = $1 AND d.id = c.id
        ) s WHERE (before IS NULL OR before < $3) AND EXISTS (
            SELECT FROM search_indexes WHERE uid = $1 AND postings = 'kept')
    ), noted AS (
        SELECT c.id, (array_agg(c.ordinal ORDER BY c.seq))[1] AS ordinal, (array_agg(c.words ORDER BY c.seq))[1] AS words,
            array_agg(c.seq) AS seqs
        FROM search_changes c JOIN picked USING (id) WHERE c.index_uid = $1 GROUP BY c.id
    )
    SELECT n.ordinal, n.words, d.ordinal, d.words, n.seqs
    FROM noted n LEFT JOIN search_documents d ON d.index_uid = $1 AND d.id = n.id AND NOT d.deleted";

/// The blocks that changes of words from one ordinal to another fall into, by the place of the word; and the block before, which takes what
/// falls between two.
pub(super) const BLOCKS: &str = "
    SELECT u.nth, p.first, p.entries
    FROM unnest($2::text[], $3::bigint[], $4::bigint[]) WITH ORDINALITY AS u (word, low, high, nth)
    CROSS JOIN LATERAL (
        SELECT p.first, p.entries FROM search_postings p
        WHERE p.index_number = $1 AND p.word = u.word AND p.first <= u.high AND p.first >= COALESCE((
            SELECT max(q.first) FROM search_postings q
            WHERE q.index_number = $1 AND q.word = u.word AND q.first <= u.low
        ), u.low)
    ) p ORDER BY u.nth, p.first";

/// Which words have a block.
pub(super) const WORDS_THERE: &str = "
    SELECT u.word FROM unnest($2::text[]) AS u (word)
    WHERE EXISTS (SELECT FROM search_postings p WHERE p.index_number = $1 AND p.word = u.word)";

pub(super) const REMOVE_BLOCKS: &str = "
    DELETE FROM search_postings p USING unnest($2::text[], $3::bigint[]) AS u (word, first)
    WHERE p.index_number = $1 AND p.word = u.word AND p.first = u.first";

pub(super) const WRITE_BLOCKS: &str = "
    INSERT INTO search_postings (index_number, word, first, last, entries)
    SELECT $1, u.word, u.first, u.last, u.entries
    FROM unnest($2::text[], $3::bigint[], $4::bigint[], $5::bytea[]) AS u (word, first, last, entries)
    ON CONFLICT (index_number, word, first) DO UPDATE SET last = excluded.last, entries = excluded.entries";

pub(super) const COUNT_FOLD: &str = "
    INSERT INTO search_folds AS f (index_number, fold) VALUES ($1, 1)
    ON CONFLICT (index_number) DO UPDATE SET fold = f.fold + 1 RETURNING fold";

pub(super) const WRITE_WORDS: &str = "
    INSERT INTO search_vocabulary (index_number, word, fold, there)
    SELECT $1, u.word, $2, u.there FROM unnest($3::text[], $4::boolean[]) AS u (word, there)
    ON CONFLICT (index_number, word) DO UPDATE SET fold = excluded.fold, there = excluded.there";

pub(super) const FORGET_CHANGES: &str = "DELETE FROM search_changes WHERE index_uid = $1 AND seq = ANY ($2)";

/// Whether more changes wait than so many.
pub(super) const MORE_THAN: &str = "
    SELECT count(*) > $2 FROM (SELECT 1 FROM search_changes WHERE index_uid = $1 LIMIT $2 + 1) s";

/// The indexes with changes that wait, and how many.
pub(super) const CHANGED_INDEXES: &str = "
    SELECT c.index_uid, count(*) FROM search_changes c JOIN search_indexes i ON i.uid = c.index_uid GROUP BY c.index_uid";
