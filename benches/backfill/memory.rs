//! What a process that works on a backfill takes of memory, for few rows and for many.

use std::process::Stdio;

use tokio::process::Command;

use crate::{
    ground::{Ground, INDEX},
    report::{Budget, verdict},
};

pub async fn peak(whole: bool) {
    let (few, many) = if whole { (50_000, 1_000_000) } else { (1_000, 2_000) };
    let mut ground = Ground::new(few).await;
    let mut peaks = Vec::new();
    for (rows, filled) in [(few, few), (many, few)] {
        ground.fill(filled + 1, rows).await;
        for more in [&[][..], &["--defer-indexes"]] {
            ground.clear().await;
            peaks.push(copy(&ground, &format!("{rows}{}", more.concat()), more).await);
        }
    }
    let [few_kept, few_deferred, kept, deferred] = peaks[..] else { panic!("{peaks:?}") };
    for (how, peak, of_few) in [("", kept, few_kept), (", deferred", deferred, few_deferred)] {
        let details = format!("({of_few:.0} MB for {few} rows)");
        verdict(&format!("peak memory for {many} rows{how}"), peak, "MB", Budget::AtMost(100.0), &details);
    }
}

/// Runs the program; its peak resident memory in megabytes.
async fn copy(ground: &Ground, job: &str, more: &[&str]) -> f64 {
    let mut child = Command::new(env!("CARGO_BIN_EXE_crossfade"))
        .args(["backfill", "start", job, "--index", INDEX, "--from", "sql", "--without-heartbeats", "--settle", "0s"])
        .args(more)
        .env("DATABASE_URL", ground.database.url())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id().unwrap());
    let mut peak = 0.0;
    let ended = loop {
        if let Some(ended) = child.try_wait().unwrap() {
            break ended;
        }
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib: Option<f64> = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
        peak = kib.map_or(peak, |kib| kib * 1024.0 / 1e6);
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    };
    assert!(ended.success());
    peak
}
