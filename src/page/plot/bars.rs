//! Quantities as bars: side by side, or one on the other over time.

use jiff::Timestamp;
use maud::Markup;
use plotters::{
    element::{Rectangle, Text},
    style::{
        Color,
        text_anchor::{HPos, Pos, VPos},
    },
};

use super::{
    Area, FINE, Ink, PlotError, Room, Scale, TimeAxis, Words,
    frame::{Axis, LETTER, frame},
    in_every_room, letters,
};

/// Bars side by side, each with its share on top.
#[derive(Debug)]
pub(in crate::page) struct Bars {
    pub(in crate::page) words: Words,
    /// Name, ink, and how much.
    pub(in crate::page) bars: Vec<(String, Ink, u64)>,
    /// How an amount is written.
    pub(in crate::page) name: fn(f64) -> String,
}

impl Bars {
    pub(in crate::page) fn draw(&self) -> Result<Markup, PlotError> {
        in_every_room(&self.words, |room, area| self.draw_in(room, area))
    }

    fn draw_in(&self, room: Room, area: &Area<'_>) -> Result<(), PlotError> {
        let all: u64 = self.bars.iter().map(|(_, _, amount)| amount).sum();
        let scale = Scale::linear(self.bars.iter().map(|(_, _, amount)| *amount as f64));
        let centre = |number: usize| number as f64 + 0.5;
        let x_name = |place: &f64| self.bars.get(*place as usize).map_or_else(String::new, |(name, ..)| name.clone());
        let y_name = |place: &f64| (self.name)(scale.value(*place));
        // On a phone every other one, the last in any case.
        let every = if room.width < 400 { 2 } else { 1 };
        let last = self.bars.len().saturating_sub(1);
        let named = |number: &usize| number.is_multiple_of(every) || *number == last;
        let x = Axis {
            ends: 0.0..self.bars.len() as f64,
            ticks: (0..self.bars.len()).filter(named).map(centre).collect(),
            name: &x_name,
        };
        let y = Axis { ends: scale.ends(), ticks: scale.ticks(), name: &y_name };
        let mut chart = frame(area, x, y, 18, 12)?;
        let style = letters(Ink::Text).pos(Pos::new(HPos::Center, VPos::Bottom));
        for (number, (_, ink, amount)) in self.bars.iter().enumerate() {
            let (left, right) = (number as f64 + 0.1, number as f64 + 0.9);
            let top = *amount as f64;
            chart.draw_series([Rectangle::new([(left, 0.0), (right, top)], ink.colour().filled())])?;
            if *amount > 0 && every == 1 {
                let (x, y) = chart.backend_coord(&(centre(number), top));
                let share = format!("{:.0}\u{a0}%", *amount as f64 / all as f64 * 100.0);
                let share = if share == "0\u{a0}%" { "<1\u{a0}%".to_owned() } else { share };
                area.draw(&Text::new(share, (x, y - 2 * FINE as i32), style.clone()))?;
            }
        }
        Ok(())
    }
}

/// Bars over time, amounts on top of each other.
#[derive(Debug)]
pub(in crate::page) struct Stack<'a> {
    pub(in crate::page) words: Words,
    pub(in crate::page) time: TimeAxis,
    /// Where each bar begins, and where the last one ends.
    pub(in crate::page) at: &'a [Timestamp],
    /// From the bottom to the top: an ink, and one amount a bar.
    pub(in crate::page) layers: Vec<(Ink, Vec<u64>)>,
    /// How an amount is written.
    pub(in crate::page) name: fn(f64) -> String,
}

impl Stack<'_> {
    pub(in crate::page) fn draw(&self) -> Result<Markup, PlotError> {
        in_every_room(&self.words, |room, area| self.draw_in(room, area))
    }

    fn draw_in(&self, room: Room, area: &Area<'_>) -> Result<(), PlotError> {
        let amount = |(_, amounts): &(Ink, Vec<u64>), number: usize| amounts.get(number).copied().unwrap_or_default();
        let height = |number: usize| self.layers.iter().map(|layer| amount(layer, number)).sum::<u64>();
        let bars = self.at.len().saturating_sub(1);
        let scale = Scale::linear((0..bars).map(|number| height(number) as f64));
        let x_name = |place: &f64| self.time.name(*place, room.ticks);
        let y_name = |place: &f64| (self.name)(scale.value(*place));
        let x = Axis { ends: self.time.ends(), ticks: self.time.ticks(room.ticks), name: &x_name };
        let y = Axis { ends: scale.ends(), ticks: scale.ticks(), name: &y_name };
        let mut chart = frame(area, x, y, 10, 4 * LETTER)?;
        for (number, ends) in self.at.windows(2).enumerate() {
            let &[begin, end] = ends else { continue };
            let (left, right) = (self.time.place(begin), self.time.place(end));
            // A gap of a tenth, so that bars can be told apart.
            let right = right - (right - left) * 0.1;
            let mut bottom = 0.0;
            for layer in &self.layers {
                let top = bottom + amount(layer, number) as f64;
                if top > bottom {
                    chart.draw_series([Rectangle::new([(left, bottom), (right, top)], layer.0.colour().filled())])?;
                }
                bottom = top;
            }
        }
        Ok(())
    }
}
