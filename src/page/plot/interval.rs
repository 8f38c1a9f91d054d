//! What a value may truly be, against its threshold: one line of a table.

use maud::{Markup, html};

use crate::page::{Verdict, VerdictRow};

/// Units of the drawing.
const WIDTH: f64 = 160.0;
const HEIGHT: f64 = 26.0;
const MARGIN: f64 = 6.0;

/// The interval of a gate. Shaded is the side on which it passes; a value that has no bound on one side ends in an arrow,
/// and one without bounds is a dot.
pub(in crate::page) fn interval(row: &VerdictRow, spoken: &str) -> Markup {
    let ends = ends(row);
    let place = |value: f64| {
        let (low, high) = ends;
        let share = ((value - low) / (high - low)).clamp(0.0, 1.0);
        MARGIN + share * (WIDTH - 2.0 * MARGIN)
    };
    let threshold = place(row.threshold);
    let (from, to) = if row.at_least { (threshold, WIDTH) } else { (0.0, threshold) };
    let bound = |bound: Option<f64>| bound.filter(|bound| bound.is_finite());
    let value = bound(row.value);
    let (lower, upper) = (bound(row.lower), bound(row.upper));
    let bounded = lower.is_some() || upper.is_some();
    let (left, right) = (lower.map_or(0.0, place), upper.map_or(WIDTH, place));
    let middle = HEIGHT / 2.0;
    let verdict = match row.verdict {
        Verdict::Pass => "pass",
        Verdict::Fail => "fail",
        Verdict::Hold => "hold",
    };
    html! {
        svg.interval viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-label=(spoken) {
            rect.side x=(short(from)) y="3" width=(short(to - from)) height=(HEIGHT - 6.0) {}
            @if bounded {
                line class={ "bound " (verdict) } x1=(short(left)) x2=(short(right)) y1=(middle) y2=(middle) {}
                @match lower {
                    Some(_) => line class={ "bound " (verdict) } x1=(short(left)) x2=(short(left)) y1=(middle - 4.0) y2=(middle + 4.0) {},
                    None => path class={ "arrow " (verdict) } d={ "M0 " (middle) " l6 -4 v8 z" } {},
                }
                @match upper {
                    Some(_) => line class={ "bound " (verdict) } x1=(short(right)) x2=(short(right)) y1=(middle - 4.0) y2=(middle + 4.0) {},
                    None => path class={ "arrow " (verdict) } d={ "M" (WIDTH) " " (middle) " l-6 -4 v8 z" } {},
                }
            }
            line.threshold x1=(short(threshold)) x2=(short(threshold)) y1="1" y2=(HEIGHT - 1.0) {}
            @if let Some(value) = value {
                circle class={ "value " (verdict) } cx=(short(place(value))) cy=(middle) r="3.5" {}
            }
        }
    }
}

/// What the drawing has to hold: everything that is known, with some air, and not only one point.
fn ends(row: &VerdictRow) -> (f64, f64) {
    let known = [row.value, row.lower, row.upper, Some(row.threshold)];
    let known = known.into_iter().flatten().filter(|value| value.is_finite());
    let (low, high) =
        known.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    let air = if high > low { (high - low) * 0.15 } else { high.abs().max(1.0) * 0.15 };
    match (low - air, high + air) {
        ends if ends.0.is_finite() && ends.1.is_finite() && ends.0 < ends.1 => ends,
        _ => (0.0, 1.0),
    }
}

fn short(value: f64) -> String {
    format!("{value:.1}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(value: Option<f64>, lower: Option<f64>, upper: Option<f64>, threshold: f64) -> VerdictRow {
        VerdictRow {
            gate: "overlap".to_owned(),
            class: None,
            verdict: Verdict::Hold,
            value,
            lower,
            upper,
            threshold,
            at_least: true,
            unit: "share",
            samples: 1,
            min_samples: 1,
            why: String::new(),
            counts: true,
        }
    }

    #[test]
    fn every_row_can_be_drawn() {
        let odd = [None, Some(0.0), Some(0.5), Some(1e300), Some(-1e300), Some(f64::NAN), Some(f64::INFINITY)];
        for value in odd {
            for bound in odd {
                for threshold in [0.0, 0.7, 1e300] {
                    let drawn = interval(&row(value, bound, value, threshold), "").into_string();
                    assert!(!drawn.contains("NaN") && !drawn.contains("inf"), "{drawn}");
                }
            }
        }
    }

    #[test]
    fn the_value_stands_between_its_bounds_and_beside_its_threshold() {
        let drawn = interval(&row(Some(0.8), Some(0.75), Some(0.85), 0.7), "").into_string();
        let at = |before: &str| -> f64 {
            let rest = drawn.split_once(before).unwrap().1;
            rest.split('"').next().unwrap().parse().unwrap()
        };
        let (threshold, value) = (at("class=\"threshold\" x1=\""), at("cx=\""));
        let (lower, upper) = (at("bound hold\" x1=\""), at("x2=\""));
        assert!(threshold < lower && lower < value && value < upper, "{drawn}");
    }
}
