//! What the parts of a plot are drawn with.
//!
//! The plots are drawn in colours that stand for names, and the names become classes of the style sheet: so that light and dark,
//! dashes and widths are decided there.

use plotters::style::RGBColor;

/// A pen. Its number is the third part of its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(in crate::page) enum Ink {
    Text,
    Grid,
    Axis,
    Zero,
    Mark,
    Quality1,
    Quality2,
    Quality3,
    Meili1,
    Meili2,
    Meili3,
    Pg1,
    Pg2,
    Pg3,
    Delta1,
    Delta2,
    Other1,
    Other2,
    Other3,
    Other4,
    Other5,
    Bar,
    BarApart,
}

impl Ink {
    const ALL: [Self; 23] = [
        Self::Text,
        Self::Grid,
        Self::Axis,
        Self::Zero,
        Self::Mark,
        Self::Quality1,
        Self::Quality2,
        Self::Quality3,
        Self::Meili1,
        Self::Meili2,
        Self::Meili3,
        Self::Pg1,
        Self::Pg2,
        Self::Pg3,
        Self::Delta1,
        Self::Delta2,
        Self::Other1,
        Self::Other2,
        Self::Other3,
        Self::Other4,
        Self::Other5,
        Self::Bar,
        Self::BarApart,
    ];

    /// The class in the style sheet, after `s-` for strokes and `f-` for what is filled.
    fn class(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Grid => "grid",
            Self::Axis => "axis",
            Self::Zero => "zero",
            Self::Mark => "mark",
            Self::Quality1 => "q1",
            Self::Quality2 => "q2",
            Self::Quality3 => "q3",
            Self::Meili1 => "m1",
            Self::Meili2 => "m2",
            Self::Meili3 => "m3",
            Self::Pg1 => "p1",
            Self::Pg2 => "p2",
            Self::Pg3 => "p3",
            Self::Delta1 => "d1",
            Self::Delta2 => "d2",
            Self::Other1 => "o1",
            Self::Other2 => "o2",
            Self::Other3 => "o3",
            Self::Other4 => "o4",
            Self::Other5 => "o5",
            Self::Bar => "bar",
            Self::BarApart => "apart",
        }
    }

    /// The colour that stands for it.
    pub(super) fn colour(self) -> RGBColor {
        RGBColor(0xFA, 0xCE, self as u8)
    }
}

/// The drawing within the outermost tags of an SVG, with classes in place of colours.
pub(super) fn classed(svg: &str) -> String {
    let inner = svg.split_once('>').map_or("", |(_, rest)| rest);
    let mut inner = inner.trim().trim_end_matches("</svg>").to_owned();
    for ink in Ink::ALL {
        let RGBColor(red, green, blue) = ink.colour();
        for (attribute, prefix) in [("stroke", 's'), ("fill", 'f')] {
            let colour = format!("{attribute}=\"#{red:02X}{green:02X}{blue:02X}\"");
            inner = inner.replace(&colour, &format!("class=\"{prefix}-{}\"", ink.class()));
        }
    }
    // The style sheet says all this.
    for said in [" opacity=\"1\"", " stroke=\"none\"", " stroke-width=\"1\"", " font-family=\"sans-serif\""] {
        inner = inner.replace(said, "");
    }
    inner.replace(" \"/>", "\"/>").replace(">\n", ">").replace("\n</", "</")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_become_classes() {
        let svg = "<svg width=\"4\">\n<line stroke=\"#FACE0B\" opacity=\"1\"/>\n<text fill=\"#FACE00\">\n0.5\n</text>\n</svg>\n";
        assert_eq!(classed(svg), "<line class=\"s-p1\"/><text class=\"f-text\">0.5</text>");
    }

    #[test]
    fn every_pen_has_a_number_and_a_class_of_its_own() {
        for (number, ink) in Ink::ALL.into_iter().enumerate() {
            assert_eq!(ink as usize, number);
            assert_eq!(Ink::ALL.into_iter().filter(|other| other.class() == ink.class()).count(), 1, "{ink:?}");
        }
    }

    #[test]
    fn the_style_sheet_knows_every_pen() {
        let style = include_str!("../style.css");
        for ink in Ink::ALL {
            let class = ink.class();
            assert!(
                style.contains(&format!(".s-{class}{{"))
                    || style.contains(&format!(".f-{class}{{"))
                    || style.contains(&format!(".s-{class},")),
                "{ink:?}"
            );
        }
    }
}
