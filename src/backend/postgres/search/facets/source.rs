//! Where the values of a facet are counted.

use sqlx::PgConnection;

use super::{
    super::sql::Universe,
    counted::Tally,
    sql::{self, FacetOrder},
};
use crate::{
    backend::postgres::{derive::storable, error::failed},
    error::BackendError,
};

const DOING: &str = "counting the values of a facet";

/// Where the values of a facet are counted.
#[derive(Clone, Copy)]
pub(super) enum Source<'a> {
    /// By the rows.
    Rows(Universe<'a>),
    /// By what postings hold: they have been.
    Counted(&'a Tally),
}

/// Which values are shown: the first so many, or all.
#[derive(Clone, Copy)]
pub(super) struct Shown {
    pub(super) order: FacetOrder,
    pub(super) most: Option<usize>,
}

impl Shown {
    fn limit(self) -> Option<i64> {
        self.most.map(|most| i64::try_from(most).unwrap_or(i64::MAX))
    }
}

impl Source<'_> {
    /// Numbers, and how many documents have each.
    pub(super) async fn numbers(
        self,
        snapshot: &mut PgConnection,
        name: &str,
        shown: Shown,
    ) -> Result<Vec<(f64, i64)>, BackendError> {
        match self {
            Self::Counted(tally) => Ok(tally.numbers(shown)),
            Self::Rows(found) => sql::facet_numbers(found, &storable(name), shown.order, shown.limit())
                .build_query_as()
                .persistent(false)
                .fetch_all(snapshot)
                .await
                .map_err(failed(DOING)),
        }
    }

    /// Texts, how many documents have each, and the least ordinal of those, whose spelling is shown.
    pub(super) async fn texts(
        self,
        snapshot: &mut PgConnection,
        name: &str,
        shown: Shown,
    ) -> Result<Vec<(String, i64, i64)>, BackendError> {
        match self {
            Self::Counted(tally) => Ok(tally.texts(shown)),
            Self::Rows(found) => sql::facet_texts(found, &storable(name), shown.order, shown.limit())
                .build_query_as()
                .persistent(false)
                .fetch_all(snapshot)
                .await
                .map_err(failed(DOING)),
        }
    }

    /// The least number and the greatest.
    pub(super) async fn ends(
        self,
        snapshot: &mut PgConnection,
        name: &str,
    ) -> Result<Option<(f64, f64)>, BackendError> {
        let ends: (Option<f64>, Option<f64>) = match self {
            Self::Counted(tally) => return Ok(tally.ends()),
            Self::Rows(found) => sql::facet_ends(found, &storable(name))
                .build_query_as()
                .persistent(false)
                .fetch_one(snapshot)
                .await
                .map_err(failed(DOING))?,
        };
        Ok(ends.0.zip(ends.1))
    }
}
