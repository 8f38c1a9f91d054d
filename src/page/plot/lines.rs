//! Quantities over time, as lines with a name at their end.

use std::ops::Range;

use jiff::Timestamp;
use maud::Markup;
use plotters::{
    element::{Circle, PathElement, Text},
    series::LineSeries,
    style::{
        Color,
        text_anchor::{HPos, Pos, VPos},
    },
};

use super::{
    Area, FINE, Ink, PlotError, Room, Scale, TimeAxis, Words,
    frame::{Axis, Chart, LETTER, frame, stroke},
    in_every_room, letters,
};

/// A plot of lines.
#[derive(Debug)]
pub(in crate::page) struct Lines<'a> {
    pub(in crate::page) words: Words,
    pub(in crate::page) time: TimeAxis,
    /// The instants of the values.
    pub(in crate::page) at: &'a [Timestamp],
    pub(in crate::page) series: Vec<Series>,
    pub(in crate::page) scale: Scale,
    /// How values are written.
    pub(in crate::page) name: fn(f64) -> String,
    pub(in crate::page) marks: &'a [Mark],
    /// Whether zero is a line of its own.
    pub(in crate::page) zero: bool,
}

/// A quantity: one value an instant, or none.
#[derive(Clone, Debug)]
pub(in crate::page) struct Series {
    pub(in crate::page) name: String,
    pub(in crate::page) ink: Ink,
    pub(in crate::page) values: Vec<Option<f64>>,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::page) struct Mark {
    pub(in crate::page) at: Timestamp,
    pub(in crate::page) number: usize,
}

/// Room above the lines: for the numbers of the marks.
const TOP: u32 = 16;
/// The least distance between two names at the ends of lines, and between two numbers of marks.
const APART: i32 = 12 * FINE as i32;

impl Lines<'_> {
    /// Whether there is any value.
    pub(in crate::page) fn is_empty(&self) -> bool {
        self.series.iter().all(|series| series.values.iter().all(Option::is_none))
    }

    pub(in crate::page) fn draw(&self) -> Result<Markup, PlotError> {
        in_every_room(&self.words, |room, area| self.draw_in(room, area))
    }

    fn draw_in(&self, room: Room, area: &Area<'_>) -> Result<(), PlotError> {
        let letters = self.series.iter().map(|series| series.name.chars().count()).max().unwrap_or_default();
        let right = 10 + u32::try_from(letters).unwrap_or_default() * LETTER;
        let x_name = |place: &f64| self.time.name(*place, room.ticks);
        let y_name = |place: &f64| (self.name)(self.scale.value(*place));
        let x = Axis { ends: self.time.ends(), ticks: self.time.ticks(room.ticks), name: &x_name };
        let y = Axis { ends: self.scale.ends(), ticks: self.scale.ticks(), name: &y_name };
        let mut chart = frame(area, x, y, TOP, right)?;
        if self.zero {
            let Range { start, end } = self.time.ends();
            chart.draw_series([PathElement::new([(start, 0.0), (end, 0.0)], stroke(Ink::Zero))])?;
        }
        self.draw_marks(area, &mut chart)?;
        for series in &self.series {
            self.draw_series(&mut chart, series)?;
        }
        self.draw_names(area, &chart)
    }

    /// A line has a gap where there is no value; a value alone is a dot.
    fn draw_series(&self, chart: &mut Chart<'_>, series: &Series) -> Result<(), PlotError> {
        let points: Vec<Option<(f64, f64)>> =
            self.at.iter().zip(&series.values).map(|(at, value)| Some(self.point(*at, (*value)?))).collect();
        for run in points.split(Option::is_none) {
            let run: Vec<(f64, f64)> = run.iter().copied().flatten().collect();
            match run.as_slice() {
                [] => {}
                [alone] => {
                    let radius = 3 * FINE as i32;
                    chart.draw_series([Circle::new(*alone, radius, series.ink.colour().filled())])?;
                }
                _ => {
                    chart.draw_series(LineSeries::new(run, stroke(series.ink)))?;
                }
            }
        }
        Ok(())
    }

    fn point(&self, at: Timestamp, value: f64) -> (f64, f64) {
        (self.time.place(at), self.scale.place(value))
    }

    /// Numbers that would touch are left to the first of them.
    fn draw_marks(&self, area: &Area<'_>, chart: &mut Chart<'_>) -> Result<(), PlotError> {
        let Range { start, end } = self.scale.ends();
        let style = letters(Ink::Mark).pos(Pos::new(HPos::Center, VPos::Bottom));
        let mut free = i32::MIN;
        for mark in self.marks {
            let place = self.time.place(mark.at);
            chart.draw_series([PathElement::new([(place, start), (place, end)], stroke(Ink::Mark))])?;
            let (x, y) = chart.backend_coord(&(place, end));
            if x >= free {
                area.draw(&Text::new(mark.number.to_string(), (x, y - FINE as i32 * 2), style.clone()))?;
                free = x + APART + APART / 2;
            }
        }
        Ok(())
    }

    /// The name of each line beside its last value, moved where two would touch.
    fn draw_names(&self, area: &Area<'_>, chart: &Chart<'_>) -> Result<(), PlotError> {
        let right = chart.backend_coord(&(self.time.ends().end, self.scale.ends().start)).0 + 4 * FINE as i32;
        let last = |series: &Series| {
            let value = series.values.iter().rev().copied().flatten().next()?;
            Some(chart.backend_coord(&(0.0, self.scale.place(value))).1)
        };
        let named: Vec<(&Series, i32)> =
            self.series.iter().filter_map(|series| Some((series, last(series)?))).collect();
        let (lowest, highest) = (
            chart.backend_coord(&(0.0, self.scale.ends().start)).1,
            chart.backend_coord(&(0.0, self.scale.ends().end)).1,
        );
        let places = spread(&named.iter().map(|(_, y)| *y).collect::<Vec<_>>(), highest, lowest);
        for ((series, _), y) in named.iter().zip(places) {
            let style = letters(series.ink).pos(Pos::new(HPos::Left, VPos::Center));
            area.draw(&Text::new(series.name.clone(), (right, y), style))?;
        }
        Ok(())
    }
}

/// The same places in the same order, moved so that they are apart and, if there is room, between `top` and `bottom`.
fn spread(places: &[i32], top: i32, bottom: i32) -> Vec<i32> {
    let mut order: Vec<usize> = (0..places.len()).collect();
    order.sort_by_key(|at| places[*at]);
    let mut moved = places.to_vec();
    let mut least = top;
    for at in &order {
        moved[*at] = moved[*at].max(least);
        least = moved[*at] + APART;
    }
    let mut most = bottom;
    for at in order.iter().rev() {
        moved[*at] = moved[*at].min(most);
        most = moved[*at] - APART;
    }
    moved
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_moved_apart() {
        assert_eq!(spread(&[100, 200], 0, 300), [100, 200], "nothing to do");
        assert_eq!(spread(&[100, 100, 101], 0, 300), [100, 100 + APART, 100 + 2 * APART]);
        assert_eq!(spread(&[300, 299], 0, 300), [300, 300 - APART], "the order is kept, and the end");
    }
}
