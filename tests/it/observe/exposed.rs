//! The service of `examples/service` exposes what the dashboard and the alerts ask for.

#[path = "../../../examples/service/mod.rs"]
#[allow(dead_code, unreachable_pub, missing_debug_implementations)]
mod service;

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Stdio,
    time::Duration,
};

use axum::{Router, body::Body};
use crossfade::{
    observe::{alerts, dashboard},
    plan::Phase,
    store::Store,
    telemetry::METRICS,
    testing::{TestPostgres, meili::Meili},
};
use http::Request;
use http_body_util::BodyExt;
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::{
    promql::{Matcher, Read, Selector},
    reader::{rules, shown, variables},
};

/// Says to a test process that it is the service: an exporter is installed once in a process.
const CHILD: &str = "CROSSFADE_TEST_OBSERVED";
const PATIENCE: Duration = Duration::from_secs(60);

/// Gauges that such a service never sets: it has no outbox, and neither a backfill nor a drift check runs in it.
const NEVER_SET: &[&str] = &[
    "backfill_eta_seconds",
    "backfill_processed_rows",
    "drift_documents",
    "outbox_active",
    "outbox_backlog",
    "outbox_oldest_seconds",
];

/// A series of the page: its name and labels.
type Series = (String, BTreeMap<String, String>);

#[tokio::test]
async fn the_service_exposes_what_is_asked_for() {
    let mut child = tokio::process::Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "observe::exposed::observed_child", "--nocapture", "--test-threads=1"]).env(CHILD, "yes");
    let ended = tokio::time::timeout(2 * PATIENCE, child.stdin(Stdio::null()).kill_on_drop(true).output());
    let ended = ended.await.unwrap().unwrap();
    let said = [ended.stdout, ended.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
    assert!(ended.status.success() && said.contains("1 passed"), "{said}");
    assert!(said.contains("@observed"), "the child did nothing: {said}");
}

/// The child. Nothing on its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn observed_child() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let (postgres, folder) = (TestPostgres::start().await.unwrap(), tempfile::tempdir().unwrap());
    let database = postgres.create_database().await.unwrap();
    let store = Store::connect(database.url(), "cn_search").await.unwrap();
    store.migrate().await.unwrap();
    let meili = Meili::start().await.unwrap();
    let film = json!({ "id": "m1", "title": "Alien", "year": 1979, "genres": ["Horror"] });
    let settings = json!({ "searchableAttributes": ["title"], "filterableAttributes": ["genres"] });
    let index = meili.index("observed", &settings, &[film]).await.unwrap();
    let config = service::Config {
        meili_url: meili.url().to_owned(),
        meili_key: meili.key().to_owned(),
        database_url: database.url().to_owned(),
        index,
        journal: folder.path().join("journal"),
        flag_file: None,
        last_good: None,
        admin_token: None,
        guard: None,
    };
    let service = service::build(&config).await.unwrap();
    let stop = CancellationToken::new();
    let worker = tokio::spawn(service.worker.run(stop.clone()));

    store.flags().set("search_write_mode", "dual", "test", "").await.unwrap();
    store.flags().set("shadow_sample_rate", "100", "test", "").await.unwrap();
    until("the shadow phase", async || service.plan.load().phase() == Phase::Shadow).await;
    let router = service.router;
    let post = Request::post("/v1/posts").header("content-type", "application/json");
    let post = post.body(Body::from(json!({ "id": "m2", "title": "Aliens" }).to_string())).unwrap();
    let (status, answer) = send(&router, post).await;
    assert_eq!(status, 202, "{answer}");
    for question in ["alien", "nothing%20of%20the%20kind"] {
        let search = Request::get(format!("/v1/search?q={question}")).body(Body::empty()).unwrap();
        let (status, answer) = send(&router, search).await;
        assert_eq!(status, 200, "{answer}");
    }

    // A pair is drawn for that, so more are asked until one was.
    until("Meilisearch to have been asked twice", async || {
        let search = Request::get("/v1/search?q=alien").body(Body::empty()).unwrap();
        assert_eq!(send(&router, search).await.0, 200);
        page(&router).await.keys().any(|(name, _)| name == "shadow_noise_overlap_at_10_count")
    })
    .await;

    // Each has been counted or measured by what was done above, not only begun at 0.
    let made: [(&str, &[(&str, &str)]); 10] = [
        ("shadow_outcomes_total", &[("outcome", "compared")]),
        ("shadow_overlap_at_10_count", &[]),
        ("shadow_latency_delta_ms_count", &[]),
        ("shadow_zero_results_total", &[("side", "pg")]),
        ("shadow_log_rows_total", &[]),
        ("search_dual_write_delivered_total", &[("side", "pg")]),
        ("search_folded_documents_total", &[]),
        ("plan_info", &[("phase", "shadow"), ("write_mode", "dual"), ("read_backend", "meili")]),
        ("plan_listening", &[]),
        ("search_changes_pending", &[]),
    ];
    until("what such reads and writes make", async || {
        let page = page(&router).await;
        made.iter().all(|(name, labels)| {
            let labels = labels.iter().map(|(label, value)| ((*label).to_owned(), (*value).to_owned())).collect();
            // The last one is 0 once all is folded.
            page.get(&((*name).to_owned(), labels))
                .is_some_and(|value| *value > 0.0 || *name == "search_changes_pending")
        })
    })
    .await;
    until("the state of the journal", async || page(&router).await.keys().any(|(name, _)| name == "journal_pending"))
        .await;

    let page = page(&router).await;
    is_the_table(&page);
    let dashboard = dashboard();
    let asked = shown(&dashboard).into_iter().map(|shown| shown.query);
    let asked = asked.chain(variables(&dashboard).into_iter().map(|(series, _)| series));
    let asked = asked.chain(rules(&alerts(None)).into_iter().map(|rule| rule.query));
    let mut missing = BTreeSet::new();
    for selector in asked.flat_map(|query| Read::new(&query).unwrap().selectors) {
        if !page.keys().any(|series| is_one(&selector, series)) {
            missing.insert(selector.name);
        }
    }
    assert_eq!(missing.iter().map(String::as_str).collect::<Vec<_>>(), NEVER_SET);

    stop.cancel();
    worker.await.unwrap();
    println!("\n@observed");
}

async fn until(what: &str, mut done: impl AsyncFnMut() -> bool) {
    let come = async {
        while !done().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, come).await.is_ok(), "never came: {what}");
}

async fn send(router: &Router, request: Request<Body>) -> (u16, String) {
    let response = router.clone().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

/// What `/metrics` says.
async fn page(router: &Router) -> BTreeMap<Series, f64> {
    let (status, page) = send(router, Request::get("/metrics").body(Body::empty()).unwrap()).await;
    assert_eq!(status, 200);
    let lines = page.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
            let labels = labels.strip_suffix('}').unwrap().split(',').filter(|label| !label.is_empty());
            let labels = labels.map(|label| {
                let (label, value) = label.split_once('=').unwrap();
                (label.to_owned(), value.trim_matches('"').to_owned())
            });
            ((name.to_owned(), labels.collect()), value.parse().unwrap())
        })
        .collect()
}

/// Nothing is exposed that the table does not have, labels and their values included.
fn is_the_table(page: &BTreeMap<Series, f64>) {
    assert!(page.len() > METRICS.len());
    for (name, labels) in page.keys() {
        let selector = Selector { name: name.clone(), matchers: Vec::new() };
        let metric = selector.metric().unwrap_or_else(|| panic!("{name} is exposed and not in the table"));
        let own = labels.iter().filter(|(label, _)| *label != "le");
        assert_eq!(own.clone().count(), metric.labels.len(), "{name}{labels:?}");
        for (label, value) in own {
            assert!(
                metric.label(label).is_some_and(|label| label.values.contains(&value.as_str())),
                "{name}{labels:?}"
            );
        }
    }
}

/// Whether a series is one of those selected. Job and instance come from Prometheus.
fn is_one(selector: &Selector, (name, labels): &Series) -> bool {
    let matches = |Matcher { label, operator, value }: &Matcher| {
        let own = labels.get(label).map_or("", String::as_str);
        let one = if operator.ends_with('~') { value.split('|').any(|value| value == own) } else { value == own };
        ["job", "instance"].contains(&label.as_str()) || one != operator.starts_with('!')
    };
    *name == selector.name && selector.matchers.iter().all(matches)
}
