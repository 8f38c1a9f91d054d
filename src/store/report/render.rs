//! The report as a page for a terminal.

use std::fmt;

use super::{PairStats, Percentiles, ReadStats, Report};
use crate::shadow::Outcome;

/// Where the first column of figures ends.
const LABEL: usize = 24;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let span = self.until.duration_since(self.since);
        let seconds = jiff::SignedDuration::from_secs(span.as_secs());
        writeln!(f, "Shadow reads from {:.0} to {:.0} ({seconds:#})", self.since, self.until)?;
        if self.overall.outcomes.is_empty() {
            return writeln!(f, "\nno data: no sampled read in this time");
        }
        for (endpoint, stats) in &self.endpoints {
            writeln!(f, "\n{endpoint}")?;
            stats.write(f, self.agreement_form)?;
        }
        if self.endpoints.len() > 1 {
            writeln!(f, "\nall endpoints")?;
            self.overall.write(f, self.agreement_form)?;
        }
        Ok(())
    }
}

impl ReadStats {
    fn write(&self, f: &mut fmt::Formatter<'_>, form: &str) -> fmt::Result {
        let sampled = self.stored + self.lost;
        let log = match self.lost {
            0 => "all in the log".to_owned(),
            lost => format!("{} of them in the log, {} lost", percent(self.completeness), count(lost)),
        };
        line(f, "sampled reads", &count(sampled), &log)?;
        // In the order of the enum; what a newer version may have written comes last.
        let known = Outcome::ALL.iter().map(|outcome| outcome.as_str());
        let unknown = self.outcomes.keys().map(String::as_str).filter(|name| known.clone().all(|it| it != *name));
        for name in known.clone().chain(unknown) {
            if let Some(outcome) = self.outcomes.get(name) {
                let total = outcome.stored + outcome.lost;
                let lost = if outcome.lost > 0 { format!("   {} lost", count(outcome.lost)) } else { String::new() };
                let errors = self.errors.get(name).into_iter().flatten();
                let errors: String = errors.map(|(kind, rows)| format!("   {kind} {}", count(*rows))).collect();
                let share = format!("{:>8}{lost}{errors}", percent(Some(total as f64 / sampled as f64)));
                line(f, &format!("  {name}"), &count(total), &share)?;
            }
        }
        self.compared.write(f, form)
    }
}

impl PairStats {
    fn write(&self, f: &mut fmt::Formatter<'_>, form: &str) -> fmt::Result {
        if self.pairs == 0 {
            return line(f, "compared pairs", "no data", "nothing to compare in the log");
        }
        let (settled, unsettled, unknown) = (self.settled, self.unsettled, self.settled_unknown);
        let settling =
            format!("settled {}   unsettled {}   unknown {}", count(settled), count(unsettled), count(unknown));
        line(f, "compared pairs", &count(self.pairs), &settling)?;
        line(f, "  both sides empty", &count(self.both_empty), "count as overlap 1 and agreement 1")?;
        let overlap = self.overlap_at_10.map_or_else(String::new, |overlap| {
            let rest = share(self.overlap_at_10_nonempty_mean);
            format!("p10 {:.3}   p50 {:.3}   mean without both empty {rest}", overlap.p10, overlap.p50)
        });
        line(f, "  overlap@10 mean", &share(self.overlap_at_10.map(|overlap| overlap.mean)), &overlap)?;
        let noise = self.noise_floor;
        let relative = match noise.pairs {
            0 => "no pair in which meili was asked twice".to_owned(),
            pairs => {
                format!("meili with itself, {} pairs; relative to it {}", count(pairs), share(noise.relative_overlap))
            }
        };
        line(f, "  noise floor", &share(noise.overlap_at_10_mean), &relative)?;
        line(f, "  agreement NDCG mean", &share(self.agreement_ndcg_at_10), form)?;
        line(f, "  identical order", &percent(self.identical_order), "of the first ten")?;
        line(f, "  same first hit", &percent(self.same_top), "of pairs not both empty")?;
        let zero = self.zero_results;
        let pages = format!("of {} first pages", count(zero.first_pages));
        line(f, "  zero results meili", &percent(zero.meili), &pages)?;
        line(f, "  zero results pg", &percent(zero.pg), &pages)?;
        writeln!(f, "  {:<LABEL$} {:>10} {:>10} {:>10}", "latency in ms", "p50", "p95", "p99")?;
        latency(f, "  meili", self.latency_ms.meili, "")?;
        latency(f, "  pg", self.latency_ms.pg, "")?;
        latency(f, "  pg - meili, by pair", self.latency_ms.delta, "+")
    }
}

fn line(f: &mut fmt::Formatter<'_>, label: &str, figure: &str, remark: &str) -> fmt::Result {
    writeln!(f, "  {label:<LABEL$} {figure:>10}   {remark}")
}

fn latency(f: &mut fmt::Formatter<'_>, label: &str, values: Option<Percentiles>, sign: &str) -> fmt::Result {
    let Some(Percentiles { p50, p95, p99 }) = values else { return line(f, label, "no data", "") };
    let ms = |value: f64| if sign.is_empty() { format!("{value:.2}") } else { format!("{value:+.2}") };
    writeln!(f, "  {label:<LABEL$} {:>10} {:>10} {:>10}", ms(p50), ms(p95), ms(p99))
}

/// A whole number in groups of three digits.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

fn share(value: Option<f64>) -> String {
    value.map_or_else(|| "no data".to_owned(), |value| format!("{value:.3}"))
}

fn percent(value: Option<f64>) -> String {
    value.map_or_else(|| "no data".to_owned(), |value| format!("{:.2} %", value * 100.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped() {
        let grouped = [0, 999, 1_000, 36_273, 1_234_567].map(count);
        assert_eq!(grouped, ["0", "999", "1,000", "36,273", "1,234,567"]);
    }
}
