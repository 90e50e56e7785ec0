//! Which server's radio receives a moving device.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::shannon::path_loss_db;
use crate::system::place::{Sites, Walker};
use crate::units::{Metres, Seconds};

/// When a moving device changes to another server's radio, and what it costs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HandoverConfig {
    /// By how much the path loss to the nearest server must be less, dB: event A3 of 3GPP TS 38.331, whose offset is 3 dB
    /// in common deployments. 0 or more.
    pub hysteresis_db: f64,
    /// How long nothing is sent after the change, s; 49.5 ms is the typical value of 3GPP TR 36.881, table 5.2.1.1-1.
    /// 0 or more.
    pub interruption_s: Seconds,
}

impl Default for HandoverConfig {
    fn default() -> Self {
        Self { hysteresis_db: 3.0, interruption_s: Seconds(0.0495) }
    }
}

/// How often a moving device compares servers when its link has no blocks of its own, s.
pub(super) const COMPARISON_S: f64 = 0.1;

/// Where a device is attached.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Attachment {
    /// The server.
    pub(super) station: usize,
    /// How far away it is.
    pub(super) distance: Metres,
    /// Until when nothing is sent, s.
    pub(super) silent_until: f64,
}

/// A moving device among servers.
#[derive(Clone, Debug)]
pub struct Roaming {
    walker: Walker,
    sites: Arc<Sites>,
    handover: HandoverConfig,
    attachment: Attachment,
}

impl Roaming {
    /// Starts at the server that is nearest to where the walker starts.
    pub fn new(mut walker: Walker, sites: Arc<Sites>, handover: HandoverConfig) -> Self {
        let point = walker.position(0.0);
        let station = sites.nearest(&point);
        let attachment = Attachment { station, distance: sites.point(station).distance(&point), silent_until: 0.0 };
        Self { walker, sites, handover, attachment }
    }

    /// Moves on to `time`, s.
    /// `docs/model.md`, equation 10.
    pub(super) fn advance(&mut self, time: f64) -> Attachment {
        let point = self.walker.position(time);
        let distance = |station: usize| self.sites.point(station).distance(&point);
        let (own, nearest) = (self.attachment.station, self.sites.nearest(&point));
        self.attachment.distance = distance(own);
        // The carrier cancels out.
        let gain = path_loss_db(distance(own), 1.0) - path_loss_db(distance(nearest), 1.0);
        if nearest != own && gain >= self.handover.hysteresis_db {
            self.attachment = Attachment {
                station: nearest,
                distance: distance(nearest),
                silent_until: time + self.handover.interruption_s.0,
            };
        }
        self.attachment
    }
}
