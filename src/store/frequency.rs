//! Which queries are asked often, and which once.

/// Two common table expressions that tell [head](crate::search::QueryClass::Head) and [tail](crate::search::QueryClass::Tail) among the
/// pairs of a CTE `pair`, which comes before them and has the columns `query_norm TEXT` and `settled BOOLEAN` of
/// `shadow_read_logs`, cut to the window (and endpoint) looked at and to `outcome = 'compared'`:
///
/// ```text
/// WITH pair AS (SELECT .. FROM shadow_read_logs WHERE ..), <HEAD_AND_TAIL>
/// SELECT .. FROM pair JOIN head_and_tail USING (query_norm) WHERE settled AND head
/// ```
///
/// `head_and_tail` has a row for each `query_norm` of the settled pairs, with how many there are (`pairs`), `head` and `tail`.
///
/// - Queries stand in the order of their pairs, the most frequent first; those that are equally frequent in the order of the bytes of `query_norm`,
///   so that each look at the same rows cuts the same.
/// - *Head* is the shortest beginning of that order that holds at least half of the settled pairs, without queries that were seen once:
///   where hardly anything repeats, the head is less than half, or empty.
/// - *Tail* are the queries with one pair.
///
/// Only settled pairs count. What is the same in `query_norm` is the same query, whatever its filter; under redaction it is a
/// hash, which serves as well. The empty text (a placeholder search) is a query like others.
pub const HEAD_AND_TAIL: &str = r#"
    query_frequency AS (
        SELECT query_norm, count(*) AS pairs FROM pair WHERE settled GROUP BY query_norm
    ),
    head_and_tail AS (
        SELECT query_norm, pairs, pairs = 1 AS tail,
            pairs > 1 AND 2 * (sum(pairs) OVER by_frequency - pairs) < sum(pairs) OVER () AS head
        FROM query_frequency
        WINDOW by_frequency AS (ORDER BY pairs DESC, query_norm COLLATE "C" ROWS UNBOUNDED PRECEDING)
    )"#;
