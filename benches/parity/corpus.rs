//! Short documents out of real words, and queries for them.

use std::{collections::BTreeMap, io::Read};

use crossfade::{
    backend::postgres::{PostgresIndex, PostgresOptions, VersionedDocument},
    document::{DocumentId, Version},
    settings::IndexSettings,
    store::{DEFAULT_SCHEMA, Store},
    testing::TestDatabase,
};
use flate2::read::GzDecoder;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};

pub const INDEX: &str = "short";
pub const SETTINGS: &str = r#"{"searchableAttributes": ["title"]}"#;
const FILMS: &[u8] = include_bytes!("../../examples/data/movie_facts/docs.jsonl.gz");
/// Words of a document, at least and at most.
const WORDS: (usize, usize) = (4, 12);

/// Words, the most frequent first, and how often each of them and all before it stand in the films.
pub struct Words {
    words: Vec<String>,
    up_to: Vec<u64>,
}

impl Words {
    pub fn read() -> Self {
        let mut text = String::new();
        GzDecoder::new(FILMS).read_to_string(&mut text).unwrap();
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        for line in text.lines() {
            let film: Value = serde_json::from_str(line).unwrap();
            let cast = film["cast"].as_array().into_iter().flatten().filter_map(Value::as_str);
            // Titles three times: as texts have it, a few words make up a good part.
            let texts = [film["title"].as_str().unwrap_or_default(); 3].into_iter().chain(cast);
            for word in texts.flat_map(|text| text.split(|letter: char| !letter.is_alphanumeric())) {
                *counts.entry(word.to_lowercase()).or_default() += 1;
            }
        }
        counts.remove("");
        let mut counts: Vec<(String, u64)> = counts.into_iter().collect();
        counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let mut sum = 0;
        let up_to = counts
            .iter()
            .map(|(_, count)| {
                sum += count;
                sum
            })
            .collect();
        Self { words: counts.into_iter().map(|(word, _)| word).collect(), up_to }
    }

    /// As often as it stands there.
    fn drawn(&self, draw: &mut StdRng) -> &str {
        let at = draw.random_range(0..*self.up_to.last().unwrap());
        &self.words[self.up_to.partition_point(|sum| *sum <= at)]
    }

    pub fn title(&self, draw: &mut StdRng) -> String {
        let words = draw.random_range(WORDS.0..=WORDS.1);
        (0..words).map(|_| self.drawn(draw)).collect::<Vec<_>>().join(" ")
    }

    /// So many words, half of them as frequent ones as in texts, half of any of the 5,000 most frequent; the last is open.
    pub fn query(&self, words: usize, draw: &mut StdRng) -> String {
        let one = |draw: &mut StdRng| match draw.random_bool(0.5) {
            true => self.drawn(draw).to_owned(),
            false => self.words[draw.random_range(0..self.words.len().min(5_000))].clone(),
        };
        (0..words).map(|_| one(draw)).collect::<Vec<_>>().join(" ")
    }

    pub fn most_frequent(&self, words: usize) -> &[String] {
        &self.words[..words]
    }
}

pub fn draw() -> StdRng {
    StdRng::seed_from_u64(7)
}

/// An empty index.
pub async fn index(database: &TestDatabase) -> PostgresIndex {
    Store::connect(database.url(), DEFAULT_SCHEMA).await.unwrap().migrate().await.unwrap();
    let index = PostgresOptions::new(database.url()).unwrap().index(INDEX);
    let settings: IndexSettings = serde_json::from_str(SETTINGS).unwrap();
    index.create("id", &settings).await.unwrap();
    index
}

/// Loads made-up documents, with their postings.
pub async fn load(index: &PostgresIndex, words: &Words, documents: i64) {
    let mut draw = draw();
    let numbers: Vec<i64> = (0..documents).collect();
    for batch in numbers.chunks(4_000) {
        let document = |n: &i64| VersionedDocument {
            id: DocumentId::from(n.to_string()),
            version: Version(1),
            ordinal: *n,
            document: json!({"id": n, "title": words.title(&mut draw)}).as_object().cloned().unwrap(),
        };
        let batch: Vec<VersionedDocument> = batch.iter().map(document).collect();
        index.load(&batch).await.unwrap();
    }
    index.fold_all().await.unwrap();
    index.analyze().await.unwrap();
}
