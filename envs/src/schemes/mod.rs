//! Schemes: decisions without learning, each by what it can know; the rivals and bounds of every agent.
//!
//! Adding one takes a file here and a line in [`Scheme::ALL`].

mod clairvoyant;
mod dispatch;
mod greedy;
mod run;

pub use run::{Episode, run_episode, watch_episode};

use thiserror::Error;

use crate::offload::{Decision, Knowledge, Offload};
use crate::rng::Prng;

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
    pub const ALL: [Scheme; 16] = [
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
        Self::CautiousGreedy { factor: 0.25, margin_s: 0.0, margin_per_age: 0.1 },
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
            Self::OracleGreedy => "oracle-greedy",
            Self::ClairvoyantGreedy => "clairvoyant-greedy",
        }
    }

    /// The scheme of that name; `forecasting-greedy=FACTOR` and `cautious-greedy=FACTOR,MARGIN_S,MARGIN_PER_AGE` set
    /// the numbers of those schemes.
    ///
    /// # Errors
    /// [`UnknownScheme`] lists the names.
    pub fn named(name: &str) -> Result<Self, UnknownScheme> {
        let (base, numbers) = name.split_once('=').unwrap_or((name, ""));
        let numbers: Vec<f64> = numbers.split(',').filter_map(|number| number.trim().parse().ok()).collect();
        let sound = numbers.iter().all(|number| number.is_finite() && *number >= 0.0);
        let scheme = match (base, &numbers[..]) {
            ("forecasting-greedy", &[factor]) if sound => Some(Self::ForecastingGreedy { factor }),
            ("cautious-greedy", &[factor, margin_s, margin_per_age]) if sound => {
                Some(Self::CautiousGreedy { factor, margin_s, margin_per_age })
            }
            _ => Self::ALL.into_iter().find(|scheme| scheme.name() == name),
        };
        scheme.ok_or_else(|| UnknownScheme {
            found: name.to_owned(),
            accepted: Self::ALL.map(|scheme| scheme.name()).join(", ")
                + " (also forecasting-greedy=FACTOR and cautious-greedy=FACTOR,MARGIN_S,MARGIN_PER_AGE, numbers of 0 or more)",
        })
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
            Self::CautiousGreedy { factor, margin_s, margin_per_age } => {
                greedy::best_by_a_margin(&view, Knowledge::Forecast(*factor), *margin_s, *margin_per_age)
            }
            Self::OracleGreedy => greedy::best(&view, Knowledge::Oracle),
            Self::ClairvoyantGreedy => clairvoyant::best(offload.world()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_to_their_schemes() {
        for scheme in Scheme::ALL {
            assert_eq!(Scheme::named(scheme.name()).unwrap(), scheme);
        }
        assert_eq!(Scheme::named("forecasting-greedy=0.5").unwrap(), Scheme::ForecastingGreedy { factor: 0.5 });
        let cautious = Scheme::CautiousGreedy { factor: 0.5, margin_s: 0.3, margin_per_age: 0.0 };
        assert_eq!(Scheme::named("cautious-greedy=0.5,0.3,0").unwrap(), cautious);
        assert!(Scheme::named("cautious-greedy=0.5").is_err() && Scheme::named("nearest=1").is_err());
        let error = Scheme::named("forecasting-greedy=-1").unwrap_err().to_string();
        assert!(error.contains("central-greedy"), "{error}");
    }
}
