//! Axes and what is common to all plots that have them.

use std::ops::Range;

use plotters::{
    backend::SVGBackend,
    chart::{ChartBuilder, ChartContext},
    coord::{
        cartesian::Cartesian2d,
        ranged1d::{DefaultFormatting, KeyPointHint, Ranged},
    },
    style::{Color, ShapeStyle},
};

use super::{Area, FINE, Ink, PlotError, letters};

/// An axis of numbers of which some are named.
pub(super) struct Numbers {
    ends: Range<f64>,
    ticks: Vec<f64>,
}

/// A plot with its axes.
pub(super) type Chart<'a> = ChartContext<'a, SVGBackend<'a>, Cartesian2d<Numbers, Numbers>>;

/// One axis.
pub(super) struct Axis<'n> {
    pub(super) ends: Range<f64>,
    pub(super) ticks: Vec<f64>,
    pub(super) name: &'n dyn Fn(&f64) -> String,
}

/// Pixels of the page that a letter takes, in a wide font.
pub(super) const LETTER: u32 = 7;
/// Tick and air beside a name.
const TICK: u32 = 12;

/// Draws the axes; `right` and `top` are pixels of the page to leave free.
pub(super) fn frame<'a>(
    area: &Area<'a>,
    x: Axis<'_>,
    y: Axis<'_>,
    top: u32,
    right: u32,
) -> Result<Chart<'a>, PlotError> {
    let letters_of = |place: &f64| (y.name)(place).chars().count();
    let longest = u32::try_from(y.ticks.iter().map(letters_of).max().unwrap_or_default()).unwrap_or_default();
    let mut chart = ChartBuilder::on(area)
        .margin_top(top * FINE)
        .margin_right(right * FINE)
        .x_label_area_size(22 * FINE)
        .y_label_area_size((longest * LETTER + TICK) * FINE)
        .build_cartesian_2d(Numbers::of(&x), Numbers::of(&y))?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .axis_style(stroke(Ink::Axis))
        .bold_line_style(stroke(Ink::Grid))
        .label_style(letters(Ink::Text))
        .x_label_formatter(x.name)
        .y_label_formatter(y.name)
        .set_all_tick_mark_size(4 * FINE as i32)
        .draw()?;
    Ok(chart)
}

/// Lines in an ink, as wide as the style sheet has them.
pub(super) fn stroke(ink: Ink) -> ShapeStyle {
    ink.colour().stroke_width(1)
}

impl Numbers {
    fn of(axis: &Axis<'_>) -> Self {
        Self { ends: axis.ends.clone(), ticks: axis.ticks.clone() }
    }
}

impl Ranged for Numbers {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (low, high): (i32, i32)) -> i32 {
        let share = (value - self.ends.start) / (self.ends.end - self.ends.start);
        low.saturating_add((f64::from(high - low) * share).round() as i32)
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        if hint.weight().allow_light_points() { Vec::new() } else { self.ticks.clone() }
    }

    fn range(&self) -> Range<f64> {
        self.ends.clone()
    }
}
