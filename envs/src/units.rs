//! SI units as types: a formula with the wrong units does not compile.
//!
//! Each type wraps an `f64` in the SI unit of its name (bytes and FLOP stand in for the missing SI units of data
//! and work). Only meaningful products and quotients exist, for example [`Bytes`] / [`BytesPerSecond`] =
//! [`Seconds`]. Inner loops may take the number out with `.0`.

use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, Mul, Sub, SubAssign};

use serde::{Deserialize, Serialize};

macro_rules! unit {
    ($(#[$doc:meta])* $name:ident, $symbol:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub f64);

        impl $name {
            /// Nothing of it.
            pub const ZERO: Self = Self(0.0);

            /// The larger of two quantities.
            pub fn max(self, other: Self) -> Self {
                Self(self.0.max(other.0))
            }

            /// The smaller of two quantities.
            pub fn min(self, other: Self) -> Self {
                Self(self.0.min(other.0))
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                if let Some(precision) = f.precision() {
                    write!(f, "{:.*} {}", precision, self.0, $symbol)
                } else {
                    write!(f, "{} {}", self.0, $symbol)
                }
            }
        }

        impl Add for $name {
            type Output = Self;
            fn add(self, other: Self) -> Self {
                Self(self.0 + other.0)
            }
        }

        impl AddAssign for $name {
            fn add_assign(&mut self, other: Self) {
                self.0 += other.0;
            }
        }

        impl Sub for $name {
            type Output = Self;
            fn sub(self, other: Self) -> Self {
                Self(self.0 - other.0)
            }
        }

        impl SubAssign for $name {
            fn sub_assign(&mut self, other: Self) {
                self.0 -= other.0;
            }
        }

        impl Mul<f64> for $name {
            type Output = Self;
            fn mul(self, factor: f64) -> Self {
                Self(self.0 * factor)
            }
        }

        impl Div<f64> for $name {
            type Output = Self;
            fn div(self, divisor: f64) -> Self {
                Self(self.0 / divisor)
            }
        }

        impl Div for $name {
            type Output = f64;
            fn div(self, other: Self) -> f64 {
                self.0 / other.0
            }
        }

        impl Sum for $name {
            fn sum<I: Iterator<Item = Self>>(items: I) -> Self {
                // Not `f64`'s own sum, which is -0 for no items.
                Self(items.fold(0.0, |sum, item| sum + item.0))
            }
        }
    };
}

unit!(/// Time, s.
    Seconds, "s");
unit!(/// Data, B.
    Bytes, "B");
unit!(/// Data rate, B/s.
    BytesPerSecond, "B/s");
unit!(/// Work, in floating-point operations (a multiply-accumulate counts as two).
    Flop, "FLOP");
unit!(/// Computing rate, FLOP/s.
    FlopPerSecond, "FLOP/s");
unit!(/// Power, W.
    Watts, "W");
unit!(/// Energy, J.
    Joules, "J");
unit!(/// Frequency or bandwidth, Hz.
    Hertz, "Hz");
unit!(/// Length, m.
    Metres, "m");

macro_rules! quotient {
    ($amount:ident / $rate:ident = $time:ident) => {
        impl Div<$rate> for $amount {
            type Output = $time;
            fn div(self, rate: $rate) -> $time {
                $time(self.0 / rate.0)
            }
        }

        impl Div<$time> for $amount {
            type Output = $rate;
            fn div(self, time: $time) -> $rate {
                $rate(self.0 / time.0)
            }
        }

        impl Mul<$time> for $rate {
            type Output = $amount;
            fn mul(self, time: $time) -> $amount {
                $amount(self.0 * time.0)
            }
        }
    };
}

quotient!(Bytes / BytesPerSecond = Seconds);
quotient!(Flop / FlopPerSecond = Seconds);
quotient!(Joules / Watts = Seconds);

impl BytesPerSecond {
    /// A rate given in Mbit/s (10^6 bits per second), the unit of traces and data sheets.
    pub fn from_mbit(mbit_per_second: f64) -> Self {
        Self(mbit_per_second * 1e6 / 8.0)
    }

    /// This rate in Mbit/s.
    pub fn mbit(self) -> f64 {
        self.0 * 8.0 / 1e6
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_kilobytes_take_forty_milliseconds_at_twenty_megabits() {
        let time: Seconds = Bytes(100_000.0) / BytesPerSecond::from_mbit(20.0);
        assert!((time.0 - 0.04).abs() < 1e-15);
        assert!((BytesPerSecond::from_mbit(20.0).mbit() - 20.0).abs() < 1e-12);
    }

    #[test]
    fn power_times_time_is_energy_and_back() {
        assert_eq!(Watts(2.5) * Seconds(4.0), Joules(10.0));
        assert_eq!(Joules(10.0) / Watts(2.5), Seconds(4.0));
    }

    #[test]
    fn display_names_the_unit() {
        assert_eq!(format!("{:.1}", Seconds(1.25)), "1.2 s");
        assert_eq!(Flop(3.0).to_string(), "3 FLOP");
    }
}
