//! Reads the outputs as Grafana and Prometheus do: as JSON and as YAML.

use serde_json::Value;
use yaml_rust2::{Yaml, YamlLoader};

/// A query of the dashboard, and the name of what it gives.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) query: String,
    pub(super) legend: String,
}

/// A rule.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) name: String,
    pub(super) query: String,
    pub(super) lasting: String,
    pub(super) severity: String,
    pub(super) summary: String,
    pub(super) description: String,
    pub(super) runbook: String,
}

/// Every query of the dashboard's panels, wherever it stands.
pub(super) fn shown(dashboard: &Value) -> Vec<Shown> {
    let mut found = Vec::new();
    collect(&dashboard["panels"], &mut found);
    found
}

fn collect(value: &Value, found: &mut Vec<Shown>) {
    match value {
        Value::Object(fields) => {
            if let Some(query) = fields.get("expr") {
                let legend = fields["legendFormat"].as_str().unwrap().to_owned();
                found.push(Shown { query: query.as_str().unwrap().to_owned(), legend });
            }
            fields.values().for_each(|value| collect(value, found));
        }
        Value::Array(values) => values.iter().for_each(|value| collect(value, found)),
        _ => {}
    }
}

/// The queries that fill the variables of the dashboard, without the function around them.
pub(super) fn variables(dashboard: &Value) -> Vec<(String, String)> {
    let variables = dashboard["templating"]["list"].as_array().unwrap().iter();
    let queries = variables.filter(|variable| variable["type"] == "query");
    queries
        .map(|variable| {
            let query = variable["query"].as_str().unwrap();
            assert_eq!(variable["definition"], query);
            let inner = query.strip_prefix("label_values(").and_then(|rest| rest.strip_suffix(')')).unwrap();
            let (series, label) = inner.rsplit_once(", ").unwrap();
            (series.to_owned(), label.to_owned())
        })
        .collect()
}

pub(super) fn rules(yaml: &str) -> Vec<Rule> {
    let documents = YamlLoader::load_from_str(yaml).unwrap();
    let [document] = documents.as_slice() else { panic!("not one document") };
    let groups = document["groups"].as_vec().unwrap();
    groups.iter().flat_map(|group| group["rules"].as_vec().unwrap()).map(rule).collect()
}

fn rule(rule: &Yaml) -> Rule {
    let text = |value: &Yaml| value.as_str().unwrap_or_else(|| panic!("no text: {value:?} in {rule:?}")).to_owned();
    Rule {
        name: text(&rule["alert"]),
        query: text(&rule["expr"]),
        lasting: text(&rule["for"]),
        severity: text(&rule["labels"]["severity"]),
        summary: text(&rule["annotations"]["summary"]),
        description: text(&rule["annotations"]["description"]),
        runbook: text(&rule["annotations"]["runbook"]),
    }
}
