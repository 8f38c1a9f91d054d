//! Which documents pass a filter: by the values that postings hold, and by the rows where those do not say.

use std::{collections::HashMap, sync::Arc};

use roaring::RoaringTreemap;
use sqlx::{PgConnection, Row, postgres::PgRow};

use super::{Search, aside::aside, changes::Changes, sql};
use crate::{
    backend::postgres::{
        error::{failed, internal},
        postings::each_entry,
        values::passes,
        words::value_word,
    },
    error::BackendError,
    filter::{Condition, Filter},
};

/// Up to so many documents are asked one by one: that takes less time than reading the values of all.
const FEW: usize = 500;

const DOING: &str = "filtering";

/// Documents by their ordinals: some, or all but some.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Documents {
    some: RoaringTreemap,
    all_but: bool,
}

impl Documents {
    pub(super) fn contains(&self, ordinal: u64) -> bool {
        self.some.contains(ordinal) != self.all_but
    }

    fn all() -> Self {
        Self { all_but: true, ..Self::default() }
    }

    fn not(self) -> Self {
        Self { all_but: !self.all_but, ..self }
    }

    fn and(self, other: Self) -> Self {
        let (some, all_but) = match (self.all_but, other.all_but) {
            (false, false) => (self.some & other.some, false),
            (false, true) => (self.some - other.some, false),
            (true, false) => (other.some - self.some, false),
            (true, true) => (self.some | other.some, true),
        };
        Self { some, all_but }
    }

    fn or(self, other: Self) -> Self {
        self.not().and(other.not()).not()
    }
}

impl Search<'_> {
    /// The documents that pass the filter; of `few`, if there are no more than those to ask about.
    pub(super) async fn passing(
        &self,
        snapshot: &mut PgConnection,
        filter: &Filter,
        changes: &Arc<Changes>,
        few: impl FnOnce(usize) -> Option<Vec<u64>>,
    ) -> Result<Documents, BackendError> {
        if let Some(few) = few(FEW) {
            return Ok(Documents { some: self.passing_rows(snapshot, filter, Some(few)).await?, all_but: false });
        }
        let words: Option<Vec<String>> = filter.attributes().into_iter().map(value_word).collect();
        let Some(words) = words else {
            return Ok(Documents { some: self.passing_rows(snapshot, filter, None).await?, all_but: false });
        };
        let values = Values::read(snapshot, self.state.number, &words, changes).await?;
        let (documents, undecided) = {
            let filter = filter.clone();
            aside(values.documents(), move || values.judge(&filter)).await??
        };
        if undecided.is_empty() {
            return Ok(documents);
        }
        let decided = self.passing_rows(snapshot, filter, Some(undecided.iter().collect())).await?;
        let undecided = Documents { some: undecided, all_but: false };
        Ok(documents.and(undecided.not()).or(Documents { some: decided, all_but: false }))
    }

    /// The same by the rows: of some documents, or of all.
    async fn passing_rows(
        &self,
        snapshot: &mut PgConnection,
        filter: &Filter,
        some: Option<Vec<u64>>,
    ) -> Result<RoaringTreemap, BackendError> {
        let some: Option<Vec<i64>> = some.map(|ordinals| ordinals.into_iter().map(|ordinal| ordinal as i64).collect());
        let passing: Vec<i64> = sql::passing(self.uid, filter, some.as_deref())
            .build_query_scalar()
            .persistent(false)
            .fetch_one(snapshot)
            .await
            .map_err(failed(DOING))?;
        Ok(passing.into_iter().map(i64::unsigned_abs).collect())
    }
}

/// The values of some attributes in all documents.
struct Values {
    /// The blocks, in no order.
    rows: Vec<PgRow>,
    changes: Arc<Changes>,
}

impl Values {
    async fn read(
        snapshot: &mut PgConnection,
        index: i32,
        words: &[String],
        changes: &Arc<Changes>,
    ) -> Result<Self, BackendError> {
        let rows = sqlx::query(sql::VALUES).bind(index).bind(words).fetch_all(snapshot).await.map_err(failed(DOING))?;
        Ok(Self { rows, changes: Arc::clone(changes) })
    }

    /// About how many documents there are to look at.
    fn documents(&self) -> usize {
        const OF_A_BLOCK: usize = 300;
        self.rows.len() * OF_A_BLOCK + self.changes.outdated.len()
    }

    /// The documents that pass, and those of which the rows have to be asked.
    fn judge(&self, filter: &Filter) -> Result<(Documents, RoaringTreemap), BackendError> {
        let mut blocks: HashMap<&str, Vec<(i64, &[u8])>> = HashMap::new();
        for row in &self.rows {
            let block: (&str, i64, &[u8]) = block(row).map_err(failed(DOING))?;
            blocks.entry(block.0).or_default().push((block.1, block.2));
        }
        blocks.values_mut().for_each(|blocks| blocks.sort_unstable_by_key(|(first, _)| *first));
        let mut judge = Judge { blocks, changes: &self.changes, undecided: RoaringTreemap::new() };
        let documents = judge
            .filter(filter)
            .ok_or_else(|| internal("filtering: a block of values is damaged; rebuild the postings"))?;
        Ok((documents, judge.undecided))
    }
}

fn block(row: &PgRow) -> Result<(&str, i64, &[u8]), sqlx::Error> {
    Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))
}

struct Judge<'a> {
    /// By word, in the order of their documents.
    blocks: HashMap<&'a str, Vec<(i64, &'a [u8])>>,
    changes: &'a Changes,
    undecided: RoaringTreemap,
}

impl Judge<'_> {
    /// The documents that pass; `None` if a block is damaged.
    fn filter(&mut self, filter: &Filter) -> Option<Documents> {
        match filter {
            Filter::And(filters) => {
                filters.iter().try_fold(Documents::all(), |all, filter| Some(all.and(self.filter(filter)?)))
            }
            Filter::Or(filters) => {
                filters.iter().try_fold(Documents::default(), |all, filter| Some(all.or(self.filter(filter)?)))
            }
            Filter::Not(filter) => Some(self.filter(filter)?.not()),
            Filter::Condition { attribute, condition } => self.condition(attribute, condition),
        }
    }

    fn condition(&mut self, attribute: &str, condition: &Condition) -> Option<Documents> {
        let (test, word) = (condition.test(), value_word(attribute)?);
        let (mut some, all_but) = (RoaringTreemap::new(), test.is_negated());
        let mut judge = |ordinal: u64, values: &[u8]| match passes(&test, values) {
            // A document without the attribute passes if the test is negated: noted are those that do otherwise.
            Some(passed) if passed != all_but => drop(some.insert(ordinal)),
            Some(_) => {}
            None => drop(self.undecided.insert(ordinal)),
        };
        for (_, block) in self.blocks.get(word.as_str()).into_iter().flatten() {
            each_entry(block, |ordinal, values| {
                let ordinal = ordinal.unsigned_abs();
                if !self.changes.outdated.contains(&ordinal) {
                    judge(ordinal, block.get(values).unwrap_or_default());
                }
            })?;
        }
        for (ordinal, values) in self.changes.words.get(&word).into_iter().flatten() {
            judge(*ordinal, values);
        }
        Some(Documents { some, all_but })
    }
}
