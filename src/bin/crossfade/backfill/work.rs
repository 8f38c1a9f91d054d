//! Working on a job in this process.

use std::{sync::Arc, time::Duration};

use clap::Args;
use crossfade::{
    backend::postgres::PostgresIndex,
    backfill::{Backfill, BackfillJobs, BackfillOutcome, JobOptions, Retried, source::SourceDescription},
    drift::{DriftCheck, DriftRepair},
    plan::{Flagging, PlanHandle},
    store::Store,
};
use tokio_util::sync::CancellationToken;

use super::{
    from::{Reading, Servers},
    progress::Progress,
};
use crate::{database::Database, failure::Failure};

#[derive(Args)]
pub(super) struct Work {
    /// Shards that this process copies side by side.
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    workers: u16,
    /// How long a server may be away before the job fails.
    #[arg(long, default_value = "1m", value_name = "SPAN", value_parser = crate::span::any)]
    patience: Duration,
    /// Do not repair what differs in the end; the job then fails if anything does.
    #[arg(long)]
    no_repair: bool,
    /// Print a JSON object a line: steps, progress, and the end.
    #[arg(long)]
    json: bool,
}

impl Work {
    pub(super) async fn start(
        &self,
        database: &Database,
        store: &Store,
        job: &str,
        index: &str,
        from: &Reading,
        options: &JobOptions,
    ) -> Result<(), Failure> {
        let source = from.describe(index)?;
        let target = target(database, index)?;
        take_over_index(&target, index, &from.servers).await?;
        let backfill = put_together(database, store, target, source, &from.servers)?;
        backfill.create(job, options).await?;
        self.work(database, store, job, index, &from.servers, backfill).await
    }

    pub(super) async fn resume(
        &self,
        database: &Database,
        store: &Store,
        job: &str,
        servers: &Servers,
    ) -> Result<(), Failure> {
        let (backfill, index) = open(database, store, job, servers).await?;
        self.work(database, store, job, &index, servers, backfill).await
    }

    async fn work(
        &self,
        database: &Database,
        store: &Store,
        job: &str,
        index: &str,
        servers: &Servers,
        backfill: Backfill,
    ) -> Result<(), Failure> {
        let backfill = backfill.workers(usize::from(self.workers)).patience(self.patience);
        let (plan, watcher) = PlanHandle::watch(Flagging::new().table(store.flags().watch())).await;
        let backfill = if servers.meili.is_given() {
            let postgres = database.postgres()?;
            let check =
                DriftCheck::new(servers.meili.options()?.index(index), postgres.clone().read_only().index(index));
            if self.no_repair {
                backfill.compare(check)
            } else {
                let (source, target) = (Arc::new(servers.meili.options()?.writer()), Arc::new(postgres.writer()));
                backfill.repair(DriftRepair::new(check, source, target, plan))
            }
        } else {
            backfill
        };
        let progress = Progress::new(self.json);
        let stop = CancellationToken::new();
        let watching = stop.child_token();
        let working = async {
            let _watching = watching.clone().drop_guard();
            backfill.run(job, stop.clone(), &progress).await
        };
        let asked = async {
            if tokio::signal::ctrl_c().await.is_ok() {
                stop.cancel();
            }
            std::future::pending::<()>().await;
        };
        let outcome = tokio::select! {
            (outcome, ()) = async { tokio::join!(Box::pin(working), watcher.run(watching.clone())) } => outcome,
            () = asked => unreachable!("it is pending"),
        };
        progress.end();
        let outcome = outcome?;
        progress.ended(&outcome)?;
        let stale = store.flags().read().await?.target_stale;
        match outcome {
            BackfillOutcome::Cancelled(_) => Err(Failure::Cancelled),
            BackfillOutcome::Succeeded(_) if stale && !self.json => {
                progress.hint("PostgreSQL is marked as stale: allow reads from it again with `crossfade flags clear-stale --why ...`");
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// Builds what a job has left out of the load and will not build itself.
pub(super) async fn build_indexes(database: &Database, store: &Store, job: &str) -> Result<(), Failure> {
    let jobs = BackfillJobs::new(store);
    let target = target(database, &jobs.get(job).await?.target)?;
    let progress = Progress::new(false);
    Ok(jobs.build_deferred_indexes(job, &target, &progress).await?)
}

pub(super) async fn retry_failed(
    database: &Database,
    store: &Store,
    job: &str,
    servers: &Servers,
) -> Result<Retried, Failure> {
    let (backfill, _) = open(database, store, job, servers).await?;
    Ok(backfill.retry_failed(job).await?)
}

/// What a job reads and fills.
async fn open(database: &Database, store: &Store, job: &str, servers: &Servers) -> Result<(Backfill, String), Failure> {
    let found = BackfillJobs::new(store).get(job).await?;
    let source: SourceDescription = found.source.ok_or_else(|| Failure::ForeignJob(job.to_owned()))?;
    if found.high_watermark_seq.is_some() && !servers.names_outbox() {
        return Err(Failure::OutboxNeeded(job.to_owned()));
    }
    let backfill = put_together(database, store, target(database, &found.target)?, source, servers)?;
    Ok((backfill, found.target))
}

fn put_together(
    database: &Database,
    store: &Store,
    target: PostgresIndex,
    source: SourceDescription,
    servers: &Servers,
) -> Result<Backfill, Failure> {
    let outbox = servers.outbox(database, target.uid())?;
    let backfill = Backfill::new(store, target, servers.open(database, source)?);
    Ok(match outbox {
        Some(outbox) => backfill.outbox(outbox),
        None => backfill,
    })
}

/// Makes the index with the settings it has in Meilisearch, if it is not there.
async fn take_over_index(target: &PostgresIndex, index: &str, servers: &Servers) -> Result<(), Failure> {
    if target.settings().await.is_ok() || !servers.meili.is_given() {
        return Ok(());
    }
    let meili = servers.meili.options()?.index(index);
    let primary_key = meili.primary_key().await?.unwrap_or_else(|| "id".into());
    Ok(target.create(&primary_key, &meili.settings().await?).await?)
}

fn target(database: &Database, index: &str) -> Result<PostgresIndex, Failure> {
    Ok(database.postgres()?.application_name("crossfade backfill").index(index))
}
