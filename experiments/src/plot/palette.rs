//! Colours that stay apart for colour-blind readers and in print.
//!
//! Reference: Okabe and Ito, "Color Universal Design", 2008; without its yellow, too light for lines on white.

use super::drawing::Ink;

/// For the series of a figure, in order; the first is for what the figure is about.
pub const SERIES: [Ink; 6] = [
    Ink::rgb(0x00, 0x72, 0xB2),
    Ink::rgb(0xD5, 0x5E, 0x00),
    Ink::rgb(0x00, 0x9E, 0x73),
    Ink::rgb(0xCC, 0x79, 0xA7),
    Ink::rgb(0xE6, 0x9F, 0x00),
    Ink::rgb(0x56, 0xB4, 0xE9),
];

/// Titles and names.
pub const TEXT: Ink = Ink::rgb(0x22, 0x22, 0x22);

/// Tick labels and notes.
pub const QUIET_TEXT: Ink = Ink::rgb(0x5A, 0x5A, 0x5A);

/// Marks of what the figure is not about.
pub const NEUTRAL: Ink = Ink::rgb(0x77, 0x77, 0x77);

/// Axis lines.
pub const AXIS: Ink = Ink::rgb(0x99, 0x99, 0x99);

/// Lines behind the data.
pub const GRID: Ink = Ink::rgb(0xE8, 0xE8, 0xE8);

/// Behind the row that the figure is about.
pub const HIGHLIGHT: Ink = Ink::rgb(0xEA, 0xF3, 0xF9);
