use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;

use super::*;
use crate::{
    gates::{Policy, Verdict},
    store::{
        StoredFlags,
        evidence::{EvalRun, LastBackfill},
    },
};

fn replica(name: &str) -> Replica {
    Replica {
        replica: name.to_owned(),
        host: "here".to_owned(),
        plan_version: 1,
        phase: "source_only".to_owned(),
        write_mode: "meili_only".to_owned(),
        read_backend: "meili".to_owned(),
        read_pg_percent: "100".to_owned(),
        shadow_sample_rate: "0".to_owned(),
        target_stale: false,
        latched: false,
        revision: 7,
        wanted: 0,
        answered: 0,
        fallbacks: 0,
        under_way: 0,
        answered_at: None,
        answered_seconds: None,
        mode_since: Timestamp::UNIX_EPOCH,
        mode_seconds: 1.0,
        journal_pending: Some(600),
        journal_oldest_seconds: Some(1.0),
        journal_dead_letters: Some(0),
        write_millis: None,
        seen_seconds: 1.0,
        live: true,
    }
}

fn look() -> Look {
    Look {
        now: Timestamp::UNIX_EPOCH,
        flags: StoredFlags { revision: 7, ..StoredFlags::default() },
        since: None,
        reads_since: None,
        windows: BTreeMap::new(),
        evals: BTreeMap::new(),
        drift: Vec::new(),
        backfills: Vec::new(),
        replicas: vec![replica("one"), replica("two")],
    }
}

fn verdict(look: &Look, name: &str) -> (Verdict, String) {
    let policy = Policy::default();
    let gate = policy.gates.iter().find(|gate| gate.name == name).unwrap();
    gate.judge(&look.fact(gate))
}

#[test]
fn a_process_that_knows_the_flags_and_goes_by_others_fails_and_one_of_which_nobody_knows_holds() {
    let mut look = look();
    assert_eq!(verdict(&look, "replicas").0, Verdict::Pass);
    look.replicas[1].shadow_sample_rate = "5".to_owned();
    assert_eq!(verdict(&look, "replicas").0, Verdict::Fail);
    look.replicas[1].revision = 6;
    let (held, why) = verdict(&look, "replicas");
    assert!(held == Verdict::Hold && why.contains("two"), "{why}");
    look.replicas[1] = Replica { live: false, ..replica("two") };
    let (held, why) = verdict(&look, "replicas");
    assert!(held == Verdict::Hold && why.contains("silent"), "{why}");
    look.replicas.clear();
    assert_eq!(verdict(&look, "replicas").0, Verdict::Hold);
}

#[test]
fn journals_are_added_up_and_the_oldest_write_is_that_of_all() {
    let mut look = look();
    // Each is under the limit of 1,000, both are not.
    assert_eq!(verdict(&look, "journal_backlog").0, Verdict::Fail);
    look.replicas[0].journal_pending = Some(400);
    assert_eq!(verdict(&look, "journal_backlog").0, Verdict::Pass);
    assert_eq!(verdict(&look, "journal_age").0, Verdict::Pass);
    look.replicas[1].journal_oldest_seconds = Some(301.0);
    assert_eq!(verdict(&look, "journal_age").0, Verdict::Fail);
    look.replicas[0].journal_dead_letters = Some(1);
    assert_eq!(verdict(&look, "dead_letters").0, Verdict::Fail);
    look.replicas.iter_mut().for_each(|replica| replica.journal_dead_letters = None);
    assert_eq!(verdict(&look, "dead_letters").0, Verdict::Hold);
}

#[test]
fn every_last_backfill_has_to_have_succeeded() {
    let job = |target: &str, status: &str| LastBackfill {
        target: target.to_owned(),
        job_id: format!("{target}-1"),
        status: status.to_owned(),
    };
    let mut look = look();
    assert_eq!(verdict(&look, "backfill").0, Verdict::Hold);
    look.backfills = vec![job("posts", "succeeded"), job("users", "running")];
    let (failed, why) = verdict(&look, "backfill");
    assert!(failed == Verdict::Fail && why.contains("users-1 is running"), "{why}");
    look.backfills[1] = job("users", "succeeded");
    assert_eq!(verdict(&look, "backfill").0, Verdict::Pass);
    // A backfill without a comparison is not known to have left no drift.
    assert_eq!(verdict(&look, "drift").0, Verdict::Hold);
}

#[test]
fn quality_by_judgments_is_that_of_the_source_by_the_same() {
    let mut look = look();
    assert_eq!(verdict(&look, "judged_ndcg").0, Verdict::Hold);
    let run = |pg, meili| EvalRun {
        index: "posts".to_owned(),
        queries: 10,
        judged: 10,
        overlap_at_10: None,
        ndcg_at_10: Some(pg),
        source_ndcg_at_10: meili,
    };
    let month = Duration::from_secs(30 * 24 * 60 * 60);
    for (run, expected) in [
        (run(0.5, Some(0.5)), Verdict::Pass),
        (run(0.9, Some(1.0)), Verdict::Pass),
        (run(0.8, Some(0.9)), Verdict::Fail),
        // Nothing to compare with, and nothing to divide by.
        (run(0.9, None), Verdict::Hold),
        (run(0.0, Some(0.0)), Verdict::Hold),
    ] {
        look.evals.insert(month, Some(run));
        assert_eq!(verdict(&look, "judged_ndcg").0, expected);
    }
}
