//! The admin routes: closed without the token, at once with it.

use std::time::Duration;

use axum::{Router, body::Body};
use crossfade::{
    error::Side,
    http::admin::{AdminStatus, AdminToken},
    migration::Migration,
    plan::{Flagging, Flags, Phase, PlanHandle, WriteMode},
};
use http::{Method, Request, StatusCode, header::AUTHORIZATION};
use http_body_util::BodyExt;
use tower::ServiceExt;

use super::process::TOKEN;
use crate::{
    flag_rules::migrated,
    flag_watch::{Running, until},
    support::{Script, Scripted, canary},
};

fn routes(plan: &PlanHandle) -> Router {
    let side = |side| Scripted::new(side, Script::Answer(vec![]));
    let builder = Migration::builder(plan.clone()).source(side(Side::Meili)).target(side(Side::Pg));
    let (migration, _worker) = builder.build().unwrap();
    migration.admin(AdminToken::new(TOKEN).unwrap())
}

async fn ask(routes: &Router, method: Method, path: &str, token: Option<&str>, body: &str) -> (StatusCode, String) {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(token) = token {
        request = request.header(AUTHORIZATION, format!("Bearer {token}"));
    }
    let answer = routes.clone().oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap();
    let status = answer.status();
    (status, String::from_utf8(answer.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap())
}

#[tokio::test]
async fn nothing_is_told_or_done_without_the_token() {
    let plan = PlanHandle::fixed(canary(100));
    let routes = routes(&plan);
    let why = r#"{"why": "worse"}"#;
    for token in [None, Some(""), Some("0123456789abcdef-secreT"), Some("0123456789abcdef")] {
        for (method, path) in
            [(Method::GET, "/status"), (Method::POST, "/rollback"), (Method::GET, "/rollback"), (Method::GET, "/other")]
        {
            let (status, body) = ask(&routes, method, path, token, why).await;
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{path}");
            assert!(!body.contains("secret") && !body.contains("phase"), "{body}");
        }
    }
    assert!(!plan.load().latched);
    assert_eq!(ask(&routes, Method::GET, "/other", Some(TOKEN), "").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_rollback_is_in_force_when_it_is_answered() {
    let plan = PlanHandle::fixed(canary(100));
    let routes = routes(&plan);
    let status = async || -> AdminStatus {
        let (status, body) = ask(&routes, Method::GET, "/status", Some(TOKEN), "").await;
        assert_eq!(status, StatusCode::OK);
        serde_json::from_str(&body).unwrap()
    };
    let before = status().await;
    assert_eq!((before.phase, before.latched, before.reads_meili()), (Phase::TargetPrimary, false, false));

    let too_much = format!(r#"{{"why": "{}"}}"#, "x".repeat(20_000));
    for (body, expected) in [
        ("", StatusCode::BAD_REQUEST),
        ("{}", StatusCode::BAD_REQUEST),
        (r#"{"why": " "}"#, StatusCode::BAD_REQUEST),
        (r#"{"why": "x", "to": "dual"}"#, StatusCode::BAD_REQUEST),
        (&*too_much, StatusCode::PAYLOAD_TOO_LARGE),
    ] {
        let (status, said) = ask(&routes, Method::POST, "/rollback", Some(TOKEN), body).await;
        assert_eq!(status, expected, "{said}");
    }
    assert!(!plan.load().latched);

    let (code, _) = ask(&routes, Method::POST, "/rollback", Some(TOKEN), r#"{"why": "worse"}"#).await;
    assert_eq!((code, plan.load().latched), (StatusCode::OK, true));
    let after = status().await;
    assert_eq!((after.phase, after.latched, after.reads_meili()), (Phase::DualWrite, true, true));
    assert_eq!(ask(&routes, Method::POST, "/rollback", Some(TOKEN), r#"{"why": "again"}"#).await.0, StatusCode::OK);
}

#[tokio::test]
async fn under_pg_only_it_is_refused_with_what_to_do() {
    let plan = PlanHandle::fixed(canary(100));
    plan.publish(Flags { write_mode: WriteMode::PgOnly, ..canary(100) }).unwrap();
    let (status, body) = ask(&routes(&plan), Method::POST, "/rollback", Some(TOKEN), r#"{"why": "worse"}"#).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(body.contains("meili_reads_need_meili_writes") && body.contains("bring it up to date"), "{body}");
    assert_eq!(plan.load().phase(), Phase::TargetOnly);
}

/// One process is told, and tells the table; the other follows. Nobody waits for a poll, and a reason that no database
/// could hold is no obstacle.
#[tokio::test]
async fn the_table_is_told_behind_it_and_the_others_follow() {
    let (_database, store) = migrated().await;
    let flags = super::table::primary(&store).await;
    let watched = async || {
        let table = flags.watch().poll_every(Duration::from_secs(600));
        let (plan, watcher) = PlanHandle::watch(Flagging::new().table(table)).await;
        assert_eq!(plan.load().phase(), Phase::TargetPrimary);
        (plan, Running::start(watcher))
    };
    let ((first, first_runs), (second, second_runs)) = (watched().await, watched().await);
    // They listen, and have read what there was: nothing but the rollback itself is news from here on.
    for rate in ["6", "7", "8"] {
        flags.set("shadow_sample_rate", rate, "ann", "").await.unwrap();
        for plan in [&first, &second] {
            until(plan, rate, |plan| plan.flags.shadow_sample_rate.to_string() == rate).await;
        }
    }
    first.latch("ann", "worse\0than before").unwrap();
    until(&second, "rolled back", |plan| plan.latched && plan.phase() == Phase::Shadow).await;
    let latch = flags.read().await.unwrap().latch.unwrap();
    assert_eq!((latch.by.as_str(), latch.why.as_str()), ("ann", "worse than before"));
    first_runs.stop().await;
    second_runs.stop().await;
}
