//! Decisions for people.

use crossfade::{
    cutover::Kept,
    gates::{Decision, Goal, Judged, Unit},
};

use crate::output;

pub(crate) fn decision(kept: &Kept) -> String {
    let decision = &kept.decision;
    let mut text = head(decision);
    let (counts, others): (Vec<&Judged>, Vec<&Judged>) = decision.gates.iter().partition(|judged| judged.counts);
    text.push_str(&format!("\n\n{}", table(&counts)));
    if !others.is_empty() {
        text.push_str(&format!("\n\nnot for this step:\n{}", table(&others)));
    }
    if !decision.classes.is_empty() {
        text.push_str(&format!("\n\n{}", classes(decision)));
    }
    if let Some(noise) = &decision.noise {
        let relative = noise.relative.map_or(String::new(), |relative| format!("; pg reaches {relative:.3} of that"));
        let (overlap, pairs) = (noise.overlap_at_10.mean, noise.pairs);
        text.push_str(&format!(
            "\n\nnoise floor: Meilisearch agrees with itself to {overlap:.3} ({pairs} pairs){relative}"
        ));
    }
    if let Some(unsettled) = decision.unsettled {
        text.push_str(&format!("\nunsettled: {:.1} % of the pairs say nothing of quality", unsettled * 100.0));
    }
    for blocked in &decision.blocked {
        text.push_str(&format!("\n\nin the way: {blocked}"));
    }
    text.push_str(&format!("\n\nverdict: {} (kept as {})", decision.verdict.as_str(), kept.verdict_id));
    text
}

fn head(decision: &Decision) -> String {
    let since = decision.since.map_or("the beginning".to_owned(), |since| format!("{since:.0}"));
    let next = decision.step.as_ref().map_or("none: the migration is at its end", |step| &step.what);
    format!("phase     {} since {since}, revision {}\nnext step {next}", decision.phase, decision.revision)
}

fn table(gates: &[&Judged]) -> String {
    let rows: Vec<[String; 7]> = gates.iter().map(|judged| row(judged)).collect();
    output::columns(["", "GATE", "IS", "BOUNDS", "GOAL", "SAMPLES", "WHY"], &rows)
}

fn row(judged: &Judged) -> [String; 7] {
    let figure = |value: f64| figure(value, judged.unit);
    let (sign, threshold) = match judged.goal {
        Goal::AtLeast(threshold) => (">=", threshold),
        Goal::AtMost(threshold) => ("<=", threshold),
    };
    let bounds = match (judged.lower, judged.upper) {
        (None, None) => String::new(),
        (lower, upper) => format!("{} .. {}", lower.map_or("?".into(), figure), upper.map_or("?".into(), figure)),
    };
    let class = judged.class.map_or(String::new(), |class| format!(" ({class})"));
    let mut why = judged.why.clone();
    if let Some(worst) = &judged.worst {
        let value = worst.value.map_or("?".into(), figure);
        let sep = if why.is_empty() { "" } else { "; " };
        why.push_str(&format!("{sep}worst class: {} {value} ({})", worst.class, worst.verdict.as_str()));
    }
    [
        judged.verdict.as_str().to_uppercase(),
        format!("{}{class}", judged.gate),
        judged.value.map_or("?".into(), figure),
        bounds,
        format!("{sign} {}", figure(threshold)),
        judged.samples.map_or(String::new(), |samples| samples.to_string()),
        why,
    ]
}

fn classes(decision: &Decision) -> String {
    let row = |class: &crossfade::gates::ClassQuality| {
        [
            class.class.to_string(),
            class.pairs.to_string(),
            class.overlap_at_10.map_or("?".into(), |overlap| format!("{:.3}", overlap.mean)),
            format!("{:.3} .. {:.3}", class.bounds.lower, class.bounds.upper),
            class.pg_p95_ms.map_or("?".into(), |p95| format!("{p95:.1} ms")),
        ]
    };
    let rows: Vec<[String; 5]> = decision.classes.iter().map(row).collect();
    output::columns(["CLASS", "PAIRS", "OVERLAP@10", "BOUNDS", "PG P95"], &rows)
}

fn figure(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Share | Unit::Ratio => format!("{value:.3}"),
        Unit::Ms => format!("{value:.1} ms"),
        Unit::Seconds => format!("{value:.0} s"),
        Unit::Count => format!("{value:.0}"),
    }
}
