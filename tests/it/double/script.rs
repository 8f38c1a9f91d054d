//! Scripted faults and recorded answers: the double only.

use std::time::Duration;

use crossfade::testing::meili::{Client, Fault, Latency, MeiliDouble, Options, Reply, Route, TaskFault};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

struct Scene {
    double: MeiliDouble,
    client: Client,
}

impl Scene {
    async fn new() -> Self {
        let double = MeiliDouble::start(Options::default()).await.unwrap();
        let client = Client::new(double.url(), double.key()).unwrap();
        Self { double, client }
    }

    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> std::io::Result<Reply> {
        self.client.send(self.client.call(method, path, body.as_ref())).await
    }

    async fn health(&self) -> std::io::Result<Reply> {
        self.ask(Method::GET, "/health", None).await
    }

    async fn add(&self, documents: Value) -> String {
        let reply = self.ask(Method::POST, "/indexes/posts/documents?primaryKey=id", Some(documents)).await.unwrap();
        format!("/tasks/{}", reply.json()["taskUid"])
    }

    async fn search(&self, text: &str) -> Value {
        self.ask(Method::POST, "/indexes/posts/search", Some(json!({ "q": text }))).await.unwrap().json()
    }

    /// Waits until a task shows something.
    async fn until(&self, path: &str, reached: impl Fn(&Reply) -> bool) -> Reply {
        let asking = async {
            loop {
                let reply = self.ask(Method::GET, path, None).await.unwrap();
                if reached(&reply) {
                    return reply;
                }
                sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(Duration::from_secs(10), asking).await.unwrap()
    }
}

fn has(status: &'static str) -> impl Fn(&Reply) -> bool {
    move |reply| reply.json()["status"] == status
}

#[tokio::test]
async fn a_write_is_seen_only_when_its_task_has_succeeded_and_tasks_run_in_order() {
    let scene = Scene::new().await;
    scene.double.pause_tasks();
    let first = scene.add(json!([{ "id": 1, "title": "old" }])).await;
    let second = scene.add(json!([{ "id": 1, "title": "new" }])).await;
    assert_eq!(scene.search("").await["code"], "index_not_found");
    assert_eq!(scene.ask(Method::GET, &first, None).await.unwrap().json()["status"], "enqueued");
    scene.double.set_task_duration(Duration::from_secs(3600));
    scene.double.resume_tasks();
    let begun = scene.until(&first, has("processing")).await.json();
    // What waits together is carried out together.
    let other = scene.ask(Method::GET, &second, None).await.unwrap().json();
    assert_eq!((&other["status"], &other["batchUid"]), (&json!("processing"), &begun["batchUid"]));
    assert_eq!(scene.search("").await["code"], "index_not_found");
    scene.double.set_task_duration(Duration::ZERO);
    scene.until(&second, has("succeeded")).await;
    assert_eq!(scene.search("").await["hits"][0]["title"], "new");
}

#[tokio::test]
async fn tasks_fail_are_canceled_or_vanish_as_told() {
    let scene = Scene::new().await;
    scene.double.fail_next_tasks(1, TaskFault::Fail { code: "no_space_left_on_device".into() });
    scene.double.fail_next_tasks(1, TaskFault::Cancel);
    scene.double.fail_next_tasks(1, TaskFault::VanishUndone);
    scene.double.fail_next_tasks(1, TaskFault::Vanish);
    let mut tasks = Vec::new();
    for id in 0..5 {
        tasks.push(scene.add(json!([{ "id": id }])).await);
    }
    let failed = scene.until(&tasks[0], has("failed")).await.json();
    assert_eq!(failed["error"]["code"], "no_space_left_on_device");
    assert_eq!(failed["details"]["indexedDocuments"], 0);
    let canceled = scene.until(&tasks[1], has("canceled")).await.json();
    assert!(canceled["canceledBy"].is_u64() && canceled["error"].is_null());
    for vanished in &tasks[2..4] {
        let reply = scene.until(vanished, |reply| reply.status == 404).await;
        assert_eq!(reply.json()["code"], "task_not_found");
    }
    scene.until(&tasks[4], has("succeeded")).await;
    assert_eq!(scene.search("").await["hits"], json!([{ "id": 3 }, { "id": 4 }]));
}

#[tokio::test]
async fn requests_fail_as_told_and_are_counted() {
    let scene = Scene::new().await;
    let busy = Fault::Answer { status: StatusCode::SERVICE_UNAVAILABLE, code: "too_many_search_requests".into() };
    scene.double.fail_next(Route::Health, 2, busy);
    scene.double.fail_next(Route::Health, 1, Fault::Drop);
    for _ in 0..2 {
        let reply = scene.health().await.unwrap();
        assert_eq!((reply.status, &reply.json()["code"]), (503, &json!("too_many_search_requests")));
    }
    assert!(scene.health().await.is_err());
    assert_eq!(scene.health().await.unwrap().status, 200);
    assert_eq!(scene.ask(Method::GET, "/version", None).await.unwrap().status, 200);
    assert_eq!((scene.double.requests(Route::Health), scene.double.requests(Route::Version)), (4, 1));
}

#[tokio::test]
async fn a_hanging_route_answers_again_when_healed() {
    let scene = Scene::new().await;
    scene.double.fail_always(Route::Health, Fault::Hang);
    assert!(timeout(Duration::from_millis(100), scene.health()).await.is_err());
    assert_eq!(scene.ask(Method::GET, "/version", None).await.unwrap().status, 200);
    scene.double.heal(Route::Health);
    assert_eq!(scene.health().await.unwrap().status, 200);
}

#[tokio::test]
async fn a_slow_route_takes_its_time() {
    let scene = Scene::new().await;
    scene.double.slow(Route::Health, Latency::Fixed(Duration::from_millis(50)));
    let started = Instant::now();
    scene.health().await.unwrap();
    assert!(started.elapsed() >= Duration::from_millis(50));
}

#[tokio::test]
async fn it_goes_down_and_comes_back_on_the_same_port_with_what_it_had() {
    let scene = Scene::new().await;
    let task = scene.add(json!([{ "id": 1 }])).await;
    scene.until(&task, has("succeeded")).await;
    scene.double.go_down().await;
    assert!(scene.health().await.is_err());
    scene.double.come_back().await.unwrap();
    assert_eq!(scene.search("").await["hits"], json!([{ "id": 1 }]));
}

#[tokio::test]
async fn going_down_cuts_a_running_request_off_and_stopping_lets_it_end() {
    let scene = Scene::new().await;
    scene.double.slow(Route::Version, Latency::Fixed(Duration::from_millis(100)));
    let entered = async |count| {
        while scene.double.requests(Route::Version) < count {
            sleep(Duration::from_millis(1)).await;
        }
    };
    let (reply, ()) = tokio::join!(scene.ask(Method::GET, "/version", None), async {
        entered(1).await;
        scene.double.go_down().await;
    });
    assert!(reply.is_err());
    scene.double.come_back().await.unwrap();
    let Scene { double, client } = scene;
    let call = client.call(Method::GET, "/version", None);
    let asking = tokio::spawn(async move { client.send(call).await });
    while double.requests(Route::Version) < 2 {
        sleep(Duration::from_millis(1)).await;
    }
    double.stop().await;
    assert_eq!(asking.await.unwrap().unwrap().status, 200);
}

#[tokio::test]
async fn a_recorded_query_is_answered_as_recorded_and_counted() {
    let scene = Scene::new().await;
    let documents =
        json!([{ "id": "a", "title": "red" }, { "id": "b", "title": "red" }, { "id": "c", "title": "blue" }]);
    let task = scene.add(documents).await;
    scene.until(&task, has("succeeded")).await;
    let ids = ["c", "gone", "a"].map(Into::into).to_vec();
    scene.double.record("posts", "red", ids, 3);
    let answer = scene.search("red").await;
    assert_eq!(answer["hits"], json!([{ "id": "c", "title": "blue" }, { "id": "a", "title": "red" }]));
    assert_eq!((&answer["estimatedTotalHits"], scene.double.answered_from_recording()), (&json!(3), 1));
    // Another text, a filter or a slice that was not recorded is ranked.
    assert_eq!(scene.search("red ").await["hits"][0]["id"], "a");
    let body = json!({ "q": "red", "matchingStrategy": "all" });
    let ranked = scene.ask(Method::POST, "/indexes/posts/search", Some(body)).await.unwrap().json();
    assert_eq!(ranked["hits"][0]["id"], "a");
    scene.double.record("posts", "red", vec!["c".into()], 3);
    assert_eq!(scene.search("red").await["hits"][0]["id"], "a");
    assert_eq!(scene.double.answered_from_recording(), 1);
}

#[tokio::test]
async fn what_is_not_imitated_is_refused() {
    let scene = Scene::new().await;
    let body = json!({ "q": "", "facets": ["topic"] });
    let reply = scene.ask(Method::POST, "/indexes/posts/search", Some(body)).await.unwrap();
    assert_eq!((reply.status, &reply.json()["code"]), (501, &json!("not_imitated")));
}
