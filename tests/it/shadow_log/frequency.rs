//! Head and tail, against the same computed from their definition.

use std::collections::{BTreeMap, BTreeSet};

use crossfade::store::HEAD_AND_TAIL;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use sqlx::AssertSqlSafe;

use super::Tables;

/// Pairs by query and whether they are settled.
type Pairs = Vec<(String, Option<bool>)>;

/// Head and tail of these pairs, by PostgreSQL.
async fn classify(tables: &Tables, pairs: &Pairs) -> (BTreeSet<String>, BTreeSet<String>) {
    // As in a database that sorts as dictionaries do.
    let sql = format!(
        "WITH pair AS (
            SELECT query_norm COLLATE \"und-x-icu\" AS query_norm, settled
            FROM UNNEST($1::text[], $2::bool[]) AS pair (query_norm, settled)
        ), {HEAD_AND_TAIL}
        SELECT query_norm, head, tail FROM head_and_tail"
    );
    let rows: Vec<(String, bool, bool)> = sqlx::query_as(AssertSqlSafe(sql))
        .bind(pairs.iter().map(|(query, _)| query.clone()).collect::<Vec<_>>())
        .bind(pairs.iter().map(|(_, settled)| *settled).collect::<Vec<_>>())
        .fetch_all(&tables.pool)
        .await
        .unwrap();
    let of = |head: bool| {
        let those = rows.iter().filter(|row| if head { row.1 } else { row.2 });
        those.map(|row| row.0.clone()).collect::<BTreeSet<_>>()
    };
    (of(true), of(false))
}

/// By the definition: one query after the other is taken until half of the settled pairs are in.
fn by_definition(pairs: &Pairs) -> (BTreeSet<String>, BTreeSet<String>) {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (query, _) in pairs.iter().filter(|(_, settled)| *settled == Some(true)) {
        *counts.entry(query).or_default() += 1;
    }
    let all: usize = counts.values().sum();
    let mut left: Vec<(&str, usize)> = counts.iter().map(|(query, count)| (*query, *count)).collect();
    let (mut head, mut taken) = (BTreeSet::new(), 0);
    while 2 * taken < all {
        // The first of the most frequent: `left` is in the order of bytes.
        let most = left.iter().map(|(_, count)| *count).max().unwrap();
        let next = left.remove(left.iter().position(|(_, count)| *count == most).unwrap());
        taken += next.1;
        if next.1 > 1 {
            head.insert(next.0.to_owned());
        }
    }
    let tail = counts.iter().filter(|(_, count)| **count == 1).map(|(query, _)| (*query).to_owned()).collect();
    (head, tail)
}

fn pairs(counts: &[(&str, usize)]) -> Pairs {
    counts.iter().flat_map(|(query, count)| (0..*count).map(|_| ((*query).to_owned(), Some(true)))).collect()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[tokio::test]
async fn head_is_half_of_the_pairs_and_tail_is_seen_once() {
    let (tables, _database) = Tables::fresh().await;
    for (counts, head, tail) in [
        (&[][..], &[][..], &[][..]),
        // 5 of 10 are half.
        (&[("a", 5), ("b", 3), ("c", 1), ("d", 1)], &["a"], &["c", "d"]),
        // 4 of 10 are not: the next is in, and of equals the first.
        (&[("a", 4), ("c", 3), ("b", 3)], &["a", "b"], &[]),
        // By bytes, in which capitals and the empty text come first.
        (&[("b", 2), ("B", 2), ("", 2), ("ä", 2)], &["", "B"], &[]),
        // What was seen once is never head, though half of the pairs are not reached without it.
        (&[("a", 2), ("b", 1), ("c", 1), ("d", 1), ("e", 1)], &["a"], &["b", "c", "d", "e"]),
        (&[("a", 1), ("b", 1)], &[], &["a", "b"]),
    ] {
        let pairs = pairs(counts);
        assert_eq!(classify(&tables, &pairs).await, (set(head), set(tail)), "{counts:?}");
        assert_eq!(by_definition(&pairs), (set(head), set(tail)), "the test's own way, {counts:?}");
    }
}

#[tokio::test]
async fn only_settled_pairs_count_whatever_the_rest() {
    let (tables, _database) = Tables::fresh().await;
    let mut random = StdRng::seed_from_u64(9);
    for _ in 0..60 {
        let (many, kinds) = (random.random_range(0..120), random.random_range(1..40));
        let pairs: Pairs = (0..many)
            .map(|_| {
                // The product of two draws: some are much more frequent.
                let number = random.random_range(0..kinds) * random.random_range(0..kinds) / kinds;
                let settled = [Some(true), Some(true), Some(false), None][random.random_range(0..4)];
                (format!("q{number}"), settled)
            })
            .collect();
        assert_eq!(classify(&tables, &pairs).await, by_definition(&pairs), "{pairs:?}");
    }
}
