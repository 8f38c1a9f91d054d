//! The noise floor: Meilisearch asked twice, under a paused clock.

use std::time::Duration;

use crossfade::{
    error::{BackendErrorKind, Side},
    plan::{Flags, Percent},
    search::SearchQuery,
    shadow::{Outcome, ShadowPolicy, ShadowRecord},
};
use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use tokio::time::Instant;
use tower::ServiceExt;

use crate::{
    reads::Setup,
    support::{Script, canary, hits, shadow, until},
};

const IDS: [&str; 3] = ["a", "b", "c"];

fn share(noise_share: f64) -> ShadowPolicy {
    ShadowPolicy { noise_share, ..ShadowPolicy::default() }
}

/// Meilisearch answers, and PostgreSQL does; both with every read compared.
fn either_side_answers() -> [(Side, Flags); 2] {
    let compared = Flags { shadow_sample_rate: Percent::HUNDRED, ..canary(100) };
    [(Side::Meili, shadow(100)), (Side::Pg, compared)]
}

/// The record of one read.
async fn one_read(setup: &Setup) -> ShadowRecord {
    setup.service().oneshot(SearchQuery::new("x")).await.unwrap();
    setup.recorded(1).await.remove(0)
}

#[tokio::test(start_paused = true)]
async fn a_stable_source_agrees_with_itself_and_a_flapping_one_does_not() {
    for (primary, flags) in either_side_answers() {
        let mut setup = Setup::with(flags, share(1.0));
        setup.spawn_worker();
        let record = one_read(&setup).await;
        assert_eq!((record.primary, record.outcome), (primary, Outcome::Compared));
        assert_eq!((record.overlap_at_10, record.noise_overlap_at_10), (Some(1.0), Some(1.0)));
        assert_eq!((setup.source.asked(), setup.target.asked()), (2, 1), "{primary}");

        let answer = |ids: [&'static str; 3]| Script::Answer(ids.to_vec());
        setup.source.now(Script::InTurn(vec![answer(IDS), answer(["b", "x", "a"])]));
        let record = one_read(&setup).await;
        // Two of three in common with itself; the sides are compared by the first answer.
        assert_eq!((record.overlap_at_10, record.noise_overlap_at_10), (Some(1.0), Some(2.0 / 3.0)), "{primary}");
        assert_eq!(record.meili.ids, Some(IDS.map(Into::into).to_vec()), "{primary}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_question_that_fails_is_nobodys_business() {
    let answer = || Script::Slow(Duration::from_millis(50), IDS.to_vec());
    for second in [Script::Hang, Script::Fail(BackendErrorKind::Unavailable), Script::Panic, Script::PanicAtOnce] {
        for (primary, flags) in either_side_answers() {
            let mut setup = Setup::with(flags, share(1.0));
            setup.spawn_worker();
            setup.target.now(Script::Slow(Duration::from_millis(30), IDS.to_vec()));
            setup.source.now(Script::InTurn(vec![answer(), second.clone()]));
            let started = Instant::now();
            let answered = setup.service().oneshot(SearchQuery::new("x")).await.unwrap();
            let expected = Duration::from_millis(if primary == Side::Meili { 50 } else { 30 });
            assert_eq!((started.elapsed(), answered), (expected, hits(&IDS)), "{second:?} delayed the response");
            let record = setup.recorded(1).await.remove(0);
            assert_eq!((record.outcome, record.error_kind), (Outcome::Compared, ""), "{second:?}");
            assert_eq!((record.overlap_at_10, record.noise_overlap_at_10), (Some(1.0), None), "{second:?}");
            let latency = |side| record.leg(side).latency.unwrap().as_millis();
            assert_eq!((latency(Side::Meili), latency(Side::Pg)), (50, 30), "{second:?}");
            // The deadline of the pair is that of the second question; the test looks every millisecond.
            let most = ShadowPolicy::default().deadline + Duration::from_millis(5);
            assert!(started.elapsed() <= most, "{second:?}: {:?}", started.elapsed());
        }
    }
}

/// What is slow about it is not waited for one after the other either.
#[tokio::test(start_paused = true)]
async fn the_second_question_is_asked_at_the_same_time_and_in_the_same_place() {
    let mut setup = Setup::with(shadow(100), ShadowPolicy { concurrency: 1, ..share(1.0) });
    setup.spawn_worker();
    let slow = |ms| Script::Slow(Duration::from_millis(ms), IDS.to_vec());
    setup.target.now(slow(30));
    setup.source.now(Script::InTurn(vec![slow(0), slow(40)]));
    let started = Instant::now();
    let service = setup.service();
    service.clone().oneshot(SearchQuery::new("first")).await.unwrap();
    until("the first pair is asked", || setup.source.asked() == 2).await;
    service.oneshot(SearchQuery::new("second")).await.unwrap();
    until("the second pair is asked", || setup.target.asked() == 2).await;
    let elapsed = started.elapsed();
    // At 30 ms the pair itself is complete, at 40 its second question; one after the other it would be 70.
    assert!((40..50).contains(&elapsed.as_millis()), "{elapsed:?}");
}

#[tokio::test(start_paused = true)]
async fn the_share_says_how_often() {
    // Six standard deviations of a binomial(1000, 0.25) are 82.
    for (part, few, many) in [(0.0, 0, 0), (0.25, 168, 332), (1.0, 1000, 1000)] {
        let policy = ShadowPolicy { queue: 2_000, concurrency: 64, ..share(part) };
        let mut setup = Setup::with(shadow(100), policy);
        setup.spawn_worker();
        for _ in 0..1_000 {
            setup.service().oneshot(SearchQuery::new("x")).await.unwrap();
        }
        let records = setup.recorded(1_000).await;
        let twice = records.iter().filter(|record| record.noise_overlap_at_10.is_some()).count();
        assert!((few..=many).contains(&twice), "{twice} of 1000 at {part}");
        assert_eq!((setup.source.asked(), setup.target.asked()), (1_000 + twice, 1_000));
    }
}

/// Without a pair there is no noise of it.
#[tokio::test(start_paused = true)]
async fn only_compared_pairs_have_one() {
    let mut setup = Setup::with(shadow(100), share(1.0));
    setup.spawn_worker();
    setup.target.now(Script::Fail(BackendErrorKind::Internal));
    let record = one_read(&setup).await;
    assert_eq!((record.outcome, record.noise_overlap_at_10), (Outcome::ShadowError, None));
}

#[test]
fn it_is_measured_and_its_failures_are_counted() {
    let recorder = DebuggingRecorder::new();
    let snapshots = recorder.snapshotter();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    metrics::with_local_recorder(&recorder, || {
        runtime.block_on(async {
            let mut setup = Setup::with(shadow(100), share(1.0));
            setup.spawn_worker();
            let answer = || Script::Answer(IDS.to_vec());
            let unavailable = Script::Fail(BackendErrorKind::Unavailable);
            let half = Script::Answer(vec!["a", "b", "c", "d", "e", "f"]);
            setup.source.now(Script::InTurn(vec![answer(), half, answer(), unavailable]));
            one_read(&setup).await;
            one_read(&setup).await;
        });
    });
    let mut seen = Vec::new();
    for (key, _, _, value) in snapshots.snapshot().into_vec() {
        let labels: Vec<_> = key.key().labels().map(|label| (label.key(), label.value())).collect();
        match (key.key().name(), labels.as_slice(), value) {
            ("shadow_noise_overlap_at_10", [], DebugValue::Histogram(values)) => {
                seen.extend(values.iter().map(|value| value.0.to_string()));
            }
            ("shadow_noise_errors_total", [("kind", kind)], DebugValue::Counter(count)) => {
                seen.push(format!("{kind} {count}"));
            }
            _ => {}
        }
    }
    seen.sort();
    assert_eq!(seen, ["0.5", "unavailable 1"]);
}
