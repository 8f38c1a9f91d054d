//! Which documents pass a filter: by the values that postings hold, and by the rows where those do not say.

use std::sync::Arc;

use roaring::RoaringTreemap;
use sqlx::PgConnection;

use super::{Search, aside::aside, changes::Changes, columns::Columns, sql};
use crate::{
    backend::postgres::{error::failed, filter::selective, values::passes},
    error::BackendError,
    filter::{Condition, Filter},
};

/// Up to so many documents are asked one by one, however few there are in all.
const FEW: usize = 500;
/// To ask a row takes as long as to read the values of so many documents.
const OF_A_ROW: u64 = 25;
/// What it may take to find out that a value is frequent, as a part of reading the values of all.
const PROBE: usize = 8;

/// Up to so many documents of so many in all are asked one by one: that takes less time than reading the values of all.
pub(super) fn few(documents: u64) -> usize {
    usize::try_from(documents / OF_A_ROW).unwrap_or(usize::MAX).max(FEW)
}

/// So many conditions are tried for one that few documents meet.
const MOST_CONDITIONS: usize = 4;

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

    /// Those that are not all but some, if so.
    pub(super) fn some(&self) -> Option<&RoaringTreemap> {
        (!self.all_but).then_some(&self.some)
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

impl From<RoaringTreemap> for Documents {
    fn from(some: RoaringTreemap) -> Self {
        Self { some, all_but: false }
    }
}

impl Search<'_> {
    /// The documents that pass a filter. Asked for the documents that matter, `few` names them if they are no more than it is told:
    /// then only those of them that pass are given.
    pub(super) async fn passing(
        &self,
        snapshot: &mut PgConnection,
        filter: &Filter,
        changes: &Arc<Changes>,
        few: impl FnOnce(usize) -> Option<Vec<u64>>,
    ) -> Result<Documents, BackendError> {
        if let Some(few) = few(self.few) {
            return self.passing_rows(snapshot, filter, Some(few)).await;
        }
        if let Some(few) = self.few_passing(snapshot, filter).await? {
            return self.passing_rows(snapshot, filter, Some(few)).await;
        }
        let columns = Columns::read(snapshot, self.state.number, filter.attributes(), changes).await?;
        let Some(columns) = columns else { return self.passing_rows(snapshot, filter, None).await };
        let (documents, undecided) = {
            let filter = filter.clone();
            aside(columns.len(), move || judge(&columns, &filter)).await??
        };
        if undecided.is_empty() {
            return Ok(documents);
        }
        let decided = self.passing_rows(snapshot, filter, Some(undecided.iter().collect())).await?;
        Ok(documents.and(Documents::from(undecided).not()).or(decided))
    }

    /// A few documents among which are all that pass, if an index finds them. The planner knows frequent values, and does not look far for
    /// those.
    async fn few_passing(
        &self,
        snapshot: &mut PgConnection,
        filter: &Filter,
    ) -> Result<Option<Vec<u64>>, BackendError> {
        let mut conditions = selective(filter);
        conditions.truncate(MOST_CONDITIONS);
        if conditions.is_empty() {
            return Ok(None);
        }
        let most = (self.few / PROBE).max(FEW);
        let found: Vec<Vec<i64>> = sql::some_passing(self.uid, &conditions, most as i64 + 1)
            .build_query_scalar()
            .persistent(false)
            .fetch_all(snapshot)
            .await
            .map_err(failed(DOING))?;
        let few = found.into_iter().min_by_key(Vec::len).filter(|few| few.len() <= most);
        Ok(few.map(|few| few.into_iter().map(i64::unsigned_abs).collect()))
    }

    /// The same by the rows: of some documents, or of all.
    async fn passing_rows(
        &self,
        snapshot: &mut PgConnection,
        filter: &Filter,
        some: Option<Vec<u64>>,
    ) -> Result<Documents, BackendError> {
        let some: Option<Vec<i64>> = some.map(|ordinals| ordinals.into_iter().map(|ordinal| ordinal as i64).collect());
        let passing: Vec<i64> = sql::passing(self.uid, filter, some.as_deref())
            .build_query_scalar()
            .persistent(false)
            .fetch_one(snapshot)
            .await
            .map_err(failed(DOING))?;
        Ok(passing.into_iter().map(i64::unsigned_abs).collect::<RoaringTreemap>().into())
    }
}

/// The documents that pass, and those of which the rows have to be asked.
fn judge(columns: &Columns, filter: &Filter) -> Result<(Documents, RoaringTreemap), BackendError> {
    let mut judge = Judge { columns, undecided: RoaringTreemap::new() };
    Ok((judge.filter(filter)?, judge.undecided))
}

struct Judge<'a> {
    columns: &'a Columns,
    undecided: RoaringTreemap,
}

impl Judge<'_> {
    fn filter(&mut self, filter: &Filter) -> Result<Documents, BackendError> {
        match filter {
            Filter::And(filters) => {
                filters.iter().try_fold(Documents::all(), |all, filter| Ok(all.and(self.filter(filter)?)))
            }
            Filter::Or(filters) => {
                filters.iter().try_fold(Documents::default(), |all, filter| Ok(all.or(self.filter(filter)?)))
            }
            Filter::Not(filter) => Ok(self.filter(filter)?.not()),
            Filter::Condition { attribute, condition } => self.condition(attribute, condition),
        }
    }

    fn condition(&mut self, attribute: &str, condition: &Condition) -> Result<Documents, BackendError> {
        let test = condition.test();
        let (mut some, all_but) = (RoaringTreemap::new(), test.is_negated());
        self.columns.each(attribute, |ordinal, values| match passes(&test, values) {
            // A document without the attribute passes if the test is negated: noted are those that do otherwise.
            Some(passed) if passed != all_but => drop(some.insert(ordinal)),
            Some(_) => {}
            None => drop(self.undecided.insert(ordinal)),
        })?;
        Ok(Documents { some, all_but })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_documents() -> impl Strategy<Value = Documents> {
        let some = prop::collection::vec(prop_oneof![0..20_u64, (1 << 32)..(1 << 32) + 5_u64], 0..12);
        (some, any::<bool>()).prop_map(|(some, all_but)| Documents { some: some.into_iter().collect(), all_but })
    }

    proptest! {
        #[test]
        fn what_is_joined_contains_what_its_parts_do(a in any_documents(), b in any_documents()) {
            for ordinal in (0..22).chain((1 << 32)..(1 << 32) + 6) {
                let (in_a, in_b) = (a.contains(ordinal), b.contains(ordinal));
                prop_assert_eq!(a.clone().and(b.clone()).contains(ordinal), in_a && in_b);
                prop_assert_eq!(a.clone().or(b.clone()).contains(ordinal), in_a || in_b);
                prop_assert_eq!(a.clone().not().contains(ordinal), !in_a);
            }
        }
    }
}
