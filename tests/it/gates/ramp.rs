//! The ramp controller.

use std::time::Duration;

use crossfade::{
    cutover::{Ramp, RampOptions, Round},
    gates::{Policy, StepKind},
    plan::Phase,
};
use tokio_util::sync::CancellationToken;

use super::Ground;

fn ramp(ground: &Ground, policy: Policy, acts: bool) -> Ramp {
    // The lease is three times that.
    let options = RampOptions { acts, every: Duration::from_secs(1), ..RampOptions::default() };
    Ramp::new(ground.store.clone(), policy, options)
}

async fn phase(ground: &Ground) -> Phase {
    ground.store.flags().read().await.unwrap().plan().unwrap().phase()
}

#[tokio::test]
async fn it_proposes_unless_told_to_act() {
    let ground = Ground::fresh().await;
    ground.all_well().await;
    let round = ramp(&ground, ground.policy(""), false).round().await.unwrap();
    assert!(matches!(round, Round::Proposes { .. }), "{round:?}");
    assert_eq!(phase(&ground).await, Phase::SourceOnly);
}

#[tokio::test]
async fn a_step_stands_for_its_time_before_the_next() {
    let ground = Ground::fresh().await;
    ground.all_well().await;
    let long = ramp(&ground, ground.policy("[ramp]\ndwell = '1h'"), true);
    assert!(matches!(long.round().await.unwrap(), Round::Took { .. }));
    ground.all_well().await;
    let round = long.round().await.unwrap();
    let Round::Dwells { until, decision } = round else { panic!("{round:?}") };
    assert_eq!(until.duration_since(decision.since.unwrap()).as_secs(), 3_600);
    assert_eq!(phase(&ground).await, Phase::DualWrite);
}

#[tokio::test]
async fn the_last_step_is_left_to_people() {
    let ground = Ground::fresh().await;
    ground.set(&[("search_write_mode", "dual"), ("search_read_backend", "pg")]).await;
    ground.all_well().await;
    ground.pairs(1.0, 10, 1_000).await;
    let policy = ground.policy("observe = '1ms'\n[ramp]\ndwell = '1ms'\n[gates.read_fallbacks]\nenabled = false");
    let round = ramp(&ground, policy, true).round().await.unwrap();
    let Round::Proposes { on } = round else { panic!("{round:?}") };
    assert_eq!(on.decision.step.unwrap().kind, StepKind::TargetOnly);
    assert_eq!(phase(&ground).await, Phase::TargetPrimary);
}

/// Of several that act, each step is taken by one, and another goes on when that one has gone.
#[tokio::test]
async fn one_works_and_another_takes_over() {
    let ground = Ground::fresh().await;
    ground.all_well().await;
    let policy = || ground.policy("[ramp]\ndwell = '1ms'");
    let (first, second) = (ramp(&ground, policy(), true), ramp(&ground, policy(), true));
    assert!(matches!(first.round().await.unwrap(), Round::Took { .. }));
    assert_eq!(second.round().await.unwrap(), Round::StandsBy);

    // The first falls silent; its lease runs out.
    let waiting = async {
        while second.round().await.unwrap() == Round::StandsBy {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), waiting).await.unwrap();
    assert_eq!(first.round().await.unwrap(), Round::StandsBy);
}

#[tokio::test]
async fn it_gives_its_place_away_when_it_stops() {
    let ground = Ground::fresh().await;
    let options = RampOptions { every: Duration::from_secs(3_600), ..RampOptions::default() };
    let (stop, mut rounds) = (CancellationToken::new(), 0);
    Ramp::new(ground.store.clone(), ground.policy(""), options)
        .run(stop.clone(), |round| {
            rounds += u32::from(round.is_ok());
            stop.cancel();
        })
        .await;
    assert_eq!(rounds, 1);
    assert!(ramp(&ground, ground.policy(""), false).round().await.unwrap() != Round::StandsBy);
}
