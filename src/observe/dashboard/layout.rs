//! Where panels stand on Grafana's grid of 24 columns.

use serde_json::{Value, json};

use super::Row;

const COLUMNS: u64 = 24;

/// All panels with their places: from left to right, a new line when the next does not fit.
pub(super) fn placed(rows: &[Row]) -> Vec<Value> {
    let mut panels = Vec::new();
    let mut top = 0;
    for row in rows {
        panels.push(heading(panels.len() as u64 + 1, row.title, top));
        top += 1;
        let (mut left, mut highest) = (0, 0);
        for panel in &row.panels {
            if left + panel.width > COLUMNS {
                top += highest;
                (left, highest) = (0, 0);
            }
            let height = panel.height();
            let place = json!({ "x": left, "y": top, "w": panel.width, "h": height });
            panels.push(panel.json(panels.len() as u64 + 1, place));
            left += panel.width;
            highest = highest.max(height);
        }
        top += highest;
    }
    panels
}

fn heading(id: u64, title: &str, top: u64) -> Value {
    json!({
        "id": id,
        "type": "row",
        "title": title,
        "collapsed": false,
        "gridPos": { "x": 0, "y": top, "w": COLUMNS, "h": 1 },
        "panels": [],
    })
}
