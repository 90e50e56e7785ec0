//! [`Scale`]: from values to positions, with ticks at round numbers.

/// Values of this ratio and more are shown on a logarithmic axis.
const LOG_RATIO: f64 = 10.0;

/// An axis: values from `low` to `high` fall on positions from `from` to `to`.
#[derive(Clone, Debug, PartialEq)]
pub struct Scale {
    spacing: Spacing,
    low: f64,
    high: f64,
    from: f64,
    to: f64,
    ticks: Vec<f64>,
}

/// How values are spaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spacing {
    /// Equal differences are equally long.
    Linear,
    /// Equal ratios are equally long.
    Log,
}

impl Spacing {
    /// Logarithmic for positive values that span more than a decade, else linear.
    pub fn for_values(values: &[f64]) -> Self {
        let (low, high) = extent(values);
        if low > 0.0 && high / low >= LOG_RATIO { Self::Log } else { Self::Linear }
    }
}

impl Scale {
    /// An axis that begins and ends at round numbers around all `values`, with about `ticks` ticks.
    pub fn around(values: &[f64], spacing: Spacing, ticks: usize, (from, to): (f64, f64)) -> Self {
        let (low, high) = extent(values);
        let ticks = match spacing {
            Spacing::Linear => linear_ticks(low, high, ticks),
            Spacing::Log => log_ticks(low, high),
        };
        let (low, high) = (ticks[0], ticks[ticks.len() - 1]);
        Self { spacing, low, high, from, to, ticks }
    }

    /// A linear axis from `low` to exactly `high`, with about `ticks` ticks inside.
    pub fn exactly((low, high): (f64, f64), ticks: usize, (from, to): (f64, f64)) -> Self {
        let mut ticks = linear_ticks(low, high, ticks);
        let slack = 1e-9 * (high - low);
        ticks.retain(|&tick| tick >= low - slack && tick <= high + slack);
        Self { spacing: Spacing::Linear, low, high, from, to, ticks }
    }

    /// Where `value` falls.
    pub fn position(&self, value: f64) -> f64 {
        let share = match self.spacing {
            Spacing::Linear => (value - self.low) / (self.high - self.low),
            Spacing::Log => (value / self.low).ln() / (self.high / self.low).ln(),
        };
        self.from + share * (self.to - self.from)
    }

    /// The ticks, from low to high, with their labels.
    pub fn ticks(&self) -> Vec<(f64, String)> {
        let step = self.ticks.windows(2).map(|pair| pair[1] - pair[0]).fold(f64::INFINITY, f64::min);
        let label = |&tick: &f64| match self.spacing {
            Spacing::Linear => (tick, fixed(tick, decimals_of(step))),
            Spacing::Log => (tick, fixed(tick, decimals_of(tick))),
        };
        self.ticks.iter().map(label).collect()
    }
}

/// The smallest and largest finite value; (0, 1) when there is none.
pub fn extent(values: &[f64]) -> (f64, f64) {
    let finite = values.iter().copied().filter(|value| value.is_finite());
    let (low, high) =
        finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    if low <= high { (low, high) } else { (0.0, 1.0) }
}

/// Ticks at multiples of 1, 2 or 5 times a power of ten, the outer ones at or beyond the ends.
fn linear_ticks(low: f64, high: f64, count: usize) -> Vec<f64> {
    // Values that differ in their last digits alone are equal: ticks between them could not be told apart.
    let differ = high - low > 1e-9 * low.abs().max(high.abs());
    let span = if differ { high - low } else { low.abs().max(1.0) };
    let rough = span / count.max(1) as f64;
    let power = 10.0_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|digit| digit * power).into_iter().find(|step| rough <= step * (1.0 + 1e-9));
    let step = step.unwrap_or(10.0 * power);
    let first = (low / step + 1e-9).floor() as i64;
    let last = ((high / step - 1e-9).ceil() as i64).max(first + 1);
    (first..=last).map(|multiple| multiple as f64 * step).collect()
}

/// Ticks at 1, 2 and 5 times powers of ten, or at powers of ten alone over more than three decades; the outer ones at
/// or beyond the ends.
fn log_ticks(low: f64, high: f64) -> Vec<f64> {
    let digits: &[f64] = if high / low > 1000.0 { &[1.0] } else { &[1.0, 2.0, 5.0] };
    let powers = low.log10().floor() as i32..=high.log10().ceil() as i32 + 1;
    let all: Vec<f64> = powers.flat_map(|power| digits.iter().map(move |digit| digit * 10.0_f64.powi(power))).collect();
    let first = all.iter().rposition(|&tick| tick <= low * (1.0 + 1e-9)).unwrap_or(0);
    let last = all.iter().position(|&tick| tick >= high * (1.0 - 1e-9)).unwrap_or(all.len() - 1);
    all[first..=last.max(first + 1)].to_vec()
}

/// Decimals that show the first digit of `step`.
fn decimals_of(step: f64) -> usize {
    let magnitude = (step.abs() * (1.0 + 1e-9)).log10().floor();
    if magnitude < 0.0 { -magnitude as usize } else { 0 }
}

/// A number with these decimals, or in thousands (k) and millions (M) when it is that large.
fn fixed(value: f64, decimals: usize) -> String {
    if value.abs() < 10_000.0 {
        // Adding zero turns the negative zero into the positive one.
        return format!("{:.decimals$}", value + 0.0);
    }
    let (scaled, unit) = if value.abs() < 1e6 { (value / 1e3, "k") } else { (value / 1e6, "M") };
    format!("{}{unit}", (scaled * 1e3).round() / 1e3)
}

/// A count with a unit, for axes of steps: 500, 2k, 1.5M.
pub fn count_label(value: f64) -> String {
    match value.abs() {
        small if small < 1000.0 => fixed(value, 0),
        middle if middle < 1e6 => format!("{}k", value.round() / 1e3),
        _ => fixed(value, 0),
    }
}

/// Three significant digits.
pub fn three_digits(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return value.to_string();
    }
    let magnitude = value.abs().log10().floor();
    fixed(value, (2.0 - magnitude).clamp(0.0, 6.0) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(scale: &Scale) -> Vec<String> {
        scale.ticks().into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn values_that_differ_in_their_last_digits_are_equal() {
        let scale = Scale::around(&[97.0, 97.0 + 2e-14], Spacing::Linear, 6, (0.0, 100.0));
        assert!(labels(&scale).windows(2).all(|pair| pair[0] != pair[1]), "{:?}", labels(&scale));
        assert!((0.0..=100.0).contains(&scale.position(97.0)));
    }

    #[test]
    fn linear_ticks_are_round_and_enclose_the_values() {
        let scale = Scale::around(&[0.31, 0.93], Spacing::Linear, 4, (100.0, 0.0));
        assert_eq!(labels(&scale), ["0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert!((scale.position(0.2) - 100.0).abs() < 1e-9 && scale.position(1.0).abs() < 1e-9);
        assert!((scale.position(0.6) - 50.0).abs() < 1e-9);
        let scale = Scale::around(&[-3.0, 2.5], Spacing::Linear, 5, (0.0, 1.0));
        assert_eq!(labels(&scale), ["-4", "-2", "0", "2", "4"]);
    }

    #[test]
    fn log_ticks_are_one_two_five_and_enclose_the_values() {
        let scale = Scale::around(&[0.3, 13.0], Spacing::Log, 5, (0.0, 100.0));
        assert_eq!(labels(&scale), ["0.2", "0.5", "1", "2", "5", "10", "20"]);
        assert!((scale.position(2.0) - 50.0).abs() < 1e-9);
        let scale = Scale::around(&[0.001, 300.0], Spacing::Log, 5, (0.0, 100.0));
        assert_eq!(labels(&scale), ["0.001", "0.01", "0.1", "1", "10", "100", "1000"]);
    }

    #[test]
    fn spacing_is_logarithmic_only_for_wide_positive_values() {
        assert_eq!(Spacing::for_values(&[0.3, 13.0]), Spacing::Log);
        assert_eq!(Spacing::for_values(&[0.4, 3.0]), Spacing::Linear);
        assert_eq!(Spacing::for_values(&[-0.3, 13.0]), Spacing::Linear);
    }

    #[test]
    fn equal_values_still_make_an_axis() {
        for spacing in [Spacing::Linear, Spacing::Log] {
            let scale = Scale::around(&[2.0, 2.0], spacing, 5, (0.0, 100.0));
            assert!(scale.position(2.0).is_finite() && scale.ticks().len() > 1);
        }
    }

    #[test]
    fn exact_ends_keep_only_inner_ticks() {
        let scale = Scale::exactly((0.0, 24_000.0), 5, (0.0, 240.0));
        let labels: Vec<String> = scale.ticks().iter().map(|&(tick, _)| count_label(tick)).collect();
        assert_eq!(labels, ["0", "5k", "10k", "15k", "20k"]);
        assert!((scale.position(24_000.0) - 240.0).abs() < 1e-9);
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!(three_digits(0.6123), "0.612");
        assert_eq!(three_digits(13.04), "13.0");
        assert_eq!(three_digits(261.4), "261");
        assert_eq!(three_digits(-1.5), "-1.50");
        assert_eq!(count_label(1_500_000.0), "1.5M");
        assert_eq!(count_label(2_500.0), "2.5k");
    }
}
