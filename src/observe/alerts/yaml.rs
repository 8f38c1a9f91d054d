//! Rule groups as YAML. The shape is fixed; what people wrote is quoted, names of ours stand bare.

use std::fmt::{self, Write};

use super::Group;

pub(super) fn write(groups: &[Group]) -> String {
    let mut yaml = String::new();
    // Writing to a string cannot fail.
    let _ = write_to(&mut yaml, groups);
    yaml
}

fn write_to(yaml: &mut String, groups: &[Group]) -> fmt::Result {
    writeln!(yaml, "# Made by `crossfade observe alerts`: change src/observe/, not this file.")?;
    writeln!(yaml, "groups:")?;
    for group in groups {
        writeln!(yaml, "  - name: {}", group.name)?;
        writeln!(yaml, "    rules:")?;
        for (index, alert) in group.alerts.iter().enumerate() {
            if index > 0 {
                writeln!(yaml)?;
            }
            writeln!(yaml, "      - alert: {}", alert.name)?;
            writeln!(yaml, "        expr: {}", quoted(&alert.query.to_string()))?;
            writeln!(yaml, "        for: {}", alert.lasting)?;
            writeln!(yaml, "        labels:")?;
            writeln!(yaml, "          severity: {}", alert.severity.as_str())?;
            writeln!(yaml, "        annotations:")?;
            writeln!(yaml, "          summary: {}", quoted(alert.summary))?;
            writeln!(yaml, "          description: {}", quoted(alert.description))?;
            writeln!(yaml, "          runbook: {}", quoted(&format!("docs/runbook.md#{}", alert.runbook)))?;
        }
    }
    Ok(())
}

/// A single-quoted scalar, in which only the quote is special; what it cannot hold is double-quoted, with the escapes of JSON, which
/// YAML knows.
fn quoted(value: &str) -> String {
    if value.contains(char::is_control) {
        serde_json::Value::from(value).to_string()
    } else {
        format!("'{}'", value.replace('\'', "''"))
    }
}
