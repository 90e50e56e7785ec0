//! Schemes: decisions without learning, each by what it can know; the rivals and bounds of every agent.
//!
//! Adding one takes a file here and a line in [`Scheme::ALL`].

mod bound;
mod clairvoyant;
mod dispatch;
mod greedy;
mod rolling_horizon;
mod run;

pub use bound::{LowerBound, lower_bound};
pub use run::{Episode, run_episode, watch_episode};

use std::fmt;

use thiserror::Error;

use crate::offload::{Decision, Knowledge, Offload};
use crate::rng::Prng;
use greedy::Caution;
use rolling_horizon::RollingHorizon;

/// A scheme by its name.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scheme {
    /// Every task on its device.
    DeviceOnly,
    /// The whole network on the server with the best radio link.
    EdgeOnly,
    /// Any target with equal probability, CDLP's cut.
    Random,
    /// The server with the best radio link, CDLP's cut.
    Nearest,
    /// The servers in turn, CDLP's cut.
    RoundRobin,
    /// The server with the least work in its last report, CDLP's cut.
    LeastLoaded,
    /// The better of two random servers by their last reports (Mitzenmacher 2001, DOI 10.1109/71.963420), CDLP's cut.
    PowerOfTwo,
    /// The nearest server with the best cut of an idle system (Kang et al. 2017, Neurosurgeon,
    /// DOI 10.1145/3037697.3037698; with all closed cuts it is DADS' light-load mode, Hu et al. 2019,
    /// DOI 10.1109/INFOCOM.2019.8737614).
    NeurosurgeonNearest,
    /// Neurosurgeon's cut on any server with equal probability.
    NeurosurgeonRandom,
    /// Each device for itself: target and cut that complete soonest by the last reports.
    DeviceGreedy,
    /// A central controller: target and cut that complete soonest by reports and the book of work sent since.
    CentralGreedy,
    /// A central controller with the cuts of an idle system: what CDLP's state-awareness is worth.
    CentralGreedyIdleCuts,
    /// A central controller that also forecasts foreign load.
    ForecastingGreedy {
        /// Factor on the forecast.
        factor: f64,
    },
    /// [`Self::ForecastingGreedy`] that uses a server only if it wins by a margin against what is not known of it.
    CautiousGreedy {
        /// Factor on the forecast.
        factor: f64,
        /// Margin whatever the age of the report, s.
        margin_s: f64,
        /// Margin per second of the report's age.
        margin_per_age: f64,
    },
    /// A central controller that plans all waiting tasks together, as [`Self::CautiousGreedy`] decides one: a beam search,
    /// after each decision anew (receding horizon: Mayne et al. 2000, DOI 10.1016/S0005-1098(99)00214-9; beam search: Ow
    /// and Morton 1988, DOI 10.1080/00207548808947840).
    RollingHorizon {
        /// Plans kept for each number of decisions, at least 1; with 1 it is the cautious greedy.
        width: usize,
        /// Factor on the forecast.
        factor: f64,
        /// Margin whatever the age of the report, s.
        margin_s: f64,
        /// Margin per second of the report's age.
        margin_per_age: f64,
    },
    /// [`Self::CentralGreedy`] with perfect knowledge of the queues of this moment. Not a rival: a reference, though no
    /// proven bound.
    OracleGreedy,
    /// A central controller that also knows noise, fading and foreign load to come. Not a rival: a reference, though no
    /// proven bound, since it decides one task after another.
    ClairvoyantGreedy,
}

/// No scheme of that name.
#[derive(Clone, Debug, PartialEq, Error)]
#[error("unknown scheme {found:?}; accepted is one of {accepted}")]
pub struct UnknownScheme {
    /// The name given.
    pub found: String,
    /// The names there are.
    pub accepted: String,
}

impl Scheme {
    /// Every scheme, weakest kind first.
    pub const ALL: [Scheme; 17] = [
        Self::DeviceOnly,
        Self::EdgeOnly,
        Self::Random,
        Self::Nearest,
        Self::RoundRobin,
        Self::LeastLoaded,
        Self::PowerOfTwo,
        Self::NeurosurgeonNearest,
        Self::NeurosurgeonRandom,
        Self::DeviceGreedy,
        Self::CentralGreedyIdleCuts,
        Self::CentralGreedy,
        Self::ForecastingGreedy { factor: 1.0 },
        Self::CautiousGreedy { factor: 0.25, margin_s: 0.1, margin_per_age: 0.05 },
        Self::RollingHorizon { width: 8, factor: 0.25, margin_s: 0.1, margin_per_age: 0.05 },
        Self::OracleGreedy,
        Self::ClairvoyantGreedy,
    ];

    /// Its name, as in tables and on the command line.
    pub fn name(&self) -> &'static str {
        match self {
            Self::DeviceOnly => "device-only",
            Self::EdgeOnly => "edge-only",
            Self::Random => "random",
            Self::Nearest => "nearest",
            Self::RoundRobin => "round-robin",
            Self::LeastLoaded => "least-loaded",
            Self::PowerOfTwo => "power-of-two",
            Self::NeurosurgeonNearest => "neurosurgeon-nearest",
            Self::NeurosurgeonRandom => "neurosurgeon-random",
            Self::DeviceGreedy => "device-greedy",
            Self::CentralGreedyIdleCuts => "central-greedy-idle-cuts",
            Self::CentralGreedy => "central-greedy",
            Self::ForecastingGreedy { .. } => "forecasting-greedy",
            Self::CautiousGreedy { .. } => "cautious-greedy",
            Self::RollingHorizon { .. } => "rolling-horizon",
            Self::OracleGreedy => "oracle-greedy",
            Self::ClairvoyantGreedy => "clairvoyant-greedy",
        }
    }

    /// The scheme of that name; those with numbers take others behind their names, see [`Scheme::accepted`].
    ///
    /// # Errors
    /// [`UnknownScheme`] lists the names, and what numbers there are.
    pub fn named(name: &str) -> Result<Self, UnknownScheme> {
        let known = match name.split_once('=') {
            Some((base, numbers)) => Self::with_numbers(base, numbers),
            None => Self::ALL.into_iter().find(|scheme| scheme.name() == name),
        };
        known.ok_or_else(|| UnknownScheme { found: name.to_owned(), accepted: Self::accepted() })
    }

    /// What [`named`](Self::named) accepts, as a list for people.
    pub fn accepted() -> String {
        Self::ALL.map(|scheme| scheme.name()).join(", ")
            + "; also forecasting-greedy=FACTOR, cautious-greedy=FACTOR,MARGIN_S,MARGIN_PER_AGE and \
               rolling-horizon=WIDTH,FACTOR,MARGIN_S,MARGIN_PER_AGE (WIDTH: a whole number of 1 or more; others: 0 or more)"
    }

    fn with_numbers(base: &str, numbers: &str) -> Option<Self> {
        let number = |text: &str| text.trim().parse().ok().filter(|number: &f64| number.is_finite() && *number >= 0.0);
        let numbers: Vec<f64> = numbers.split(',').map(number).collect::<Option<_>>()?;
        match (base, &numbers[..]) {
            ("forecasting-greedy", &[factor]) => Some(Self::ForecastingGreedy { factor }),
            ("cautious-greedy", &[factor, margin_s, margin_per_age]) => {
                Some(Self::CautiousGreedy { factor, margin_s, margin_per_age })
            }
            ("rolling-horizon", &[width, factor, margin_s, margin_per_age]) if width >= 1.0 && width.fract() == 0.0 => {
                Some(Self::RollingHorizon { width: width as usize, factor, margin_s, margin_per_age })
            }
            _ => None,
        }
    }

    /// The same scheme with every choice of its numbers that is worth a try; empty for schemes without numbers. Only the
    /// width of a plan is no question of the scenario: more is seldom worse, and takes longer.
    pub fn candidates(&self) -> Vec<Self> {
        const FACTORS: [f64; 4] = [0.0, 0.25, 0.5, 1.0];
        const MARGINS_S: [f64; 5] = [0.0, 0.05, 0.1, 0.2, 0.4];
        const MARGINS_PER_AGE: [f64; 4] = [0.0, 0.05, 0.1, 0.2];
        let cautions = FACTORS.into_iter().flat_map(|factor| {
            let margins = MARGINS_S.into_iter().flat_map(|margin_s| MARGINS_PER_AGE.map(|per_age| (margin_s, per_age)));
            margins.map(move |(margin_s, margin_per_age)| (factor, margin_s, margin_per_age))
        });
        match *self {
            Self::ForecastingGreedy { .. } => {
                [0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0].map(|factor| Self::ForecastingGreedy { factor }).to_vec()
            }
            Self::CautiousGreedy { .. } => cautions
                .map(|(factor, margin_s, margin_per_age)| Self::CautiousGreedy { factor, margin_s, margin_per_age })
                .collect(),
            Self::RollingHorizon { width, .. } => cautions
                .map(|(factor, margin_s, margin_per_age)| Self::RollingHorizon {
                    width,
                    factor,
                    margin_s,
                    margin_per_age,
                })
                .collect(),
            _ => Vec::new(),
        }
    }

    /// Whether it sees what no scheme can know.
    pub fn is_oracle(&self) -> bool {
        matches!(self, Self::OracleGreedy | Self::ClairvoyantGreedy)
    }

    /// Its decision for the next task of a running episode. `turn` counts the decisions of this episode.
    pub fn decide(&self, offload: &Offload, turn: usize, rng: &mut Prng) -> Option<Decision> {
        let view = offload.view().ok()?;
        Some(match self {
            Self::DeviceOnly => Decision::to(0),
            Self::EdgeOnly => Decision { target: view.nearest(), candidate: Some(0) },
            Self::Random => dispatch::random(&view, rng),
            Self::Nearest => Decision::to(view.nearest()),
            Self::RoundRobin => Decision::to(1 + turn % (view.targets() - 1)),
            Self::LeastLoaded => dispatch::least_loaded(&view),
            Self::PowerOfTwo => dispatch::power_of_two(&view, rng),
            Self::NeurosurgeonNearest => dispatch::idle_cut(&view, view.nearest()),
            Self::NeurosurgeonRandom => dispatch::idle_cut(&view, dispatch::random_server(&view, rng)),
            Self::DeviceGreedy => greedy::best(&view, Knowledge::Reported),
            Self::CentralGreedyIdleCuts => greedy::best_with_idle_cuts(&view),
            Self::CentralGreedy => greedy::best(&view, Knowledge::Booked),
            Self::ForecastingGreedy { factor } => greedy::best(&view, Knowledge::Forecast(*factor)),
            &Self::CautiousGreedy { factor, margin_s, margin_per_age } => {
                greedy::best_by_a_margin(&view, Knowledge::Forecast(factor), Caution { margin_s, margin_per_age })
            }
            &Self::RollingHorizon { width, factor, margin_s, margin_per_age } => {
                RollingHorizon { width, factor, caution: Caution { margin_s, margin_per_age } }.decide(offload)?
            }
            Self::OracleGreedy => greedy::best(&view, Knowledge::Oracle),
            Self::ClairvoyantGreedy => clairvoyant::best(offload.world()?),
        })
    }
}

/// Its name, with its numbers: what [`Scheme::named`] reads.
impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            Self::ForecastingGreedy { factor } => write!(f, "={factor}"),
            Self::CautiousGreedy { factor, margin_s, margin_per_age } => {
                write!(f, "={factor},{margin_s},{margin_per_age}")
            }
            Self::RollingHorizon { width, factor, margin_s, margin_per_age } => {
                write!(f, "={width},{factor},{margin_s},{margin_per_age}")
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_to_their_schemes() {
        for scheme in Scheme::ALL {
            assert_eq!(Scheme::named(scheme.name()).unwrap(), scheme);
            assert_eq!(Scheme::named(&scheme.to_string()).unwrap(), scheme);
            assert!(scheme.candidates().iter().all(|candidate| candidate.name() == scheme.name()));
        }
        assert_eq!(Scheme::named("forecasting-greedy=0.5").unwrap(), Scheme::ForecastingGreedy { factor: 0.5 });
        let cautious = Scheme::CautiousGreedy { factor: 0.5, margin_s: 0.3, margin_per_age: 0.0 };
        assert_eq!(Scheme::named("cautious-greedy=0.5,0.3,0").unwrap(), cautious);
        let rolling = Scheme::RollingHorizon { width: 32, factor: 0.5, margin_s: 0.3, margin_per_age: 0.0 };
        assert_eq!(Scheme::named("rolling-horizon=32, 0.5, 0.3, 0").unwrap(), rolling);
    }

    #[test]
    fn wrong_numbers_are_refused_with_what_is_accepted() {
        let wrong =
            ["forecasting-greedy=-1", "forecasting-greedy=", "cautious-greedy=0.5", "cautious-greedy=0.5,x,0.3,0"];
        let wider =
            ["0,1,0,0", "1.5,1,0,0", "8", "8,1", "8,inf,0,0"].map(|numbers| format!("rolling-horizon={numbers}"));
        for name in wrong.into_iter().chain(wider.iter().map(String::as_str)).chain(["nearest=1", "closest"]) {
            let error = Scheme::named(name).unwrap_err().to_string();
            assert!(
                error.contains(&format!("{name:?}")) && error.contains("WIDTH: a whole number of 1 or more"),
                "{error}"
            );
        }
    }
}
