//! Appending, and what the authority said.

use super::*;

/// Entries as a claim shows them, however odd their texts and numbers.
pub(crate) async fn entries_come_back_as_they_were(place: &impl Place) {
    let journal = place.open().await;
    let odd = "a\u{0}b\n\"'\\ \u{1f600} \u{fffd} 検索\u{7f}";
    let document = json!({
        odd: odd, "z": 1, "a": 1.5, "nested": {"z": null, "a": [true, {"\u{0}": ""}]}, "big": u64::MAX, "small": i64::MIN
    });
    let document = document.as_object().unwrap();
    let filters = [
        None,
        Some(FilterInput::Expression(odd.into())),
        Some(serde_json::from_value(json!(["year > 1990", ["genres = Drama", odd]])).unwrap()),
    ];
    let mut given = vec![
        intent(odd, i64::MAX, Deed::Change(Action::Put(document.clone()))),
        Intent { explicit: true, index: odd.into(), ..intent("1", -1, Deed::Change(Action::Merge(document.clone()))) },
        Intent { authority: Side::Pg, ..intent("2", 0, Deed::Change(Action::Delete)) },
        intent("3", 1, Deed::Change(Action::Put(Document::new()))),
    ];
    for (at, filter) in filters.into_iter().enumerate() {
        given.push(Intent { index: format!("swept{at}").into(), ..intent("", at as i64, Deed::Sweep(filter)) });
    }
    for intent in given {
        let seq = append(&*journal, intent.clone(), Outcome::Asked).await;
        assert_eq!(resolve(&*journal, seq, task(u64::from(u32::MAX) + 7)).await, []);
        let found = claim(&*journal, Duty::Meili).await.entries;
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].seq, found[0].outcome), (seq, task(u64::from(u32::MAX) + 7)));
        assert_eq!((found[0].redo, found[0].attempts), (false, 0));
        assert_eq!(found[0].intent, intent);
        let keys = |intent: &Intent| match &intent.deed {
            Deed::Change(Action::Put(fields) | Action::Merge(fields)) => fields.keys().cloned().collect(),
            _ => Vec::new(),
        };
        assert_eq!(keys(&found[0].intent), keys(&intent), "the order of fields");
    }
    let reconciled = accepted(&*journal, resync("4", 4)).await;
    assert_eq!(claim(&*journal, Duty::Reconcile).await.entries[0].intent, resync("4", 4));
    done(&*journal, Duty::Reconcile, reconciled).await;
}

pub(crate) async fn seqs_ascend_and_an_append_of_nothing_is_nothing(place: &impl Place) {
    let journal = place.open().await;
    assert_eq!(journal.append(&[], Outcome::Asked).await.unwrap(), []);
    assert_eq!(journal.resolve(&[]).await.unwrap(), []);
    journal.settle(Duty::Pg, &[]).await.unwrap();
    assert_eq!(counts(&*journal).await, [0; 5]);
    let many: Vec<Intent> = (0..1500).map(|at| put(&at.to_string(), at)).collect();
    let mut all = journal.append(&many, Outcome::Accepted(None)).await.unwrap();
    all.extend(journal.append(&many[..10], Outcome::Accepted(None)).await.unwrap());
    assert_eq!(all.len(), 1510);
    assert!(all.is_sorted_by(|a, b| a < b), "{all:?}");
    let found = journal.claim(Duty::Meili, 2000).await.unwrap().entries;
    assert_eq!(seqs(&found), all);
    let ids: Vec<_> = found[..1500].iter().map(|entry| entry.intent.clone()).collect();
    assert_eq!(ids, many, "seqs in the order of the intents");
}

pub(crate) async fn a_dropped_append_is_all_or_nothing(place: &impl Place) {
    let journal = place.open().await;
    let batch: Vec<Intent> = (0..50).map(|at| put(&at.to_string(), at)).collect();
    let mut returned = 0;
    for round in 0..40 {
        let append = journal.append(&batch, Outcome::Accepted(None));
        let patience = Duration::from_micros(round * 100);
        returned += u64::from(tokio::time::timeout(patience, append).await.is_ok_and(|appended| appended.is_ok()));
    }
    // What was given up may still be on its way in; an append that is waited for comes after it, or it never comes.
    accepted(&*journal, elsewhere(put("last", 1))).await;
    let all = status(&*journal).await.pending - 1;
    assert_eq!(all % 50, 0, "{all} entries");
    assert!(all / 50 >= returned, "{all} entries of {returned} appends that were answered");
}

pub(crate) async fn concurrent_appends_are_all_kept(place: &impl Place) {
    let journal = place.open().await;
    let appends = (0..100).map(|at| {
        let journal = Arc::clone(&journal);
        async move {
            let seq = append(&*journal, put(&at.to_string(), at), Outcome::Asked).await;
            assert_eq!(resolve(&*journal, seq, task(at as u64)).await, []);
            (seq, at)
        }
    });
    let mut given = futures_util::future::join_all(appends).await;
    given.sort();
    let found: Vec<_> =
        claim(&*journal, Duty::Pg).await.entries.into_iter().map(|e| (e.seq, e.intent.version.0)).collect();
    assert_eq!(found, given);
}

pub(crate) async fn duties_follow_from_the_outcome(place: &impl Place) {
    let journal = place.open().await;
    let change = |action| Deed::Change(action);
    let deeds = [
        change(Action::Put(fields("a"))),
        change(Action::Delete),
        change(Action::Merge(fields("a"))),
        Deed::Sweep(None),
        Deed::Resync,
    ];
    // By authority and deed: how many duties of meili, pg and reconcile once it is accepted, and once it is unknown.
    let expected = [
        (Side::Meili, [[1, 1, 0], [1, 1, 0], [1, 0, 0], [1, 0, 0], [0, 0, 1]]),
        (Side::Pg, [[1, 0, 0], [1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]),
    ];
    let unknown = [[0, 0, 1], [0, 0, 1], [0, 0, 1], [0, 1, 0], [0, 0, 1]];
    for (authority, accepted) in expected {
        for (outcome, expected) in
            [(task(1), accepted), (Outcome::Accepted(None), accepted), (Outcome::Unknown, unknown)]
        {
            for (deed, expected) in deeds.iter().zip(expected) {
                for at_once in [true, false] {
                    let before = counts(&*journal).await;
                    let intent = Intent { authority, ..intent("", 1, deed.clone()) };
                    let seq = append(&*journal, intent, if at_once { outcome } else { Outcome::Asked }).await;
                    if !at_once {
                        assert_eq!(resolve(&*journal, seq, outcome).await, []);
                    }
                    let after = counts(&*journal).await;
                    let grown: Vec<u64> = after.iter().zip(before).map(|(after, before)| after - before).collect();
                    assert_eq!(grown[0..2], [1, 0], "{authority} {deed:?} {outcome:?}");
                    assert_eq!(grown[2..], expected, "{authority} {deed:?} {outcome:?}");
                }
            }
        }
    }
}

pub(crate) async fn nothing_is_to_be_done_while_the_authority_is_asked(place: &impl Place) {
    let journal = place.open().await;
    append(&*journal, put("a", 1), Outcome::Asked).await;
    assert_eq!(counts(&*journal).await, [1, 1, 0, 0, 0]);
    for duty in Duty::ALL {
        assert_eq!(claim(&*journal, duty).await, Claim::default());
    }
    // A later write of the document is not held up by it.
    let later = accepted(&*journal, put("a", 2)).await;
    assert_eq!(claimed(&*journal, Duty::Pg).await, [later]);
}

pub(crate) async fn a_refused_entry_goes(place: &impl Place) {
    let journal = place.open().await;
    let seq = append(&*journal, put("a", 1), Outcome::Asked).await;
    assert_eq!(resolve(&*journal, seq, Outcome::Refused).await, []);
    assert_eq!(counts(&*journal).await, [0; 5]);
    append(&*journal, put("a", 2), Outcome::Refused).await;
    assert_eq!(counts(&*journal).await, [0; 5]);
}

pub(crate) async fn an_unknown_outcome_waits(place: &impl Place) {
    let journal = place.open().await;
    for at_once in [false, true] {
        let began = Instant::now();
        let seq = append(&*journal, put("a", 1), if at_once { Outcome::Unknown } else { Outcome::Asked }).await;
        if !at_once {
            assert_eq!(resolve(&*journal, seq, Outcome::Unknown).await, []);
        }
        let first = claim(&*journal, Duty::Reconcile).await;
        if began.elapsed() < LIMBO {
            assert_eq!(first.entries, []);
            let next = first.next.expect("it comes due by itself");
            assert!(next <= LIMBO + Duration::from_millis(1), "{next:?}");
        }
        let found = claimed_soon(&*journal, Duty::Reconcile).await;
        assert!(began.elapsed() + Duration::from_millis(1) >= LIMBO, "due after {:?}", began.elapsed());
        assert_eq!((found[0].seq, found[0].outcome), (seq, Outcome::Unknown));
        done(&*journal, Duty::Reconcile, seq).await;
    }
    assert_eq!(counts(&*journal).await, [0; 5]);
}

pub(crate) async fn entries_no_longer_asked_are_told_and_stay(place: &impl Place) {
    let journal = place.open().await;
    let unknown = append(&*journal, put("a", 1), Outcome::Unknown).await;
    let known = append(&*journal, put("b", 2), Outcome::Asked).await;
    let asked = append(&*journal, put("c", 3), Outcome::Asked).await;
    let never = Seq(asked.0 + 1000);
    assert_eq!(resolve(&*journal, known, task(1)).await, []);
    let marks =
        [unknown, known, asked, never].map(|seq| Mark { seq, outcome: Outcome::Refused, document: Some(fields("no")) });
    assert_eq!(journal.resolve(&marks).await.unwrap(), [unknown, known, never]);
    for outcome in [Outcome::Unknown, task(9)] {
        for document in [None, Some(fields("no"))] {
            let marks = [unknown, known].map(|seq| Mark { seq, outcome, document: document.clone() });
            assert_eq!(journal.resolve(&marks).await.unwrap(), [unknown, known]);
        }
    }
    assert_eq!(counts(&*journal).await, [2, 0, 1, 1, 1]);
    let found = claim(&*journal, Duty::Meili).await.entries;
    assert_eq!((found[0].seq, found[0].outcome, &found[0].intent), (known, task(1), &put("b", 2)));
    done(&*journal, Duty::Meili, known).await;
    assert_eq!(claimed(&*journal, Duty::Pg).await, [known]);
    done(&*journal, Duty::Pg, known).await;
    assert_eq!(resolve(&*journal, known, task(2)).await, [known], "gone");
    assert_eq!(counts(&*journal).await, [1, 0, 0, 0, 1]);
}

pub(crate) async fn a_mark_with_a_document_makes_a_put(place: &impl Place) {
    let journal = place.open().await;
    // With the duties of a put: a merge that Meilisearch decided would not have the duty pg.
    for (authority, expected) in [(Side::Meili, [1, 0, 1, 1, 0]), (Side::Pg, [1, 0, 1, 0, 0])] {
        let merge = Deed::Change(Action::Merge(fields("half")));
        let seq = append(&*journal, Intent { authority, ..intent("a", 1, merge) }, Outcome::Asked).await;
        let mark = Mark { seq, outcome: Outcome::Accepted(None), document: Some(fields("whole \u{0}")) };
        assert_eq!(journal.resolve(&[mark]).await.unwrap(), []);
        assert_eq!(counts(&*journal).await, expected);
        let found = claim(&*journal, Duty::Meili).await.entries;
        assert_eq!(found[0].intent.deed, Deed::Change(Action::Put(fields("whole \u{0}"))));
        done(&*journal, Duty::Meili, seq).await;
        for seq in claimed(&*journal, Duty::Pg).await {
            done(&*journal, Duty::Pg, seq).await;
        }
    }
    assert_eq!(counts(&*journal).await, [0; 5]);
}
