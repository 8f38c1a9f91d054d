//! From the words of a query to their lists.

use std::{collections::HashMap, ops::Bound};

use sqlx::{PgConnection, Row, postgres::PgRow};

use super::{
    changes::{Changes, Entry},
    sql,
};
use crate::{
    backend::postgres::{
        error::{failed, internal},
        words::length_word,
    },
    error::BackendError,
    ranking::{Fetched, LONGEST_FIELD, QueryGraph},
};

/// Fetches what a query asks for, from the blocks and from what has changed since.
pub(super) async fn fetch(
    connection: &mut PgConnection,
    index: i32,
    graph: &QueryGraph,
    changes: &Changes,
) -> Result<Fetched, BackendError> {
    let doing = "reading the postings";
    let lengths = (1..=graph.most_words().min(LONGEST_FIELD)).map(length_word);
    let words: Vec<String> = graph.words.iter().cloned().chain(lengths).collect();
    let (low, high): (Vec<&str>, Vec<String>) =
        graph.beginnings.iter().map(|beginning| (beginning.as_str(), behind(beginning))).unzip();
    let rows = sqlx::query(sql::POSTINGS)
        .bind(index)
        .bind(&words)
        .bind(low)
        .bind(high)
        .fetch_all(connection)
        .await
        .map_err(failed(doing))?;
    let mut blocks: HashMap<&str, Blocks<'_>> = HashMap::new();
    for row in &rows {
        let (word, first, entries) = block(row).map_err(failed(doing))?;
        blocks.entry(word).or_default().push((first, entries));
    }
    blocks.values_mut().for_each(|blocks| blocks.sort_unstable_by_key(|(first, _)| *first));
    let mut fetched = Fetched::new(graph);
    let mut known: HashMap<&str, usize> = HashMap::new();
    let damaged = || internal("reading the postings: a block is damaged; rebuild the postings");
    let list = |fetched: &mut Fetched, word: &str| -> Result<Option<usize>, BackendError> {
        let blocks = blocks.get(word);
        if blocks.is_none() && !changes.words.contains_key(word) {
            return Ok(None);
        }
        let list = fetched.postings.begin_list();
        add(fetched, word, blocks.map_or(&[], Vec::as_slice), changes).ok_or_else(damaged)?;
        Ok(Some(list))
    };
    for (nth, word) in words.iter().enumerate() {
        let found = list(&mut fetched, word)?;
        match nth.checked_sub(graph.words.len()) {
            None => fetched.words[nth] = found,
            Some(length) => fetched.lengths[length + 1] = found,
        }
        if let Some(found) = found {
            known.insert(word, found);
        }
    }
    // What is left begins with one of the beginnings.
    for (nth, beginning) in graph.beginnings.iter().enumerate() {
        let longer =
            known.iter().filter(|(word, _)| word.len() > beginning.len() && word.starts_with(beginning.as_str()));
        let mut lists: Vec<usize> = longer.map(|(_, list)| *list).collect();
        let inside = |word: &&str| word.len() > beginning.len() && word.starts_with(beginning.as_str());
        for word in blocks.keys().copied().filter(inside).filter(|word| !known.contains_key(word)) {
            lists.extend(list(&mut fetched, word)?);
        }
        let range = (Bound::Excluded(beginning.as_str()), Bound::<&str>::Unbounded);
        let fresh = changes.words.range::<str, _>(range).map(|(word, _)| word);
        for word in fresh.take_while(|word| word.starts_with(beginning.as_str())) {
            if !known.contains_key(word.as_str()) && !blocks.contains_key(word.as_str()) {
                lists.extend(list(&mut fetched, word)?);
            }
        }
        fetched.beginnings[nth] = lists;
    }
    Ok(fetched)
}

/// The blocks of a word, each with the first ordinal in it.
type Blocks<'a> = Vec<(i64, &'a [u8])>;

fn block(row: &PgRow) -> Result<(&str, i64, &[u8]), sqlx::Error> {
    Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))
}

/// Adds the entries of a word. `None`: a block is damaged.
fn add(fetched: &mut Fetched, word: &str, blocks: &[(i64, &[u8])], changes: &Changes) -> Option<()> {
    let postings = &mut fetched.postings;
    let starts: Vec<usize> = blocks.iter().map(|(_, block)| postings.keep(block)).collect();
    changes.merge(word, blocks.iter().map(|(_, block)| *block), |ordinal, entry| match entry {
        Entry::Kept(block, places) => {
            postings.push_kept(ordinal, starts[block] + places.start..starts[block] + places.end);
        }
        Entry::Changed(places) => postings.push(ordinal, places),
    })
}

/// What comes behind all that begins so.
fn behind(beginning: &str) -> String {
    format!("{beginning}{}", char::MAX)
}
