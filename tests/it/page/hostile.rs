//! Text that came from outside stays text.

use crossfade::page::{DriftSeen, Page, Verdict, VerdictRow, VerdictTable};
use sqlx::query;

use super::{HOUR, Log, Row};

const SCRIPT: &str = "<script>console.error('x')</script>\"'&<img src=x onerror=alert(1)>";

/// Texts of every troublesome kind.
pub(super) fn texts() -> Vec<String> {
    vec![
        SCRIPT.to_owned(),
        "\" onmouseover=\"alert(1)".to_owned(),
        "</style><style>*{display:none}".to_owned(),
        "-->]]><svg/onload=alert(1)>".to_owned(),
        "مدينة الصور والأفلام \u{202E}gnisrever\u{202C} עברית".to_owned(),
        "東京物語 小津安二郎 の 映画".to_owned(),
        "👩‍👩‍👧‍👦 🏳️‍🌈 é\u{301}\u{301}\u{301}".to_owned(),
        "w".repeat(10_000),
        "long words ".repeat(910),
        "line\nbreak\tand \u{1}\u{7f}\u{85} controls".to_owned(),
        String::new(),
        "   ".to_owned(),
    ]
}

/// A page on which everything that comes from outside is troublesome.
pub(super) async fn page() -> Page {
    let log = Log::fresh().await;
    for text in texts() {
        let ids = (vec![text.clone(), format!("a{text}")], vec![format!("b{text}"), text.clone()]);
        log.add(Row { query: text, overlap: 0.5, ids, ..Row::default() }).await;
    }
    let flags = log.store.flags();
    flags.set("search_write_mode", "dual", SCRIPT, &"why ".repeat(500)).await.unwrap();
    flags.set("shadow_sample_rate", "5", &"W".repeat(2_000), SCRIPT).await.unwrap();
    query(
        "INSERT INTO replicas (replica, host, plan_version, phase, write_mode, read_backend, mode_since, report_seconds)
         VALUES ($1, $1, 1, $1, $1, $1, now(), 100), ($2, $2, 1, $2, $2, $2, now(), 100)",
    )
    .bind(SCRIPT)
    .bind("h".repeat(300))
    .execute(&log.pool)
    .await
    .unwrap();
    query("UPDATE shadow_read_logs SET endpoint = $1 WHERE id % 2 = 0").bind(SCRIPT).execute(&log.pool).await.unwrap();
    query("INSERT INTO shadow_read_logs (endpoint, user_id, query_norm, meili_ids, pg_ids, overlap_at_10, latency_meili_ms,
            latency_pg_ms, outcome, error_kind) VALUES ($1, '', '', '{}', '{}', 0, -1, -1, $1, $1)")
        .bind(SCRIPT)
        .execute(&log.pool)
        .await
        .unwrap();
    query("INSERT INTO backfill_jobs (job_id, target, status, error_message, total_rows) VALUES ($1, $1, 'failed', $2, 10)")
        .bind(SCRIPT)
        .bind(SCRIPT.repeat(100))
        .execute(&log.pool)
        .await
        .unwrap();
    let jobs = crossfade::backfill::BackfillJobs::new(&log.store).list().await.unwrap();
    let row = VerdictRow {
        gate: SCRIPT.to_owned(),
        class: Some(SCRIPT.to_owned()),
        verdict: Verdict::Hold,
        value: Some(f64::NAN),
        lower: Some(f64::NEG_INFINITY),
        upper: None,
        threshold: 0.7,
        at_least: true,
        unit: "<b>",
        samples: u64::MAX,
        min_samples: u64::MAX,
        why: SCRIPT.repeat(50),
        counts: true,
    };
    let overview = log.overview(HOUR).await;
    let drift = DriftSeen {
        index: SCRIPT.to_owned(),
        checked_at: overview.report.until,
        meili_documents: u64::MAX,
        pg_documents: 0,
        differing: vec![(SCRIPT.to_owned(), u64::MAX)],
    };
    Page::new(overview)
        .endpoint(Some(SCRIPT.to_owned()))
        .jobs(jobs)
        .verdicts(VerdictTable {
            overall: Verdict::Hold,
            next_step: Some(SCRIPT.to_owned()),
            rows: vec![row],
            latch: Some(SCRIPT.repeat(20)),
        })
        .drift(vec![drift])
}

#[tokio::test]
async fn text_from_outside_is_escaped() {
    let html = page().await.render().unwrap();
    for (what, times) in [("<script", 0), ("<img", 0), ("</style>", 1), ("<svg/", 0), ("<b>", 0)] {
        assert_eq!(html.matches(what).count(), times, "{what}");
    }
    // A quote that ended an attribute would leave the rest of it as attributes: none is made of what came from outside.
    for tag in tags(&html) {
        let text_from_outside = ["onmouseover", "onerror", "onload", "gnisrever", "東京"];
        assert!(text_from_outside.iter().all(|text| !tag.contains(text)), "{tag}");
    }
    assert!(html.contains("&lt;script&gt;console.error"), "and is shown");
    assert!(html.contains("東京物語") && html.contains("مدينة") && html.contains("👩‍👩‍👧‍👦"));
}

#[tokio::test]
async fn long_text_is_cut_and_its_length_told() {
    let html = page().await.render().unwrap();
    assert!(html.len() < 500_000, "{} bytes", html.len());
    assert!(!html.contains(&"w".repeat(301)) && html.contains(&"w".repeat(300)));
    assert!(html.contains("10,000 characters"), "how long it was");
}

/// A direction that a text sets must end with it.
#[tokio::test]
async fn what_turns_the_direction_is_isolated() {
    let html = page().await.render().unwrap();
    let before = html.split("gnisrever").next().unwrap();
    let (opened, closed) = (before.matches("<bdi").count(), before.matches("</bdi>").count());
    assert_eq!(opened, closed + 1);
}

#[tokio::test]
async fn control_characters_are_replaced() {
    let html = page().await.render().unwrap();
    let shown = |letter: &char| letter.is_control() && *letter != '\n' && *letter != '\t';
    assert_eq!(html.chars().find(shown), None);
}

fn tags(html: &str) -> Vec<&str> {
    let starts = html.match_indices('<').map(|(at, _)| &html[at..]);
    starts.filter_map(|rest| Some(&rest[..=rest.find('>')?])).collect()
}
