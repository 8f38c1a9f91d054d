//! The journal in a file: the suite, and what is said of files, crashes and callers that go away.

mod callers;
mod files;
mod kill;

use std::{path::PathBuf, sync::Arc};

use crossfade::journal::{Journal, sqlite::SqliteJournal};
use futures_util::future::BoxFuture;
use tempfile::TempDir;

use super::conformance::{self, OPTIONS, Place, each_promise};

struct File(TempDir);

impl File {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("journal.db")
    }
}

impl Place for File {
    fn open(&self) -> BoxFuture<'_, Arc<dyn Journal>> {
        Box::pin(async { Arc::new(SqliteJournal::open(self.path(), OPTIONS).await.unwrap()) as Arc<dyn Journal> })
    }
}

macro_rules! tests {
    ($($name:ident)*) => {
        $(
            #[tokio::test]
            async fn $name() {
                conformance::$name(&File::new()).await;
            }
        )*
    };
}
each_promise!(tests);
