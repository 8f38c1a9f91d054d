//! Nothing, hardly anything, and more than one would think.

use std::time::Duration;

use crossfade::{page::Page, shadow::Outcome};

use super::{HOUR, Log, Row};

const DAY: Duration = Duration::from_secs(86_400);

/// No number of a page is one that was made of nothing.
fn assert_sound(html: &str) {
    for word in ["NaN", "inf ", ">inf", "Some(", "#FACE"] {
        assert!(!html.contains(word), "{word}");
    }
    let ids: Vec<&str> = html.split(" id=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    let different: std::collections::BTreeSet<&&str> = ids.iter().collect();
    assert_eq!(ids.len(), different.len(), "an id stands twice: {ids:?}");
    for named in html.split("aria-labelledby=\"").skip(1).flat_map(|rest| rest.split('"').next().unwrap().split(' ')) {
        assert!(ids.contains(&named), "nothing is called {named}");
    }
}

#[tokio::test]
async fn nothing_is_shown_as_nothing() {
    let log = Log::fresh().await;
    let overview = log.overview(DAY).await;
    assert!(overview.course.buckets.is_empty() && overview.worst.is_empty());
    let html = Page::new(overview).render().unwrap();
    assert_sound(&html);
    for text in ["No sampled read", "No gates evaluated", "No settled pair", "source_only", "shadow_sample_rate"] {
        assert!(html.contains(text), "{text}");
    }
    assert!(!html.contains("<svg"), "there is nothing to draw");
}

#[tokio::test]
async fn one_row_is_a_page() {
    let log = Log::fresh().await;
    log.add(Row { overlap: 0.4, ..Row::default() }).await;
    let overview = log.overview(DAY).await;
    assert_eq!(overview.course.width, Duration::from_secs(1).max(overview.course.width), "no width of nothing");
    assert_eq!(overview.course.buckets.iter().map(|bucket| bucket.pairs).sum::<u64>(), 1);
    let html = Page::new(overview).render().unwrap();
    assert_sound(&html);
    assert!(html.contains("<dd class=\"figure\">0.400</dd>"), "the overlap of the only pair");
    assert!(html.contains("<circle"), "a value without neighbours is a dot");
}

#[tokio::test]
async fn every_outcome_has_its_line() {
    let log = Log::fresh().await;
    for outcome in Outcome::ALL {
        let compared = outcome == Outcome::Compared;
        let us = compared.then_some(5_000);
        log.add(Row { outcome: outcome.as_str(), meili_us: us, pg_us: us, settled: None, ..Row::default() }).await;
    }
    log.add(Row { outcome: "of_a_newer_version", meili_us: None, pg_us: None, ..Row::default() }).await;
    let html = Page::new(log.overview(DAY).await).render().unwrap();
    assert_sound(&html);
    let table = html.split("How the sampled reads ended").nth(1).unwrap().split("</table>").next().unwrap();
    for name in Outcome::ALL.map(Outcome::as_str).into_iter().chain(["of_a_newer_version"]) {
        assert_eq!(table.matches(&format!("<bdi>{name}</bdi>")).count(), 1, "{name}");
    }
    let plot = html.split("id=\"failures-wide-d\"").nth(1).unwrap().split("</svg>").next().unwrap();
    for kind in ["shadow error", "timeout", "primary error", "dropped", "other"] {
        assert_eq!(plot.matches(&format!(">{kind}</text>")).count(), 1, "{kind}");
    }
    assert!(html.contains("No settled pair"), "a pair that may not be settled tells nothing of quality");
}

#[tokio::test]
async fn extreme_latencies_are_all_within_the_plot() {
    let log = Log::fresh().await;
    let ten_minutes = 600_000_000;
    for (meili_us, pg_us, minutes) in
        [(1, ten_minutes, 1), (ten_minutes, 1, 2), (1, 1, 3), (0, 0, 4), (ten_minutes, ten_minutes, 5)]
    {
        let age = Duration::from_secs(minutes * 60);
        log.add(Row { age, meili_us: Some(meili_us), pg_us: Some(pg_us), ..Row::default() }).await;
    }
    // As a writer leaves them that knows the fixed columns only.
    log.add(Row { meili_us: None, pg_us: None, ..Row::default() }).await;
    let html = Page::new(log.overview(HOUR).await).render().unwrap();
    assert_sound(&html);
    assert!(html.contains("logarithmic") && html.contains("10\u{a0}min"), "from a microsecond to ten minutes");
    for svg in html.split("<svg class=\"plot").skip(1) {
        let svg = svg.split("</svg>").next().unwrap();
        let size: Vec<f64> =
            svg.split("viewBox=\"0 0 ").nth(1).unwrap().split('"').next().unwrap().split(' ').map(number).collect();
        let inside = |x: &str, y: &str| {
            let within = (0.0..=size[0]).contains(&number(x)) && (0.0..=size[1]).contains(&number(y));
            assert!(within, "{x}, {y} in {size:?}");
        };
        for points in svg.split("points=\"").skip(1) {
            for point in points.split('"').next().unwrap().split_whitespace() {
                let (x, y) = point.split_once(',').unwrap();
                inside(x, y);
            }
        }
        for dot in svg.split("<circle cx=\"").skip(1) {
            let (x, rest) = dot.split_once("\" cy=\"").unwrap();
            inside(x, rest.split('"').next().unwrap());
        }
        assert!(svg.contains("<circle") || svg.contains("<polyline") || svg.contains("<rect"));
    }
}

fn number(text: &str) -> f64 {
    text.parse().unwrap()
}

#[tokio::test]
async fn full_agreement_leaves_no_worst_query() {
    let log = Log::fresh().await;
    for minutes in 1..=20 {
        log.add(Row { age: Duration::from_secs(minutes * 60), ..Row::default() }).await;
    }
    let overview = log.overview(DAY).await;
    assert_eq!((overview.histogram.tenths[10], overview.worst.len()), (20, 0));
    let html = Page::new(overview).render().unwrap();
    assert_sound(&html);
    assert!(html.contains("No settled pair differs"));
}

#[tokio::test]
async fn two_weeks_are_cut_into_six_hours() {
    let log = Log::fresh().await;
    log.fill(2_000, 14 * DAY - HOUR).await;
    let overview = log.overview(14 * DAY).await;
    assert_eq!(overview.course.width, 6 * HOUR);
    assert!((56..=57).contains(&overview.course.buckets.len()), "{}", overview.course.buckets.len());
    assert!(overview.course.buckets.iter().all(|bucket| bucket.pairs > 0));
    assert_sound(&Page::new(overview).render().unwrap());
}

/// A window of fifty years over the rows of an hour: the plots show the hour.
#[tokio::test]
async fn the_course_begins_with_the_first_row() {
    let log = Log::fresh().await;
    log.fill(600, HOUR).await;
    let overview = log.overview(50 * 365 * DAY).await;
    assert!((55..=62).contains(&overview.course.buckets.len()), "{:?}", overview.course.width);
    assert_sound(&Page::new(overview).render().unwrap());
}

/// Stretches without a row are gaps, and are there.
#[tokio::test]
async fn a_pause_is_a_gap() {
    let log = Log::fresh().await;
    for minutes in [1, 2, 3, 40, 41, 42] {
        log.add(Row { age: Duration::from_secs(minutes * 60 + 5), ..Row::default() }).await;
    }
    let overview = log.overview(HOUR).await;
    assert!(overview.course.buckets.len() > 40);
    let html = Page::new(overview).render().unwrap();
    let plot = html.split("id=\"overlap-wide-d\"").nth(1).unwrap().split("</svg>").next().unwrap();
    assert_eq!(plot.matches("s-q1").count(), 2, "a line before and a line after: {plot}");
}
