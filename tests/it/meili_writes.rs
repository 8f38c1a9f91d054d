//! Meilisearch as it is written, against a real server or the double.

use std::time::Duration;

use crossfade::{
    backend::{
        meili::{MeiliOptions, MeiliWriter},
        write::{Blame, SourceWriter, TaskState},
    },
    document::{Document, DocumentId},
    error::BackendErrorKind,
    testing::meili::{Fault, Meili, Route, TaskFault},
    write::{Action, TaskId},
};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

struct Scene {
    meili: Meili,
    writer: MeiliWriter,
    index: String,
}

fn fields(value: Value) -> Document {
    value.as_object().unwrap().clone()
}

fn put(document: Value) -> (DocumentId, Action) {
    (DocumentId::from_json(&document["id"]).unwrap(), Action::Put(fields(document)))
}

fn ids(ids: &[&str]) -> Vec<DocumentId> {
    ids.iter().copied().map(DocumentId::from).collect()
}

impl Scene {
    async fn new(documents: &[Value]) -> Self {
        let meili = Meili::start().await.unwrap();
        let index = meili.index("written", &json!({}), documents).await.unwrap();
        let writer = Self::options(&meili).writer();
        Self { meili, writer, index }
    }

    fn options(meili: &Meili) -> MeiliOptions {
        MeiliOptions::new(meili.url(), Some(meili.key())).unwrap()
    }

    async fn send(&self, batch: &[(DocumentId, Action)]) -> TaskId {
        self.writer.send(&self.index, batch).await.unwrap()
    }

    async fn read(&self, ids: &[DocumentId]) -> Vec<Option<Value>> {
        let read = self.writer.read(&self.index, ids).await.unwrap();
        read.into_iter().map(|document| document.map(Value::Object)).collect()
    }

    /// Waits until a task is no longer unfinished.
    async fn end(&self, task: TaskId) -> TaskState {
        let ended = async {
            loop {
                match self.writer.tasks(&[task]).await.unwrap().remove(0) {
                    TaskState::Unfinished => sleep(Duration::from_millis(2)).await,
                    state => return state,
                }
            }
        };
        timeout(Duration::from_secs(60), ended).await.unwrap()
    }
}

#[tokio::test]
async fn documents_are_put_merged_deleted_and_read_back_whole() {
    let scene = Scene::new(&[]).await;
    // What is not displayed is read nonetheless.
    let path = format!("/indexes/{}/settings", scene.index);
    scene.meili.write(Method::PATCH, &path, Some(&json!({"displayedAttributes": ["id"]}))).await.unwrap();
    let first = json!({"id": 1, "title": "one", "n": {"x": 1}, "nul": "a\u{0}b", "nothing": null});
    scene.send(&[put(first.clone()), put(json!({"id": "b", "title": "two"})), put(json!({"id": "c"}))]).await;
    // Without a word about the task: reading waits for it.
    let asked = ids(&["c", "none", "1", "b", "1", "not/an id", ""]);
    let two = json!({"id": "b", "title": "two"});
    let read = scene.read(&asked).await;
    let expected =
        [Some(json!({"id": "c"})), None, Some(first.clone()), Some(two.clone()), Some(first), None, None].to_vec();
    assert_eq!(read, expected);
    let merge = |id: &str, merged: Value| (DocumentId::from(id), Action::Merge(fields(merged)));
    scene.send(&[merge("1", json!({"id": 1, "n": 2, "nul": "x"})), merge("new", json!({"id": "new", "a": 1}))]).await;
    scene.send(&[(DocumentId::from("b"), Action::Delete), (DocumentId::from("gone"), Action::Delete)]).await;
    let read = scene.read(&ids(&["1", "b", "new"])).await;
    let one = json!({"id": 1, "title": "one", "n": 2, "nul": "x", "nothing": null});
    assert_eq!(read, [Some(one), None, Some(json!({"id": "new", "a": 1}))]);
    scene.send(&[(DocumentId::from("1"), Action::Delete)]).await;
    assert_eq!(scene.read(&ids(&["1"])).await, [None]);
    scene.meili.close().await.unwrap();
}

#[tokio::test]
async fn many_documents_are_read_in_the_order_asked_for() {
    let scene = Scene::new(&[]).await;
    let batch: Vec<_> = (0..1_201).map(|n| put(json!({"id": n, "n": n}))).collect();
    scene.send(&batch).await;
    let asked: Vec<DocumentId> = (0..1_202).rev().map(|n| DocumentId::from(n.to_string())).collect();
    let read = scene.read(&asked).await;
    assert!(read[0].is_none());
    for (place, document) in read.iter().skip(1).enumerate() {
        let n = 1_200 - place;
        assert_eq!(document.as_ref().unwrap()["n"], n);
    }
    scene.meili.close().await.unwrap();
}

#[tokio::test]
async fn an_index_is_made_by_its_first_document_with_the_key_it_was_told() {
    let scene = Scene::new(&[]).await;
    let made = format!("{}-made", scene.index);
    let writer = Scene::options(&scene.meili).writer().primary_key(made.as_str(), "key");
    assert_eq!(writer.read(&made, &ids(&["a"])).await.unwrap(), [None]);
    // Two candidates: without being told, Meilisearch would refuse to choose.
    let document = fields(json!({"key": "a", "event_id": 1, "author_id": 2}));
    writer.send(&made, &[("a".into(), Action::Put(document.clone()))]).await.unwrap();
    assert_eq!(writer.read(&made, &ids(&["a"])).await.unwrap(), [Some(document.clone())]);
    let other = format!("{}-other", scene.index);
    let task = writer.send(&other, &[("a".into(), Action::Put(document))]).await.unwrap();
    let state = scene.end(task).await;
    assert!(
        matches!(&state, TaskState::Failed { blame: Blame::Documents, why }
            if why.contains("index_primary_key_multiple_candidates_found")),
        "{state:?}"
    );
    for index in [&made, &other] {
        scene.meili.write(Method::DELETE, &format!("/indexes/{index}"), None).await.unwrap();
    }
    scene.meili.close().await.unwrap();
}

#[tokio::test]
async fn an_index_made_anew_with_another_key_is_read_by_that() {
    let scene = Scene::new(&[json!({"id": 1})]).await;
    assert_eq!(scene.read(&ids(&["1"])).await, [Some(json!({"id": 1}))]);
    let path = format!("/indexes/{}", scene.index);
    scene.meili.write(Method::DELETE, &path, None).await.unwrap();
    assert_eq!(scene.read(&ids(&["1"])).await, [None]);
    let documents = format!("{path}/documents?primaryKey=key");
    scene.meili.write(Method::POST, &documents, Some(&json!([{"key": "1", "n": 2}]))).await.unwrap();
    // The first read finds out.
    let first = scene.writer.read(&scene.index, &ids(&["1"])).await;
    assert_eq!(first.unwrap_err().kind(), BackendErrorKind::Internal);
    assert_eq!(scene.read(&ids(&["1"])).await, [Some(json!({"key": "1", "n": 2}))]);
    scene.meili.close().await.unwrap();
}

#[tokio::test]
async fn tasks_are_followed_to_their_ends() {
    let scene = Scene::new(&[]).await;
    let fine = scene.send(&[put(json!({"id": 1}))]).await;
    let unnamed = scene.send(&[("x".into(), Action::Put(fields(json!({"title": "x"}))))]).await;
    let misnamed = scene.send(&[("x".into(), Action::Put(fields(json!({"id": "a b"}))))]).await;
    assert_eq!(scene.end(fine).await, TaskState::Succeeded);
    for (task, code) in [(unnamed, "missing_document_id"), (misnamed, "invalid_document_id")] {
        let state = scene.end(task).await;
        assert!(
            matches!(&state, TaskState::Failed { blame: Blame::Documents, why } if why.starts_with(&format!("{code}: "))),
            "{state:?}"
        );
    }
    let missing = format!("{}-missing", scene.index);
    let task = scene.writer.send(&missing, &[("x".into(), Action::Delete)]).await.unwrap();
    let state = scene.end(task).await;
    assert!(matches!(&state, TaskState::Failed { blame: Blame::Server, why } if why.starts_with("index_not_found")));
    // Nobody has given out that number.
    let states = scene.writer.tasks(&[TaskId(u64::from(u32::MAX)), fine, misnamed, fine]).await.unwrap();
    assert_eq!((&states[0], &states[1], &states[3]), (&TaskState::Vanished, &TaskState::Succeeded, &states[1]));
    assert!(matches!(states[2], TaskState::Failed { blame: Blame::Documents, .. }));
    assert!(scene.writer.tasks(&[]).await.unwrap().is_empty());
    scene.meili.close().await.unwrap();
}

#[tokio::test]
async fn tasks_that_fail_for_other_reasons_are_canceled_or_vanish() {
    let scene = Scene::new(&[]).await;
    let Some(double) = scene.meili.double() else { return };
    let transient = |code: &str| TaskFault::Fail { code: code.to_owned() };
    double.fail_next_tasks(1, transient("internal"));
    double.fail_next_tasks(1, transient("no_space_left_on_device"));
    double.fail_next_tasks(1, TaskFault::Cancel);
    double.fail_next_tasks(1, TaskFault::Vanish);
    let mut tasks = Vec::new();
    for id in 1..=5 {
        tasks.push(scene.send(&[put(json!({"id": id}))]).await);
    }
    assert_eq!(scene.end(tasks[4]).await, TaskState::Succeeded);
    let states = scene.writer.tasks(&tasks).await.unwrap();
    for (state, code) in states.iter().zip(["internal", "no_space_left_on_device"]) {
        assert!(matches!(state, TaskState::Failed { blame: Blame::Server, why } if why.starts_with(code)), "{state:?}");
    }
    assert_eq!(states[2..], [TaskState::Canceled, TaskState::Vanished, TaskState::Succeeded]);
    let read = scene.read(&ids(&["1", "2", "3", "4", "5"])).await;
    assert_eq!(read, [None, None, None, Some(json!({"id": 4})), Some(json!({"id": 5}))]);
    double.pause_tasks();
    let waiting = scene.send(&[put(json!({"id": 6}))]).await;
    double.forget_tasks();
    let states = scene.writer.tasks(&[tasks[4], waiting]).await.unwrap();
    assert_eq!(states, [TaskState::Vanished, TaskState::Unfinished]);
    double.fail_next_tasks(1, TaskFault::Cancel);
    double.heal_tasks();
    double.resume_tasks();
    assert_eq!(scene.end(waiting).await, TaskState::Succeeded);
    scene.meili.close().await.unwrap();
}

#[tokio::test]
async fn many_tasks_are_asked_for_in_few_requests() {
    let scene = Scene::new(&[]).await;
    let Some(double) = scene.meili.double() else { return };
    let mut tasks = Vec::new();
    for id in 0..450 {
        tasks.push(scene.send(&[put(json!({"id": id}))]).await);
    }
    scene.end(tasks[449]).await;
    let before = double.requests(Route::Tasks);
    let states = scene.writer.tasks(&tasks).await.unwrap();
    assert!(states.len() == 450 && states.iter().all(|state| *state == TaskState::Succeeded));
    assert_eq!(double.requests(Route::Tasks), before + 3);
    scene.meili.close().await.unwrap();
}

#[tokio::test]
async fn reading_waits_for_the_tasks_before_it_and_for_no_others() {
    let scene = Scene::new(&[]).await;
    let Some(double) = scene.meili.double() else { return };
    let other = scene.meili.index("other", &json!({}), &[]).await.unwrap();
    double.pause_tasks();
    scene.writer.send(&other, &[put(json!({"id": 1}))]).await.unwrap();
    assert_eq!(scene.read(&ids(&["1"])).await, [None], "tasks of other indexes do not count");
    let first = scene.send(&[put(json!({"id": 1, "n": 1}))]).await;
    let impatient = scene.writer.clone().patience(Duration::from_millis(50));
    let asked = ids(&["1"]);
    let failure = impatient.read(&scene.index, &asked).await.unwrap_err();
    assert_eq!(failure.kind(), BackendErrorKind::Timeout, "{failure}");
    // One more task comes in while the read waits, which will not end before it does.
    let reading = scene.read(&asked);
    let seen = double.requests(Route::Tasks);
    let going_on = async {
        // With its second question it has had the first answer.
        while double.requests(Route::Tasks) < seen + 2 {
            sleep(Duration::from_millis(1)).await;
        }
        // Not in one batch with the first: no documents are carried out together with settings.
        let (client, path) = (scene.meili.client(), format!("/indexes/{}/settings", scene.index));
        client.send(client.call(Method::PATCH, &path, Some(&json!({})))).await.unwrap();
        let later = scene.send(&[put(json!({"id": 1, "n": 2}))]).await;
        double.set_task_duration(Duration::from_millis(100));
        double.resume_tasks();
        assert_eq!(scene.end(first).await, TaskState::Succeeded);
        double.set_task_duration(Duration::from_secs(3600));
        later
    };
    let (read, later) = tokio::join!(reading, going_on);
    assert_eq!(read, [Some(json!({"id": 1, "n": 1}))]);
    assert_eq!(scene.writer.tasks(&[later]).await.unwrap(), [TaskState::Unfinished]);
    double.set_task_duration(Duration::ZERO);
    assert_eq!(scene.end(later).await, TaskState::Succeeded);
    scene.meili.close().await.unwrap();
}

#[tokio::test]
async fn a_server_that_does_not_fetch_by_ids_is_asked_for_each() {
    let documents: Vec<Value> = (0..20).map(|n| json!({"id": n})).collect();
    let scene = Scene::new(&documents).await;
    let Some(double) = scene.meili.double() else { return };
    let old = Fault::Answer { status: StatusCode::BAD_REQUEST, code: "bad_request".into() };
    double.fail_next(Route::DocumentReads, 1, old);
    // What no document can be called is not asked for.
    let names = (0..21).map(|n| n.to_string()).chain(["not/an id".to_owned()]);
    let asked: Vec<DocumentId> = names.map(DocumentId::from).collect();
    for requests in [22, 21] {
        let before = double.requests(Route::DocumentReads);
        let read = scene.read(&asked).await;
        assert_eq!(read[..20], documents.iter().cloned().map(Some).collect::<Vec<_>>());
        assert_eq!((&read[20..], double.requests(Route::DocumentReads) - before), (&[None, None][..], requests));
    }
    let missing = format!("{}-missing", scene.index);
    assert_eq!(scene.writer.read(&missing, &ids(&["1", "2"])).await.unwrap(), [None, None]);
    scene.meili.close().await.unwrap();
}

#[tokio::test]
async fn failures_of_sending_have_their_kinds() {
    let scene = Scene::new(&[]).await;
    let one = [put(json!({"id": 1, "text": "x".repeat(2_000)}))];
    let kind = async |writer: &MeiliWriter, index: &str| writer.send(index, &one).await.unwrap_err().kind();
    let small = scene.writer.clone().largest_body(1_000);
    assert_eq!(kind(&small, &scene.index).await, BackendErrorKind::Rejected);
    assert_eq!(kind(&scene.writer, "no such/name").await, BackendErrorKind::Rejected);
    let stranger = MeiliOptions::new(scene.meili.url(), Some("hunter22hunter22")).unwrap().writer();
    let failure = stranger.send(&scene.index, &one).await.unwrap_err();
    assert_eq!(failure.kind(), BackendErrorKind::Unauthorized);
    assert!(!format!("{failure} {failure:?} {stranger:?}").contains("hunter22"));
    let mixed = [put(json!({"id": 1})), ("2".into(), Action::Delete)];
    for batch in [&mixed[..], &[]] {
        let failure = scene.writer.send(&scene.index, batch).await.unwrap_err();
        assert_eq!(failure.kind(), BackendErrorKind::Internal, "{failure}");
    }
    let Some(double) = scene.meili.double() else { return };
    let patient = scene.writer.clone().timeout(Duration::from_millis(300));
    let answer = |status, code: &str| Fault::Answer { status, code: code.to_owned() };
    for (fault, expected) in [
        (Fault::Hang, BackendErrorKind::Timeout),
        (Fault::Drop, BackendErrorKind::Unavailable),
        (answer(StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large"), BackendErrorKind::Rejected),
        (answer(StatusCode::BAD_REQUEST, "malformed_payload"), BackendErrorKind::Rejected),
        (answer(StatusCode::UNPROCESSABLE_ENTITY, "no_space_left_on_device"), BackendErrorKind::Unavailable),
        (answer(StatusCode::SERVICE_UNAVAILABLE, "too_many_open_files"), BackendErrorKind::Unavailable),
        (answer(StatusCode::INTERNAL_SERVER_ERROR, "internal"), BackendErrorKind::Internal),
    ] {
        double.fail_always(Route::DocumentWrites, fault.clone());
        let began = Instant::now();
        assert_eq!(kind(&patient, &scene.index).await, expected, "{fault:?}");
        assert!(began.elapsed() < Duration::from_secs(5));
        double.heal(Route::DocumentWrites);
    }
    double.go_down().await;
    assert_eq!(kind(&patient, &scene.index).await, BackendErrorKind::Unavailable);
    double.come_back().await.unwrap();
    scene.send(&one).await;
    scene.meili.close().await.unwrap();
}
