//! All SQL of builds.

/// The number of the index, and whether its postings are kept, deferred, or being built.
pub(super) const STATE: &str = "SELECT number, postings FROM search_indexes WHERE uid = $1";

/// Waits for writers of the house, who hold the row; nothing else may be locked before.
pub(in crate::backend::postgres) const DEFER: &str = "
    UPDATE search_indexes SET postings = 'deferred' WHERE uid = $1 AND postings <> 'deferred'";

/// A row if the postings are left out still; they are as long as the transaction lasts. Writers need not wait for it.
pub(super) const HOLD_DEFERRED: &str =
    "SELECT number FROM search_indexes WHERE uid = $1 AND postings = 'deferred' FOR SHARE";

/// Waits for a fold, and keeps others out until the transaction ends.
pub(super) const LOCK_FOLDS: &str = "SELECT pg_advisory_xact_lock(1668244341, $1)";

/// What was there before the load. Folds go on counting: who keeps words in memory has to hear that they are gone.
pub(super) const FORGET_WORDS: &str = "
    WITH counted AS (
        INSERT INTO search_folds AS f (index_number, fold) VALUES ($1, 1)
        ON CONFLICT (index_number) DO UPDATE SET fold = f.fold + 1 RETURNING fold
    )
    UPDATE search_vocabulary v SET there = FALSE, fold = counted.fold FROM counted WHERE v.index_number = $1 AND v.there";

pub(super) const FORGET_POSTINGS: &str = "DELETE FROM search_postings WHERE index_number = $1";

pub(super) const FORGET_CHANGES: &str = "DELETE FROM search_changes WHERE index_uid = $1";

/// From here on changes are noted. Writers of the house hold the row, and are waited for; whoever else may be writing is waited for by
/// [`LOCK_WRITERS`].
pub(super) const BEGIN: &str = "
    UPDATE search_indexes SET postings = 'building' WHERE uid = $1 AND postings = 'deferred'";

/// Writers wait meanwhile: not for long.
pub(super) const NOT_FOR_LONG: &str = "SET LOCAL statement_timeout = '5s'";

/// After the row of the index, which writers lock first.
pub(super) const LOCK_WRITERS: &str = "LOCK TABLE search_documents IN SHARE ROW EXCLUSIVE MODE";

/// In the transaction of [`BEGIN`].
pub(super) const ADD: &str = "
    INSERT INTO search_builds AS b (index_number) VALUES ($1)
    ON CONFLICT (index_number) DO UPDATE SET epoch = b.epoch + 1, word = '', share = 0";

/// Takes a build over. The epoch under which to write, and the words up to which all stand.
pub(super) const TAKE: &str = "
    UPDATE search_builds SET epoch = epoch + 1 WHERE index_number = $1 RETURNING epoch, word";

/// No row: somebody else builds, or all documents are gone.
pub(super) const MOVE: &str = "
    UPDATE search_builds SET word = COALESCE($3, word), share = greatest(share, $4) WHERE index_number = $1 AND epoch = $2";

pub(super) const END: &str = "DELETE FROM search_builds WHERE index_number = $1 AND epoch = $2";

pub(super) const KEEP: &str = "UPDATE search_indexes SET postings = 'kept' WHERE uid = $1 AND postings = 'building'";

/// How many documents there are.
pub(super) const DOCUMENTS: &str = "SELECT count(*) FROM search_documents WHERE index_uid = $1 AND NOT deleted";

/// For reading pages by the index on ordinals, whatever the planner knows of a table that was filled just now; and with room to look up
/// every change in memory.
pub(super) const BEGIN_PAGE: &str = "
    BEGIN READ ONLY; SET LOCAL statement_timeout = 0; SET LOCAL work_mem = '64MB'; SET LOCAL enable_sort = off;
    SET LOCAL enable_bitmapscan = off; SET LOCAL enable_seqscan = off";

/// The next documents after an ordinal, but for those that have changed since the build began: see [`NOTED`].
pub(super) const PAGE: &str = "
    SELECT d.ordinal, d.words FROM search_documents d
    WHERE d.index_uid = $1 AND NOT d.deleted AND d.ordinal > $2
        AND d.id NOT IN (SELECT c.id FROM search_changes c WHERE c.index_uid = $1)
    ORDER BY d.ordinal LIMIT $3";

/// What documents were that have changed since the build began: nothing, or an ordinal and words.
pub(super) const NOTED: &str = "
    SELECT DISTINCT ON (c.id) c.id, c.ordinal, c.words FROM search_changes c
    WHERE c.index_uid = $1 AND c.id > $2 ORDER BY c.id, c.seq LIMIT $3";

/// Nothing is lost that cannot be written again: how far it is, is lost with it.
pub(super) const BEGIN_WORDS: &str = "BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL synchronous_commit = off";
