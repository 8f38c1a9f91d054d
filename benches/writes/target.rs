//! How many documents a second reach PostgreSQL: through the writer, and by a plain loop into the same table.

use std::{sync::Arc, time::Duration};

use crossfade::{
    backend::{
        postgres::PostgresWriter,
        write::{Applied, TargetWrite, TargetWriter, Writer, WrittenBy},
    },
    document::Version,
    error::Side,
    testing::TestPostgres,
};
use sqlx::{Connection, PgConnection};
use tokio::time::Instant;

use crate::sides::{INDEX, document, index_in};

/// Documents of one transaction, in both ways.
const BATCH: usize = 1_000;
/// The two ways take turns, so that the table is as large for the one as for the other.
const ROUNDS: usize = 5;
const BY: WrittenBy = WrittenBy { writer: Writer(7), authority: Side::Meili };

/// What a plain client does that knows nothing of versions, facets and words.
const PLAIN: &str = "
    INSERT INTO cn_search.search_documents (index_uid, id, version, ordinal, generation, body, facets, words)
    SELECT $1, u.id, 1, u.ordinal, 0, u.body::json, '{}', ''
    FROM unnest($2::text[], $3::bigint[], $4::text[]) AS u (id, ordinal, body)";

/// Documents a second.
#[derive(Clone, Copy, Debug)]
pub struct Throughput {
    /// Through the writer, documents that are new.
    pub added: f64,
    /// Through the writer, documents that stand already.
    pub replaced: f64,
    /// Through the writer, marked as written.
    pub touched: f64,
    /// By the plain loop.
    pub plain: f64,
}

/// Writes `documents` of 200 bytes in each way, one connection each, and prints a line. No attribute is searchable or
/// filterable, and there is no text index: both ways write the same columns and maintain the same indexes.
pub async fn throughput(documents: usize) -> Throughput {
    let database = TestPostgres::database().await.unwrap();
    let writer = index_in(&database).await;
    let mut connection = PgConnection::connect(database.url()).await.unwrap();
    let round = documents.div_ceil(ROUNDS * BATCH) * BATCH;
    let (mut added, mut replaced, mut touched, mut plain) = Default::default();
    // The first, short round of each is not counted.
    for number in 0..=ROUNDS {
        let length = if number == 0 { BATCH } else { round };
        let fresh = batches("w", number, length, 1);
        let again = batches("w", number, length, 2);
        let before: [Duration; 4] = [added, replaced, touched, plain];
        added += write(&writer, &fresh).await;
        plain += insert(&mut connection, &batches("p", number, length, 1), number * round).await;
        replaced += write(&writer, &again).await;
        touched += touch(&writer, &again).await;
        if number == 0 {
            [added, replaced, touched, plain] = before;
        }
    }
    let rate = |took: Duration| (round * ROUNDS) as f64 / took.as_secs_f64();
    let rates = Throughput { added: rate(added), replaced: rate(replaced), touched: rate(touched), plain: rate(plain) };
    println!(
        "to PostgreSQL   {:.0} new documents/s, {:.0} replaced/s, {:.0} touched/s; plain INSERT ... SELECT unnest {:.0}/s \
         (new: {:.2} of it); {} documents of 200 bytes, {BATCH} a transaction, one connection, no text index",
        rates.added,
        rates.replaced,
        rates.touched,
        rates.plain,
        rates.added / rates.plain,
        round * ROUNDS,
    );
    rates
}

async fn write(writer: &PostgresWriter, batches: &[Vec<TargetWrite>]) -> Duration {
    let begun = Instant::now();
    for batch in batches {
        let applied = writer.write(INDEX, BY, batch).await.unwrap();
        assert!(applied.iter().all(|applied| *applied == Applied::Written { contended: false }));
    }
    begun.elapsed()
}

async fn touch(writer: &PostgresWriter, batches: &[Vec<TargetWrite>]) -> Duration {
    let touch = |write: &TargetWrite| crossfade::backend::write::Replacement {
        id: write.id.clone(),
        expected: Some(write.version),
        stamp: None,
        with: None,
    };
    let batches: Vec<Vec<_>> = batches.iter().map(|batch| batch.iter().map(touch).collect()).collect();
    let begun = Instant::now();
    for batch in &batches {
        assert!(writer.replace(INDEX, BY, batch).await.unwrap().iter().all(|done| *done));
    }
    begun.elapsed()
}

/// The plain loop.
pub async fn insert(connection: &mut PgConnection, batches: &[Vec<TargetWrite>], first: usize) -> Duration {
    let begun = Instant::now();
    for (n, batch) in batches.iter().enumerate() {
        let ids: Vec<&str> = batch.iter().map(|write| write.id.as_str()).collect();
        let ordinals: Vec<i64> = (0..batch.len()).map(|place| (first + n * BATCH + place) as i64).collect();
        let bodies: Vec<String> = batch.iter().map(|write| serde_json::to_string(&write.document).unwrap()).collect();
        let insert = sqlx::query(PLAIN).bind(INDEX).bind(ids).bind(ordinals).bind(bodies);
        insert.execute(&mut *connection).await.unwrap();
    }
    begun.elapsed()
}

/// Documents of 200 bytes of JSON each.
pub fn batches(kind: &str, round: usize, length: usize, version: i64) -> Vec<Vec<TargetWrite>> {
    let one = |n: usize| {
        let id = format!("{kind}{round}-{:08}", n.wrapping_mul(2_654_435_761) % 100_000_007);
        let document = Some(Arc::new(document(&id, n)));
        TargetWrite { id: id.into(), version: Version(version), document, age: Some(Duration::ZERO) }
    };
    let all: Vec<TargetWrite> = (0..length).map(one).collect();
    all.chunks(BATCH).map(<[TargetWrite]>::to_vec).collect()
}
