//! What is printed, read back.

use std::{collections::BTreeSet, fs, path::Path};

use crossfade::{
    observe::{RUNBOOK_ANCHORS, alerts, dashboard},
    telemetry::METRICS,
};
use serde_json::Value;

use super::{
    promql::Read,
    reader::{rules, shown, variables},
};
use crate::cli::run;

/// Metrics that need no panel, each with its reason.
const NOT_SHOWN: &[&str] = &[];

fn committed(file: &str) -> String {
    file_of(&format!("docs/observability/{file}"))
}

fn file_of(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

fn read(query: &str) -> Read {
    let read = Read::new(query).and_then(|read| read.check().map(|()| read));
    read.unwrap_or_else(|why| panic!("{query}: {why}"))
}

/// The labels that a text names, between two marks.
fn named<'a>(text: &'a str, before: &str) -> BTreeSet<&'a str> {
    let names = text.split(before).skip(1);
    names.map(|rest| rest.split(|letter: char| !letter.is_alphanumeric() && letter != '_').next().unwrap()).collect()
}

#[test]
fn every_name_and_label_of_the_dashboard_is_in_the_table() {
    let dashboard: Value = serde_json::from_str(&committed("crossfade-dashboard.json")).unwrap();
    let shown = shown(&dashboard);
    assert!(shown.len() > 50, "{}", shown.len());
    let mut metrics = BTreeSet::new();
    for one in &shown {
        let read = read(&one.query);
        metrics.extend(read.selectors.iter().filter_map(|selector| selector.metric()).map(|metric| metric.name));
        for label in named(&one.legend, "{{") {
            assert!(read.labels().contains(label), "{one:?}: the result has no {label}");
        }
        for selector in &read.selectors {
            let narrowed: Vec<_> = selector.matchers.iter().map(|matcher| matcher.label.as_str()).collect();
            assert!(narrowed.starts_with(&["job", "instance"]), "{one:?} shows what was not chosen");
        }
    }
    let table = METRICS.iter().map(|metric| metric.name).filter(|name| !NOT_SHOWN.contains(name));
    let missing: Vec<_> = table.filter(|name| !metrics.contains(name)).collect();
    assert!(missing.is_empty(), "no panel shows {missing:?}: add one in src/observe/dashboard/, or a reason here");
    for (series, label) in variables(&dashboard) {
        read(&series);
        assert!(["job", "instance"].contains(&label.as_str()), "{label}");
    }
}

#[test]
fn every_name_and_label_of_the_alerts_is_in_the_table() {
    let rules = rules(&committed("crossfade-alerts.yml"));
    assert!(rules.len() > 20, "{}", rules.len());
    for rule in &rules {
        let read = read(&rule.query);
        for text in [&rule.summary, &rule.description] {
            for label in named(text, "$labels.") {
                assert!(read.labels().contains(label), "{}: the result has no {label}", rule.name);
            }
            assert_eq!(text.matches("{{").count(), text.matches("}}").count(), "{text}");
        }
        assert!(["warning", "critical"].contains(&rule.severity.as_str()), "{rule:?}");
        let lasting = rule.lasting.strip_suffix('m').map(str::parse::<u32>);
        assert!(matches!(lasting, Some(Ok(1..=60))), "{rule:?}");
    }
    let names: BTreeSet<_> = rules.iter().map(|rule| &rule.name).collect();
    assert_eq!(names.len(), rules.len(), "a name stands for two alerts");
    assert!(names.iter().all(|name| name.starts_with("Crossfade")), "{names:?}");
}

#[test]
fn alerts_point_to_headings_of_the_runbook() {
    let rules = rules(&committed("crossfade-alerts.yml"));
    let anchor =
        |runbook: &str| runbook.strip_prefix("docs/runbook.md#").unwrap_or_else(|| panic!("{runbook}")).to_owned();
    let used: BTreeSet<String> = rules.iter().map(|rule| anchor(&rule.runbook)).collect();
    let published: BTreeSet<String> = RUNBOOK_ANCHORS.iter().map(|anchor| (*anchor).to_owned()).collect();
    assert_eq!(used, published);
    assert_eq!(published.len(), RUNBOOK_ANCHORS.len());
}

#[test]
fn the_committed_copies_are_what_is_made() {
    let made = serde_json::to_string_pretty(&dashboard()).unwrap() + "\n";
    let out_of_date = |file: &str, what: &str| {
        format!("docs/observability/{file} is out of date: run `crossfade observe {what} > docs/observability/{file}`")
    };
    let (json, yaml) = ("crossfade-dashboard.json", "crossfade-alerts.yml");
    assert!(committed(json) == made, "{}", out_of_date(json, "grafana"));
    assert!(committed(yaml) == alerts(None), "{}", out_of_date(yaml, "alerts"));
}

#[tokio::test]
async fn the_program_prints_them() {
    let printed = run(None, &["observe", "grafana"]).await;
    assert_eq!((printed.code, printed.stderr.as_str()), (Some(0), ""));
    assert!(printed.stdout == committed("crossfade-dashboard.json"));
    let printed = run(None, &["observe", "alerts"]).await;
    assert_eq!((printed.code, printed.stderr.as_str()), (Some(0), ""));
    assert!(printed.stdout == committed("crossfade-alerts.yml"));

    let job = "it's \"search\\1\"";
    let printed = run(None, &["observe", "alerts", "--job", job]).await;
    let rules = rules(&printed.stdout);
    assert_eq!(rules.len(), super::reader::rules(&alerts(None)).len());
    for rule in rules {
        for selector in read(&rule.query).selectors {
            let of_job = selector
                .matchers
                .iter()
                .any(|it| (it.label.as_str(), it.operator.as_str(), it.value.as_str()) == ("job", "=", job));
            assert!(of_job, "{selector:?}");
        }
    }
}

#[test]
fn the_readme_lists_every_metric() {
    let readme = file_of("README.md");
    let rows: Vec<&str> = readme.lines().filter(|line| line.starts_with("| `")).collect();
    for metric in METRICS {
        let labels: Vec<_> = metric.labels.iter().map(|label| label.name).collect();
        let braces = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let written = format!("`{}{braces}`", metric.name);
        assert!(rows.iter().any(|row| row.contains(&written)), "README.md has no row with {written}");
    }
}

#[test]
fn panels_stand_beside_each_other() {
    let dashboard = dashboard();
    let panels = dashboard["panels"].as_array().unwrap();
    let mut ids = BTreeSet::new();
    let mut taken = BTreeSet::new();
    for panel in panels {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{panel}");
        assert_ne!(panel["title"], "");
        let place = |field: &str| panel["gridPos"][field].as_u64().unwrap();
        assert!(place("x") + place("w") <= 24, "{panel}");
        for x in place("x")..place("x") + place("w") {
            for y in place("y")..place("y") + place("h") {
                assert!(taken.insert((x, y)), "{} covers another one", panel["title"]);
            }
        }
        let letters =
            panel["targets"].as_array().map(|targets| targets.iter().map(|target| target["refId"].as_str().unwrap()));
        let letters: Vec<_> = letters.into_iter().flatten().collect();
        assert_eq!(letters.iter().collect::<BTreeSet<_>>().len(), letters.len(), "{panel}");
        assert!(panel["type"] == "row" || !letters.is_empty(), "{panel}");
    }
}
