//! PostgreSQL fails while it answers readers: the guard sends them back by itself, and nothing goes on until a person says so.

use std::time::{Duration, Instant};

use crossfade::{error::Side, plan::Phase};
use serde::Serialize;

use crate::{
    gates::Gates,
    outage::{self, Outage},
    results::milliseconds,
    walk::{OPERATOR, Result, Under, Walk},
};

/// What the guard did.
#[derive(Clone, Debug, Serialize)]
pub struct Guarded {
    /// From the fault until no reader was sent to PostgreSQL any more.
    pub rolled_back_ms: f64,
    /// From the return of PostgreSQL until its table knew.
    pub told_ms: f64,
    /// As the history has it.
    pub why: String,
    /// Why no further step could be taken.
    pub refused: String,
}

/// How long anything of it may take.
const PATIENCE: Duration = Duration::from_secs(30);

impl Walk<'_> {
    /// Stops PostgreSQL, and waits for the guard. Without a server of the drill's own nothing can be stopped, and `None` comes of it.
    pub(super) async fn fault(
        &self,
        gates: &Gates<'_>,
        under: &mut Under<'_>,
        lasts: Duration,
    ) -> Result<Option<Guarded>> {
        let progress = under.backlog.progress;
        progress.run("before the fault", lasts / 4).await;
        if !self.world.go_down(Side::Pg).await? {
            progress.step("PostgreSQL is not the drill's own server: no fault is injected");
            return Ok(None);
        }
        let stopped = Instant::now();
        under.rhythm.hurry(true);
        progress.step("PostgreSQL is stopped while it answers readers");
        self.until("the guard rolls back", || async { Ok(self.plan.load().latched) }).await?;
        let rolled_back_ms = milliseconds(stopped.elapsed());
        progress.step(&format!("the guard rolled back and latched after {rolled_back_ms:.0} ms"));
        progress.run("PostgreSQL is down", lasts / 4).await;
        let waiting = under.backlog.pending().await?;
        self.world.come_back(Side::Pg).await?;
        under.rhythm.hurry(false);
        let back = Instant::now();
        let down_ms = milliseconds(back - stopped);
        let flags = self.world.store.flags();
        // It is just starting: whoever asks too early asks again.
        self.until("the table is told", || async { Ok(flags.read().await.is_ok_and(|flags| flags.latch.is_some())) })
            .await?;
        let told_ms = milliseconds(back.elapsed());
        let caught_up_ms = milliseconds(under.backlog.caught_up(back).await?);
        progress.step(&format!("{} is back after {down_ms:.0} ms; {waiting} writes waited", outage::name(Side::Pg)));
        under.outages.push(Outage { side: Side::Pg, down_ms, waiting, caught_up_ms });

        let why = flags.read().await?.latch.map(|latch| latch.why).unwrap_or_default();
        progress.step(&format!("latched: {why}"));
        let refused = gates.refuses().await?;
        progress.step(&format!("advance is refused, overridden or not: {refused}"));
        flags.clear_latch(OPERATOR, "PostgreSQL was stopped on purpose; it is back").await?;
        self.arrive(Phase::Shadow).await?;
        self.until("the latch is let go", || async { Ok(!self.plan.load().latched) }).await?;
        progress.step("the latch is cleared, by a person and for a reason");
        Ok(Some(Guarded { rolled_back_ms, told_ms, why, refused }))
    }

    async fn until<F: Future<Output = Result<bool>>>(&self, what: &str, done: impl Fn() -> F) -> Result<()> {
        let limit = Instant::now() + PATIENCE;
        while !done().await? {
            if Instant::now() > limit {
                return Err(format!("{what}: not after {PATIENCE:?}").into());
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        Ok(())
    }
}
