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
pub const OTHERS: Ink = Ink::rgb(0xD0, 0xD0, 0xD0);

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

/// What is bare paper.
pub const PAPER: Ink = Ink::rgb(0xFF, 0xFF, 0xFF);

#[cfg(test)]
mod tests {
    use super::*;

    type Colour = [f64; 3];

    /// How linear RGB is seen: by everybody, without red, without green, without blue receptors.
    ///
    /// Reference: Machado, Oliveira, Fernandes, "A Physiologically-based Model for Simulation of Color Vision
    /// Deficiency", 2009, DOI 10.1109/TVCG.2009.113, severity 1.
    const EYES: [[Colour; 3]; 4] = [
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
    ];

    fn times(matrix: &[Colour; 3], colour: Colour) -> Colour {
        matrix.map(|row| row.iter().zip(colour).map(|(factor, part)| factor * part).sum::<f64>().clamp(0.0, 1.0))
    }

    /// CIE L*a*b* of a colour as these eyes see it.
    fn lab(ink: Ink, eyes: &[Colour; 3]) -> Colour {
        let linear = [ink.red, ink.green, ink.blue].map(|part| {
            let share = f64::from(part) / 255.0;
            if share <= 0.04045 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
        });
        // sRGB to XYZ over that of white, D65.
        let xyz = [[0.4339, 0.3762, 0.1899], [0.2126, 0.7152, 0.0722], [0.0177, 0.1095, 0.8729]];
        let root = |part: f64| if part > 0.008856 { part.cbrt() } else { 7.787 * part + 16.0 / 116.0 };
        let [x, y, z] = times(&xyz, times(eyes, linear)).map(root);
        [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
    }

    /// A difference of 2.3 is just noticeable side by side.
    #[test]
    fn networks_and_other_tenants_stay_apart_for_every_kind_of_eyes() {
        let colours: Vec<Ink> = NETWORKS.into_iter().chain([OTHERS]).collect();
        for eyes in &EYES {
            for (index, &ink) in colours.iter().enumerate() {
                for &other in &colours[..index] {
                    let parts = lab(ink, eyes).into_iter().zip(lab(other, eyes));
                    let apart = parts.map(|(left, right)| (left - right).powi(2)).sum::<f64>().sqrt();
                    assert!(apart > 14.0, "{ink:?} and {other:?}: {apart:.1}");
                }
            }
        }
    }
}
