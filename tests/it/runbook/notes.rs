//! What the notes in the runbook ask of the world: to wait for what an operator waits for, or to break what the next lines mend.

use std::{fs, sync::atomic::Ordering, time::Duration};

use crossfade::{
    backend::SearchBackend as _,
    gates::{Look, Verdict, decide},
    plan::Phase,
    search::SearchQuery,
    store::{PgReads, ReplicaReport, evidence::EvalRun},
    testing::meili::{Client, TaskFault},
};
use http::Method;
use jiff::Timestamp;
use serde_json::json;
use tokio::time::{sleep, timeout};

use super::{
    service::Service,
    world::{INDEX, PATIENCE, Stage, World},
};

impl World {
    /// Does what a note says.
    pub(super) async fn heed(&mut self, note: &str) {
        let stage = &mut self.stage;
        match note.split_once(' ').unwrap_or((note, "")) {
            ("fresh", "world") => self.fresh().await,
            ("phase", phase) => stage.bring_to(phase).await,
            ("service", "starts") => stage.service = Some(Service::start(stage).await),
            ("readers", "rest") => stage.service().readers_rest.store(true, Ordering::Relaxed),
            ("readers", "go on") => stage.service().readers_rest.store(false, Ordering::Relaxed),
            ("until", "followed") => stage.followed().await,
            ("until", "pass") => stage.pass().await,
            ("until", "drained") => stage.drained().await,
            ("until", "latched") => until("the latch in the table", async || stage.is_latched().await).await,
            ("postgres", "stops") => self.postgres.kill().await.unwrap(),
            ("postgres", "starts") => self.postgres.restart().await.unwrap(),
            ("there", what) => stage.make(what.trim_start_matches("is ")).await,
            ("index", "answers") => stage.answers().await,
            _ => panic!("the test does not know this note: {note}"),
        }
    }
}

impl Stage {
    /// Every process goes by the flags of the table.
    async fn followed(&self) {
        until("every process follows", async || {
            let (stored, replicas) = (self.store.flags().read().await, self.store.replicas().all().await);
            let (Ok(stored), Ok(replicas)) = (stored, replicas) else { return false };
            !replicas.is_empty() && replicas.iter().all(|replica| replica.live && replica.follows(&stored))
        })
        .await;
    }

    /// The gates before the next step pass, and the ramp would not wait either.
    async fn pass(&self) {
        let mut last = String::new();
        let passed = async {
            loop {
                let decision = decide(&self.policy, &Look::take(&self.store, &self.policy).await.unwrap()).unwrap();
                let stood = decision.since.map(|since| decision.at.duration_since(since).unsigned_abs());
                if decision.verdict == Verdict::Pass && stood.is_none_or(|stood| stood > self.policy.dwell) {
                    return;
                }
                let open = decision.gates.iter().filter(|judged| judged.counts && judged.verdict != Verdict::Pass);
                let open: Vec<String> = open
                    .map(|judged| {
                        format!(
                            "{} {:?} {:?} {:?} {}",
                            judged.gate, judged.value, judged.lower, judged.samples, judged.why
                        )
                    })
                    .collect();
                last = format!("{open:?} {:?}", decision.blocked);
                sleep(Duration::from_millis(100)).await;
            }
        };
        assert!(timeout(PATIENCE, passed).await.is_ok(), "the gates never passed: {last}");
    }

    async fn drained(&self) {
        until("an empty journal", async || {
            let status = self.service().writes.journal().status().await.unwrap();
            // What was written in this moment is on its way, unless nothing is recorded any more.
            let on_its_way = if self.service().plan.load().phase() == Phase::TargetOnly { 0 } else { 10 };
            status.pending <= on_its_way && status.oldest_seconds.is_none_or(|oldest| oldest < 2.0)
        })
        .await;
    }

    async fn is_latched(&self) -> bool {
        self.store.flags().read().await.is_ok_and(|stored| stored.latch.is_some())
    }

    /// From wherever it is.
    async fn bring_to(&mut self, phase: &str) {
        if self.service.is_none() {
            self.begin().await;
        }
        let (flags, stored) = (self.store.flags(), self.store.flags().read().await.unwrap());
        let _ = fs::remove_file(self.folder.path().join("flags.toml"));
        if stored.latch.is_some() {
            flags.clear_latch("test", "another section").await.unwrap();
        }
        self.set(&[("search_write_mode", "dual")]).await;
        self.followed().await;
        if stored.target_stale || stored.plan().unwrap().phase() == Phase::TargetOnly {
            self.done("crossfade drift repair --index \"$INDEX\" --clear-stale --why test").await;
        }
        self.set(match phase {
            "dual_write" => &[("search_read_backend", "meili"), ("shadow_sample_rate", "0")],
            "shadow" => &[("search_read_backend", "meili"), ("shadow_sample_rate", "50")],
            "canary" => {
                &[("shadow_sample_rate", "50"), ("search_read_pg_percent", "50"), ("search_read_backend", "pg")]
            }
            "target_primary" | "target_only" => {
                &[("shadow_sample_rate", "50"), ("search_read_pg_percent", "100"), ("search_read_backend", "pg")]
            }
            _ => panic!("the test does not know this phase: {phase}"),
        })
        .await;
        if phase == "target_only" {
            self.set(&[("search_write_mode", "pg_only")]).await;
        }
        self.followed().await;
    }

    async fn set(&self, flags: &[(&str, &str)]) {
        for (flag, value) in flags {
            self.store.flags().set(flag, value, "test", "another section").await.unwrap();
        }
    }

    /// What step 1 to 3 come to, without waiting.
    async fn begin(&mut self) {
        self.store.migrate().await.unwrap();
        self.done("crossfade migrate --database-url \"$JOURNAL_URL\"").await;
        self.set(&[("search_write_mode", "dual")]).await;
        self.service = Some(Service::start(self).await);
        self.followed().await;
        self.done("crossfade backfill start \"$INDEX-0\" --index \"$INDEX\" --settle 0s").await;
        self.done("crossfade drift check --index \"$INDEX\"").await;
        let measured = Some(0.9);
        let run = EvalRun {
            index: INDEX.to_owned(),
            queries: 100,
            judged: 100,
            overlap_at_10: measured,
            ndcg_at_10: measured,
            source_ndcg_at_10: measured,
        };
        self.store.evidence().keep_eval(&run, "test").await.unwrap();
    }

    async fn done(&self, command: &str) {
        let ran = self.type_in(command).await;
        assert_eq!(ran.code, Some(0), "{command}\n{}", ran.output);
    }

    /// Something that the next lines are about.
    async fn make(&self, what: &str) {
        match what {
            // Written past the service.
            "drift" => {
                let client = Client::new(self.meili.url(), self.meili.key()).unwrap();
                let film = json!([{ "id": "past-the-service", "title": "river" }]);
                let path = format!("/indexes/{INDEX}/documents");
                let reply = client.send(client.call(Method::POST, &path, Some(&film))).await.unwrap();
                assert!(reply.json()["taskUid"].is_u64(), "{}", reply.body);
            }
            "a dead letter" => {
                self.meili.fail_next_tasks(1, TaskFault::Fail { code: "invalid_document_fields".to_owned() });
                until("a dead letter", async || {
                    self.service().writes.journal().status().await.unwrap().dead_letters > 0
                })
                .await;
            }
            "a silent process" => {
                let report = ReplicaReport {
                    replica: "6f1c0a9b3d2e4f58".to_owned(),
                    host: "gone".to_owned(),
                    plan: self.service().plan.load(),
                    revision: 0,
                    reads: PgReads::default(),
                    reads_before: PgReads::default(),
                    journal: None,
                    write: None,
                    every: Duration::from_millis(1),
                };
                self.store.replicas().report(&report).await.unwrap();
            }
            "a pair 4711" => {
                let pair = "UPDATE cn_search.shadow_read_logs SET id = 4711
                    WHERE id = (SELECT max(id) FROM cn_search.shadow_read_logs WHERE request IS NOT NULL)";
                until("a pair", async || {
                    // By now there may have been as many.
                    self.sql("DELETE FROM cn_search.shadow_read_logs WHERE id = 4711").await.unwrap();
                    self.sql(pair).await.unwrap();
                    self.store.shadow_rows().get(4711).await.unwrap().is_some()
                })
                .await;
            }
            "a backfill that stopped" => {
                // In place of the shell, so that it is this process that is killed.
                let start =
                    "exec crossfade backfill start --index \"$INDEX\" --max-rows-per-second 1 --settle 0s --lease 1s";
                let status =
                    "SELECT 1 / count(*) FROM cn_search.backfill_shards WHERE job_id = 'posts-1' AND owner IS NOT NULL";
                tokio::select! {
                    ran = self.type_in(start) => panic!("it did not wait to be stopped: {}", ran.output),
                    () = until("a backfill", async || self.sql(status).await.is_ok()) => {}
                }
            }
            _ => panic!("the test cannot make this: {what}"),
        }
    }

    /// As a service does that asks PostgreSQL by itself.
    async fn answers(&self) {
        let found = self.pg().search(&SearchQuery::new("river")).await.unwrap();
        assert!(found.total > 0, "{found:?}");
    }
}

async fn until(what: &str, mut done: impl AsyncFnMut() -> bool) {
    let come = async {
        while !done().await {
            sleep(Duration::from_millis(50)).await;
        }
    };
    assert!(timeout(PATIENCE, come).await.is_ok(), "never came at {}: {what}", Timestamp::now());
}
