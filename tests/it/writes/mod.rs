//! Writes through HTTP, to both sides.

mod ground;

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use crossfade::{
    dual_write::{Ack, DualWritePolicy, WithoutJournal},
    journal::{DeadLetters, Duty, Journal, JournalErrorKind, Redrive, memory::Call},
    plan::{Flags, WriteMode},
    testing::meili::{Fault, Route, TaskFault},
};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use tokio::time::Instant;
use tower::ServiceExt;

use self::ground::{Ground, dual, quick, target_primary};

fn post(id: &str, title: &str) -> Value {
    json!({ "id": id, "title": title, "kind": "post" })
}

#[tokio::test]
async fn all_routes_of_meilisearch_reach_both_sides() {
    let ground = Ground::new().await;
    ground.write(Method::POST, "", json!([post("1", "one"), post("2", "two"), post("3", "three")])).await;
    ground.write(Method::POST, "", json!([post("4", "four"), post("5", "five"), post("6", "six")])).await;
    ground.write(Method::PUT, "", json!([{ "id": "1", "stars": 5 }, { "id": "7", "title": "seven" }])).await;
    ground.write(Method::DELETE, "/2", Value::Null).await;
    ground.write(Method::POST, "/delete-batch", json!(["3", "nobody"])).await;
    let stands = ground.converged().await;
    assert_eq!(stands.keys().collect::<Vec<_>>(), ["1", "4", "5", "6", "7", "first"]);
    assert_eq!(stands["1"], json!({ "id": "1", "kind": "post", "stars": 5, "title": "one" }));

    ground.write(Method::POST, "/delete", json!({ "filter": "kind = post" })).await;
    let stands = ground.converged().await;
    assert_eq!(stands.keys().collect::<Vec<_>>(), ["7", "first"]);
    ground.write(Method::DELETE, "", Value::Null).await;
    assert!(ground.converged().await.is_empty());
    ground.write(Method::POST, "", json!([post("1", "again")])).await;
    assert_eq!(ground.converged().await["1"]["title"], "again");
    ground.end().await;
}

#[tokio::test]
async fn with_the_roles_swapped_the_source_is_kept_current() {
    let ground = Ground::new().await;
    ground.write(Method::POST, "", json!([post("1", "one"), post("2", "two"), post("3", "three")])).await;
    ground.plan.publish(target_primary()).unwrap();
    let answer = ground.write(Method::POST, "", json!([post("4", "four")])).await;
    assert_eq!(answer["status"], "enqueued");
    assert_eq!(ground.in_pg().await["4"]["title"], "four", "PostgreSQL decides");
    ground.write(Method::PUT, "", json!([{ "id": "1", "stars": 5 }])).await;
    ground.write(Method::DELETE, "/2", Value::Null).await;
    ground.write(Method::POST, "", json!([{ "id": "5", "kind": "y" }])).await;
    ground.write(Method::POST, "/delete", json!({ "filter": "kind = y" })).await;
    ground.drained().await;

    // The way back shows every write.
    ground.plan.publish(dual()).unwrap();
    let stands = ground.converged().await;
    assert_eq!(stands["1"], json!({ "id": "1", "kind": "post", "stars": 5, "title": "one" }));
    assert_eq!(stands.keys().collect::<Vec<_>>(), ["1", "3", "4", "first"]);
    ground.end().await;
}

#[tokio::test]
async fn a_postgres_that_is_down_loses_nothing_and_holds_up_nobody() {
    let mut ground = Ground::fragile().await;
    ground.postgres.stop().await.unwrap();
    for number in 0..20 {
        let started = Instant::now();
        ground.write(Method::POST, "", json!([post(&format!("p{number}"), "while pg was down")])).await;
        assert!(started.elapsed() < Duration::from_secs(2), "a write waited for the side that does not decide");
    }
    ground.write(Method::DELETE, "/p3", Value::Null).await;
    until("Meilisearch stands", async || ground.in_meili().await.len() == 20).await;
    ground.postgres.restart().await.unwrap();
    let stands = ground.converged().await;
    assert_eq!(stands.len(), 20);
    assert!(!stands.contains_key("p3"));
    ground.end().await;
}

#[tokio::test]
async fn a_meilisearch_that_is_down_gets_all_that_postgres_decided() {
    let ground = Ground::new().await;
    let Some(double) = ground.meili.double() else { return };
    ground.plan.publish(target_primary()).unwrap();
    double.go_down().await;
    for number in 0..20 {
        ground.write(Method::POST, "", json!([post(&format!("p{number}"), "while meili was down")])).await;
    }
    ground.write(Method::DELETE, "/p3", Value::Null).await;
    assert_eq!(ground.in_pg().await.len(), 20);
    double.come_back().await.unwrap();
    assert_eq!(ground.converged().await.len(), 20);
    ground.end().await;
}

#[tokio::test]
async fn accepted_is_not_done() {
    let ground = Ground::new().await;
    let Some(double) = ground.meili.double() else { return };
    for (id, fault) in
        [("canceled", TaskFault::Cancel), ("vanished", TaskFault::Vanish), ("vanished-undone", TaskFault::VanishUndone)]
    {
        double.fail_next_tasks(1, fault);
        ground.write(Method::POST, "", json!([post(id, "it stands in the end")])).await;
        let stands = ground.converged().await;
        assert_eq!(stands[id]["title"], "it stands in the end");
    }
    // Nor is it for what the worker itself has sent.
    ground.plan.publish(target_primary()).unwrap();
    for (id, fault) in [("sent-canceled", TaskFault::Cancel), ("sent-vanished", TaskFault::VanishUndone)] {
        double.fail_next_tasks(1, fault);
        ground.write(Method::POST, "", json!([post(id, "it stands in the end")])).await;
        assert!(ground.converged().await.contains_key(id));
    }
    ground.end().await;
}

#[tokio::test]
async fn what_meilisearch_accepts_and_then_refuses_stands_nowhere() {
    let ground = Ground::new().await;
    // A bad place fails as a task, and so does the whole batch.
    let bad = json!({ "id": "bad", "title": "nowhere", "_geo": { "lat": "x", "lng": 200 } });
    ground.write(Method::POST, "", json!([bad, post("beside", "refused with it")])).await;
    // By then it has failed, by itself.
    ground.drained().await;
    ground.write(Method::POST, "", json!([post("after", "not held up")])).await;
    let stands = ground.converged().await;
    assert_eq!(stands.keys().collect::<Vec<_>>(), ["after", "first"]);
    let dead = ground.journal.dead_letters(None, 10).await.unwrap();
    assert_eq!(dead.iter().map(|letter| letter.intent.id.as_str()).collect::<Vec<_>>(), ["bad", "beside"]);
    assert!(dead.iter().all(|letter| letter.duty == Duty::Meili));
    ground.end().await;
}

#[tokio::test]
async fn a_document_that_meilisearch_refuses_does_not_hold_up_its_neighbours() {
    let ground = Ground::new().await;
    ground.plan.publish(target_primary()).unwrap();
    let bad = json!({ "id": "bad", "title": "pg holds it", "_geo": { "lat": "x", "lng": 200 } });
    ground.write(Method::POST, "", json!([post("a", "a"), bad, post("b", "b")])).await;
    ground.drained().await;
    assert_eq!(ground.in_meili().await.keys().collect::<Vec<_>>(), ["a", "b", "first"]);
    let dead = ground.journal.dead_letters(None, 10).await.unwrap();
    assert_eq!(dead.iter().map(|letter| letter.intent.id.as_str()).collect::<Vec<_>>(), ["bad"]);

    // Corrected, it goes through; the letter can be dropped.
    ground.write(Method::POST, "", json!([{ "id": "bad", "title": "good" }])).await;
    assert_eq!(ground.converged().await["bad"]["title"], "good");
    assert_eq!(ground.journal.dispose(&DeadLetters::All, Redrive::Drop).await.unwrap(), 1);
    ground.end().await;
}

/// Writes of one document each, of which the second cannot be indexed.
fn of_which_one_is_bad() -> [Value; 3] {
    [post("a", "a"), json!({ "id": "bad", "title": "bad", "_geo": { "lat": "x", "lng": 200 } }), post("b", "b")]
}

#[tokio::test]
async fn a_bad_write_takes_none_with_it_that_share_its_batch() {
    let ground = Ground::new().await;
    ground.hold_tasks().await;
    let mut tasks = Vec::new();
    for document in of_which_one_is_bad() {
        tasks.push(ground.write(Method::POST, "", json!([document])).await["taskUid"].as_u64().unwrap());
    }
    tasks.push(ground.write(Method::DELETE, "/first", Value::Null).await["taskUid"].as_u64().unwrap());
    ground.release_tasks();
    let mut ended = Vec::new();
    for task in tasks {
        ended.push(ground.meili.wait(task).await.unwrap());
    }
    let premise = |task: &Value| task["status"] == "failed" && task["batchUid"] == ended[0]["batchUid"];
    assert!(ended.iter().all(premise), "they were to fail together: {ended:?}");

    let stands = ground.converged().await;
    assert_eq!(stands.keys().collect::<Vec<_>>(), ["a", "b"], "what Meilisearch refuses stands nowhere, and only that");
    let dead = ground.journal.dead_letters(None, 10).await.unwrap();
    assert_eq!(dead.iter().map(|letter| letter.intent.id.as_str()).collect::<Vec<_>>(), ["bad"]);
    ground.end().await;
}

#[tokio::test]
async fn under_the_brake_what_a_bad_write_took_with_it_is_made_again_and_the_bad_one_given_up() {
    let ground = Ground::new().await;
    ground.hold_tasks().await;
    for document in of_which_one_is_bad() {
        ground.write(Method::POST, "", json!([document])).await;
    }
    ground.plan.publish(Flags::default()).unwrap();
    ground.release_tasks();
    // PostgreSQL is out of date, and is neither asked nor written for it.
    ground.drained().await;
    assert_eq!(ground.in_meili().await.keys().collect::<Vec<_>>(), ["a", "b", "first"]);
    let dead = ground.journal.dead_letters(None, 10).await.unwrap();
    assert_eq!(dead.iter().map(|letter| letter.intent.id.as_str()).collect::<Vec<_>>(), ["bad"]);
    ground.end().await;
}

#[tokio::test]
async fn with_the_roles_swapped_a_bad_document_takes_no_other_task_with_it() {
    // Each document is a task of its own.
    let ground = Ground::with(DualWritePolicy { batch: 1, ..quick() }, false).await;
    ground.plan.publish(target_primary()).unwrap();
    ground.hold_tasks().await;
    for document in of_which_one_is_bad() {
        ground.write(Method::POST, "", json!([document])).await;
    }
    until("all tasks wait", async || ground.tasks("enqueued").await.len() == 3).await;
    ground.release_tasks();
    ground.drained().await;
    assert_eq!(ground.in_meili().await.keys().collect::<Vec<_>>(), ["a", "b", "first"]);
    assert_eq!(ground.in_pg().await.keys().collect::<Vec<_>>(), ["a", "b", "bad", "first"], "PostgreSQL decided");
    let dead = ground.journal.dead_letters(None, 10).await.unwrap();
    assert_eq!(dead.iter().map(|letter| letter.intent.id.as_str()).collect::<Vec<_>>(), ["bad"]);
    ground.end().await;
}

#[tokio::test]
async fn with_the_roles_swapped_nothing_is_made_of_what_is_still_to_come() {
    let ground = Ground::with(DualWritePolicy { deadline: Duration::from_millis(500), ..quick() }, false).await;
    let nothing_goes_on = |call| (call == Call::Claim).then_some(JournalErrorKind::Unavailable);
    // A deletion of all must not miss a document that PostgreSQL is yet to be given.
    ground.journal.fail_while(nothing_goes_on);
    ground.write(Method::POST, "", json!([post("1", "one")])).await;
    ground.plan.publish(target_primary()).unwrap();
    let (status, answer) = ground.send(Method::DELETE, "", None).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{answer}");
    assert_eq!(ground.in_pg().await.len(), 1, "nothing is deleted by a request that is refused");
    ground.journal.heal();
    ground.drained().await;
    ground.write(Method::DELETE, "", Value::Null).await;
    assert!(ground.converged().await.is_empty());

    // A partial update must not be made of a document that is yet to be deleted.
    ground.plan.publish(dual()).unwrap();
    ground.write(Method::POST, "", json!([post("2", "two")])).await;
    ground.converged().await;
    ground.journal.fail_while(nothing_goes_on);
    ground.write(Method::DELETE, "", Value::Null).await;
    ground.plan.publish(target_primary()).unwrap();
    let update = json!([{ "id": "2", "stars": 5 }]);
    let (status, answer) = ground.send(Method::PUT, "", Some(&update)).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{answer}");
    ground.journal.heal();
    ground.drained().await;
    ground.write(Method::PUT, "", update).await;
    assert_eq!(ground.converged().await["2"], json!({ "id": "2", "stars": 5 }));

    // Nor where it was PostgreSQL that deleted it, except under the brake, which waits for nothing that is only found out.
    ground.journal.fail_while(nothing_goes_on);
    ground.write(Method::DELETE, "", Value::Null).await;
    ground.plan.publish(dual()).unwrap();
    let update = json!([{ "id": "2", "title": "two" }]);
    let (status, answer) = ground.send(Method::PUT, "", Some(&update)).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{answer}");
    ground.plan.publish(Flags { write_mode: WriteMode::MeiliOnly, ..dual() }).unwrap();
    ground.write(Method::PUT, "", json!([{ "id": "3", "title": "three" }])).await;
    ground.plan.publish(dual()).unwrap();
    ground.journal.heal();
    ground.drained().await;
    ground.write(Method::PUT, "", update).await;
    let stands = ground.converged().await;
    assert_eq!(stands["2"], json!({ "id": "2", "title": "two" }));
    assert_eq!(stands["3"], json!({ "id": "3", "title": "three" }));
    ground.end().await;
}

#[tokio::test]
async fn the_parts_of_a_batch_go_one_after_the_other() {
    let ground = Ground::new().await;
    if let Some(double) = ground.meili.double() {
        // So that halves have to tell which it is.
        double.name_no_documents();
        double.set_task_duration(Duration::from_millis(50));
    }
    ground.plan.publish(target_primary()).unwrap();
    ground.write(Method::POST, "", json!(of_which_one_is_bad())).await;
    ground.drained().await;
    assert_eq!(ground.in_meili().await.keys().collect::<Vec<_>>(), ["a", "b", "first"]);
    let dead = ground.journal.dead_letters(None, 10).await.unwrap();
    assert_eq!(dead.iter().map(|letter| letter.intent.id.as_str()).collect::<Vec<_>>(), ["bad"]);

    let time = |task: &Value, name: &str| task[name].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let tasks = ground.tasks("succeeded,failed").await;
    // Newest first; the last three have made the index.
    let sent = &tasks[..tasks.len() - 3];
    assert!(sent.len() > 2, "nothing was divided: {sent:?}");
    for pair in sent.windows(2) {
        let (later, earlier) = (&pair[0], &pair[1]);
        assert!(time(later, "enqueuedAt") >= time(earlier, "finishedAt"), "sent together: {pair:?}");
    }
    ground.end().await;
}

#[tokio::test]
async fn a_document_that_never_rests_does_not_fill_the_journal() {
    let ground = Ground::new().await;
    if let Some(double) = ground.meili.double() {
        double.set_task_duration(Duration::from_millis(100));
    }
    ground.plan.publish(target_primary()).unwrap();
    let before = ground.tasks("succeeded").await.len();
    let (mut writes, mut most_to_check) = (0, 0);
    // Far more often than Meilisearch can index it.
    while ground.tasks("succeeded").await.len() < before + 20 {
        writes += 1;
        ground.write(Method::POST, "", json!([post("hot", &format!("seen {writes} times"))])).await;
        most_to_check = most_to_check.max(ground.journal.status().await.unwrap().reconcile);
    }
    assert!(writes > 40, "it rested: {writes} writes");
    assert!(most_to_check <= 5, "{most_to_check} entries were left to be checked after {writes} writes");
    assert_eq!(ground.converged().await["hot"]["title"], format!("seen {writes} times"));
    ground.end().await;
}

#[tokio::test]
async fn what_may_arrive_late_is_marked_so_that_other_replicas_do_not_copy_it() {
    let ground = Ground::with(DualWritePolicy { call_timeout: Duration::from_millis(500), ..quick() }, false).await;
    let Some(double) = ground.meili.double() else { return };
    ground.plan.publish(target_primary()).unwrap();
    let sent = double.requests(Route::DocumentWrites);
    double.fail_always(Route::DocumentWrites, Fault::Hang);
    ground.write(Method::POST, "", json!([post("a", "may arrive late")])).await;
    until("it is on its way", async || double.requests(Route::DocumentWrites) > sent).await;
    // Another replica writes the document, after Meilisearch has decided.
    let mut connection = PgConnection::connect(ground.database.url()).await.unwrap();
    let written = "UPDATE cn_search.search_documents SET version = version + 1, authority = 'meili' WHERE id = 'a'";
    sqlx::query(written).execute(&mut connection).await.unwrap();
    let authority = "SELECT authority FROM cn_search.search_documents WHERE id = 'a'";
    until("it is marked", async || {
        sqlx::query_scalar::<_, String>(authority).fetch_one(&mut connection).await.unwrap() == "pg"
    })
    .await;
    double.heal(Route::DocumentWrites);
    ground.converged().await;
    ground.end().await;
}

#[tokio::test]
async fn a_client_that_hangs_up_leaves_no_half_write() {
    let ground = Ground::new().await;
    for polls in 0..12 {
        let id = format!("h{polls}");
        let request = ground.request(Method::POST, "", Some(&json!([post(&id, "half?")])));
        let mut response = tokio_test::task::spawn(ground.router().oneshot(request));
        for _ in 0..polls {
            if response.poll().is_ready() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    ground.converged().await;
    ground.end().await;
}

#[tokio::test]
async fn without_a_journal_nothing_is_written_unless_told_so() {
    let ground = Ground::new().await;
    ground.journal.fail_while(refusing_appends());
    let (status, answer) = ground.send(Method::POST, "", Some(&json!([post("1", "not taken")]))).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{answer}");
    ground.journal.heal();
    assert_eq!(ground.converged().await.len(), 1);
    ground.end().await;

    let policy = DualWritePolicy { without_journal: WithoutJournal::TakeAndSuspect, ..quick() };
    let ground = Ground::with(policy, false).await;
    ground.journal.fail_while(refusing_appends());
    ground.write(Method::POST, "", json!([post("1", "taken")])).await;
    until("Meilisearch has it", async || ground.in_meili().await.len() == 2).await;
    assert_eq!(ground.in_pg().await.len(), 1);
    ground.journal.heal();
    until("the suspect is compared", async || ground.in_pg().await.len() == 2).await;
    ground.converged().await;
    ground.end().await;
}

#[tokio::test]
async fn what_postgres_has_decided_is_answered_before_that_is_recorded() {
    let ground = Ground::new().await;
    ground.plan.publish(target_primary()).unwrap();
    ground.journal.fail_while(|call| (call == Call::Resolve).then_some(JournalErrorKind::Unavailable));
    let started = Instant::now();
    ground.write(Method::POST, "", json!([post("1", "one")])).await;
    let took = started.elapsed();
    assert!(took < quick().deadline / 2, "the answer waited {took:?} for the outcome to be recorded");
    // The next write of the document is not made before the outcome of this one is known.
    let (next, ()) = tokio::join!(ground.write(Method::POST, "", json!([post("1", "two")])), async {
        until("PostgreSQL has it", async || ground.in_pg().await["1"]["title"] == "one").await;
        assert_eq!(ground.journal.status().await.unwrap().pending, 1);
        ground.journal.heal();
    });
    assert_eq!(next["status"], "enqueued");
    assert_eq!(ground.converged().await["1"]["title"], "two");
    ground.end().await;
}

#[tokio::test]
async fn what_meilisearch_has_accepted_is_answered_once_it_is_noted() {
    let ground = Ground::new().await;
    ground.journal.fail_while(|call| (call == Call::Resolve).then_some(JournalErrorKind::Unavailable));
    let started = Instant::now();
    ground.write(Method::POST, "", json!([post("1", "one")])).await;
    let took = started.elapsed();
    assert!(took < quick().deadline / 2, "the answer waited {took:?} for the outcome to be recorded");
    // Its documents stay locked until it is.
    assert_eq!(ground.journal.status().await.unwrap().asked, 1);
    ground.journal.heal();
    ground.write(Method::POST, "", json!([post("1", "two")])).await;
    assert_eq!(ground.converged().await["1"]["title"], "two");

    // What cannot be noted is recorded first.
    let neither = |call| matches!(call, Call::Resolve | Call::Note).then_some(JournalErrorKind::Unavailable);
    ground.journal.fail_while(neither);
    let answered = AtomicBool::new(false);
    tokio::join!(
        async {
            ground.write(Method::POST, "", json!([post("1", "three")])).await;
            answered.store(true, Ordering::Relaxed);
        },
        async {
            until("Meilisearch has it", async || ground.in_meili().await["1"]["title"] == "three").await;
            assert!(!answered.load(Ordering::Relaxed), "answered, and after a crash nobody would know its task");
            ground.journal.heal();
        }
    );
    assert_eq!(ground.converged().await["1"]["title"], "three");
    ground.end().await;
}

#[tokio::test]
async fn the_brake_works_without_a_journal() {
    let ground = Ground::new().await;
    ground.write(Method::POST, "", json!([post("1", "one")])).await;
    ground.converged().await;
    ground.plan.publish(Flags::default()).unwrap();
    ground.journal.fail_while(|_| Some(JournalErrorKind::Unavailable));
    ground.write(Method::POST, "", json!([post("2", "two")])).await;
    until("Meilisearch has it", async || ground.in_meili().await.len() == 3).await;
    ground.journal.heal();
    ground.end().await;
}

#[tokio::test]
async fn once_nothing_is_owed_meili_only_records_nothing() {
    let ground = Ground::new().await;
    ground.write(Method::POST, "", json!([post("1", "one")])).await;
    ground.converged().await;
    ground.plan.publish(Flags::default()).unwrap();
    until("writes pass by", async || {
        // A write that is recorded is owed until Meilisearch has indexed it.
        ground.drained().await;
        let before = ground.journal.highest_version().await.unwrap();
        ground.write(Method::POST, "", json!([post("2", "two")])).await;
        ground.journal.highest_version().await.unwrap() == before
    })
    .await;
    ground.end().await;
}

#[tokio::test]
async fn both_may_be_waited_for() {
    let policy = DualWritePolicy { ack: Ack::Both(Duration::from_secs(10)), ..quick() };
    let ground = Ground::with(policy, false).await;
    ground.write(Method::POST, "", json!([post("1", "one"), post("2", "two")])).await;
    assert_eq!(ground.in_pg().await.len(), 3, "answered before PostgreSQL stood");
    ground.plan.publish(target_primary()).unwrap();
    ground.write(Method::DELETE, "/1", Value::Null).await;
    assert_eq!(ground.in_meili().await.len(), 2, "answered before Meilisearch stood");
    ground.end().await;
}

#[tokio::test]
async fn after_the_last_step_only_postgres_is_written() {
    let ground = Ground::new().await;
    ground.plan.publish(target_primary()).unwrap();
    ground.plan.publish(Flags { write_mode: WriteMode::PgOnly, ..target_primary() }).unwrap();
    ground.journal.fail_while(|_| Some(JournalErrorKind::Unavailable));
    ground.write(Method::POST, "", json!([post("1", "one")])).await;
    ground.write(Method::PUT, "", json!([{ "id": "1", "stars": 5 }])).await;
    assert_eq!(ground.in_pg().await["1"]["stars"], 5);
    ground.write(Method::DELETE, "/1", Value::Null).await;
    assert_eq!(ground.in_pg().await.len(), 1);
    assert_eq!(ground.in_meili().await.len(), 1);
    ground.end().await;
}

fn refusing_appends() -> impl FnMut(Call) -> Option<JournalErrorKind> + Send {
    |call| (call == Call::Append).then_some(JournalErrorKind::Unavailable)
}

async fn until(what: &str, mut done: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !done().await {
        assert!(Instant::now() < deadline, "never came: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
