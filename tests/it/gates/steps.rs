//! Steps are taken on a pass, once, and kept.

use crossfade::{
    cutover::{Advance, CutoverError, advance},
    gates::{StepKind, Verdict},
    plan::Phase,
    store::StoreError,
};

use super::Ground;

const TERMS: Advance<'_> = Advance { by: "ann", why: "it is time", overriding: false };

/// What was taken, step by step, with all gates content.
#[tokio::test]
async fn the_whole_way_on_passes_alone() {
    let ground = Ground::fresh().await;
    let policy = ground.policy("observe = '1ms'\n[gates.read_fallbacks]\nenabled = false");
    let mut steps = Vec::new();
    loop {
        ground.all_well().await;
        ground.pairs(1.0, 10, 1_000).await;
        match advance(&ground.store, &policy, TERMS).await {
            Ok(taken) => steps.push(taken.on.decision.step.unwrap().kind),
            Err(CutoverError::AtTheEnd) => break,
            Err(error) => panic!("after {steps:?}: {error}"),
        }
    }
    use StepKind::{Canary, CanaryMore, DualWrite, Shadow, ShadowMore, TargetOnly, TargetPrimary};
    let way = [DualWrite, Shadow, ShadowMore, ShadowMore, Canary, CanaryMore, CanaryMore, TargetPrimary, TargetOnly];
    assert_eq!(steps, way);
    let kept = ground.store.decisions().steps(20).await.unwrap();
    assert_eq!(kept.iter().rev().map(|step| step.step.as_str()).collect::<Vec<_>>(), way.map(StepKind::name));
    assert!(kept.iter().all(|step| step.verdict == "pass" && !step.overridden && step.taken_by == "ann"));
    let revisions: Vec<i64> = kept.iter().rev().map(|step| step.revision).collect();
    assert!(revisions.is_sorted());
}

#[tokio::test]
async fn a_hold_changes_nothing_unless_it_is_overridden_and_that_is_kept() {
    let ground = Ground::fresh().await;
    let policy = ground.policy("");
    let held = advance(&ground.store, &policy, TERMS).await.unwrap_err();
    let CutoverError::NotPassed(decision) = held else { panic!("{held}") };
    assert_eq!((decision.verdict, decision.phase), (Verdict::Hold, Phase::SourceOnly));
    assert_eq!(ground.store.flags().read().await.unwrap().plan().unwrap().phase(), Phase::SourceOnly);

    let taken = advance(&ground.store, &policy, Advance { overriding: true, ..TERMS }).await.unwrap();
    assert!(taken.overridden);
    let stored = ground.store.flags().read().await.unwrap();
    assert_eq!((stored.plan().unwrap().phase(), stored.revision), (Phase::DualWrite, taken.revision));
    let kept = ground.store.decisions().steps(1).await.unwrap().remove(0);
    assert_eq!((kept.overridden, kept.verdict.as_str(), kept.why.as_str()), (true, "hold", "it is time"));
    // Both looks are kept with what was known.
    assert_eq!(
        ground.count("SELECT count(*) FROM gate_verdicts WHERE decision->'gates' @> '[{\"gate\": \"drift\"}]'").await,
        2
    );
    let history = ground.store.flags().history(1).await.unwrap().remove(0);
    assert!(history.why.contains(&format!("verdict {}", kept.verdict_id)), "{}", history.why);
}

#[tokio::test]
async fn two_who_advance_at_once_take_one_step() {
    let ground = Ground::fresh().await;
    let policy = ground.policy("");
    // Twice, since there are eight steps that can be overridden.
    for _ in 0..2 {
        ground.all_well().await;
        let before = ground.count("SELECT count(*) FROM gate_steps").await;
        let terms = Advance { overriding: true, ..TERMS };
        let all = (0..4).map(|_| advance(&ground.store, &policy, terms));
        let outcomes = futures_util::future::join_all(all).await;
        let taken = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        let moved =
            |outcome: &&Result<_, CutoverError>| matches!(outcome, Err(CutoverError::Store(StoreError::Moved { .. })));
        assert!(taken > 0);
        assert_eq!(outcomes.iter().filter(moved).count(), 4 - taken, "{outcomes:?}");
        // Whoever looked after the step of another has seen the flags that it set: no step was taken twice.
        let after = ground.count("SELECT count(DISTINCT (step, share)) FROM gate_steps").await;
        assert_eq!((after - before) as usize, taken);
    }
}

#[tokio::test]
async fn nothing_goes_on_over_a_latch_even_if_overridden() {
    let ground = Ground::fresh().await;
    let canary = [("search_write_mode", "dual"), ("search_read_pg_percent", "5"), ("search_read_backend", "pg")];
    ground.set(&canary).await;
    ground.store.flags().latch("guard", "fallbacks").await.unwrap();
    let policy = ground.policy("");
    let terms = Advance { overriding: true, ..TERMS };
    let refused = advance(&ground.store, &policy, terms).await.unwrap_err();
    assert!(matches!(refused, CutoverError::Blocked(_)) && refused.to_string().contains("guard"), "{refused}");
    ground.store.flags().clear_latch("ann", "mended").await.unwrap();
    advance(&ground.store, &policy, terms).await.unwrap();
}
