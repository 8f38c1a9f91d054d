//! How alike the sides answer.

use maud::{Markup, html};

use super::{
    breakdown,
    course::Times,
    format::{count, percent, unit},
    none, section, table,
};
use crate::{
    page::{
        Page, PlotError,
        plot::{Bars, Ink, Lines, Scale, Series, Words},
    },
    store::{Overview, PairStats},
};

pub(super) fn quality(page: &Page, times: &Times<'_>) -> Result<Markup, PlotError> {
    let overview = &page.overview;
    let content = html! {
        @if overview.settled.pairs == 0 {
            (none("No settled pair in this time: nothing to judge quality by."))
        } @else {
            p.lead { (lead(&overview.settled)) }
            div.plots { (histogram(overview)?) (over_time(times)?) }
            (breakdown::endpoints(overview))
        }
        (breakdown::classes(&page.classes))
        (breakdown::noise(page.noise, &overview.settled))
    };
    Ok(section("quality", "Quality", content))
}

fn lead(settled: &PairStats) -> String {
    let zero = settled.zero_results;
    format!(
        "{} settled pairs, {} of them empty on both sides. Agreement NDCG@10 {}. On first pages Meilisearch found nothing {}, PostgreSQL \
         {} of the time.",
        count(settled.pairs),
        count(settled.both_empty),
        unit(settled.agreement_ndcg_at_10),
        percent(zero.meili),
        percent(zero.pg),
    )
}

fn histogram(overview: &Overview) -> Result<Markup, PlotError> {
    let histogram = &overview.histogram;
    let all = overview.settled.pairs;
    let name = |tenth: usize| match tenth {
        0 => "0".to_owned(),
        10 => "1".to_owned(),
        tenth => format!("0.{tenth}"),
    };
    let tenths = histogram.tenths.iter().enumerate().map(|(tenth, pairs)| (name(tenth), Ink::Bar, *pairs));
    let apart = ("∅".to_owned(), Ink::BarApart, histogram.both_empty);
    let bars: Vec<(String, Ink, u64)> = tenths.chain([apart]).collect();
    let rows: Vec<Vec<Markup>> = bars
        .iter()
        .map(|(name, _, pairs)| {
            let share = percent(Some(*pairs as f64 / all as f64));
            vec![table::cell(name), table::cell(count(*pairs)), table::cell(share)]
        })
        .collect();
    let about = format!("{} settled pairs by overlap@10, to the nearest tenth; ∅: empty on both sides", count(all));
    let bars = Bars {
        words: Words { id: "histogram", title: "How the overlap is spread", about: about.clone() },
        bars,
        name: short_count,
    };
    Ok(html! {
        figure {
            figcaption { strong { "How the overlap is spread" } span { (about) } }
            (bars.draw()?)
            (table::figures("Pairs by overlap", &["overlap@10", "pairs", "share"], &rows))
        }
    })
}

fn over_time(times: &Times<'_>) -> Result<Markup, PlotError> {
    let line = |name: &str, ink, of: fn(crate::store::Overlap) -> f64| Series {
        name: name.to_owned(),
        ink,
        values: times.values(|bucket| bucket.overlap_at_10.map(of)),
    };
    let about = times.about();
    let lines = Lines {
        words: Words { id: "overlap", title: "overlap@10 over time", about: about.clone() },
        time: times.axis,
        at: &times.middles,
        series: vec![
            line("p50", Ink::Quality1, |overlap| overlap.p50),
            line("mean", Ink::Quality2, |overlap| overlap.mean),
            line("p10", Ink::Quality3, |overlap| overlap.p10),
        ],
        scale: Scale::unit(),
        name: |value| format!("{value:.2}"),
        marks: &times.marks,
        zero: false,
    };
    let row = |bucket: &crate::store::Bucket| {
        let overlap = bucket.overlap_at_10?;
        let figures = [overlap.p50, overlap.mean, overlap.p10].map(|value| unit(Some(value)));
        Some([count(bucket.settled)].into_iter().chain(figures).collect())
    };
    Ok(html! {
        figure {
            figcaption { strong { "overlap@10 over time" } span { (about) } }
            (lines.draw()?)
            (times.table("Overlap over time", &["UTC", "settled pairs", "p50", "mean", "p10"], row))
        }
    })
}

/// A number of things in few letters.
pub(super) fn short_count(value: f64) -> String {
    match value {
        value if value < 10_000.0 => super::format::digits(value),
        value if value < 1e6 => format!("{} k", super::format::digits(value / 1e3)),
        value => format!("{} M", super::format::digits(value / 1e6)),
    }
}
