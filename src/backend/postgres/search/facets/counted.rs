//! The values of facets in many documents, by what postings hold: rows would have to be read one by one.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use sqlx::PgConnection;

use super::{
    super::{Search, aside::aside, changes::Changes, columns::Columns, distinct::values_of, pick::Picked},
    source::Shown,
    sql::FacetOrder,
};
use crate::{backend::postgres::values::each, error::BackendError, sort::Decisive};

/// The values of a facet, and in how many documents each is.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// By their bits.
    numbers: HashMap<u64, i64>,
    /// With the least ordinal of the documents that have each.
    texts: HashMap<String, (i64, u64)>,
    /// Whether any document has the attribute, if only without a value.
    there: bool,
    /// The documents whose values are not packed.
    unread: Vec<i64>,
}

impl Search<'_> {
    /// The facets by their names, counted over all that has been found; `None` if that is little, or postings do not hold their values.
    pub(super) async fn counted(
        &self,
        snapshot: &mut PgConnection,
        picked: &Picked,
        facets: &[String],
        changes: &Arc<Changes>,
    ) -> Result<Option<BTreeMap<String, Tally>>, BackendError> {
        if !picked.is_much(self) {
            return Ok(None);
        }
        let settings = &self.state.settings;
        let named: BTreeSet<String> = settings.named_facets(facets).into_iter().map(str::to_owned).collect();
        let held = Columns::names(snapshot, self.state.number, changes).await?;
        let held = held.into_iter().filter(|name| settings.is_facet(name, facets));
        let names: BTreeSet<String> = held.chain(named.iter().cloned()).collect();
        let attributes = names.iter().map(String::as_str);
        let columns = Columns::read(snapshot, self.state.number, attributes, changes).await?;
        let Some(columns) = columns else { return Ok(None) };
        let found = picked.known(&columns)?;
        let entries = columns.len();
        let mut tallies = aside(entries, move || {
            let tally = |name: String| Ok((name.clone(), Tally::of(&columns, &name, found.as_deref())?));
            names.into_iter().map(tally).collect::<Result<BTreeMap<String, Tally>, BackendError>>()
        })
        .await??;
        tallies.retain(|name, tally| tally.there || named.contains(name));
        for (name, tally) in &mut tallies {
            for (ordinal, values) in values_of(snapshot, self.uid, name, &tally.unread).await? {
                let numbers = values.numbers.iter().map(|number| Decisive::Number(*number));
                let texts = values.texts.iter().map(|text| Decisive::Text(text));
                numbers.chain(texts).for_each(|value| tally.add(ordinal.unsigned_abs(), value));
            }
        }
        Ok(Some(tallies))
    }
}

impl Tally {
    /// Of some documents, which ascend, or of all.
    fn of(columns: &Columns, name: &str, found: Option<&[u64]>) -> Result<Self, BackendError> {
        let mut tally = Self::default();
        let mut next = found.map(|found| found.iter().copied().peekable());
        columns.each(name, |ordinal, packed| {
            if let Some(next) = &mut next {
                while next.next_if(|found| *found < ordinal).is_some() {}
                if next.peek() != Some(&ordinal) {
                    return;
                }
            }
            tally.there = true;
            if each(packed, |value| tally.add(ordinal, value)).is_none() {
                tally.unread.push(ordinal as i64);
            }
        })?;
        Ok(tally)
    }

    /// A document has a value, which it names once.
    fn add(&mut self, ordinal: u64, value: Decisive<'_>) {
        match value {
            Decisive::Number(number) => *self.numbers.entry(number.to_bits()).or_default() += 1,
            Decisive::Text(text) => match self.texts.get_mut(text) {
                Some((count, least)) => (*count, *least) = (*count + 1, ordinal.min(*least)),
                None => drop(self.texts.insert(text.to_owned(), (1, ordinal))),
            },
            Decisive::Missing => {}
        }
    }

    pub(super) fn numbers(&self, shown: Shown) -> Vec<(f64, i64)> {
        let numbers = self.numbers.iter().map(|(bits, count)| (f64::from_bits(*bits), *count)).collect();
        first(numbers, shown, |a, b| a.1.cmp(&b.1), |a, b| a.0.total_cmp(&b.0))
    }

    pub(super) fn texts(&self, shown: Shown) -> Vec<(String, i64, i64)> {
        let texts = self.texts.iter().map(|(text, (count, least))| (text, *count, *least)).collect();
        let texts = first(texts, shown, |a, b| a.1.cmp(&b.1), |a, b| a.0.cmp(b.0));
        texts.into_iter().map(|(text, count, least)| (text.clone(), count, least as i64)).collect()
    }

    pub(super) fn ends(&self) -> Option<(f64, f64)> {
        let numbers = || self.numbers.keys().map(|bits| f64::from_bits(*bits));
        numbers().min_by(f64::total_cmp).zip(numbers().max_by(f64::total_cmp))
    }
}

/// The values that are shown, by the value itself or the most frequent first, of which then the greatest.
fn first<T>(
    mut values: Vec<T>,
    shown: Shown,
    by_count: impl Fn(&T, &T) -> Ordering,
    by_value: impl Fn(&T, &T) -> Ordering,
) -> Vec<T> {
    let compare = |a: &T, b: &T| match shown.order {
        FacetOrder::Value => by_value(a, b),
        FacetOrder::Count => by_count(b, a).then_with(|| by_value(b, a)),
    };
    let most = shown.most.unwrap_or(values.len());
    if most > 0 && most < values.len() {
        values.select_nth_unstable_by(most - 1, compare);
    }
    values.truncate(most);
    values.sort_unstable_by(compare);
    values
}
