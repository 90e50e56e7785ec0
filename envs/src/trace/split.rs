//! Which part of the recordings is for training, and which for testing.

use serde::{Deserialize, Serialize};

use super::TraceError;

/// A part of a set of recordings; `Train` and `Test` share nothing, and together are `All`.
///
/// A set of ten recordings or more is split by recording: of every ten in order, the first seven are for training and
/// the last three for testing. A smaller set is split in time: the first 70 % of each recording are for training.
///
/// # Design
/// Recordings of one set differ more from each other than two parts of one recording do, so that a split by recording
/// is the harder test. The fixed pattern keeps the places and days of an ordered set in both parts, and a set that
/// grows at its end keeps what is in which part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// Everything.
    #[default]
    All,
    /// Seven of ten recordings, or the first 70 % of the time.
    Train,
    /// Three of ten recordings, or the last 30 % of the time.
    Test,
}

/// Sets from this size on are split by recording.
const SMALLEST_SET: usize = 10;

/// The share of time and of recordings that is for training.
const TRAIN_SHARE: f64 = 0.7;

/// A recording that can be cut in time.
pub(super) trait Cut: Sized {
    /// The part between two shares (0 to 1) of its time.
    fn cut(self, from: f64, to: f64) -> Result<Self, TraceError>;
}

impl Split {
    /// Whether a recording belongs to this part, in a set that is split by recording.
    pub(super) fn has(self, index: usize) -> bool {
        match self {
            Self::All => true,
            Self::Train => index % 10 < 7,
            Self::Test => index % 10 >= 7,
        }
    }

    /// Whether a set of this size is split by recording.
    pub(super) fn by_recording(count: usize) -> bool {
        count >= SMALLEST_SET
    }

    /// The part of the time, as shares of it.
    pub(super) fn shares(self) -> (f64, f64) {
        match self {
            Self::All => (0.0, 1.0),
            Self::Train => (0.0, TRAIN_SHARE),
            Self::Test => (TRAIN_SHARE, 1.0),
        }
    }

    /// This part of a set of recordings.
    pub(super) fn of<T: Cut>(self, set: Vec<T>) -> Result<Vec<T>, TraceError> {
        if self == Self::All {
            return Ok(set);
        }
        if Self::by_recording(set.len()) {
            return Ok(set
                .into_iter()
                .enumerate()
                .filter(|&(index, _)| self.has(index))
                .map(|(_, item)| item)
                .collect());
        }
        let (from, to) = self.shares();
        set.into_iter().map(|item| item.cut(from, to)).collect()
    }
}
