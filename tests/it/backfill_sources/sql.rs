//! Queries of a database.

use std::collections::BTreeMap;

use crossfade::{
    backfill::source::{
        BackfillSource, Shard, SourceDescription, SourceErrorKind, SourceRow, SqlIds, SqlOptions, SqlSource, Total,
    },
    document::Version,
    testing::{TestDatabase, TestPostgres},
};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use super::{bodies, document, ids, kept, read_all, read_shard};

pub(super) static WHOLE: Shard = Shard { key: String::new(), lower: None, upper: None };

pub(super) struct Service {
    pub(super) database: TestDatabase,
    pub(super) connection: PgConnection,
}

impl Service {
    /// A database with these tables.
    pub(super) async fn new(sql: &str) -> Self {
        let database = TestPostgres::database().await.unwrap();
        let mut connection = PgConnection::connect(database.url()).await.unwrap();
        connection.execute(AssertSqlSafe(sql.to_owned())).await.unwrap();
        Self { database, connection }
    }

    pub(super) async fn execute(&mut self, sql: &str) {
        self.connection.execute(AssertSqlSafe(sql.to_owned())).await.unwrap();
    }

    pub(super) fn source(&self, options: SqlOptions) -> SqlSource {
        SqlSource::connect(self.database.url(), options).unwrap()
    }
}

pub(super) fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// A query whose rows are numbered by these columns, and called by the column `id`.
pub(super) fn by(query: &str, keys: &[&str]) -> SqlOptions {
    SqlOptions {
        query: query.to_owned(),
        keys: names(keys),
        id: names(&["id"]),
        ids: SqlIds::Verbatim,
        ..SqlOptions::default()
    }
}

const POSTS: &str = "
    INSERT INTO cn_relay.events SELECT 'e' || n, 'author', 1, 1700000000 + n % 5, '[[\"t\",\"x\"]]', 'post ' || n
    FROM generate_series(1, 90) n;
    INSERT INTO cn_relay.event_topics SELECT 'e' || n, 'topic:' || n % 3 FROM generate_series(1, 90) n;
    INSERT INTO cn_relay.event_topics SELECT 'e' || n, 'second' FROM generate_series(1, 10) n;
    UPDATE cn_relay.events SET is_deleted = TRUE WHERE event_id = 'e11';
    UPDATE cn_relay.events SET is_current = FALSE WHERE event_id = 'e12';
    UPDATE cn_relay.events SET kind = 7 WHERE event_id = 'e13';
    UPDATE cn_relay.events SET expires_at = 1700000000 WHERE event_id = 'e14';
    UPDATE cn_relay.events SET expires_at = 9700000000 WHERE event_id = 'e15'";

async fn posts() -> Service {
    let mut service = Service::new(include_str!("../outbox/source.sql")).await;
    service.execute(POSTS).await;
    service
}

#[tokio::test]
async fn the_default_query_gives_the_posts_as_the_outbox_writes_them() {
    let service = posts().await;
    let source = service.source(SqlOptions::default());
    source.check().await.unwrap();
    let mut expected = BTreeMap::new();
    for (n, topic) in (1..=90).map(|n| (n, format!("topic:{}", n % 3))).chain((1..=10).map(|n| (n, "second".into()))) {
        if ![11, 12, 13, 14].contains(&n) {
            let id = format!("e{n}__{}", topic.replace(':', "_3A"));
            let at = 1_700_000_000 + n % 5;
            let body = json!({"id": id, "event_id": format!("e{n}"), "topic_id": topic, "pubkey": "author", "kind": 1,
                "created_at": at, "tags": [["t", "x"]], "content": format!("post {n}")});
            expected.insert(id, body);
        }
    }
    for shards in [1, 4] {
        for limit in [1, 2, 7, 1000] {
            let (rows, cut) = read_all(&source, shards, limit).await;
            assert_eq!(cut, shards);
            assert_eq!(bodies(&rows), expected);
            let total = source.plan(shards).await.unwrap().total;
            assert_eq!(total, Some(Total { rows: 96, exact: true }));
        }
    }
    let (rows, _) = read_all(&source, 1, 1000).await;
    // The order of the fields too.
    let shown = serde_json::to_string(&document(&rows[0]).document).unwrap();
    assert!(shown.starts_with(r#"{"id":"e10__second","event_id":"e10","topic_id":"second","pubkey":"#), "{shown}");
    let places: Vec<&str> = rows.iter().map(|row| row.place.as_str()).collect();
    assert_eq!(places[0], r#"["second","1700000000","e10"]"#);
}

#[tokio::test]
async fn rows_that_stay_are_read_whatever_comes_and_goes() {
    let mut service = posts().await;
    let source = service.source(SqlOptions::default());
    let (mut seen, mut cursor, mut page) = (Vec::new(), None::<String>, 0);
    loop {
        let read = source.read(&WHOLE, cursor.as_deref(), 10).await.unwrap();
        let last: Value = serde_json::from_str(read.cursor.as_deref().unwrap_or("[]")).unwrap();
        seen.extend(read.rows);
        if read.end {
            break;
        }
        cursor = read.cursor;
        page += 1;
        // The one read last, one before, one after; and new ones before and after.
        let gone = last[2].as_str().unwrap();
        service.execute(&format!("DELETE FROM cn_relay.event_topics WHERE event_id = '{gone}'")).await;
        for topic in ["a", "z"] {
            service.execute(&format!("SELECT post('n{page}{topic}', '{topic}', 'new')")).await;
        }
        service
            .execute(&format!("DELETE FROM cn_relay.event_topics WHERE event_id IN ('e{}', 'e{}')", page, 90 - page))
            .await;
    }
    let (there, _) = read_all(&source, 1, 1000).await;
    let seen = ids(&seen);
    let missing: Vec<&str> = ids(&there).into_iter().filter(|id| !id.starts_with('n') && !seen.contains(id)).collect();
    assert!(missing.is_empty(), "not read: {missing:?}");
}

#[tokio::test]
async fn keys_come_back_as_they_were_whatever_their_type() {
    let service = Service::new(
        "CREATE COLLATION odd (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
         CREATE TYPE mood AS ENUM ('sad', 'glad');
         CREATE TABLE t (id INT PRIMARY KEY, at TIMESTAMPTZ NOT NULL, f FLOAT8 NOT NULL, n NUMERIC NOT NULL,
            s TEXT COLLATE \"en-x-icu\" NOT NULL, c TEXT COLLATE odd NOT NULL, m mood NOT NULL, b BYTEA NOT NULL,
            i INTERVAL NOT NULL, u UUID NOT NULL, r REAL NOT NULL, d DATE NOT NULL);
         INSERT INTO t SELECT n, '2024-02-03 04:05:06.123456+09'::timestamptz + n / 3 * '1 microsecond'::interval,
            1.0 / (1 + n % 7), n % 11 + 0.10, (ARRAY['a', 'B', 'ä', 'Z', 'é', '', E'x''\"\\\\{,}', 'ａ'])[1 + n % 8],
            (ARRAY['a', 'A', 'b', 'B'])[1 + n % 4], (ARRAY['sad', 'glad']::mood[])[1 + n % 2],
            decode(lpad(to_hex(n % 5), 4, '0'), 'hex'), n % 9 * '1 month 1 day 1.5 second'::interval,
            md5((n % 6)::text)::uuid, 0.1 * (n % 4), DATE '2024-01-31' + n % 3
         FROM generate_series(1, 60) n",
    )
    .await;
    for key in ["at", "f", "n", "s", "c", "m", "b", "i", "u", "r", "d"] {
        let source = service.source(by("SELECT * FROM t ; ", &[key, "id"]));
        source.check().await.unwrap();
        for (shards, limit) in [(1, 1), (4, 7)] {
            let (rows, _) = read_all(&source, shards, limit).await;
            assert_eq!(bodies(&rows).len(), 60, "by {key}");
            let places: Vec<String> = rows.iter().map(|row| row.place.clone()).collect();
            assert_eq!(source.reread(&places).await.unwrap().len(), 60, "by {key}");
        }
    }
}

#[tokio::test]
async fn versions_deletions_and_ids_are_read_from_columns() {
    let service = Service::new(
        "CREATE TABLE t (\"Key\" INT PRIMARY KEY, id TEXT, v BIGINT, gone BOOLEAN, \"place\" TEXT, q JSON);
         INSERT INTO t VALUES (1, 'a', 7, FALSE, 'x', '{\"z\":1,\"a\":2}'), (2, 'b', 8, TRUE, 'x', NULL), (3, NULL, 9, NULL, 'x', NULL),
            (4, 'c d', 9, NULL, 'x', NULL), (5, 'e', NULL, NULL, 'x', NULL), (6, 'f', 3, NULL, 'x', NULL)",
    )
    .await;
    let options = SqlOptions {
        version: Some("v".to_owned()),
        deleted: Some("gone".to_owned()),
        ..by("SELECT * FROM t -- all of it", &["Key"])
    };
    let source = service.source(options);
    source.check().await.unwrap();
    let (rows, _) = read_all(&source, 1, 4).await;
    let first = document(&rows[0]);
    assert_eq!((first.version, first.ordinal), (Some(Version(7)), None));
    let shown = serde_json::to_string(&first.document).unwrap();
    assert_eq!(shown, r#"{"Key":1,"id":"a","place":"x","q":{"z":1,"a":2}}"#);
    let second = document(&rows[1]);
    assert_eq!((second.id.as_str(), second.version, &second.document), ("b", Some(Version(8)), &None));
    let why = |row: &SourceRow| row.content.clone().unwrap_err();
    assert!(why(&rows[2]).why.contains("NULL: `id`"), "{}", why(&rows[2]).why);
    assert!(why(&rows[3]).id.is_none() && why(&rows[3]).why.contains("`id`"));
    assert!(why(&rows[4]).id == Some("e".into()) && why(&rows[4]).why.contains("`v`"));
    assert_eq!(document(&rows[5]).id.as_str(), "f");
}

#[tokio::test]
async fn rows_are_read_again_as_they_are_now() {
    let mut service = posts().await;
    let source = service.source(SqlOptions::default());
    let (rows, _) = read_all(&source, 1, 1000).await;
    service.execute("UPDATE cn_relay.events SET content = 'now' WHERE event_id = 'e1'").await;
    service.execute("UPDATE cn_relay.events SET is_deleted = TRUE WHERE event_id = 'e2'").await;
    let places = |id: &str| rows.iter().find(|row| document(row).id.as_str() == id).unwrap().place.clone();
    let again = source.reread(&[places("e1__second"), places("e2__second"), places("e3__second")]).await.unwrap();
    let bodies = bodies(&again);
    assert_eq!(bodies.keys().collect::<Vec<_>>(), ["e1__second", "e3__second"]);
    assert_eq!(bodies["e1__second"]["content"], "now");
}

#[tokio::test]
async fn what_takes_too_long_to_count_is_estimated() {
    let service = Service::new(
        "CREATE TABLE t AS SELECT n AS id FROM generate_series(1, 3000) n;
         CREATE FUNCTION slow(n INT) RETURNS BOOLEAN VOLATILE LANGUAGE sql AS 'SELECT pg_sleep(0.1) IS NOT NULL';
         ANALYZE t",
    )
    .await;
    let source = service.source(by("SELECT * FROM t WHERE slow(id)", &["id"]));
    let total = source.plan(1).await.unwrap().total.unwrap();
    assert!(!total.exact && total.rows > 0, "{total:?}");
}

#[tokio::test]
async fn a_page_that_failed_can_be_read_again() {
    let mut service = posts().await;
    let source = service.source(SqlOptions::default());
    let first = source.read(&WHOLE, None, 20).await.unwrap();
    let second = source.read(&WHOLE, first.cursor.as_deref(), 20).await.unwrap();
    // With it goes the cursor that it has open, and what that locks.
    drop(source);
    let source = service.source(SqlOptions::default());
    // The page waits for the lock, and its connection is killed there.
    service.execute("BEGIN; LOCK TABLE cn_relay.events").await;
    let mut other = PgConnection::connect(service.database.url()).await.unwrap();
    let kill = async {
        let kill = "SELECT count(*) FROM (SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE application_name = 'crossfade backfill' AND wait_event_type = 'Lock' AND datname = current_database()) k";
        while sqlx::query_scalar::<_, i64>(kill).fetch_one(&mut other).await.unwrap() == 0 {
            tokio::task::yield_now().await;
        }
    };
    let (read, ()) = tokio::join!(source.read(&WHOLE, first.cursor.as_deref(), 20), kill);
    let error = read.unwrap_err();
    assert_eq!(error.kind(), SourceErrorKind::Unavailable, "{error}");
    service.execute("COMMIT").await;
    assert_eq!(source.read(&WHOLE, first.cursor.as_deref(), 20).await.unwrap(), second);
}

#[tokio::test]
async fn its_description_opens_it_again_and_holds_no_password() {
    let service = posts().await;
    let options = SqlOptions { statement_timeout: 7, ..SqlOptions::default() };
    let source = service.source(options.clone());
    let plan = source.plan(2).await.unwrap();
    let SourceDescription::Sql(again) = kept(&source.describe()) else { panic!("another kind") };
    assert_eq!(*again, options);
    let opened = service.source(*again);
    assert_eq!(read_shard(&opened, &plan.shards[1], 9).await, read_shard(&source, &plan.shards[1], 9).await);
    let secret = SqlSource::connect("postgres://someone:hunter22@127.0.0.1:9/none", SqlOptions::default()).unwrap();
    let error = secret.check().await.unwrap_err();
    assert_eq!(error.kind(), SourceErrorKind::Unavailable);
    assert!(!format!("{secret:?} {:?} {error} {error:?}", secret.describe()).contains("hunter22"));
    // What is left out has its default, what is unknown is refused.
    let read: SourceDescription = serde_json::from_value(json!({"kind": "sql", "query": "SELECT 1"})).unwrap();
    assert_eq!(
        read,
        SourceDescription::Sql(Box::new(SqlOptions { query: "SELECT 1".to_owned(), ..SqlOptions::default() }))
    );
    assert!(serde_json::from_value::<SourceDescription>(json!({"kind": "sql", "qery": "SELECT 1"})).is_err());
}
