//! How fast the sides answer.

use maud::{Markup, html};

use super::{
    course::{Times, values},
    format::{count, millis, signed_millis},
    none, section, table,
};
use crate::{
    page::{
        Page, PlotError,
        plot::{Ink, Lines, Scale, Series, Words},
    },
    store::{Bucket, Latencies, Percentiles},
};

pub(super) fn latency(page: &Page, times: &Times<'_>) -> Result<Markup, PlotError> {
    let overall = page.overview.report.overall.compared.latency_ms;
    if overall.meili.is_none() && overall.pg.is_none() {
        return Ok(section("latency", "Latency", none("No pair in which both sides answered.")));
    }
    let meili = side(times, [Ink::Meili1, Ink::Meili2, Ink::Meili3], |bucket| bucket.meili_ms);
    let pg = side(times, [Ink::Pg1, Ink::Pg2, Ink::Pg3], |bucket| bucket.pg_ms);
    let delta: Vec<Series> =
        side(times, [Ink::Delta1, Ink::Delta2, Ink::Delta2], |bucket| bucket.delta_ms).into_iter().take(2).collect();
    // One scale for both, so that they can be compared by eye.
    let scale = Scale::positive(values(&meili).chain(values(&pg)));
    let apart = Scale::linear(values(&delta));
    let meili = Plot { id: "latency-meili", title: "Meilisearch", signed: false, of: |bucket| bucket.meili_ms }.draw(
        times,
        meili,
        scale.clone(),
    );
    let pg =
        Plot { id: "latency-pg", title: "PostgreSQL", signed: false, of: |bucket| bucket.pg_ms }.draw(times, pg, scale);
    let title = "PostgreSQL less Meilisearch, pair by pair";
    let delta =
        Plot { id: "latency-delta", title, signed: true, of: |bucket| bucket.delta_ms }.draw(times, delta, apart);
    let content = html! {
        div.plots { (meili?) (pg?) (delta?) (whole(&overall)) }
    };
    Ok(section("latency", "Latency", content))
}

fn whole(overall: &Latencies) -> Markup {
    let row = |name: &str, side: Option<Percentiles>, text: fn(Option<f64>) -> String| {
        let figures = [side.map(|side| side.p50), side.map(|side| side.p95), side.map(|side| side.p99)].map(text);
        [table::cell(name)].into_iter().chain(figures.map(table::cell)).collect::<Vec<Markup>>()
    };
    let rows = [
        row("Meilisearch", overall.meili, millis),
        row("PostgreSQL", overall.pg, millis),
        row("the difference", overall.delta, signed_millis),
    ];
    html! {
        div {
            p { strong { "Over the whole window" } }
            (table::table("Latency over the whole window", &["", "p50", "p95", "p99"], &rows))
        }
    }
}

fn side(times: &Times<'_>, inks: [Ink; 3], of: fn(&Bucket) -> Option<Percentiles>) -> Vec<Series> {
    let line = |name: &str, ink, which: fn(Percentiles) -> f64| Series {
        name: name.to_owned(),
        ink,
        values: times.values(|bucket| of(bucket).map(which)),
    };
    let [first, second, third] = inks;
    vec![line("p50", first, |side| side.p50), line("p95", second, |side| side.p95), line("p99", third, |side| side.p99)]
}

/// A plot of one quantity.
struct Plot {
    id: &'static str,
    title: &'static str,
    /// Whether it may be below zero.
    signed: bool,
    of: fn(&Bucket) -> Option<Percentiles>,
}

impl Plot {
    fn draw(self, times: &Times<'_>, series: Vec<Series>, scale: Scale) -> Result<Markup, PlotError> {
        let Self { id, title, signed, of } = self;
        let text: fn(Option<f64>) -> String = if signed { signed_millis } else { millis };
        let names: Vec<String> = series.iter().map(|series| series.name.clone()).collect();
        let about = match (signed, scale.is_logarithmic()) {
            (true, _) => "above zero PostgreSQL took longer".to_owned(),
            (false, true) => format!("{}; logarithmic", times.about()),
            (false, false) => times.about(),
        };
        let lines = Lines {
            words: Words { id, title, about: about.clone() },
            time: times.axis,
            at: &times.middles,
            series,
            scale,
            name: if signed { |value| signed_millis(Some(value)) } else { |value| millis(Some(value)) },
            marks: &times.marks,
            zero: signed,
        };
        let row = |bucket: &Bucket| {
            let side = of(bucket)?;
            let figures = [side.p50, side.p95, side.p99].map(|value| text(Some(value)));
            Some([count(bucket.pairs)].into_iter().chain(figures.into_iter().take(names.len())).collect())
        };
        let head: Vec<&str> = ["UTC", "pairs"].into_iter().chain(names.iter().map(String::as_str)).collect();
        Ok(html! {
            figure {
                figcaption { strong { (title) } span { (about) } }
                @if lines.is_empty() { (none("No data.")) } @else { (lines.draw()?) }
                (times.table(title, &head, row))
            }
        })
    }
}
