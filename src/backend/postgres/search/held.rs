//! The values of one attribute in all documents, those included that postings do not hold.

use std::{collections::HashMap, ops::Range, sync::Arc};

use sqlx::PgConnection;

use super::{
    Search,
    aside::aside,
    changes::Changes,
    columns::Columns,
    distinct::{Values, values_of},
};
use crate::{backend::postgres::values::each, error::BackendError, sort::Decisive};

/// The values of an attribute in all documents.
pub(super) struct Held {
    columns: Columns,
    attribute: String,
    /// Of documents that have more than is packed.
    unpacked: HashMap<i64, Values>,
}

/// The values of some documents.
#[derive(Default)]
pub(super) struct ValuesOf<'a> {
    values: Vec<Decisive<'a>>,
    /// Of each document.
    places: Vec<Range<usize>>,
}

impl Held {
    /// `None`: the rows have to be asked, of many documents.
    pub(super) async fn read(
        snapshot: &mut PgConnection,
        search: &Search<'_>,
        attribute: &str,
        changes: &Arc<Changes>,
    ) -> Result<Option<Self>, BackendError> {
        let columns = Columns::read(snapshot, search.state.number, [attribute], changes).await?;
        let Some(columns) = columns else { return Ok(None) };
        let mut held = Self { columns, attribute: attribute.to_owned(), unpacked: HashMap::new() };
        let unpacked;
        (held, unpacked) = aside(held.columns.len(), move || {
            let unpacked = held.unpacked()?;
            Ok::<_, BackendError>((held, unpacked))
        })
        .await??;
        if unpacked.len() > search.few {
            return Ok(None);
        }
        held.unpacked = values_of(snapshot, search.uid, attribute, &unpacked).await?;
        Ok(Some(held))
    }

    fn unpacked(&self) -> Result<Vec<i64>, BackendError> {
        let mut unpacked = Vec::new();
        self.columns.each(&self.attribute, |ordinal, packed| {
            if each(packed, |_| {}).is_none() {
                unpacked.push(ordinal as i64);
            }
        })?;
        Ok(unpacked)
    }

    pub(super) fn columns(&self) -> &Columns {
        &self.columns
    }

    /// The values of these documents, in any order.
    pub(super) fn values(&self, documents: &[u64]) -> Result<ValuesOf<'_>, BackendError> {
        let mut order: Vec<usize> = (0..documents.len()).collect();
        if !documents.is_sorted() {
            order.sort_unstable_by_key(|place| documents[*place]);
        }
        let mut of = ValuesOf { values: Vec::new(), places: vec![0..0; documents.len()] };
        let mut next = order.into_iter().peekable();
        self.columns.each(&self.attribute, |ordinal, packed| {
            while next.next_if(|place| documents[*place] < ordinal).is_some() {}
            let Some(place) = next.next_if(|place| documents[*place] == ordinal) else { return };
            let start = of.values.len();
            match self.unpacked.get(&(ordinal as i64)) {
                Some(values) => of.values.extend(values.all()),
                None => drop(each(packed, |value| of.values.push(value))),
            }
            of.places[place] = start..of.values.len();
        })?;
        Ok(of)
    }
}

impl<'a> ValuesOf<'a> {
    /// Those of each document.
    pub(super) fn each(&self) -> impl Iterator<Item = &[Decisive<'a>]> {
        self.places.iter().map(|place| &self.values[place.clone()])
    }
}
