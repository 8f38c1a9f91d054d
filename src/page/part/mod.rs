//! The parts of the page, from the top to the bottom.

mod breakdown;
mod course;
mod flags;
mod foot;
mod head;
mod latency;
mod moving;
mod outcomes;
mod quality;
mod replicas;
mod table;
mod tiles;
mod verdicts;
mod worst;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{Page, PlotError, format};

/// No script, no image, no font, no request: only the style that is in the page.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

const STYLE: &str = include_str!("../style.css");

/// Letters that stand on one line of a table.
const LONG: usize = 28;

/// The whole document.
pub(super) fn document(page: &Page) -> Result<String, PlotError> {
    let until = page.overview.report.until;
    let course = course::Times::of(&page.overview);
    let body = html! {
        (head::head(page))
        main {
            (tiles::tiles(page))
            (verdicts::verdicts(page.verdicts.as_ref()))
            (quality::quality(page, &course)?)
            (latency::latency(page, &course)?)
            (outcomes::outcomes(page, &course)?)
            (worst::worst(&page.overview.worst))
            (moving::backfill(page.jobs.as_deref()))
            (moving::drift(page.drift.as_deref()))
            (flags::flags(&page.overview))
            (replicas::replicas(&page.overview.replicas, until))
        }
        (foot::foot(page))
    };
    let document = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                meta name="generator" content={ "crossfade " (env!("CARGO_PKG_VERSION")) };
                title { "Crossfade report, " (format::minute(until)) " UTC" }
                style { (PreEscaped(STYLE)) }
            }
            body { (body) }
        }
    };
    Ok(document.into_string())
}

/// A part of the page with its heading.
fn section(id: &str, heading: &str, content: Markup) -> Markup {
    html! {
        section id=(id) aria-labelledby={ (id) "-h" } {
            h2 id={ (id) "-h" } { (heading) }
            (content)
        }
    }
}

/// Text that came from outside, at most `most` characters of it: set apart from the direction of what is around it, and
/// without what is no letter.
fn said(text: &str, most: usize) -> Markup {
    let control = |letter: char| letter.is_control() && !matches!(letter, '\n' | '\t');
    let shown = format::cut(text, most).replace(control, "\u{fffd}");
    // Where a table would be wider for it, it is broken into lines.
    html! { bdi class=[(shown.chars().count() > LONG).then_some("long")] { (shown) } }
}

/// What stands where there is nothing to show.
fn none(text: &str) -> Markup {
    html! { p.none { (text) } }
}
