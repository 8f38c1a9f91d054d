//! The films, and what was recorded over them.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::PathBuf,
    sync::{Arc, LazyLock},
    thread,
};

use crossfade::{backend::memory::Store, document::DocumentId, settings::IndexSettings};
use flate2::read::GzDecoder;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// All films, under the settings that the recordings were made with.
pub(super) static FILMS: LazyLock<Store> = LazyLock::new(|| {
    let recorded: Value = serde_json::from_reader(File::open(path("settings.json")).unwrap()).unwrap();
    let settings: IndexSettings = serde_json::from_value(recorded["settings"].clone()).unwrap();
    let documents: Vec<serde_json::Map<String, Value>> = lines("docs.jsonl.gz");
    let mut store = Store::new(settings, None);
    let half = documents.len().div_ceil(2);
    // Cutting words is most of the work.
    let prepared: Vec<_> = thread::scope(|scope| {
        let cut = |part: &[serde_json::Map<String, Value>]| {
            let prepare = |document: &serde_json::Map<String, Value>| {
                let id = DocumentId::from_json(&document["id"]).unwrap();
                store.prepare(id, Arc::new(document.clone()))
            };
            part.iter().map(prepare).collect::<Vec<_>>()
        };
        let parts: Vec<_> = documents.chunks(half).map(|part| scope.spawn(move || cut(part))).collect();
        parts.into_iter().flat_map(|part| part.join().unwrap()).collect()
    });
    prepared.into_iter().for_each(|prepared| store.insert(prepared));
    store
});

/// The lines of a packed file.
pub(super) fn lines<T: DeserializeOwned>(name: &str) -> Vec<T> {
    let lines = BufReader::new(GzDecoder::new(File::open(path(name)).unwrap())).lines();
    lines.map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect()
}

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("examples/data/movie_facts").join(name)
}
