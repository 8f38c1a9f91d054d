//! What is given out, to whom, and in which order.

use std::collections::BTreeSet;

use super::*;

pub(crate) async fn claims_are_oldest_first_and_limited(place: &impl Place) {
    let journal = place.open().await;
    let mut all = Vec::new();
    for at in 0..5 {
        all.push(accepted(&*journal, put(&format!("{}", 9 - at), at)).await);
    }
    assert_eq!(seqs(&journal.claim(Duty::Pg, 0).await.unwrap().entries), []);
    assert_eq!(seqs(&journal.claim(Duty::Pg, 2).await.unwrap().entries), all[..2]);
    assert_eq!(seqs(&journal.claim(Duty::Pg, 2).await.unwrap().entries), all[2..4]);
    assert_eq!(seqs(&journal.claim(Duty::Pg, 2).await.unwrap().entries), all[4..]);
    assert_eq!(journal.claim(Duty::Pg, 2).await.unwrap(), Claim::default());
}

pub(crate) async fn a_claim_may_be_large(place: &impl Place) {
    let journal = place.open().await;
    let intent = |n: i64| {
        // Some of them are long.
        let text = "x".repeat(if n % 500 == 7 { 120_000 } else { 10 });
        intent(&n.to_string(), n, Deed::Change(Action::Put(fields(&text))))
    };
    let intents: Vec<Intent> = (1..=2_300).map(intent).collect();
    let seqs = journal.append(&intents, Outcome::Accepted(None)).await.unwrap();
    let claim = journal.claim(Duty::Pg, 5_000).await.unwrap();
    assert_eq!(super::seqs(&claim.entries), seqs);
    let given: Vec<Intent> = claim.entries.into_iter().map(|entry| entry.intent).collect();
    assert!(given == intents, "not what was appended");
    assert_eq!(claimed(&*journal, Duty::Pg).await, []);
}

pub(crate) async fn claimed_entries_are_not_given_out_again(place: &impl Place) {
    let journal = place.open().await;
    let seq = accepted(&*journal, put("a", 1)).await;
    assert_eq!(claimed(&*journal, Duty::Pg).await, [seq]);
    assert_eq!(claim(&*journal, Duty::Pg).await, Claim::default());
    assert_eq!(counts(&*journal).await, [1, 0, 1, 1, 0], "what is claimed is still to be done");
    done(&*journal, Duty::Pg, seq).await;
    assert_eq!(claim(&*journal, Duty::Pg).await, Claim::default());
}

pub(crate) async fn a_document_is_with_one_claim_at_a_time(place: &impl Place) {
    let journal = place.open().await;
    let first = accepted(&*journal, put("a", 1)).await;
    assert_eq!(claimed(&*journal, Duty::Pg).await, [first]);
    let second = accepted(&*journal, put("a", 2)).await;
    let other = accepted(&*journal, put("b", 3)).await;
    let namesake = accepted(&*journal, elsewhere(put("a", 4))).await;
    assert_eq!(claimed(&*journal, Duty::Pg).await, [other, namesake]);
    assert_eq!(claimed(&*journal, Duty::Pg).await, []);
    done(&*journal, Duty::Pg, first).await;
    assert_eq!(claimed(&*journal, Duty::Pg).await, [second]);
    // A claim ends however it is settled.
    let third = accepted(&*journal, put("a", 5)).await;
    let end = End::Retry { after: Duration::from_secs(3600), why: None, counts: false };
    settle(&*journal, Duty::Pg, second, end).await;
    assert_eq!(claimed(&*journal, Duty::Pg).await, [third]);
}

pub(crate) async fn one_claim_may_hold_several_of_a_document(place: &impl Place) {
    let journal = place.open().await;
    let first = accepted(&*journal, put("a", 1)).await;
    let second = accepted(&*journal, put("a", 2)).await;
    assert_eq!(claimed(&*journal, Duty::Pg).await, [first, second]);
    let third = accepted(&*journal, put("a", 3)).await;
    done(&*journal, Duty::Pg, first).await;
    assert_eq!(claimed(&*journal, Duty::Pg).await, [], "one of it is still claimed");
    done(&*journal, Duty::Pg, second).await;
    assert_eq!(claimed(&*journal, Duty::Pg).await, [third]);
}

pub(crate) async fn duties_are_claimed_apart(place: &impl Place) {
    let journal = place.open().await;
    let seq = accepted(&*journal, put("a", 1)).await;
    assert_eq!(claimed(&*journal, Duty::Meili).await, [seq]);
    assert_eq!(claimed(&*journal, Duty::Pg).await, [seq]);
    done(&*journal, Duty::Meili, seq).await;
    assert_eq!(counts(&*journal).await, [1, 0, 0, 1, 0]);
    assert_eq!(claimed(&*journal, Duty::Pg).await, [], "still claimed");
    done(&*journal, Duty::Pg, seq).await;
    assert_eq!(counts(&*journal).await, [0; 5]);
}

pub(crate) async fn reconcile_comes_after_all_other_duties(place: &impl Place) {
    let journal = place.open().await;
    let seq = accepted(&*journal, put("a", 1)).await;
    assert_eq!(claimed(&*journal, Duty::Meili).await, [seq]);
    settle(&*journal, Duty::Meili, seq, End::Then { duties: Duties::RECONCILE, redo: false }).await;
    assert_eq!(counts(&*journal).await, [1, 0, 0, 1, 1]);
    assert_eq!(claimed(&*journal, Duty::Reconcile).await, []);
    assert_eq!(claimed(&*journal, Duty::Pg).await, [seq]);
    assert_eq!(claimed(&*journal, Duty::Reconcile).await, []);
    done(&*journal, Duty::Pg, seq).await;
    assert_eq!(claimed(&*journal, Duty::Reconcile).await, [seq]);
}

pub(crate) async fn concurrent_claims_share_nothing(place: &impl Place) {
    let journal = place.open().await;
    // Three writes of each of 20 documents.
    let intents: Vec<Intent> = (0..60).map(|at| put(&(at % 20).to_string(), at)).collect();
    journal.append(&intents, Outcome::Accepted(None)).await.unwrap();
    let claims = (0..12).map(|_| journal.claim(Duty::Pg, 7));
    let mut claims = futures_util::future::try_join_all(claims).await.unwrap();
    // Claims that ran at the same time may have been shy of each other.
    while let Some(rest) = Some(claim(&*journal, Duty::Pg).await).filter(|claim| !claim.entries.is_empty()) {
        claims.push(rest);
    }
    let (mut seen, mut owners) = (BTreeSet::new(), BTreeSet::new());
    for claim in &claims {
        let documents: BTreeSet<_> = claim.entries.iter().map(|entry| entry.intent.id.clone()).collect();
        for entry in &claim.entries {
            assert!(seen.insert(entry.seq), "{:?} was given out twice", entry.seq);
        }
        for document in documents {
            assert!(owners.insert(document.clone()), "{document} is with two claims");
        }
    }
    assert_eq!(owners.len(), 20, "every document is with somebody");
}

pub(crate) async fn open_after_sees_later_entries(place: &impl Place) {
    let journal = place.open().await;
    let first = accepted(&*journal, put("a", 1)).await;
    let asked = append(&*journal, put("b", 2), Outcome::Asked).await;
    let elsewhere = accepted(&*journal, elsewhere(put("c", 3))).await;
    let looked = async |duty, ids: &[(&str, Seq)]| {
        let ids: Vec<_> = ids.iter().map(|(id, seq)| (DocumentId::from(*id), *seq)).collect();
        journal.open_after(duty, INDEX, &ids).await.unwrap()
    };
    let any = Seq(0);
    let ids = [("a", any), ("a", first), ("b", any), ("b", first), ("b", asked), ("c", any), ("d", any), ("a", any)];
    assert_eq!(looked(Duty::Pg, &ids).await, [true, false, true, true, false, false, false, true]);
    assert_eq!(looked(Duty::Reconcile, &ids[..3]).await, [false, false, true], "asked counts for every duty");
    assert_eq!(journal.open_after(Duty::Pg, "users", &[("c".into(), any)]).await.unwrap(), [true]);
    assert_eq!(journal.open_after(Duty::Pg, "users", &[("c".into(), elsewhere)]).await.unwrap(), [false]);
    assert_eq!(looked(Duty::Pg, &[]).await, [] as [bool; 0]);
    assert_eq!(claimed(&*journal, Duty::Pg).await, [first, elsewhere]);
    assert_eq!(looked(Duty::Pg, &[("a", any)]).await, [true], "claimed is open");
    done(&*journal, Duty::Pg, first).await;
    assert_eq!(looked(Duty::Pg, &[("a", any)]).await, [false]);
    assert_eq!(looked(Duty::Meili, &[("a", any)]).await, [true]);
    let second = accepted(&*journal, put("a", 4)).await;
    assert_eq!(looked(Duty::Pg, &[("a", first), ("a", second)]).await, [true, false]);
}

fn by_pg(intent: Intent) -> Intent {
    Intent { authority: Side::Pg, ..intent }
}

fn by_meili(intent: Intent) -> Intent {
    Intent { authority: Side::Meili, ..intent }
}

pub(crate) async fn carried_tells_how_far_documents_have_come(place: &impl Place) {
    let journal = place.open().await;
    let looked = async |side, ids: &[&str]| {
        let ids: Vec<_> = ids.iter().map(|id| DocumentId::from(*id)).collect();
        journal.carried(side, INDEX, &ids).await.unwrap()
    };
    let sent = accepted(&*journal, by_pg(put("sent", 1))).await;
    append(&*journal, by_pg(put("asked", 2)), Outcome::Asked).await;
    append(&*journal, by_pg(put("unknown", 3)), Outcome::Unknown).await;
    accepted(&*journal, put("of-meili", 4)).await;
    accepted(&*journal, elsewhere(by_pg(put("elsewhere", 5)))).await;
    let ids = ["sent", "asked", "unknown", "of-meili", "elsewhere", "nowhere", "sent"];
    let (all, unknown, pending) = (Carried::All, Carried::Unknown, Carried::Pending);
    assert_eq!(looked(Side::Pg, &ids).await, [pending, unknown, unknown, all, all, all, pending]);
    assert_eq!(looked(Side::Meili, &ids[2..5]).await, [all, pending, all]);
    assert_eq!(looked(Side::Pg, &[]).await, []);

    // What PostgreSQL decided is only checked then; what Meilisearch decided may have to be copied.
    let followed = claimed(&*journal, Duty::Meili).await;
    assert_eq!(followed[0], sent);
    settle(&*journal, Duty::Meili, sent, End::Then { duties: Duties::RECONCILE, redo: false }).await;
    settle(&*journal, Duty::Meili, followed[1], End::Then { duties: Duties::RECONCILE, redo: false }).await;
    let of_meili = claimed(&*journal, Duty::Pg).await;
    done(&*journal, Duty::Pg, of_meili[0]).await;
    assert_eq!(looked(Side::Pg, &["sent"]).await, [all]);
    assert_eq!(looked(Side::Meili, &["of-meili"]).await, [pending]);

    // Of several the furthest counts.
    append(&*journal, by_pg(put("sent", 6)), Outcome::Asked).await;
    assert_eq!(looked(Side::Pg, &["sent"]).await, [unknown]);
    accepted(&*journal, by_pg(put("sent", 7))).await;
    assert_eq!(looked(Side::Pg, &["sent"]).await, [pending]);

    // Sweeps have the empty id.
    assert_eq!(looked(Side::Meili, &["", "nowhere"]).await, [all, all]);
    accepted(&*journal, by_meili(sweep(8))).await;
    assert_eq!(looked(Side::Meili, &["", "nowhere"]).await, [pending, all]);
    assert_eq!(looked(Side::Pg, &[""]).await, [all]);
    // What PostgreSQL has swept is found out: which documents those are, and what Meilisearch holds of them.
    accepted(&*journal, by_pg(sweep(9))).await;
    accepted(&*journal, by_pg(resync("swept", 9))).await;
    assert_eq!(looked(Side::Pg, &["", "swept"]).await, [unknown, unknown]);
}

pub(crate) async fn index_carried_tells_how_far_all_of_it_has_come(place: &impl Place) {
    let journal = place.open().await;
    let looked = async |side| journal.index_carried(side, INDEX).await.unwrap();
    let (all, unknown, pending) = (Carried::All, Carried::Unknown, Carried::Pending);
    let elsewhere = accepted(&*journal, elsewhere(put("a", 1))).await;
    assert_eq!((looked(Side::Meili).await, looked(Side::Pg).await), (all, all));
    let asked = append(&*journal, put("a", 2), Outcome::Asked).await;
    assert_eq!((looked(Side::Meili).await, looked(Side::Pg).await), (unknown, all));
    accepted(&*journal, by_pg(put("b", 3))).await;
    assert_eq!((looked(Side::Meili).await, looked(Side::Pg).await), (unknown, pending));
    let swept = accepted(&*journal, by_meili(sweep(4))).await;
    assert_eq!(looked(Side::Meili).await, pending);

    resolve(&*journal, asked, Outcome::Refused).await;
    assert_eq!(looked(Side::Meili).await, pending, "it is still to be seen whether the sweep stands");
    // The sweep is the last.
    for seq in claimed(&*journal, Duty::Meili).await {
        settle(&*journal, Duty::Meili, seq, End::Then { duties: Duties::RECONCILE, redo: false }).await;
    }
    assert_eq!(claimed(&*journal, Duty::Meili).await, [swept]);
    settle(&*journal, Duty::Meili, swept, End::Then { duties: Duties::PG, redo: false }).await;
    assert_eq!((looked(Side::Meili).await, looked(Side::Pg).await), (pending, all));
    assert_eq!(claimed(&*journal, Duty::Pg).await, [elsewhere]);
    assert_eq!(claimed(&*journal, Duty::Pg).await, [swept]);
    done(&*journal, Duty::Pg, swept).await;
    assert_eq!(looked(Side::Meili).await, all);
    let resync = accepted(&*journal, by_pg(resync("c", 5))).await;
    assert_eq!(looked(Side::Pg).await, unknown);
    assert_eq!(claimed(&*journal, Duty::Reconcile).await.last(), Some(&resync));
    done(&*journal, Duty::Reconcile, resync).await;
    assert_eq!(looked(Side::Pg).await, all);
}
