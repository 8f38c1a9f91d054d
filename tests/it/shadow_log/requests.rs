//! Requests that are kept for a replay, and those that must not be.

use crossfade::{
    search::{Extras, FilterInput, QueryClass, SearchQuery},
    shadow::{ShadowRecord, ShadowSink, StoredRequest},
    store::{Redaction, ShadowLog, ShadowLogOptions},
};
use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use tokio_util::sync::CancellationToken;

use super::{Tables, plain, records};

const KEY: &[u8] = b"a key for this test";

/// Words of the reader in every part of a query that can hold some.
fn query(user: &str) -> SearchQuery {
    let extras = Extras { facets: Some(vec!["secret facet".to_owned()]), ..Extras::default() };
    SearchQuery {
        filter: Some(FilterInput::Expression("director = 'secret filter' AND owner = bob".to_owned())),
        sort: vec!["secretsort:asc".to_owned()],
        retrieve: Some(vec!["secretfield".to_owned()]),
        extras: Some(Box::new(extras)),
        ..SearchQuery::new("  Secret TEXT 梅").by(user)
    }
}

fn record(query: &SearchQuery) -> ShadowRecord {
    ShadowRecord {
        user: query.user.clone().unwrap_or_default(),
        query: "secret text 梅".to_owned(),
        classes: QueryClass::of(query),
        request: Some(StoredRequest::of(query)),
        ..records(2, 1).remove(0)
    }
}

/// The row as text, its request, and why there is none.
async fn stored(tables: &Tables, options: ShadowLogOptions, query: &SearchQuery) -> (String, Option<String>, String) {
    let (log, writer) = ShadowLog::new(&tables.store, options);
    log.record(record(query));
    drop(log);
    assert_eq!(writer.run(CancellationToken::new()).await.stored, 1);
    let row =
        "DELETE FROM shadow_read_logs RETURNING row_to_json(shadow_read_logs)::text, request::text, request_absent";
    sqlx::query_as(row).fetch_one(&tables.pool).await.unwrap()
}

#[tokio::test]
async fn a_request_comes_back_as_it_was_asked() {
    let (tables, _database) = Tables::fresh().await;
    let asked = query("alice");
    for redaction in [Redaction::off(), Redaction::users(KEY).unwrap(), Redaction::default()] {
        let (_, request, absent) = stored(&tables, ShadowLogOptions { redaction, ..plain() }, &asked).await;
        let again = StoredRequest::read(&request.unwrap()).unwrap();
        assert_eq!((again, absent.as_str()), (SearchQuery { user: None, ..asked.clone() }, ""));
    }
}

#[tokio::test]
async fn with_hashed_queries_nothing_of_them_is_stored() {
    let (tables, _database) = Tables::fresh().await;
    let redaction = Redaction::users_and_queries(KEY).unwrap();
    let (row, request, absent) = stored(&tables, ShadowLogOptions { redaction, ..plain() }, &query("alice")).await;
    assert_eq!((request, absent.as_str()), (None, "redacted"));
    let row = row.to_lowercase();
    for word in ["secret", "text", "梅", "alice", "bob", "director"] {
        assert!(!row.contains(word), "{word} in {row}");
    }
    // What it was is known all the same.
    let classes: serde_json::Value = serde_json::from_str(&row).unwrap();
    assert_eq!(classes["query_classes"], serde_json::json!(["cjk", "filter", "sorted"]));
}

#[tokio::test]
async fn with_hashed_users_a_filter_does_not_name_them() {
    let (tables, _database) = Tables::fresh().await;
    for redaction in [Redaction::users(KEY).unwrap(), Redaction::default()] {
        let (row, request, absent) = stored(&tables, ShadowLogOptions { redaction, ..plain() }, &query("bob")).await;
        assert_eq!((request, absent.as_str()), (None, "names_reader"));
        assert!(!row.contains("bob"), "{row}");
    }
    // Where users are stored in plain, so is the filter.
    let (_, request, _) = stored(&tables, plain(), &query("bob")).await;
    assert!(request.unwrap().contains("owner = bob"));
}

#[tokio::test]
async fn what_is_not_kept_is_counted_by_its_reason() {
    let (tables, _database) = Tables::fresh().await;
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let _recording = metrics::set_default_local_recorder(&recorder);
    let off = ShadowLogOptions { requests: false, ..plain() };
    let large = SearchQuery::new("x".repeat(StoredRequest::LIMIT));
    for (options, query, reason) in [
        (off, query("alice"), "off"),
        (plain(), large, "too_large"),
        (plain(), SearchQuery::new("a\0b"), "unstorable"),
        (ShadowLogOptions { redaction: Redaction::users(KEY).unwrap(), ..plain() }, query("bob"), "names_reader"),
    ] {
        let (_, request, absent) = stored(&tables, options, &query).await;
        assert_eq!((request, absent.as_str()), (None, reason));
        let counted = snapshotter.snapshot().into_vec();
        let counted = counted.iter().filter(|(key, ..)| key.key().name() == "shadow_log_requests_absent_total");
        let counted: Vec<(String, u64)> = counted
            .filter_map(|(key, _, _, value)| match value {
                DebugValue::Counter(count) if *count > 0 => {
                    Some((key.key().labels().next().unwrap().value().to_owned(), *count))
                }
                _ => None,
            })
            .collect();
        assert_eq!(counted, [(reason.to_owned(), 1)], "a snapshot holds what came since the last");
    }
}
