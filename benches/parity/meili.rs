//! The same on a real Meilisearch, if `MEILI_URL` says where one is.

use std::io::Write;

use crossfade::testing::meili::Meili;
use crossfade::{
    backend::meili::MeiliOptions,
    eval::{Corpus, EvalSettings, MeiliScratch},
};
use rand::rngs::StdRng;
use serde_json::json;
use tokio::time::Instant;

use crate::{
    corpus::{SETTINGS, Words, draw},
    scale::ask,
};

/// Prints a line of the same columns: its load time, latencies over HTTP, and by how much its database has grown. `always`: of the double, if
/// there is no real one; what that takes says nothing.
pub async fn compared(words: &Words, documents: i64, queries: usize, always: bool) {
    if !always && std::env::var_os("MEILI_URL").is_none() {
        return;
    }
    let meili = Meili::start().await.unwrap();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let mut draw: StdRng = draw();
    for n in 0..documents {
        writeln!(file, "{}", json!({"id": n, "title": words.title(&mut draw)})).unwrap();
    }
    file.flush().unwrap();
    let settings =
        EvalSettings { raw: serde_json::from_str(SETTINGS).unwrap(), known: serde_json::from_str(SETTINGS).unwrap() };
    let corpus = Corpus::new(file.path(), "id");
    let server = meilisearch_sdk::client::Client::new(meili.url(), Some(meili.key())).unwrap();
    let size = async || server.get_stats().await.ok().map(|stats| stats.database_size >> 20);
    let before = size().await;
    let options = MeiliOptions::new(meili.url(), Some(meili.key())).unwrap();
    let scratch = MeiliScratch::create(options, "id").await.unwrap();
    let begun = Instant::now();
    assert_eq!(scratch.load(&corpus, &settings, |_| {}).await.unwrap(), documents as u64);
    let loaded = begun.elapsed().as_secs_f64();
    let (shown, _) = ask(scratch.index(), words, queries).await;
    let grown =
        before.zip(size().await).map_or("?".to_owned(), |(before, after)| after.saturating_sub(before).to_string());
    println!("{:>10} {loaded:>9.1} {shown} {grown:>6} MB in all", "Meili");
    scratch.remove().await.unwrap();
}
