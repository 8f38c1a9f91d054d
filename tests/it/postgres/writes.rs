//! The writer: versions, tombstones, races.

mod failures;
mod races;
mod repeats;
mod replacing;
mod sweeps;

use std::{sync::Arc, time::Duration};

use crossfade::{
    backend::{
        postgres::{PostgresIndex, PostgresWriter},
        write::{Applied, Replacement, Stamp, Standing, TargetWrite, TargetWriter, Writer, WrittenBy},
    },
    document::{Document, DocumentId, Version},
    error::Side,
    search::SearchQuery,
};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgConnection};

use super::{Ground, expression, found, numbered};

const INDEX: &str = "things";
const OURS: WrittenBy = WrittenBy { writer: Writer(7), authority: Side::Meili };
const THEIRS: WrittenBy = WrittenBy { writer: Writer(-8), authority: Side::Pg };
const WRITTEN: Applied = Applied::Written { contended: false };
const CONTENDED: Applied = Applied::Written { contended: true };

struct Scene {
    ground: Ground,
    index: PostgresIndex,
    writer: PostgresWriter,
}

fn fields(value: &Value) -> Document {
    value.as_object().unwrap().clone()
}

/// A write that has just begun; `null` deletes.
fn write(id: &str, version: i64, document: Value) -> TargetWrite {
    let document = (!document.is_null()).then(|| Arc::new(fields(&document)));
    TargetWrite { id: id.into(), version: Version(version), document, age: Some(Duration::ZERO) }
}

fn stale(current: i64) -> Applied {
    Applied::Stale { current: Version(current) }
}

fn standing(version: i64, document: Value, authority: Side) -> Option<Standing> {
    let document = (!document.is_null()).then(|| fields(&document));
    Some(Standing {
        version: Version(version),
        document,
        authority,
        copied_over: None,
        written: Duration::ZERO,
        stamp: Stamp(0),
    })
}

fn replacement(id: &str, expected: Option<i64>, with: Option<(i64, Value)>) -> Replacement {
    let with = with.map(|(version, document)| {
        let TargetWrite { version, document, .. } = write(id, version, document);
        (version, document)
    });
    Replacement { id: id.into(), expected: expected.map(Version), stamp: None, with }
}

impl Scene {
    async fn new() -> Self {
        Self::with(json!({"filterableAttributes": ["n"]})).await
    }

    async fn with(settings: Value) -> Self {
        let ground = Ground::new().await;
        let index = ground.index(settings, &[]).await;
        let writer = ground.options().writer();
        Self { ground, index, writer }
    }

    async fn write(&self, by: WrittenBy, batch: &[TargetWrite]) -> Vec<Applied> {
        self.writer.write(INDEX, by, batch).await.unwrap()
    }

    /// As if it had been written right now.
    async fn read_all(&self, ids: &[DocumentId]) -> Vec<Option<Standing>> {
        let read = self.writer.read(INDEX, ids).await.unwrap().into_iter();
        read.map(|standing| Some(Standing { written: Duration::ZERO, stamp: Stamp(0), ..standing? })).collect()
    }

    async fn read(&self, id: &str) -> Option<Standing> {
        self.read_all(&[id.into()]).await.remove(0)
    }

    /// As if everything had been written an hour ago.
    async fn an_hour_passes(&self) {
        let mut connection = self.ground.psql().await;
        for sql in [
            "UPDATE search_documents SET written_at = written_at - interval '1 hour'",
            "UPDATE search_sweeps SET swept_at = swept_at - interval '1 hour'",
        ] {
            sqlx::query(sql).execute(&mut connection).await.unwrap();
        }
    }

    async fn ordinal(&self, id: &str) -> i64 {
        let mut connection = self.ground.psql().await;
        let ordinal = sqlx::query_scalar("SELECT ordinal FROM search_documents WHERE id = $1").bind(id);
        ordinal.fetch_one(&mut connection).await.unwrap()
    }
}

async fn run(connection: &mut PgConnection, sql: impl Into<String>) {
    sqlx::raw_sql(AssertSqlSafe(sql.into())).execute(connection).await.unwrap();
}

#[tokio::test]
async fn the_newest_version_wins_and_deletions_stand() {
    let scene = Scene::new().await;
    let put = |version| write("1", version, json!({"id": 1, "v": version}));
    let delete = |version| write("1", version, Value::Null);
    for (step, expected, stands) in [
        (put(5), WRITTEN, 5),
        (put(4), stale(5), 5),
        (put(5), WRITTEN, 5),
        (delete(4), stale(5), 5),
        (delete(5), WRITTEN, 5),
        (put(5), stale(5), 5),
        (delete(5), WRITTEN, 5),
        (put(4), stale(5), 5),
        (put(6), WRITTEN, 6),
        (delete(9), WRITTEN, 9),
        (put(8), stale(9), 9),
    ] {
        assert_eq!(scene.write(OURS, std::slice::from_ref(&step)).await, [expected], "{step:?}");
        assert_eq!(scene.read("1").await.unwrap().version, Version(stands), "{step:?}");
    }
    assert_eq!(scene.read("1").await, standing(9, Value::Null, Side::Meili));
    // A deletion may come before the write that it is newer than.
    assert_eq!(scene.write(THEIRS, &[write("2", 3, Value::Null)]).await, [WRITTEN]);
    assert_eq!(scene.write(THEIRS, &[write("2", 2, json!({"id": 2}))]).await, [stale(3)]);
    assert_eq!(scene.read("2").await, standing(3, Value::Null, Side::Pg));
    assert_eq!(scene.read("3").await, None);
    assert_eq!(scene.index.document_count().await.unwrap(), 0);
}

#[tokio::test]
async fn a_batch_is_answered_in_its_order_and_can_be_searched() {
    let scene = Scene::new().await;
    scene.write(OURS, &[write("b", 5, json!({"id": "b", "t": "old"}))]).await;
    let batch = [
        write("d", 1, json!({"id": "d", "t": "red", "n": 1, "nul\u{0}": "a\u{0}b"})),
        write("b", 4, json!({"id": "b", "t": "red"})),
        write("a", 1, Value::Null),
        write("c", 1, json!({"id": "c", "t": "red", "n": 2})),
    ];
    assert_eq!(scene.write(OURS, &batch).await, [WRITTEN, stale(5), WRITTEN, WRITTEN]);
    assert_eq!(found(&scene.index, &SearchQuery::new("red")).await, ["d", "c"]);
    let filtered = SearchQuery { filter: expression("n = 2"), ..SearchQuery::default() };
    assert_eq!(found(&scene.index, &filtered).await, ["c"]);
    let asked: Vec<DocumentId> = ["c", "no", "d", "c", "x\u{0}"].iter().copied().map(DocumentId::from).collect();
    let read = scene.read_all(&asked).await;
    let c = standing(1, json!({"id": "c", "t": "red", "n": 2}), Side::Meili);
    let d = standing(1, json!({"id": "d", "t": "red", "n": 1, "nul\u{0}": "a\u{0}b"}), Side::Meili);
    assert_eq!(read, [c.clone(), None, d, c, None]);
    assert!(scene.write(OURS, &[]).await.is_empty());
}

#[tokio::test]
async fn what_stands_keeps_its_ordinal_and_what_is_new_comes_after_what_was_loaded() {
    const FIRST: i64 = 1 << 32;
    let scene = Scene::new().await;
    scene.index.load(&numbered(&[json!({"id": "z"}), json!({"id": "m"})])).await.unwrap();
    let live = |ids: &[&str], version| ids.iter().map(|id| write(id, version, json!({"id": id}))).collect::<Vec<_>>();
    scene.write(OURS, &live(&["q", "m", "b"], 2)).await;
    assert_eq!(scene.ordinal("m").await, 1);
    let (q, b) = (scene.ordinal("q").await, scene.ordinal("b").await);
    assert!(FIRST <= q && q < b, "{q} {b}");
    assert_eq!(found(&scene.index, &SearchQuery::default()).await, ["z", "m", "q", "b"]);
    scene.write(OURS, &[write("z", 2, Value::Null), write("q", 3, json!({"id": "q"}))]).await;
    scene.write(OURS, &live(&["z"], 3)).await;
    assert_eq!(scene.ordinal("q").await, q);
    assert_eq!(found(&scene.index, &SearchQuery::default()).await, ["m", "q", "b", "z"]);
    // Through the other ways to write as well.
    let replaced = [
        replacement("q", Some(3), Some((4, json!({"id": "q", "x": 1})))),
        replacement("n", None, Some((1, json!({"id": "n"})))),
    ];
    assert_eq!(scene.writer.replace(INDEX, OURS, &replaced).await.unwrap(), [true, true]);
    scene.writer.merge(INDEX, OURS, &[("m".into(), Version(5), fields(&json!({"y": 1})))]).await.unwrap();
    assert_eq!(found(&scene.index, &SearchQuery::default()).await, ["m", "q", "b", "z", "n"]);
    // A load brings the source's own number, as before.
    let loaded = numbered(&[json!({"id": "q"})]).remove(0);
    scene
        .index
        .load(&[crossfade::backend::postgres::VersionedDocument { version: Version(9), ordinal: 3, ..loaded }])
        .await
        .unwrap();
    assert_eq!(scene.ordinal("q").await, 3);
}

#[tokio::test]
async fn a_large_batch_is_cut_into_statements_of_one_transaction() {
    let scene = Scene::with(json!({"searchableAttributes": []})).await;
    // In an order that is not that of the ids.
    let ids: Vec<String> = (0..4_100).map(|n| format!("{}", n * 7 % 4_100)).collect();
    let batch: Vec<TargetWrite> = ids.iter().map(|id| write(id, 1, json!({"id": id}))).collect();
    let applied = scene.write(OURS, &batch).await;
    assert!(applied.len() == 4_100 && applied.iter().all(|applied| *applied == WRITTEN));
    assert_eq!(scene.index.document_count().await.unwrap(), 4_100);
    // Three documents of 9 MB do not fit into one statement; the last one cannot be held, so none is.
    let large = "x".repeat(9 << 20);
    let mut batch: Vec<TargetWrite> =
        ["l1", "l2", "l3"].iter().map(|id| write(id, 1, json!({"id": id, "t": large}))).collect();
    assert_eq!(scene.write(OURS, &batch).await, [WRITTEN; 3]);
    for large in &mut batch {
        large.version = Version(2);
    }
    let unholdable: String = (0..4_000u32).map(|n| char::from_u32(0x4e00 + n * 31 % 20_000).unwrap()).collect();
    batch.push(write(&unholdable, 1, json!({})));
    let failure = scene.writer.write(INDEX, OURS, &batch).await.unwrap_err();
    assert_eq!(failure.kind(), crossfade::error::BackendErrorKind::Rejected, "{failure}");
    assert_eq!(scene.read("l1").await.unwrap().version, Version(1));
}

/// PostgreSQL asks of each row whether its index is there. Where plans are to be made for the values, as searches want it, it
/// plans that anew for each row.
#[tokio::test]
async fn rows_are_not_planned_one_by_one() {
    let scene = Scene::new().await;
    let mut connection = scene.ground.psql().await;
    run(
        &mut connection,
        "CREATE TABLE told (mode TEXT);
        CREATE FUNCTION tell() RETURNS TRIGGER LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO told VALUES (current_setting('plan_cache_mode'));
            RETURN NULL;
        END $$;
        CREATE TRIGGER tell AFTER INSERT OR UPDATE ON search_documents FOR EACH ROW EXECUTE FUNCTION tell()",
    )
    .await;
    scene.write(OURS, &[write("1", 1, json!({"id": 1}))]).await;
    scene.write(OURS, &[write("1", 2, json!({"id": 1}))]).await;
    let with = replacement("1", Some(2), Some((3, json!({"id": 1}))));
    assert_eq!(scene.writer.replace(INDEX, OURS, &[with]).await.unwrap(), [true]);
    let merge = [("1".into(), Version(4), fields(&json!({"n": 1})))];
    scene.writer.merge(INDEX, OURS, &merge).await.unwrap()[0].as_ref().unwrap();
    scene.index.load(&numbered(&[json!({"id": 2})])).await.unwrap();
    let told: Vec<String> = sqlx::query_scalar("SELECT mode FROM told").fetch_all(&mut connection).await.unwrap();
    assert_eq!(told, ["auto"; 5]);
}
