//! The sides: how a search is asked of Meilisearch, of PostgreSQL, or of memory.
//!
//! A service that has its own tables and SQL implements [`SearchBackend`] and hands that to
//! the migration instead of the PostgreSQL index of this crate.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::{FutureExt, future::BoxFuture};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use self::write::{SourceWriter, TargetWriter};
use crate::{
    error::{BackendError, BackendErrorKind, Side},
    search::{SearchHits, SearchQuery},
};

mod explain;
#[cfg(feature = "meili")]
pub mod meili;
#[cfg(any(test, feature = "test-util"))]
pub mod memory;
#[cfg(feature = "postgres")]
pub mod postgres;
pub mod write;

pub use explain::{in_one_line, ranking_rules};

/// Work in the background, until the token is cancelled.
pub type Upkeep = Box<dyn FnOnce(CancellationToken) -> BoxFuture<'static, ()> + Send>;

/// One side of a migration, as something that can be searched.
///
/// Implementations answer or fail; they never wait longer than their caller's deadline lets them, because the caller
/// drops the future then. They may panic: the caller isolates that.
pub trait SearchBackend: Send + Sync + 'static {
    /// Which side this is.
    fn side(&self) -> Side;

    /// Answers one query.
    fn search<'a>(&'a self, query: &'a SearchQuery) -> BoxFuture<'a, Result<SearchHits, BackendError>>;

    /// The same side over resources of its own (connection pool, statement timeout), for shadow reads, so that they
    /// cannot starve the reads that users wait for. `None` (the default) shares everything.
    fn isolated(&self) -> Option<Arc<dyn SearchBackend>> {
        None
    }

    /// The index it was made for, if it was made for one: writes that name none are written there.
    fn index(&self) -> Option<&str> {
        None
    }

    /// What the side needs done in the background, until the token is cancelled. The worker of a
    /// [`Migration`](crate::migration::Migration) runs it along. `None` (the default): nothing.
    fn upkeep(&self) -> Option<Upkeep> {
        None
    }

    /// How the same side is written, if it is Meilisearch and can be.
    fn source_writer(&self) -> Option<Arc<dyn SourceWriter>> {
        None
    }

    /// How the same side is written, if it is PostgreSQL and can be.
    fn target_writer(&self) -> Option<Arc<dyn TargetWriter>> {
        None
    }
}

/// Asks a side within a deadline; a panic is a failure like others.
pub(crate) async fn ask(
    backend: &dyn SearchBackend,
    query: &SearchQuery,
    deadline: Duration,
) -> Result<SearchHits, BackendError> {
    let failed = |kind| BackendError::new(backend.side(), kind, "answering a read");
    // The call itself is inside too: it may panic before there is a future.
    let search = AssertUnwindSafe(async { backend.search(query).await }).catch_unwind();
    match timeout(deadline, search).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_panic)) => Err(failed(BackendErrorKind::Panic)),
        Err(_elapsed) => Err(failed(BackendErrorKind::Timeout)),
    }
}

impl<B: SearchBackend + ?Sized> SearchBackend for Arc<B> {
    fn side(&self) -> Side {
        (**self).side()
    }

    fn search<'a>(&'a self, query: &'a SearchQuery) -> BoxFuture<'a, Result<SearchHits, BackendError>> {
        (**self).search(query)
    }

    fn isolated(&self) -> Option<Arc<dyn SearchBackend>> {
        (**self).isolated()
    }

    fn upkeep(&self) -> Option<Upkeep> {
        (**self).upkeep()
    }

    fn index(&self) -> Option<&str> {
        (**self).index()
    }

    fn source_writer(&self) -> Option<Arc<dyn SourceWriter>> {
        (**self).source_writer()
    }

    fn target_writer(&self) -> Option<Arc<dyn TargetWriter>> {
        (**self).target_writer()
    }
}

/// Tells whether writes to an index are still under way: comparing then shows the delay of a write, not a difference
/// between the sides.
pub trait Settlement: Send + Sync + 'static {
    /// Whether `index` (`None`: the default one) has had no unfinished write at any time from `since` until the call,
    /// as far as can be known; `None` if that cannot be told right now. Nothing seen before the call may be answered: a
    /// write may have come in between.
    fn settled<'a>(&'a self, index: Option<&'a str>, since: Instant) -> BoxFuture<'a, Option<bool>>;
}
