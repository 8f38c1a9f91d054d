//! Sweeps, which are about every document of an index.

use super::*;

const LATER: Duration = Duration::from_secs(3600);

pub(crate) async fn a_sweep_is_given_out_alone(place: &impl Place) {
    let journal = place.open().await;
    let other = accepted(&*journal, elsewhere(put("a", 1))).await;
    let swept = accepted(&*journal, sweep(2)).await;
    let later = accepted(&*journal, elsewhere(put("b", 3))).await;
    let mut found = Vec::new();
    for _ in 0..3 {
        let entries = claimed(&*journal, Duty::Pg).await;
        assert!(entries == [swept] || !entries.contains(&swept), "{entries:?}");
        found.extend(entries);
    }
    assert_eq!(found.iter().filter(|seq| **seq == swept).count(), 1);
    found.sort();
    assert_eq!(found, [other, swept, later]);
}

pub(crate) async fn a_sweep_waits_for_older_duties(place: &impl Place) {
    let journal = place.open().await;
    let older = accepted(&*journal, put("a", 1)).await;
    let swept = accepted(&*journal, sweep(2)).await;
    let elsewhere = accepted(&*journal, elsewhere(sweep(3))).await;
    assert_eq!(journal.claim(Duty::Pg, 1).await.unwrap().entries.len(), 1);
    let claim = claimed(&*journal, Duty::Pg).await;
    assert_eq!(claim, [elsewhere], "{swept:?} waits for what is claimed, in its own index only");
    settle(&*journal, Duty::Pg, older, End::Retry { after: LATER, why: None, counts: false }).await;
    assert_eq!(claimed(&*journal, Duty::Pg).await, [], "it waits for what is not due");
    // Other duties of what is older do not matter.
    let journal = {
        drop(journal);
        place.open().await
    };
    for _ in 0..3 {
        for seq in claimed(&*journal, Duty::Pg).await {
            done(&*journal, Duty::Pg, seq).await;
        }
    }
    assert_eq!(counts(&*journal).await, [1, 0, 1, 0, 0]);
}

pub(crate) async fn a_sweep_waits_for_older_entries_being_asked(place: &impl Place) {
    let journal = place.open().await;
    let asked = append(&*journal, put("a", 1), Outcome::Asked).await;
    append(&*journal, elsewhere(put("a", 2)), Outcome::Asked).await;
    let swept = accepted(&*journal, sweep(3)).await;
    append(&*journal, put("b", 4), Outcome::Asked).await;
    assert_eq!(claimed(&*journal, Duty::Pg).await, []);
    resolve(&*journal, asked, Outcome::Refused).await;
    assert_eq!(claimed(&*journal, Duty::Pg).await, [swept], "later ones and other indexes do not matter");
}

pub(crate) async fn entries_after_a_sweep_wait_for_it_on_pg(place: &impl Place) {
    let journal = place.open().await;
    let swept = accepted(&*journal, sweep(1)).await;
    let later = accepted(&*journal, put("a", 2)).await;
    let other = accepted(&*journal, elsewhere(put("a", 3))).await;
    assert_eq!(claimed(&*journal, Duty::Meili).await, [later, other], "only PostgreSQL waits");
    assert_eq!(claimed(&*journal, Duty::Pg).await, [swept]);
    assert_eq!(claimed(&*journal, Duty::Pg).await, [other]);
    settle(&*journal, Duty::Pg, swept, End::Retry { after: LATER, why: None, counts: false }).await;
    assert_eq!(claimed(&*journal, Duty::Pg).await, [], "its duty has not ended");
    let journal = {
        drop(journal);
        place.open().await
    };
    assert_eq!(claimed(&*journal, Duty::Pg).await, [swept]);
    done(&*journal, Duty::Pg, swept).await;
    assert_eq!(claimed(&*journal, Duty::Pg).await, [later, other]);
}

pub(crate) async fn sweeps_of_an_index_go_in_order(place: &impl Place) {
    let journal = place.open().await;
    let followed = |version| Intent { authority: Side::Meili, ..sweep(version) };
    let first = accepted(&*journal, followed(1)).await;
    let second = accepted(&*journal, followed(2)).await;
    assert_eq!(claimed(&*journal, Duty::Meili).await, [first]);
    assert_eq!(claimed(&*journal, Duty::Meili).await, []);
    settle(&*journal, Duty::Meili, first, End::Then { duties: Duties::PG, redo: false }).await;
    assert_eq!(claimed(&*journal, Duty::Meili).await, [second]);
    settle(&*journal, Duty::Meili, second, End::Then { duties: Duties::PG, redo: false }).await;
    assert_eq!(claimed(&*journal, Duty::Pg).await, [first]);
    assert_eq!(claimed(&*journal, Duty::Pg).await, []);
    done(&*journal, Duty::Pg, first).await;
    assert_eq!(claimed(&*journal, Duty::Pg).await, [second]);
}
