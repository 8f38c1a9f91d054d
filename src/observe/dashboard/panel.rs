//! One panel.

use serde_json::{Value, json};

use crate::observe::promql::Query;

/// Something to look at.
pub(super) struct Panel {
    title: &'static str,
    description: &'static str,
    form: Form,
    unit: Unit,
    /// From which value on it is red, or below which.
    limit: Option<Limit>,
    /// Words for values.
    words: &'static [(i64, &'static str)],
    queries: Vec<(Query, &'static str)>,
    pub(super) width: u64,
}

#[derive(Clone, Copy, PartialEq)]
enum Form {
    /// A number.
    Stat,
    /// Lines over time.
    Lines,
    /// Areas over time, one on the other.
    Stack,
}

#[derive(Clone, Copy)]
enum Limit {
    Above(f64),
    Below(f64),
}

/// What is measured, in Grafana's words.
#[derive(Clone, Copy)]
pub(super) enum Unit {
    Count,
    PerSecond,
    Seconds,
    Milliseconds,
    /// 0 to 1.
    Share,
}

impl Panel {
    fn new(form: Form, title: &'static str, unit: Unit) -> Self {
        Self {
            title,
            description: "",
            form,
            unit,
            limit: None,
            words: &[],
            queries: Vec::new(),
            width: if form == Form::Stat { 4 } else { 8 },
        }
    }

    pub(super) fn stat(title: &'static str, unit: Unit) -> Self {
        Self::new(Form::Stat, title, unit)
    }

    pub(super) fn lines(title: &'static str, unit: Unit) -> Self {
        Self::new(Form::Lines, title, unit)
    }

    pub(super) fn stack(title: &'static str, unit: Unit) -> Self {
        Self::new(Form::Stack, title, unit)
    }

    /// What a reader has to know to read it.
    pub(super) fn about(self, description: &'static str) -> Self {
        Self { description, ..self }
    }

    /// A query, and the name of what it gives.
    pub(super) fn show(mut self, query: Query, legend: &'static str) -> Self {
        self.queries.push((query, legend));
        self
    }

    pub(super) fn red_above(self, limit: f64) -> Self {
        Self { limit: Some(Limit::Above(limit)), ..self }
    }

    pub(super) fn red_below(self, limit: f64) -> Self {
        Self { limit: Some(Limit::Below(limit)), ..self }
    }

    pub(super) fn worded(self, words: &'static [(i64, &'static str)]) -> Self {
        Self { words, ..self }
    }

    pub(super) fn wide(self, width: u64) -> Self {
        Self { width, ..self }
    }

    /// Rows of the grid.
    pub(super) fn height(&self) -> u64 {
        if self.form == Form::Stat { 4 } else { 8 }
    }

    pub(super) fn json(&self, id: u64, place: Value) -> Value {
        let targets = self.queries.iter().zip('A'..).map(|((query, legend), letter)| {
            json!({
                "refId": letter.to_string(),
                "datasource": datasource(),
                "editorMode": "code",
                "expr": query.to_string(),
                "legendFormat": legend,
                "instant": self.form == Form::Stat,
                "range": self.form != Form::Stat,
            })
        });
        json!({
            "id": id,
            "type": if self.form == Form::Stat { "stat" } else { "timeseries" },
            "title": self.title,
            "description": self.description,
            "datasource": datasource(),
            "gridPos": place,
            "targets": targets.collect::<Vec<_>>(),
            "fieldConfig": { "defaults": self.defaults(), "overrides": [] },
            "options": self.options(),
        })
    }

    fn defaults(&self) -> Value {
        let mut defaults = json!({
            "unit": self.unit.as_str(),
            "color": { "mode": if self.form == Form::Stat { "thresholds" } else { "palette-classic" } },
            "thresholds": { "mode": "absolute", "steps": self.steps() },
            "mappings": self.mappings(),
        });
        if self.form != Form::Stat {
            let stacked = if self.form == Form::Stack { "normal" } else { "none" };
            let limit = if self.limit.is_some() { "dashed" } else { "off" };
            defaults["custom"] = json!({
                "drawStyle": "line",
                "lineWidth": 1,
                "fillOpacity": if self.form == Form::Stack { 40 } else { 0 },
                "showPoints": "never",
                "spanNulls": false,
                "stacking": { "mode": stacked, "group": "A" },
                "thresholdsStyle": { "mode": limit },
            });
        }
        defaults
    }

    fn steps(&self) -> Value {
        let step = |color: &str, value: Option<f64>| json!({ "color": color, "value": value });
        match self.limit {
            None => json!([step("green", None)]),
            Some(Limit::Above(limit)) => json!([step("green", None), step("red", Some(limit))]),
            Some(Limit::Below(limit)) => json!([step("red", None), step("green", Some(limit))]),
        }
    }

    fn mappings(&self) -> Value {
        let words = self.words.iter().enumerate();
        let words: serde_json::Map<_, _> =
            words.map(|(index, (value, text))| (value.to_string(), json!({ "text": text, "index": index }))).collect();
        if words.is_empty() { json!([]) } else { json!([{ "type": "value", "options": words }]) }
    }

    fn options(&self) -> Value {
        if self.form == Form::Stat {
            return json!({
                "reduceOptions": { "calcs": ["lastNotNull"], "fields": "", "values": false },
                "orientation": "auto",
                "textMode": "auto",
                "colorMode": "value",
                "graphMode": "none",
                "justifyMode": "auto",
                "percentChangeColorMode": "standard",
                "showPercentChange": false,
                "wideLayout": true,
            });
        }
        json!({
            "legend": { "showLegend": true, "displayMode": "list", "placement": "bottom", "calcs": [] },
            "tooltip": { "mode": "multi", "sort": "desc" },
        })
    }
}

/// The data source that is chosen at the top of the dashboard.
pub(super) fn datasource() -> Value {
    json!({ "type": "prometheus", "uid": "${datasource}" })
}

impl Unit {
    fn as_str(self) -> &'static str {
        match self {
            Self::Count => "short",
            Self::PerSecond => "cps",
            Self::Seconds => "s",
            Self::Milliseconds => "ms",
            Self::Share => "percentunit",
        }
    }
}
