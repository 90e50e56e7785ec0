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

/// For the networks of an episode, in order: nine that stay apart, without red, which says that something is late.
///
/// Reference: Tol, "Colour Schemes", SRON/EPS/TN/09-002, issue 3.2, 2021, "muted".
pub const NETWORKS: [Ink; 9] = [
    Ink::rgb(0x88, 0xCC, 0xEE),
    Ink::rgb(0x33, 0x22, 0x88),
    Ink::rgb(0xDD, 0xCC, 0x77),
    Ink::rgb(0x11, 0x77, 0x33),
    Ink::rgb(0xCC, 0x66, 0x77),
    Ink::rgb(0x44, 0xAA, 0x99),
    Ink::rgb(0x88, 0x22, 0x55),
    Ink::rgb(0x99, 0x99, 0x33),
    Ink::rgb(0xAA, 0x44, 0x99),
];

/// What is late.
pub const LATE: Ink = Ink::rgb(0xE0, 0x10, 0x10);

/// Load of other tenants.
pub const OTHERS: Ink = Ink::rgb(0xC4, 0xC4, 0xC4);

/// An empty lane, through which the lines behind the data show.
pub const LANE: Ink = Ink::rgb(0xB0, 0xB0, 0xB8).faint(0.15);

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
