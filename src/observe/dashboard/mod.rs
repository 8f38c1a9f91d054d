//! The Grafana dashboard, in the classic JSON model: every version since 10 imports it, and it can be provisioned as a file.
//!
//! The data source is a variable and no `__inputs`: those are only filled in by the import page, and a provisioned file would ask for a
//! data source called `${DS_PROMETHEUS}`.

mod layout;
mod moving;
mod panel;
mod quality;
mod reads;
mod writes;

use serde_json::{Value, json};

use self::panel::{Panel, datasource};
use super::promql::Scope;
use crate::telemetry::PLAN_INFO;

/// Version of the classic model (Grafana 12.0). Later ones upgrade it when it is opened.
const SCHEMA_VERSION: u64 = 41;

/// What rates are over: as long as Grafana finds right for what it draws.
const WINDOW: &str = "$__rate_interval";

/// A heading and what stands under it.
struct Row {
    title: &'static str,
    panels: Vec<Panel>,
}

/// The dashboard, ready to be imported. It shows the jobs and instances that are chosen at its top.
///
/// ```
/// let dashboard = crossfade::observe::dashboard();
/// assert_eq!(dashboard["title"], "Crossfade");
/// ```
pub fn dashboard() -> Value {
    let scope = Scope::chosen();
    let mut rows = Vec::new();
    rows.extend(reads::rows(&scope));
    rows.extend(quality::rows(&scope));
    rows.extend(writes::rows(&scope));
    rows.extend(moving::rows(&scope));
    json!({
        "__elements": {},
        "__requires": [
            { "type": "grafana", "id": "grafana", "name": "Grafana", "version": "10.0.0" },
            { "type": "datasource", "id": "prometheus", "name": "Prometheus", "version": "1.0.0" },
            { "type": "panel", "id": "stat", "name": "Stat", "version": "" },
            { "type": "panel", "id": "timeseries", "name": "Time series", "version": "" },
        ],
        "id": null,
        "uid": "crossfade",
        "title": "Crossfade",
        "description": "A search service on its way from Meilisearch to PostgreSQL. Made by `crossfade observe grafana`.",
        "tags": ["crossfade", "search"],
        "timezone": "browser",
        "editable": true,
        "fiscalYearStartMonth": 0,
        "graphTooltip": 1,
        "liveNow": false,
        "refresh": "30s",
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "weekStart": "",
        "time": { "from": "now-6h", "to": "now" },
        "timepicker": {},
        "annotations": { "list": [] },
        "links": [],
        "templating": { "list": variables() },
        "panels": layout::placed(&rows),
    })
}

fn variables() -> Value {
    let chosen = |name: &str, label: &str, query: String| {
        json!({
            "name": name,
            "label": label,
            "type": "query",
            "datasource": datasource(),
            "definition": query,
            "query": query,
            "regex": "",
            "sort": 1,
            "refresh": 2,
            "multi": true,
            "includeAll": true,
            "allValue": ".+",
            "current": { "selected": true, "text": ["All"], "value": ["$__all"] },
            "options": [],
            "hide": 0,
            "skipUrlSync": false,
        })
    };
    json!([
        {
            "name": "datasource",
            "label": "Data source",
            "type": "datasource",
            "query": "prometheus",
            "regex": "",
            "refresh": 1,
            "multi": false,
            "includeAll": false,
            "options": [],
            "hide": 0,
            "skipUrlSync": false,
        },
        chosen("job", "Job", format!("label_values({PLAN_INFO}, job)")),
        chosen("instance", "Instance", format!("label_values({PLAN_INFO}{{job=~\"$job\"}}, instance)")),
    ])
}
