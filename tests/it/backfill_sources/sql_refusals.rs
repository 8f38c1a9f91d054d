//! Queries that cannot be read, and what is said of them.

use crossfade::backfill::source::{BackfillSource, SourceErrorKind, SqlOptions, SqlSource};

use super::{
    assert_unfit, read_all,
    sql::{Service, WHOLE, by, names},
};

const TABLE: &str = "
    CREATE TABLE t (id INT NOT NULL, k INT, s TEXT, flag TEXT);
    INSERT INTO t SELECT n, n / 2, 'a', 'no' FROM generate_series(1, 40) n";

#[tokio::test]
async fn what_the_query_lacks_is_named() {
    let service = Service::new(TABLE).await;
    for (options, says) in [
        (by("SELECT * FROM none", &["id"]), &["none"][..]),
        (by("SELEC", &["id"]), &["syntax error"]),
        (by("SELECT * FROM t", &["id", "lost"]), &["`lost`", "`id`, `k`, `s`, `flag`"]),
        (by("SELECT * FROM t WHERE id = $1", &["id"]), &["parameters"]),
        (by("SELECT id, id FROM t", &["id"]), &["ambiguous"]),
        (SqlOptions { version: Some("s".to_owned()), ..by("SELECT * FROM t", &["id"]) }, &["`s` is text", "bigint"]),
        (SqlOptions { deleted: Some("flag".to_owned()), ..by("SELECT * FROM t", &["id"]) }, &["`flag`", "boolean"]),
        (SqlOptions { omit: Some(names(&["x"])), ..by("SELECT * FROM t", &["id"]) }, &["`x`"]),
        (by("SELECT id, '{}'::json AS j FROM t", &["j"]), &["json"]),
        (by("SELECT 1 / 0 AS id", &["id"]), &["division by zero"]),
    ] {
        assert_unfit(&service.source(options).check().await.unwrap_err(), says);
    }
}

#[tokio::test]
async fn options_that_cannot_be_right_are_refused_at_once() {
    let url = "postgres://localhost/none";
    let refused = |options| SqlSource::connect(url, options).unwrap_err();
    assert_unfit(&refused(by("SELECT 1", &[])), &["key column"]);
    assert_unfit(&refused(by(" ; ", &["id"])), &["empty"]);
    assert_unfit(&refused(by("SELECT 1", &["a\0"])), &["name of a column"]);
    assert_unfit(&refused(SqlOptions { id: names(&["a", "b"]), ..by("SELECT 1", &["id"]) }), &["one column only"]);
    let error = SqlSource::connect("hunter22", SqlOptions::default()).unwrap_err();
    assert_unfit(&error, &["URL"]);
    assert!(!error.to_string().contains("hunter22"));
}

#[tokio::test]
async fn keys_that_are_null_or_not_unique_are_refused() {
    let mut service = Service::new(TABLE).await;
    for limit in [1, 2, 3, 7] {
        let source = service.source(by("SELECT * FROM t", &["k"]));
        source.check().await.unwrap();
        let (mut cursor, mut error) = (None::<String>, None);
        while error.is_none() {
            match source.read(&WHOLE, cursor.as_deref(), limit).await {
                Ok(page) => {
                    assert!(!page.end, "pages of {limit} passed over rows");
                    cursor = page.cursor;
                }
                Err(failed) => error = Some(failed),
            }
        }
        assert_unfit(&error.unwrap(), &["equal in all key columns (`k`)", "add a column"]);
    }
    // With one that tells them apart, the same key comes first in several rows.
    let source = service.source(by("SELECT * FROM t", &["s", "k", "id"]));
    assert_eq!(read_all(&source, 4, 3).await.0.len(), 40);
    service.execute("UPDATE t SET k = NULL WHERE id = 17").await;
    for keys in [&["k", "id"][..], &["id", "k"]] {
        let source = service.source(by("SELECT * FROM t", keys));
        assert_unfit(&source.check().await.unwrap_err(), &["NULL", "`k`", "leave such rows out"]);
        assert_unfit(&source.read(&WHOLE, None, 1000).await.unwrap_err(), &["NULL"]);
    }
}

#[tokio::test]
async fn keys_are_compared_as_the_database_does() {
    // Two texts that are one key: nobody but the server knows.
    let service = Service::new(
        "CREATE COLLATION odd (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
         CREATE TABLE t (id INT, s TEXT COLLATE odd NOT NULL);
         INSERT INTO t VALUES (1, 'a'), (2, 'A'), (3, 'b')",
    )
    .await;
    let source = service.source(by("SELECT * FROM t", &["s"]));
    assert_unfit(&source.read(&WHOLE, None, 1).await.unwrap_err(), &["equal in all key columns"]);
}

#[tokio::test]
async fn nothing_is_written_and_nothing_waits_for_ever() {
    let service = Service::new(
        "CREATE TABLE t (id INT NOT NULL); INSERT INTO t VALUES (1);
         CREATE FUNCTION writes() RETURNS INT LANGUAGE sql AS 'INSERT INTO t VALUES (2) RETURNING id'",
    )
    .await;
    let source = service.source(by("SELECT writes() AS id", &["id"]));
    assert_unfit(&source.check().await.unwrap_err(), &["read-only"]);
    let options = SqlOptions { statement_timeout: 1, ..by("SELECT id, pg_sleep(30)::text FROM t", &["id"]) };
    let error = service.source(options).read(&WHOLE, None, 5).await.unwrap_err();
    assert_eq!(error.kind(), SourceErrorKind::Unavailable);
    assert!(error.to_string().contains("`statement_timeout`"), "{error}");
}

#[tokio::test]
async fn cursors_of_others_are_refused() {
    let service = Service::new(TABLE).await;
    let source = service.source(by("SELECT * FROM t", &["id"]));
    for cursor in ["", "{}", "[1]", r#"["1","2"]"#] {
        assert_unfit(&source.read(&WHOLE, Some(cursor), 5).await.unwrap_err(), &["start a new job"]);
    }
    assert_unfit(&source.reread(&["x".to_owned()]).await.unwrap_err(), &["start a new job"]);
    assert_unfit(&source.read(&WHOLE, Some(r#"["x"]"#), 5).await.unwrap_err(), &["reading rows"]);
}
