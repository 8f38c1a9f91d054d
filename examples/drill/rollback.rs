//! The way back, measured.

use std::time::{Duration, Instant};

use crossfade::{plan::Phase, store::RollbackLevel};
use tokio_util::sync::CancellationToken;

use crate::{
    memory::Memory,
    steps::Stretch,
    walk::{OPERATOR, Result, Under, Walk},
};

/// How long it took, from the change of the flag.
#[derive(Clone, Copy, Debug)]
pub struct Rollback {
    /// To the last answer from PostgreSQL.
    pub to_last_pg_answer: Duration,
    /// Until every write that PostgreSQL had decided stood in Meilisearch.
    pub caught_up: Duration,
    /// Documents of which Meilisearch then showed something older.
    pub missing: usize,
}

/// A later answer from PostgreSQL than this means that the rollback has failed.
const LIMIT: Duration = Duration::from_secs(1);
/// Requests a second while it is measured.
const CROWD: u32 = 300;

impl Walk<'_> {
    pub(super) async fn roll_back(&self, under: &Under<'_>) -> Result<(Rollback, Stretch)> {
        let progress = under.backlog.progress;
        // More readers for a moment: the last answer from PostgreSQL is only as exact as they are frequent.
        let crowd = CancellationToken::new();
        let readers = tokio::spawn(under.load.clone().run(CROWD, crowd.clone()));
        // And writes under way.
        under.rhythm.hurry(true);
        progress.run("a crowd gathers", Duration::from_millis(200)).await;
        under.load.take();
        let before = under.writers.counts();
        let changed = Instant::now();
        self.world.store.flags().rollback(RollbackLevel::Reads, OPERATOR, "the rehearsal of a rollback").await?;
        self.arrive(Phase::Shadow).await?;
        let decided = under.writers.memory().clone();
        let arrived = Instant::now();
        under.rhythm.hurry(false);
        // No longer than it takes: a crowd that comes whether or not it is answered could hold up what it is to show.
        let last_answers = async {
            progress.run("rollback", Duration::from_millis(300)).await;
            crowd.cancel();
            readers.await
        };
        let (readers, caught_up) = tokio::join!(last_answers, under.backlog.caught_up(arrived));
        readers?;
        let caught_up = caught_up? + (arrived - changed);
        let missing = self.missing(under, &decided).await?;
        progress.run("rollback", self.options.phase).await;
        let (stretch, last) = self.seen("rollback".to_owned(), under, before);
        let last = last.unwrap_or(changed);
        if stretch.phase != Phase::Shadow || last > changed + LIMIT {
            return Err(format!("the rollback did not take effect: the service is in {}", stretch.phase).into());
        }
        Ok((Rollback { to_last_pg_answer: last.saturating_duration_since(changed), caught_up, missing }, stretch))
    }

    /// Documents of which Meilisearch shows something older than what had been acknowledged.
    async fn missing(&self, under: &Under<'_>, decided: &Memory) -> Result<usize> {
        let found = self.world.posts_in_meili(decided.documents.keys()).await?;
        let now = under.writers.memory();
        let missing = decided.documents.iter().filter(|(id, then)| !now.shows(id, then, found.get(*id)));
        Ok(missing.count())
    }
}
