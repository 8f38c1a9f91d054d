//! Latency over 10,000, 100,000 and 1,000,000 documents.

use crossfade::{backend::SearchBackend, search::SearchQuery, testing::TestPostgres};
use sqlx::{Connection, PgConnection};
use tokio::time::Instant;

use crate::{
    corpus::{Words, draw, index, load},
    meili,
    report::{Budget, verdict},
};

const SIZES: &str = "SELECT pg_total_relation_size('cn_search.search_postings'),
    pg_total_relation_size('cn_search.search_vocabulary'), pg_total_relation_size('cn_search.search_documents')";

pub async fn curve(whole: bool) {
    let words = Words::read();
    let (sizes, queries): (&[i64], usize) = if whole { (&[10_000, 100_000, 1_000_000], 200) } else { (&[500], 5) };
    println!("documents of 4 to 12 words; milliseconds of one client, warm: median, P95");
    println!(
        "{:>10} {:>9} {:>15} {:>15} {:>15} {:>21} {:>9} {:>9}",
        "documents", "load s", "1 word", "2 words", "3 words", "20 commonest words", "postings", "documents"
    );
    for documents in sizes {
        let server = TestPostgres::start().await.unwrap();
        let database = server.create_database().await.unwrap();
        let index = index(&database).await;
        let begun = Instant::now();
        load(&index, &words, *documents).await;
        let loaded = begun.elapsed().as_secs_f64();
        let (shown, mut all) = ask(&index, &words, queries).await;
        let mut connection = PgConnection::connect(database.url()).await.unwrap();
        let (postings, vocabulary, bodies): (i64, i64, i64) =
            sqlx::query_as(SIZES).fetch_one(&mut connection).await.unwrap();
        let sizes = format!("{:>6} MB {:>6} MB", (postings + vocabulary) >> 20, bodies >> 20);
        println!("{documents:>10} {loaded:>9.1} {shown} {sizes}");
        meili::compared(&words, *documents, queries, !whole).await;
        all.sort_by(f64::total_cmp);
        if *documents == 1_000_000 {
            verdict("P95 of 1 to 3 words over 1,000,000", at(&all, 0.95), "ms", Budget::AtMost(40.0), "");
        }
    }
}

/// The same queries of each length: what is shown of them, and all milliseconds.
pub async fn ask(side: &dyn SearchBackend, words: &Words, queries: usize) -> (String, Vec<f64>) {
    let mut draw = draw();
    let (mut shown, mut all) = (String::new(), Vec::new());
    for length in 1..=3 {
        let texts: Vec<String> = (0..queries).map(|_| words.query(length, &mut draw)).collect();
        let took = times(side, &texts).await;
        shown += &format!("{:>15} ", format!("{:.1}, {:.1}", at(&took, 0.5), at(&took, 0.95)));
        all.extend(took);
    }
    let commonest: Vec<String> = words.most_frequent(20).iter().map(|word| format!("{word} ")).collect();
    let took = times(side, &commonest).await;
    shown += &format!("{:>21}", format!("{:.1}, worst {:.1}", at(&took, 0.5), at(&took, 1.0)));
    (shown, all)
}

/// Milliseconds, ascending; each query once before.
async fn times(side: &dyn SearchBackend, texts: &[String]) -> Vec<f64> {
    let mut took = Vec::new();
    for turn in 0..2 {
        took.clear();
        for text in texts {
            let begun = Instant::now();
            side.search(&SearchQuery::new(text.as_str())).await.unwrap();
            took.push(begun.elapsed().as_secs_f64() * 1e3);
        }
        assert!(turn < 2);
    }
    took.sort_by(f64::total_cmp);
    took
}

fn at(ascending: &[f64], share: f64) -> f64 {
    let last = ascending.len().saturating_sub(1);
    ascending.get((last as f64 * share).round() as usize).copied().unwrap_or(f64::NAN)
}
