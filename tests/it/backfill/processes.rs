//! The program itself, killed and frozen for real.

use std::{
    io::Write,
    process::{Output, Stdio},
    time::Duration,
};

use crossfade::{
    backend::SearchBackend,
    backfill::{BackfillJobs, JobStatus},
    search::SearchQuery,
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use rand::{RngExt, SeedableRng, rngs::SmallRng};
use serde_json::Value;
use tempfile::NamedTempFile;
use tokio::{
    process::{Child, Command},
    time::{sleep, timeout},
};

use super::ground::{Ground, INDEX, Scripted};

/// How often a process is killed, unless `CROSSFADE_KILLS` says otherwise.
const KILLS: usize = 50;

/// Documents in a file.
fn file(source: &Scripted) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    for document in source.expected().values() {
        writeln!(file, "{document}").unwrap();
    }
    file.flush().unwrap();
    file
}

impl Ground {
    fn crossfade(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_crossfade"));
        command.args(arguments).env("DATABASE_URL", self.database.url()).env_remove("MEILI_URL").kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Makes a job and works on it.
    fn start(&self, job: &str, file: &NamedTempFile, more: &[&str]) -> Child {
        let path = file.path().to_str().unwrap();
        let mut arguments = vec!["backfill", "start", job, "--index", INDEX, "--from", "jsonl", "--file", path];
        arguments.extend(["--without-heartbeats", "--settle", "0s"]);
        arguments.extend(more);
        self.crossfade(&arguments).spawn().unwrap()
    }

    async fn run_to_its_end(&self, arguments: &[&str]) -> Output {
        let output = self.crossfade(arguments).output();
        timeout(Duration::from_secs(60), output).await.unwrap().unwrap()
    }
}

fn signal(child: &Child, signal: Signal) {
    kill(Pid::from_raw(child.id().unwrap().try_into().unwrap()), signal).unwrap();
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Whatever is killed at any moment: the next one goes on, nothing is lost, and nothing is counted twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_random_moments_it_copies_every_row_once() {
    let kills = std::env::var("CROSSFADE_KILLS").map_or(KILLS, |kills| kills.parse().unwrap());
    let mut random = SmallRng::seed_from_u64(17);
    let ground = Ground::new().await;
    assert!(ground.store.replicas().forget("r1").await.unwrap());
    let (source, jobs) = (Scripted::rows(6_000), BackfillJobs::new(&ground.store));
    let (file, expected) = (file(&source), source.expected());
    let (mut killed, mut number, mut resumed) = (0, 0, 0);
    while killed < kills {
        number += 1;
        let job = format!("job {number}");
        ground.sql("TRUNCATE search_documents").await;
        // Short, so that the next one need not wait long. Every second one leaves the postings out, and builds them.
        let options =
            ["--lease", "300ms", "--chunk-time", "20ms", "--shards", "3", "--workers", "2", "--defer-indexes"];
        let options = &options[..options.len() - number % 2];
        let mut child = ground.start(&job, &file, options);
        loop {
            let life = Duration::from_millis(random.random_range(20..400));
            let ended = timeout(life, child.wait()).await;
            if let Ok(ended) = ended {
                let output = child.wait_with_output().await.unwrap();
                let said = stderr(&output);
                // The job of a process that was killed while it made it may have come to stand after all.
                if said.contains("go on with it") {
                    child = ground.crossfade(&["backfill", "resume", &job, "--workers", "2"]).spawn().unwrap();
                    continue;
                }
                assert!(ended.unwrap().success(), "{said}");
                break;
            }
            if killed < kills {
                signal(&child, Signal::SIGKILL);
                child.wait().await.unwrap();
                killed += 1;
                // It may not have come as far as making the job.
                child = match jobs.get(&job).await {
                    Ok(_) => ground.crossfade(&["backfill", "resume", &job, "--workers", "2"]).spawn().unwrap(),
                    Err(_) => ground.start(&job, &file, options),
                };
                resumed += 1;
            }
        }
        let done = jobs.get(&job).await.unwrap();
        assert_eq!(done.status, JobStatus::Succeeded);
        assert_eq!((done.processed_rows, done.written_rows), (6_000, 6_000), "{killed} kills");
        assert_eq!(ground.standing().await, expected);
        for (text, found) in [("row ", 6_000), ("5999 ", 1), ("17 ", 1)] {
            let hits = ground.target.search(&SearchQuery::new(text)).await.unwrap();
            assert_eq!(hits.total, found, "{text:?} after {job}, {killed} kills");
        }
    }
    assert!(resumed >= kills / 2, "{resumed} of {killed}");
}

/// A process that is frozen past its lease, in the middle of a transaction or between two: another one takes its shard over within the time of
/// the lease, and what the first one still commits is refused.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_process_is_replaced_and_commits_nothing_when_it_thaws() {
    let ground = Ground::new().await;
    assert!(ground.store.replicas().forget("r1").await.unwrap());
    let (source, jobs) = (Scripted::rows(4_000), BackfillJobs::new(&ground.store));
    let (file, expected) = (file(&source), source.expected());
    let mut frozen = ground.start("job", &file, &["--lease", "500ms", "--chunk-time", "10ms"]);
    let copied = async |rows: i64| loop {
        if jobs.get("job").await.is_ok_and(|job| job.processed_rows >= rows) {
            return;
        }
        sleep(Duration::from_millis(1)).await;
    };
    timeout(Duration::from_secs(30), copied(200)).await.unwrap();
    signal(&frozen, Signal::SIGSTOP);
    let before = ground.state_of("job").await;
    // Slower, so that it is still at work when the other one thaws.
    let throttled = ground.run_to_its_end(&["backfill", "throttle", "job", "--max-rows-per-second", "3000"]).await;
    assert!(throttled.status.success(), "{}", stderr(&throttled));
    let begun = tokio::time::Instant::now();
    let other = ground.crossfade(&["backfill", "resume", "job"]).spawn().unwrap();
    let taken_over = async {
        while ground.state_of("job").await.epoch == before.epoch {
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(Duration::from_secs(30), taken_over).await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(10), "taken over after {:?}", begun.elapsed());
    timeout(Duration::from_secs(30), copied(before.job_rows + 300)).await.unwrap();
    signal(&frozen, Signal::SIGCONT);
    let output = timeout(Duration::from_secs(60), other.wait_with_output()).await.unwrap().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(timeout(Duration::from_secs(60), frozen.wait()).await.unwrap().unwrap().success());
    let job = jobs.get("job").await.unwrap();
    assert_eq!((job.status, job.processed_rows, job.written_rows), (JobStatus::Succeeded, 4_000, 4_000));
    assert_eq!(ground.standing().await, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_program_shows_steers_and_mends_a_job() {
    let ground = Ground::new().await;
    assert!(ground.store.replicas().forget("r1").await.unwrap());
    let mut file = file(&Scripted::rows(300));
    file.write_all(b"{\"id\": 7, \"title\"\n").unwrap();
    file.flush().unwrap();
    let path = file.path().to_str().unwrap().to_owned();
    let arguments =
        ["backfill", "start", "--index", INDEX, "--from", "jsonl", "--file", &path, "--settle", "0s", "--json"];

    // Nobody reports.
    let refused = ground.run_to_its_end(&arguments).await;
    assert_eq!(refused.status.code(), Some(3), "{}", stderr(&refused));
    assert!(stderr(&refused).contains("--without-heartbeats"), "{}", stderr(&refused));
    let cancelled = ground.run_to_its_end(&["backfill", "cancel", "posts-1"]).await;
    assert!(cancelled.status.success(), "{}", stderr(&cancelled));

    let told: Vec<&str> = arguments.iter().copied().chain(["--without-heartbeats"]).collect();
    let done = ground.run_to_its_end(&told).await;
    assert!(done.status.success(), "{}", stderr(&done));
    let lines: Vec<Value> =
        String::from_utf8(done.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let end = lines.last().unwrap();
    assert_eq!(
        (&end["event"], &end["outcome"], &end["job"]["job_id"]),
        (&"end".into(), &"succeeded".into(), &"posts-2".into())
    );
    assert_eq!((&end["job"]["processed_rows"], &end["job"]["failed_rows"]), (&301.into(), &1.into()));
    assert!(lines.iter().any(|line| line["event"] == "step"));

    let status = ground.run_to_its_end(&["backfill", "status", "posts-2"]).await;
    let text = String::from_utf8(status.stdout).unwrap();
    assert!(text.contains("status     succeeded, done") && text.contains("1 unreadable"), "{text}");
    let failures = ground.run_to_its_end(&["backfill", "failures", "posts-2", "--json"]).await;
    let failed: Vec<Value> = serde_json::from_slice(&failures.stdout).unwrap();
    assert_eq!((failed.len(), &failed[0]["reason"]), (1, &"unreadable".into()));
    let again = ground.run_to_its_end(&["backfill", "retry-failed", "posts-2"]).await;
    assert_eq!(again.status.code(), Some(1), "{}", stderr(&again));

    // Mended at its place: a line of the same length.
    let (torn, mended) = ("{\"id\": 7, \"title\"", r#"{"id":"x7","n":1}"#);
    assert_eq!(torn.len(), mended.len());
    std::fs::write(&path, std::fs::read_to_string(&path).unwrap().replace(torn, mended)).unwrap();
    let again = ground.run_to_its_end(&["backfill", "retry-failed", "posts-2", "--json"]).await;
    assert!(again.status.success(), "{}", stderr(&again));
    let listed = ground.run_to_its_end(&["backfill", "list", "--json"]).await;
    let listed: Vec<Value> = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!(listed.iter().map(|job| &job["status"]).collect::<Vec<_>>(), ["cancelled", "succeeded"]);
    assert_eq!(listed[1]["failed_rows"], 0);
    let missing = ground.run_to_its_end(&["backfill", "status", "nothing"]).await;
    assert!(stderr(&missing).contains("there is no backfill `nothing`"), "{}", stderr(&missing));
}
