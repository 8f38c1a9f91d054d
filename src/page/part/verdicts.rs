//! What the gates say.

use maud::{Markup, html};

use super::{
    format::{NOTHING, count, digits, millis, percent, seconds},
    head::badge,
    none, said, section,
};
use crate::page::{VerdictRow, VerdictTable, plot::interval};

pub(super) fn verdicts(table: Option<&VerdictTable>) -> Markup {
    let Some(table) = table else {
        return section("gates", "Gates", none("No gates evaluated."));
    };
    let content = html! {
        p.overall {
            (badge(table.overall)) " "
            @match &table.next_step {
                Some(step) => { "for the next step: " strong { (said(step, 200)) } }
                None => "no step is left",
            }
        }
        @if table.rows.is_empty() {
            (none("No gate is declared."))
        } @else {
            div.scroll role="region" aria-label="The gates" tabindex="0" {
                table.gates {
                    thead { tr {
                        th scope="col" { "Gate" }
                        th scope="col" { "Verdict" }
                        th scope="col" { "Bounds against the threshold" }
                        th scope="col" { "Value" }
                        th scope="col" { "Threshold" }
                        th scope="col" { "Samples" }
                        th scope="col" { "Why" }
                    } }
                    tbody { @for row in &table.rows { (gate(row)) } }
                }
            }
            p.note {
                "The bar is what the true value may be, the dot what was measured, the upright line the threshold; shaded is the side on \
                 which a gate passes. An arrow: no bound on that side; a dot alone: counted, not estimated. Gates in grey do not count before the next step."
            }
        }
    };
    section("gates", "Gates", content)
}

fn gate(row: &VerdictRow) -> Markup {
    let number = |value: Option<f64>| number(value, row.unit);
    let side = if row.at_least { "≥" } else { "≤" };
    let bounds = match (row.lower, row.upper) {
        (None, None) => "no bounds".to_owned(),
        (lower, upper) => format!("{} to {}", number(lower), number(upper)),
    };
    let spoken = format!("{}, bounds {bounds}, threshold {side} {}", number(row.value), number(Some(row.threshold)));
    html! {
        tr class=[(!row.counts).then_some("aside")] {
            th scope="row" {
                (said(&row.gate, 80))
                @if let Some(class) = &row.class { span.class { (said(class, 40)) } }
            }
            td.word { (badge(row.verdict)) }
            td.bounds { (interval(row, &spoken)) span.ends { (bounds) } }
            td.number data-name="value" { (number(row.value)) }
            td.number data-name="threshold" { (side) " " (number(Some(row.threshold))) }
            td.number data-name="samples" {
                @if row.min_samples == 0 {
                    "–"
                } @else {
                    (count(row.samples)) span.of { " of " (count(row.min_samples)) }
                }
            }
            td.why { (said(&row.why, 300)) }
        }
    }
}

fn number(value: Option<f64>, unit: &str) -> String {
    let Some(known) = value.filter(|value| value.is_finite()) else { return NOTHING.to_owned() };
    match unit {
        "share" if known.abs() < 0.0995 => format!("{known:.4}"),
        "share" => format!("{known:.3}"),
        "percent" => percent(Some(known)),
        "ms" => millis(value),
        "seconds" => seconds(known),
        "count" if known >= 0.0 => count(known.round() as u64),
        "count" | "" => digits(known),
        other => format!("{} {other}", digits(known)),
    }
}
