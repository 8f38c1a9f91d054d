//! The big figures.

use maud::{Markup, html};

use super::format::{count, millis, percent, unit};
use crate::page::Page;

struct Tile {
    name: &'static str,
    figure: String,
    about: String,
}

pub(super) fn tiles(page: &Page) -> Markup {
    let overview = &page.overview;
    if overview.report.overall.outcomes.is_empty() {
        return html! {
            p.nothing {
                "No sampled read in this time. Reads are sampled once " code { "shadow_sample_rate" } " is above 0 and both sides are written: "
                code { "crossfade flags set shadow_sample_rate 5 --why 'first look'" }
            }
        };
    }
    let tiles = [overlap(page), order(page), latency(page), failed(page), sampled(page), settled(page)];
    html! {
        dl.tiles aria-label="The main figures" {
            @for Tile { name, figure, about } in tiles {
                div.tile { dt { (name) } dd.figure { (figure) } dd.about { (about) } }
            }
        }
    }
}

fn overlap(page: &Page) -> Tile {
    let settled = &page.overview.settled;
    let overlap = settled.overlap_at_10;
    let mut about = match overlap {
        Some(overlap) => format!("mean {}, p10 {}", unit(Some(overlap.mean)), unit(Some(overlap.p10))),
        None => "no settled pair".to_owned(),
    };
    if let (Some(overlap), Some(noise)) = (overlap, page.noise)
        && noise.overlap.mean > 0.0
    {
        let share = percent(Some(overlap.mean / noise.overlap.mean));
        about.push_str(&format!("; {share} of the {} the source has with itself", unit(Some(noise.overlap.mean))));
    }
    Tile { name: "overlap@10, median", figure: unit(overlap.map(|overlap| overlap.p50)), about }
}

fn order(page: &Page) -> Tile {
    let settled = &page.overview.settled;
    let about = format!("of the first ten; the same first hit {}", percent(settled.same_top));
    Tile { name: "same order", figure: percent(settled.identical_order), about }
}

fn latency(page: &Page) -> Tile {
    let latency = page.overview.report.overall.compared.latency_ms;
    let (meili, pg) = (latency.meili.map(|side| side.p95), latency.pg.map(|side| side.p95));
    let mut about = format!("Meilisearch {}", millis(meili));
    if let (Some(meili), Some(pg)) = (meili, pg)
        && meili > 0.0
    {
        about.push_str(&format!(", {} times as long", super::format::digits(pg / meili)));
    }
    Tile { name: "p95 of PostgreSQL", figure: millis(pg), about }
}

fn failed(page: &Page) -> Tile {
    let total = |of: &dyn Fn(&str) -> bool| -> u64 {
        let outcomes = page.overview.report.overall.outcomes.iter().filter(|(name, _)| of(name));
        outcomes.map(|(_, outcome)| outcome.stored + outcome.lost).sum()
    };
    let (all, errors, timeouts) =
        (total(&|_| true), total(&|name| name == "shadow_error"), total(&|name| name == "shadow_timeout"));
    let dropped = total(&|name| name.starts_with("dropped_"));
    let share = (all > 0).then(|| (errors + timeouts) as f64 / all as f64);
    let about = format!("{} errors, {} timeouts; {} dropped", count(errors), count(timeouts), count(dropped));
    Tile { name: "errors and timeouts", figure: percent(share), about }
}

fn sampled(page: &Page) -> Tile {
    let overall = &page.overview.report.overall;
    let about = match overall.lost {
        0 => "all of them in the log".to_owned(),
        lost => format!("{} in the log, {} lost", percent(overall.completeness), count(lost)),
    };
    Tile { name: "sampled reads", figure: count(overall.stored + overall.lost), about }
}

fn settled(page: &Page) -> Tile {
    let compared = &page.overview.report.overall.compared;
    let share = |pairs: u64| (compared.pairs > 0).then(|| pairs as f64 / compared.pairs as f64);
    let about = format!(
        "of {} pairs; {} unsettled and {} not known, which count for no quality",
        count(compared.pairs),
        percent(share(compared.unsettled)),
        percent(share(compared.settled_unknown)),
    );
    Tile { name: "settled pairs", figure: percent(share(compared.settled)), about }
}
