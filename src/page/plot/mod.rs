//! Plots as inline SVG: drawn by `plotters`, coloured by the style sheet, each wide and narrow.

mod bars;
mod frame;
mod ink;
mod interval;
mod lines;
mod scale;
mod time;

use maud::{Markup, PreEscaped, html};
use plotters::{
    backend::SVGBackend,
    coord::Shift,
    drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea},
    style::{Color, IntoFont, TextStyle},
};

pub(super) use bars::{Bars, Stack};
pub(super) use ink::Ink;
pub(super) use interval::interval;
pub(super) use lines::{Lines, Mark, Series};
pub(super) use scale::Scale;
pub(super) use time::TimeAxis;

/// A plot could not be drawn.
#[derive(Debug, thiserror::Error)]
#[error(
    "a plot of the page cannot be drawn: {0}; this is an error of this program, and `crossfade report` without --html needs no plots"
)]
pub struct PlotError(String);

impl From<DrawingAreaErrorKind<std::io::Error>> for PlotError {
    fn from(error: DrawingAreaErrorKind<std::io::Error>) -> Self {
        Self(error.to_string())
    }
}

/// Pixels of the drawing to one of the page: `plotters` reckons in whole ones, and the lines would have steps.
const FINE: u32 = 2;

/// Where a plot is drawn on.
type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// How much room there is, in pixels of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Room {
    width: u32,
    height: u32,
    /// Named instants on the axis of time, at most.
    ticks: i64,
    class: &'static str,
}

const ROOMS: [Room; 2] = [
    Room { width: 540, height: 230, ticks: 7, class: "wide" },
    Room { width: 312, height: 210, ticks: 4, class: "narrow" },
];

/// What a plot is called and shows, for those who cannot see it.
#[derive(Clone, Debug)]
pub(super) struct Words {
    /// Unique on the page, and fit for an attribute.
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    pub(super) about: String,
}

impl Room {
    fn size(self) -> (u32, u32) {
        (self.width * FINE, self.height * FINE)
    }

    /// Draws the plot once, and wraps it up.
    fn drawn(self, words: &Words, draw: impl FnOnce(&Area<'_>) -> Result<(), PlotError>) -> Result<Markup, PlotError> {
        let mut svg = String::new();
        {
            let area = SVGBackend::with_string(&mut svg, self.size()).into_drawing_area();
            draw(&area)?;
            area.present()?;
        }
        let (width, height) = self.size();
        let Words { id, title, about } = words;
        let class = self.class;
        Ok(html! {
            svg class={ "plot " (class) } viewBox={ "0 0 " (width) " " (height) } role="img"
                aria-labelledby={ (id) "-" (class) "-t " (id) "-" (class) "-d" } {
                title id={ (id) "-" (class) "-t" } { (title) }
                desc id={ (id) "-" (class) "-d" } { (about) }
                (PreEscaped(ink::classed(&svg)))
            }
        })
    }
}

/// Draws a plot for every room.
fn in_every_room(words: &Words, draw: impl Fn(Room, &Area<'_>) -> Result<(), PlotError>) -> Result<Markup, PlotError> {
    let drawn: Vec<Markup> =
        ROOMS.into_iter().map(|room| room.drawn(words, |area| draw(room, area))).collect::<Result<_, _>>()?;
    Ok(html! { @for svg in &drawn { (svg) } })
}

/// Letters of the page's small size, in an ink.
fn letters(ink: Ink) -> TextStyle<'static> {
    // 1.24 is what plotters divides by.
    let style = TextStyle::from(("sans-serif", f64::from(11 * FINE) * 1.24).into_font());
    TextStyle { color: ink.colour().to_backend_color(), ..style }
}
