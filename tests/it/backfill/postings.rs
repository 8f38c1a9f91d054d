//! Postings that are left out of a load and built after it: writes go on meanwhile, and whatever is broken off is gone on with.

use std::{collections::HashSet, time::Duration};

use crossfade::{
    backend::{
        SearchBackend,
        postgres::{PostgresOptions, VersionedDocument},
    },
    backfill::{BackfillOutcome, JobOptions, Stage},
    document::{DocumentId, Version},
    dual_write::VersionClock,
    error::BackendErrorKind,
    search::{Page, SearchQuery},
};
use rand::{RngExt, SeedableRng, rngs::SmallRng};
use sqlx::PgConnection;
use tokio_util::sync::CancellationToken;

use super::ground::{Ground, INDEX, Scripted, document, id, live};

/// Whatever moves a build waits for a lock that the test may hold.
const HOLD_BUILDS: &str = "
    CREATE FUNCTION hold() RETURNS TRIGGER LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_advisory_xact_lock(42); RETURN NULL; END $$;
    CREATE TRIGGER hold AFTER UPDATE ON search_builds FOR EACH ROW EXECUTE FUNCTION hold()";

/// Whether a build waits for the lock; other tests have their own on the same server.
const HELD: &str = "SELECT EXISTS (SELECT FROM pg_locks JOIN pg_database d ON d.oid = database
    WHERE locktype = 'advisory' AND objid = 42 AND NOT granted AND d.datname = current_database())";

const WORDS: [&str; 8] = ["red", "reds", "green", "blue", "tower", "towel", "sun", "flower"];

/// Holds builds whenever they move.
struct Hold(PgConnection);

impl Hold {
    async fn new(ground: &Ground) -> Self {
        ground.sql(HOLD_BUILDS).await;
        let mut hold = Self(ground.connection().await);
        hold.take().await;
        hold
    }

    async fn take(&mut self) {
        sqlx::query("SELECT pg_advisory_lock(42)").execute(&mut self.0).await.unwrap();
    }

    /// Waits until a build is held.
    async fn reached(&mut self) {
        let wait = async {
            while !sqlx::query_scalar::<_, bool>(HELD).fetch_one(&mut self.0).await.unwrap() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), wait).await.expect("no build has come so far");
    }

    /// Lets one go that is held, and holds the next: it has the lock at once, and this waits behind it. In two calls, others
    /// could slip through between them.
    async fn let_one_go(&mut self) {
        const PASS: &str = "SELECT pg_advisory_unlock(42); SELECT pg_advisory_lock(42)";
        sqlx::raw_sql(PASS).execute(&mut self.0).await.unwrap();
    }

    async fn let_go(&mut self) {
        sqlx::query("SELECT pg_advisory_unlock(42)").execute(&mut self.0).await.unwrap();
    }
}

impl Ground {
    fn deferred(&self) -> JobOptions {
        JobOptions { defer_indexes: true, ..self.options() }
    }

    async fn count(&self, of: &'static str) -> i64 {
        let count = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {of}"));
        sqlx::query_scalar(count).fetch_one(&mut self.connection().await).await.unwrap()
    }

    /// What is found by a word, and how many in all.
    async fn found(&self, index: &str, word: &str) -> (Vec<String>, u64) {
        let index = PostgresOptions::new(self.database.url()).unwrap().index(index);
        let mut query = SearchQuery::new(word);
        query.page = Page::Window { offset: 0, limit: 1_000 };
        let hits = index.search(&query).await.unwrap();
        (hits.hits.iter().map(|hit| hit.id.as_str().to_owned()).collect(), hits.total)
    }

    /// Compares with an index of the same documents that has never been changed.
    async fn assert_like_fresh(&self, words: impl IntoIterator<Item = String>) {
        let rows: Vec<(String, i64, String)> = sqlx::query_as(
            "SELECT id, ordinal, body::text FROM search_documents WHERE index_uid = 'posts' AND NOT deleted ORDER BY ordinal",
        )
        .fetch_all(&mut self.connection().await)
        .await
        .unwrap();
        let document = |(id, ordinal, body): (String, i64, String)| VersionedDocument {
            id: DocumentId::from(id),
            version: Version(1),
            ordinal,
            document: serde_json::from_str(&body).unwrap(),
        };
        let fresh = PostgresOptions::new(self.database.url()).unwrap().index("fresh");
        fresh.create("id", &self.target.settings().await.unwrap()).await.unwrap();
        fresh.load(&rows.into_iter().map(document).collect::<Vec<_>>()).await.unwrap();
        for word in words {
            let text = format!("{word} ");
            assert_eq!(self.found(INDEX, &text).await, self.found("fresh", &text).await, "{word}");
        }
    }
}

fn title(draw: &mut SmallRng) -> String {
    let words = draw.random_range(1..4);
    (0..words).map(|_| WORDS[draw.random_range(0..WORDS.len())]).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn searches_are_refused_until_the_postings_are_built() {
    let ground = Ground::new().await;
    let source = Scripted::rows(300);
    let gate = source.hold_read(3);
    let backfill = ground.backfill(source);
    backfill.create("job", &ground.deferred()).await.unwrap();
    let looking = async {
        gate.reached().await;
        ground.until_rows("job", 40).await;
        for text in ["row", ""] {
            let refused = ground.target.search(&SearchQuery::new(text)).await.unwrap_err();
            assert_eq!(refused.kind(), BackendErrorKind::Unsupported, "{refused}");
        }
        // Nor is anything kept beside the documents.
        assert_eq!((ground.count("search_changes").await, ground.count("search_postings").await), (0, 0));
        assert_eq!(backfill.jobs().get("job").await.unwrap().postings_built, Some(0.0));
        gate.open();
    };
    let (outcome, ()) = tokio::join!(ground.work(&backfill, "job"), looking);
    let BackfillOutcome::Succeeded(job) = outcome.unwrap() else { panic!("it has not succeeded") };
    assert_eq!(job.postings_built, None);
    assert_eq!(ground.found(INDEX, "row ").await.1, 300);
    assert_eq!(ground.found(INDEX, "299 ").await.0, [id(299)]);
    assert_eq!(ground.count("search_builds").await, 0);
}

/// Live writes before the load, during it, and at every step of the build; folds are tried too.
#[tokio::test]
async fn what_is_written_while_postings_are_left_out_or_built_is_found() {
    for seed in 0..3 {
        let mut draw = SmallRng::seed_from_u64(seed);
        let (ground, clock) = (Ground::new().await, VersionClock::new());
        let source = (0..120).fold(Scripted::rows(120), |source, n| source.with(n, document(n, &title(&mut draw))));
        let mut write = async |upto: usize| {
            for _ in 0..12 {
                let n = draw.random_range(0..upto);
                let document = draw.random_bool(0.7).then(|| document(n, &title(&mut draw)));
                live(&ground.writer, &id(n), clock.next(), document).await;
            }
        };
        write(60).await;
        ground.target.fold_all().await.unwrap();
        write(60).await;
        let mut hold = Hold::new(&ground).await;
        let gate = source.hold_read(2);
        let backfill = ground.backfill(source.clone());
        backfill.create("job", &ground.deferred()).await.unwrap();
        let steps = async {
            gate.reached().await;
            write(130).await;
            gate.open();
            // Taken up, all read, and so many words written.
            let mut shares = Vec::new();
            for _ in 0..3 {
                hold.reached().await;
                shares.push(backfill.jobs().get("job").await.unwrap().postings_built);
                write(130).await;
                ground.target.fold_all().await.unwrap();
                hold.let_one_go().await;
            }
            hold.let_go().await;
            shares
        };
        let (outcome, shares) = tokio::join!(ground.work(&backfill, "job"), steps);
        assert!(matches!(outcome, Ok(BackfillOutcome::Succeeded(_))), "{outcome:?}");
        // What a held step has noted is not to be seen yet.
        let [Some(taken), Some(read), Some(written)] = shares[..] else { panic!("{shares:?}") };
        assert!(taken == 0.0 && read == 0.0 && written > 0.0 && written <= 0.5, "{shares:?}");
        assert_eq!(ground.count("search_changes").await, 0, "all has been folded in the end");
        ground.assert_like_fresh(WORDS.map(str::to_owned)).await;
    }
}

#[tokio::test]
async fn a_build_that_was_broken_off_goes_on_after_the_last_word() {
    const WRITTEN: &str =
        "SELECT COALESCE(array_agg(word || xmin::text ORDER BY word, first), '{}') FROM search_postings
        WHERE word <= (SELECT $1::text COLLATE \"C\")";
    const WORD: &str = "SELECT COALESCE((SELECT word FROM search_builds), '')";
    let ground = Ground::new().await;
    // More words than are written at a time.
    let source = Scripted::rows(5_000);
    source.one_page();
    let mut hold = Hold::new(&ground).await;
    let stop = CancellationToken::new();
    let backfill = ground.backfill(source.clone());
    backfill.create("job", &ground.deferred()).await.unwrap();
    let mut psql = ground.connection().await;
    let breaking_off = async {
        loop {
            hold.reached().await;
            let word: String = sqlx::query_scalar(WORD).fetch_one(&mut psql).await.unwrap();
            if !word.is_empty() {
                // Held in the middle of the second part, which goes back.
                stop.cancel();
                return word;
            }
            hold.let_one_go().await;
        }
    };
    let (outcome, word) = tokio::join!(ground.work_until(&backfill, "job", stop.clone()), breaking_off);
    let BackfillOutcome::Stopped(job) = outcome.unwrap() else { panic!("it was not stopped") };
    assert_eq!(job.stage, Stage::Indexing);
    hold.let_go().await;
    ground.sql("DROP TRIGGER hold ON search_builds").await;
    let written: Vec<String> = sqlx::query_scalar(WRITTEN).bind(&word).fetch_one(&mut psql).await.unwrap();
    assert!(written.len() > 1_000, "{}", written.len());
    // In the meantime one is changed that stands already, and one that does not.
    for n in [1, 4_999] {
        live(&ground.writer, &id(n), VersionClock::new().next(), Some(document(n, "row changed"))).await;
    }
    let outcome = ground.work(&backfill, "job").await.unwrap();
    assert!(matches!(outcome, BackfillOutcome::Succeeded(_)), "{outcome:?}");
    let after: HashSet<String> = sqlx::query_scalar::<_, Vec<String>>(WRITTEN)
        .bind(&word)
        .fetch_one(&mut psql)
        .await
        .unwrap()
        .into_iter()
        .collect();
    // All but what the fold of the two changes has touched.
    let kept = written.iter().filter(|block| after.contains(*block)).count();
    assert!(kept + 10 > written.len(), "{kept} of {}", written.len());
    assert_eq!(ground.found(INDEX, "row ").await.1, 5_000);
    for n in [0, 1, 7, 1_000, 2_345, 4_998, 4_999] {
        let expected = if [1, 4_999].contains(&n) { vec![] } else { vec![id(n)] };
        assert_eq!(ground.found(INDEX, &format!("\"{n}\"")).await.0, expected, "{n}");
    }
    assert_eq!(ground.found(INDEX, "changed ").await.1, 2);
}

/// What a build has read is gone then.
#[tokio::test]
async fn a_table_that_is_emptied_during_a_build_leaves_nothing_to_be_found() {
    let ground = Ground::new().await;
    let mut hold = Hold::new(&ground).await;
    let backfill = ground.backfill(Scripted::rows(100));
    backfill.create("job", &ground.deferred()).await.unwrap();
    let emptying = async {
        hold.reached().await;
        hold.let_one_go().await;
        // All is read, and nothing written.
        hold.reached().await;
        let waits = async {
            const WAITS: &str = "SELECT EXISTS (SELECT FROM pg_stat_activity
                WHERE query LIKE 'TRUNCATE%' AND wait_event_type = 'Lock' AND datname = current_database())";
            while !sqlx::query_scalar::<_, bool>(WAITS).fetch_one(&mut hold.0).await.unwrap() {
                tokio::task::yield_now().await;
            }
            hold.let_go().await;
        };
        let emptied = async { tokio::join!(ground.sql("TRUNCATE search_documents"), waits) };
        tokio::time::timeout(Duration::from_secs(30), emptied).await.expect("it does not wait for the build");
    };
    let (outcome, ()) = tokio::join!(ground.work(&backfill, "job"), emptying);
    assert!(matches!(outcome, Ok(BackfillOutcome::Succeeded(_))), "{outcome:?}");
    assert_eq!((ground.count("search_postings").await, ground.found(INDEX, "row ").await.1), (0, 0));
    ground.run_as("again", Scripted::rows(3)).await;
    assert_eq!(ground.found(INDEX, "row ").await.1, 3);
}

/// Postings that a job left out which somebody gave up by SQL: the next one builds them, though it defers nothing.
#[tokio::test]
async fn postings_that_a_job_before_has_left_out_are_built_by_the_next() {
    let ground = Ground::new().await;
    ground.write(1, VersionClock::new().next(), Some(document(1, "live"))).await;
    ground.sql("UPDATE search_indexes SET postings = 'deferred'").await;
    ground.run(Scripted::rows(50)).await;
    assert_eq!((ground.found(INDEX, "row ").await.1, ground.found(INDEX, "live ").await.1), (49, 1));
}
