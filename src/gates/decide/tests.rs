use std::{collections::BTreeMap, time::Duration};

use jiff::{SignedDuration, Timestamp};

use super::{super::look, *};
use crate::{
    gates::{samples::Samples, window::Window},
    store::{
        Latch, StoredFlag, StoredFlags,
        evidence::{DriftSeen, Pair, Recorded, Settled},
    },
};

const HOUR: Duration = Duration::from_secs(3_600);

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

fn ago(hours: i64) -> Timestamp {
    now() - SignedDuration::from_hours(hours)
}

fn flags(texts: &[(&str, &str)]) -> StoredFlags {
    let flag = |(flag, value): &(&str, &str)| StoredFlag {
        flag: (*flag).to_owned(),
        value: (*value).to_owned(),
        updated_by: "ann".to_owned(),
        updated_at: now(),
    };
    StoredFlags { revision: 7, flags: texts.iter().map(flag).collect(), ..StoredFlags::default() }
}

const SHADOW: &[(&str, &str)] = &[("search_write_mode", "dual"), ("shadow_sample_rate", "50")];
const PRIMARY: &[(&str, &str)] =
    &[("search_write_mode", "dual"), ("search_read_backend", "pg"), ("shadow_sample_rate", "50")];

fn pair(overlap: f64, class: QueryClass) -> Pair {
    Pair {
        compared: true,
        settled: Settled::Yes,
        overlap_at_10: overlap,
        identical: overlap == 1.0,
        agreement: Some(overlap),
        meili_ms: Some(5.0),
        pg_ms: Some(10.0),
        only_pg_empty: Some(false),
        noise_overlap_at_10: None,
        classes: vec![class],
    }
}

fn look(texts: &[(&str, &str)], pairs: impl IntoIterator<Item = Pair>) -> Look {
    let mut samples = Samples::default();
    let mut stored = 0;
    pairs.into_iter().for_each(|pair| {
        stored += 1;
        samples.add(&pair);
    });
    let window = Window::at(now(), ago(5), 24 * HOUR, 0.05);
    let seen = look::Seen { window, samples, recorded: Recorded { stored, lost: 0 }, reads: look::Reads::default() };
    Look {
        now: now(),
        flags: flags(texts),
        since: Some(ago(5)),
        reads_since: Some(ago(5)),
        windows: BTreeMap::from([(24 * HOUR, seen)]),
        evals: BTreeMap::new(),
        drift: Vec::new(),
        backfills: Vec::new(),
        replicas: Vec::new(),
    }
}

/// Only the gates named, changed as a gate file says.
fn policy(names: &[&str], changes: &str) -> Policy {
    let mut policy = Policy::parse(changes).unwrap();
    policy.gates.retain(|gate| names.contains(&gate.name.as_str()));
    policy
}

fn judged<'a>(decision: &'a Decision, name: &str) -> &'a Judged {
    decision.gates.iter().find(|judged| judged.gate == name).unwrap()
}

#[test]
fn enough_that_is_good_passes_too_little_holds_and_bad_fails() {
    let verdict = |overlap: f64, count: usize| {
        let policy = policy(&["overlap_median"], "");
        decide(&policy, &look(SHADOW, (0..count).map(|_| pair(overlap, QueryClass::Tail)))).unwrap().verdict
    };
    assert_eq!(verdict(1.0, 600), Verdict::Pass);
    assert_eq!(verdict(1.0, 499), Verdict::Hold);
    assert_eq!(verdict(0.5, 600), Verdict::Fail);
    // Never a fail of too little, however bad it looks.
    assert_eq!(verdict(0.0, 499), Verdict::Hold);
    assert_eq!(verdict(0.0, 0), Verdict::Hold);
}

#[test]
fn a_median_at_the_threshold_by_chance_holds() {
    let near = (0..1_000).map(|n| pair(if n % 100 < 52 { 0.7 } else { 0.6 }, QueryClass::Tail));
    let decision = decide(&policy(&["overlap_median"], ""), &look(SHADOW, near)).unwrap();
    assert_eq!((decision.verdict, judged(&decision, "overlap_median").value), (Verdict::Hold, Some(0.7)));
}

#[test]
fn one_gate_that_fails_is_enough_and_one_that_holds_holds() {
    let pairs = || (0..600).map(|_| pair(1.0, QueryClass::Tail));
    let both = policy(&["overlap_median", "pg_p95"], "[gates.pg_p95]\nat_most = 9.0");
    assert_eq!(decide(&both, &look(SHADOW, pairs())).unwrap().verdict, Verdict::Fail);
    // Nobody knows of drift.
    let unknown = policy(&["overlap_median", "drift"], "");
    let decision = decide(&unknown, &look(SHADOW, pairs())).unwrap();
    assert_eq!((decision.verdict, judged(&decision, "drift").verdict), (Verdict::Hold, Verdict::Hold));
}

#[test]
fn gates_of_other_steps_are_shown_and_do_not_count() {
    let policy = policy(&["overlap_median", "read_fallbacks"], "");
    let decision = decide(&policy, &look(SHADOW, (0..600).map(|_| pair(1.0, QueryClass::Tail)))).unwrap();
    assert_eq!(decision.step.as_ref().unwrap().kind, StepKind::Canary);
    assert!(!judged(&decision, "read_fallbacks").counts);
    assert_eq!((judged(&decision, "read_fallbacks").verdict, decision.verdict), (Verdict::Hold, Verdict::Pass));
}

#[test]
fn an_average_does_not_hide_a_class() {
    let pairs = || {
        let cjk = (0..600).map(|_| pair(0.2, QueryClass::Cjk));
        (0..6_000).map(|_| pair(1.0, QueryClass::Head)).chain(cjk)
    };
    let all = decide(&policy(&["overlap_median"], ""), &look(SHADOW, pairs())).unwrap();
    let shown = judged(&all, "overlap_median").worst.as_ref().unwrap();
    assert_eq!((all.verdict, shown.class, shown.verdict), (Verdict::Pass, QueryClass::Cjk, Verdict::Fail));

    let bound = decide(&policy(&["overlap_median"], "[gates.overlap_median]\nclass = 'worst'"), &look(SHADOW, pairs()));
    let bound = bound.unwrap();
    assert_eq!((bound.verdict, judged(&bound, "overlap_median").class), (Verdict::Fail, Some(QueryClass::Cjk)));
    let head = policy(&["overlap_median"], "[gates.overlap_median]\nclass = 'head'");
    assert_eq!(decide(&head, &look(SHADOW, pairs())).unwrap().verdict, Verdict::Pass);
    // A class of which too little is known is not the worst.
    let few = (0..600).map(|_| pair(1.0, QueryClass::Head)).chain((0..10).map(|_| pair(0.0, QueryClass::Short)));
    assert_eq!(
        decide(&policy(&["overlap_median"], ""), &look(SHADOW, few)).unwrap().gates[0].worst.as_ref().unwrap().class,
        QueryClass::Head
    );
}

#[test]
fn a_latch_blocks_whatever_the_gates_say() {
    let mut look = look(SHADOW, (0..600).map(|_| pair(1.0, QueryClass::Tail)));
    look.flags.latch = Some(Latch { by: "guard".to_owned(), why: "fallbacks".to_owned(), at: now() });
    let decision = decide(&policy(&["overlap_median"], ""), &look).unwrap();
    assert_eq!(decision.verdict, Verdict::Hold);
    assert!(decision.blocked[0].contains("guard"));
}

#[test]
fn the_last_step_waits_for_time_and_for_a_clean_comparison() {
    let policy = policy(&["overlap_median"], "observe = '4h'");
    let pairs = || (0..600).map(|_| pair(1.0, QueryClass::Tail));
    let seen = |hours, differing, unsettled| DriftSeen {
        index: "posts".to_owned(),
        began: ago(hours),
        meili_documents: 10,
        pg_documents: 10,
        missing: 0,
        extra: 0,
        stale: differing,
        tombstone: 0,
        unsettled,
    };
    let with = |drift: Vec<DriftSeen>, since: i64| {
        let look = Look { drift, reads_since: Some(ago(since)), ..look(PRIMARY, pairs()) };
        decide(&policy, &look).unwrap()
    };
    let good = with(vec![seen(1, 0, 0)], 5);
    assert_eq!((good.step.as_ref().unwrap().kind, good.verdict), (StepKind::TargetOnly, Verdict::Pass));
    for (why, decision) in [
        ("stood too short", with(vec![seen(1, 0, 0)], 3)),
        ("differs", with(vec![seen(1, 1, 0)], 5)),
        ("unsettled", with(vec![seen(1, 0, 1)], 5)),
        ("too old", with(vec![seen(30, 0, 0)], 5)),
        ("never compared", with(Vec::new(), 5)),
        ("one of two", with(vec![seen(1, 0, 0), DriftSeen { index: "users".to_owned(), ..seen(1, 2, 0) }], 5)),
    ] {
        assert_eq!(decision.verdict, Verdict::Hold, "{why}");
        assert!(decision.blocked.iter().all(|blocked| blocked.contains("no instant way back")), "{why}");
        assert!(!decision.blocked.is_empty(), "{why}");
    }
}

#[test]
fn at_the_end_there_is_no_step_and_no_pass() {
    let texts = [("search_write_mode", "pg_only"), ("search_read_backend", "pg")];
    let decision = decide(&Policy::default(), &look(&texts, [])).unwrap();
    assert_eq!((decision.step, decision.verdict), (None, Verdict::Hold));
}

#[test]
fn lost_records_are_seen() {
    let mut look = look(SHADOW, (0..600).map(|_| pair(1.0, QueryClass::Tail)));
    look.windows.values_mut().for_each(|seen| seen.recorded.lost = 12);
    assert_eq!(decide(&policy(&["completeness"], ""), &look).unwrap().verdict, Verdict::Fail);
    look.windows.values_mut().for_each(|seen| seen.recorded.lost = 6);
    assert_eq!(decide(&policy(&["completeness"], ""), &look).unwrap().verdict, Verdict::Pass);
}
