//! Rows a second: the backfill with one worker; the same documents one at a time into the same index, by the ordinary write
//! path; and what somebody would write within the database, by one statement and row by row. That fills a table of the same
//! columns with PostgreSQL's own text search, and indexes of that.

use std::{sync::Arc, time::Duration};

use crossfade::{
    backend::{
        postgres::PostgresOptions,
        write::{TargetWrite, TargetWriter, Writer, WrittenBy},
    },
    document::Version,
    error::Side,
};
use tokio::time::Instant;

use crate::{
    ground::{Copied, Ground, INDEX},
    report::{Budget, median, verdict},
};

/// Turns of each way; the first is not counted.
const TURNS: usize = 4;

/// The table of somebody who does it within the database.
const STOCK: &str = "
    CREATE TABLE cn_search.stock_documents (LIKE cn_search.search_documents INCLUDING DEFAULTS INCLUDING CONSTRAINTS);
    ALTER TABLE cn_search.stock_documents DROP COLUMN words, ADD COLUMN words TSVECTOR NOT NULL,
        ADD PRIMARY KEY (index_uid, id),
        ADD FOREIGN KEY (index_uid) REFERENCES cn_search.search_indexes (uid) ON DELETE CASCADE;
    CREATE INDEX stock_documents_words ON cn_search.stock_documents USING gin (words) WITH (fastupdate = off);
    CREATE INDEX stock_documents_facets ON cn_search.stock_documents USING gin (facets jsonb_path_ops) WITH (fastupdate = off);
    CREATE UNIQUE INDEX stock_documents_order ON cn_search.stock_documents (index_uid, ordinal)";

/// What they would write: the same columns, made by the server; of all rows, or of one.
macro_rules! server_side {
    ($which:literal) => {
        concat!(
            "
    INSERT INTO cn_search.stock_documents AS d (index_uid, id, version, ordinal, generation, body, facets, words)
    SELECT $1, u.event_id || '__' || u.topic_id, 1, nextval('cn_search.search_ordinals'), 0,
        json_build_object('id', u.event_id || '__' || u.topic_id, 'event_id', u.event_id, 'topic_id', u.topic_id,
            'pubkey', u.pubkey, 'kind', u.kind, 'created_at', u.created_at, 'tags', u.tags, 'content', u.content),
        jsonb_build_object(
            'topic_id', jsonb_build_object('exists', true, 'texts', jsonb_build_array(u.topic_id)),
            'kind', jsonb_build_object('exists', true, 'numbers', jsonb_build_array(u.kind)),
            'created_at', jsonb_build_object('exists', true, 'numbers', jsonb_build_array(u.created_at))),
        setweight(to_tsvector('simple', u.content), 'A')
    FROM (
        SELECT e.event_id, t.topic_id, e.pubkey, e.kind, e.created_at, e.tags, e.content
        FROM cn_relay.events e JOIN cn_relay.event_topics t ON t.event_id = e.event_id
        WHERE NOT e.is_deleted AND e.is_current AND e.kind = 1
            AND (e.expires_at IS NULL OR e.expires_at > extract(epoch FROM clock_timestamp()))
            ",
            $which,
            "
    ) u
    ON CONFLICT (index_uid, id) DO UPDATE SET
        version = excluded.version, deleted = FALSE, ordinal = excluded.ordinal, generation = excluded.generation,
        body = excluded.body, facets = excluded.facets, words = excluded.words
    WHERE d.version <= excluded.version"
        )
    };
}

const ALL_ROWS: &str = server_side!("");
const ONE_ROW: &str = server_side!("AND e.event_id = $2");

/// Some of the documents that the backfill makes.
const SOME_DOCUMENTS: &str = "
    SELECT json_build_object('id', e.event_id || '__' || t.topic_id, 'event_id', e.event_id, 'topic_id', t.topic_id,
        'pubkey', e.pubkey, 'kind', e.kind, 'created_at', e.created_at, 'tags', e.tags, 'content', e.content)
    FROM cn_relay.events e JOIN cn_relay.event_topics t ON t.event_id = e.event_id LIMIT $1";

const NO_TEXT_INDEXES: &str = "
    DROP INDEX cn_search.stock_documents_words; DROP INDEX cn_search.stock_documents_facets";

/// Prints the ratios, with the text indexes in place and as with `--defer-indexes`.
pub async fn throughput(whole: bool) {
    let posts = if whole { 100_000 } else { 1_000 };
    let mut ground = Ground::new(posts).await;
    println!("copying {posts} posts of a dozen words, one worker; rows a second, the median of {} turns", TURNS - 1);
    ground.sql(STOCK).await;
    let all = measure(&mut ground, "all indexes in place", posts, false).await;
    ground.clear().await;
    ground.sql(NO_TEXT_INDEXES).await;
    let deferred = measure(&mut ground, "indexes of searches and postings built after the load", posts, true).await;
    println!("server_side_ratio: {:.2}", all.backfill / all.server);
    // Both until searches can begin: the copy and what is built after it, over one document a transaction into the index as it is.
    let row_at_a_time = f64::from(posts) / deferred.seconds.1 / all.upserts;
    println!("row_at_a_time_ratio: {row_at_a_time:.1}");
    verdict("backfill over one statement, all indexes", all.backfill / all.server, "x", Budget::AtLeast(0.8), "");
    verdict(
        "backfill over one statement, deferred",
        deferred.backfill / deferred.server,
        "x",
        Budget::AtLeast(0.8),
        "",
    );
    let in_place = format!("until searches can begin; with all indexes in place {:.1} x", all.backfill / all.upserts);
    verdict("backfill, deferred, over row by row", row_at_a_time, "x", Budget::AtLeast(20.0), &in_place);
    println!("over row by row within the database, into the table with PostgreSQL's own text search:");
    for (what, rates) in [("all indexes", &all), ("deferred", &deferred)] {
        let (backfill, server) = (rates.backfill / rates.rows, rates.server / rates.rows);
        println!("  {what:<44}{backfill:>10.1} x        (one statement of the server itself: {server:.1} x)");
    }
    println!(
        "copy and build, deferred: {:.1} s and {:.1} s, together {:.0} rows a second ({:.2} x of one statement with all indexes in place)",
        deferred.seconds.0,
        deferred.seconds.1 - deferred.seconds.0,
        f64::from(posts) / deferred.seconds.1,
        f64::from(posts) / deferred.seconds.1 / all.server,
    );
}

/// Rows a second; of a backfill, until all is copied.
struct Rates {
    backfill: f64,
    server: f64,
    /// Row by row within the database.
    rows: f64,
    /// One at a time into the index.
    upserts: f64,
    /// Of a backfill: until all is copied, and until searches can begin.
    seconds: (f64, f64),
}

async fn measure(ground: &mut Ground, what: &str, posts: i32, defer: bool) -> Rates {
    let (mut seconds, mut backfill, mut server, mut rows) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut upserts = Vec::new();
    let one_by_one = (posts / 20).max(100);
    for turn in 0..TURNS {
        ground.clear().await;
        let Copied { job, copying, all } = ground.backfill(&format!("{what} {turn}"), ground.posts(), defer).await;
        // Without deferring, what is folded after the last row belongs to the load.
        backfill.push(f64::from(posts) / if defer { copying } else { all });
        seconds.push((copying, all));
        assert_eq!((job.written_rows, ground.documents().await), (i64::from(posts), i64::from(posts)));

        ground.clear().await;
        let begun = Instant::now();
        let insert = sqlx::query(ALL_ROWS).bind(INDEX);
        insert.execute(&mut ground.connection).await.unwrap();
        server.push(f64::from(posts) / begun.elapsed().as_secs_f64());
        assert_eq!(ground.stock_documents().await, i64::from(posts));

        ground.clear().await;
        let ids: Vec<String> = sqlx::query_scalar("SELECT event_id FROM cn_relay.events LIMIT $1")
            .bind(i64::from(one_by_one))
            .fetch_all(&mut ground.connection)
            .await
            .unwrap();
        let begun = Instant::now();
        for id in &ids {
            sqlx::query(ONE_ROW).bind(INDEX).bind(id).execute(&mut ground.connection).await.unwrap();
        }
        rows.push(f64::from(one_by_one) / begun.elapsed().as_secs_f64());
        assert_eq!(ground.stock_documents().await, i64::from(one_by_one));

        ground.clear().await;
        upserts.push(upsert(ground, one_by_one).await);
        assert_eq!(ground.documents().await, i64::from(one_by_one));
    }
    let rate = |turns: Vec<f64>| median(turns.into_iter().skip(1));
    let [copying, all] = [|(copying, _): &(f64, f64)| *copying, |(_, all): &(f64, f64)| *all]
        .map(|of| rate(seconds.iter().map(of).collect()));
    let [backfill, server, rows, upserts] = [backfill, server, rows, upserts].map(rate);
    println!(
        "{what}: backfill {backfill:.0}, one statement of the server {server:.0}, row by row {rows:.0}, into the index {upserts:.0}"
    );
    Rates { backfill, server, rows, upserts, seconds: (copying, all) }
}

/// Documents one at a time, as a service writes them, until searches find them; a second.
async fn upsert(ground: &mut Ground, documents: i32) -> f64 {
    let rows: Vec<sqlx::types::Json<serde_json::Map<String, serde_json::Value>>> =
        sqlx::query_scalar(SOME_DOCUMENTS).bind(documents).fetch_all(&mut ground.connection).await.unwrap();
    let writer = PostgresOptions::new(ground.database.url()).unwrap().writer();
    let by = WrittenBy { writer: Writer(1), authority: Side::Pg };
    let writes = rows.into_iter().map(|row| TargetWrite {
        id: row.0["id"].as_str().unwrap().into(),
        version: Version(1),
        document: Some(Arc::new(row.0)),
        age: Some(Duration::ZERO),
    });
    let writes: Vec<TargetWrite> = writes.collect();
    let begun = Instant::now();
    for write in writes {
        writer.write(INDEX, by, &[write]).await.unwrap();
    }
    ground.target.fold_all().await.unwrap();
    f64::from(documents) / begun.elapsed().as_secs_f64()
}
