//! The radio of all devices: each sends one tensor at a time, in the order in which tensors become ready, so an upload
//! may overtake one whose first layers are still running.

mod sharing;

use serde::{Deserialize, Serialize};

use super::link::{Link, Sent};
use sharing::Sharing;

/// Whose the band of a server's radio is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Band {
    /// Every device has the link's rate for itself.
    #[default]
    Separate,
    /// The link's rate is that of the whole band, of which the devices that send to one server at the same time have
    /// equal shares; the power density and so the signal-to-noise ratio stay.
    Shared,
}

/// A tensor to send.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Upload {
    /// The task it belongs to.
    pub task: usize,
    /// When it is ready, s.
    pub ready: f64,
    /// When it is expected to be ready, s.
    pub expected_ready: f64,
    /// Its size, B.
    pub bytes: f64,
    /// When its transmission starts, s; NaN before it is planned.
    pub start: f64,
    /// When its transmission ends, s; NaN before it is planned.
    pub end: f64,
    /// The server whose radio receives its end.
    pub station: usize,
}

impl Upload {
    /// A tensor of a task, not planned yet.
    pub fn new(task: usize, bytes: f64, ready: f64, expected_ready: f64) -> Self {
        Self { task, ready, expected_ready, bytes, start: f64::NAN, end: f64::NAN, station: 0 }
    }
}

/// What a device expects of its radio, from now, s.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RadioWaits {
    /// Until it is free of tensors that are ready now.
    pub now: f64,
    /// Until it is free of all tensors decided so far.
    pub all: f64,
}

/// One device's link and what it has to send.
#[derive(Clone, Debug)]
struct Uplink {
    link: Link,
    uploads: Vec<Upload>,
}

/// The uplinks of all devices.
#[derive(Clone, Debug)]
pub struct Radio {
    uplinks: Vec<Uplink>,
    sharing: Option<Sharing>,
}

impl Radio {
    /// Idle uplinks over these links, one per device, to this many servers.
    pub fn new(links: impl Iterator<Item = Link>, band: Band, stations: usize) -> Self {
        let uplinks = links.map(|link| Uplink { link, uploads: Vec::new() }).collect();
        let sharing = (band == Band::Shared).then(|| Sharing::new(stations));
        Self { uplinks, sharing }
    }

    /// Starts over; `link` resets the link of each device.
    pub fn reset(&mut self, mut link: impl FnMut(usize, &mut Link)) {
        for (user, uplink) in self.uplinks.iter_mut().enumerate() {
            uplink.uploads.clear();
            link(user, &mut uplink.link);
        }
        if let Some(sharing) = &mut self.sharing {
            sharing.reset();
        }
    }

    /// Moves the uplink of a device on to `now`, s: what has ended is forgotten. Returns the measured rate, B/s; on a
    /// shared band, the share that it would have at this moment.
    pub fn advance(&mut self, user: usize, now: f64) -> f64 {
        if let Some(sharing) = &mut self.sharing {
            sharing.commit(&mut self.uplinks, now);
        }
        let uplink = &mut self.uplinks[user];
        if self.sharing.is_none() {
            uplink.uploads.retain(|upload| upload.end > now);
        }
        let rate = uplink.link.observe(now);
        match &self.sharing {
            None => rate,
            Some(sharing) => rate / (1 + sharing.others(&mut self.uplinks, user, now)) as f64,
        }
    }

    /// The server whose radio receives a device, as of its last `advance`.
    pub fn station(&self, user: usize) -> usize {
        self.uplinks[user].link.station()
    }

    /// Tensors that a device has not sent to their end, as of its last `advance`.
    pub fn uploads(&self, user: usize) -> &[Upload] {
        &self.uplinks[user].uploads
    }

    /// Puts a tensor on the radio of a device that has been moved on to `now`. Every upload whose times are new or have
    /// changed is appended to `changed`, with the device of each.
    pub fn send(&mut self, user: usize, now: f64, upload: Upload, changed: &mut Vec<Upload>) {
        let uplink = &mut self.uplinks[user];
        let queue = &uplink.uploads;
        let index = queue.partition_point(|other| other.start <= now || other.ready <= upload.ready);
        uplink.uploads.insert(index, upload);
        match &mut self.sharing {
            None => uplink.plan(index, changed),
            Some(sharing) => {
                sharing.admit(user);
                sharing.plan(&mut self.uplinks, changed);
            }
        }
    }

    /// When and where an upload that is ready then would in truth end.
    pub(crate) fn oracle_send(&self, user: usize, now: f64, ready: f64, bytes: f64) -> Sent {
        if self.sharing.is_some() {
            let (mut radio, mut changed) = (self.clone(), Vec::new());
            radio.send(user, now, Upload::new(usize::MAX, bytes, ready, ready), &mut changed);
            let own = changed.iter().find(|upload| upload.task == usize::MAX);
            return own
                .map_or(Sent { end: f64::INFINITY, station: 0 }, |own| Sent { end: own.end, station: own.station });
        }
        let uplink = &self.uplinks[user];
        let before = uplink.uploads.iter().filter(|other| other.start <= now || other.ready <= ready);
        let free = before.map(|other| other.end).fold(0.0, f64::max);
        uplink.link.clone().upload_end(ready.max(free), bytes)
    }

    /// When and where an upload that is ready then would in truth end if nothing else were ever sent.
    pub(crate) fn alone(&mut self, user: usize, ready: f64, bytes: f64) -> Sent {
        self.uplinks[user].link.upload_end(ready, bytes)
    }

    /// What a device expects of its radio at `now`, at this uplink rate, B/s.
    /// `docs/model.md`, equation 46.
    pub fn waits(&self, user: usize, now: f64, rate: f64) -> RadioWaits {
        let (mut ready_now, mut all) = (now, now);
        for upload in &self.uplinks[user].uploads {
            let sent = (now - upload.start).max(0.0) * rate;
            let time = (upload.bytes - sent).max(0.0) / rate;
            if upload.ready <= now {
                ready_now += time;
                all += time;
            } else {
                all = all.max(upload.expected_ready) + time;
            }
        }
        RadioWaits { now: ready_now - now, all: all - now }
    }
}

impl Uplink {
    /// Plans the uploads from `index` on.
    /// `docs/model.md`, equation 23.
    fn plan(&mut self, index: usize, changed: &mut Vec<Upload>) {
        let mut free = index.checked_sub(1).map_or(0.0, |before| self.uploads[before].end);
        for upload in &mut self.uploads[index..] {
            let start = upload.ready.max(free);
            if start != upload.start || upload.end.is_nan() {
                let Sent { end, station } = self.link.upload_end(start, upload.bytes);
                (upload.start, upload.end, upload.station) = (start, end, station);
                changed.push(*upload);
            }
            free = upload.end;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::stream;
    use crate::system::link::{LinkModel, Whereabouts};
    use crate::units::Metres;

    /// Devices with 1 MB/s each, all at server 0.
    pub(super) fn radio(devices: usize, band: Band) -> Radio {
        let link = |_| {
            let place = Whereabouts::Fixed(0, Metres(10.0));
            Link::new(&LinkModel::Constant(1e6), place, 1.0, stream(0, "link"))
        };
        Radio::new((0..devices).map(link), band, 2)
    }

    fn upload(task: usize, ready: f64, bytes: f64) -> Upload {
        Upload::new(task, bytes, ready, ready)
    }

    #[test]
    fn a_tensor_that_is_ready_sooner_goes_first_and_moves_the_other() {
        let mut radio = radio(1, Band::Separate);
        let mut changed = Vec::new();
        radio.send(0, 0.0, upload(0, 2.0, 1e6), &mut changed);
        assert_eq!((changed[0].start, changed[0].end), (2.0, 3.0));
        changed.clear();
        radio.send(0, 1.5, upload(1, 1.5, 1e6), &mut changed);
        let times: Vec<_> = changed.iter().map(|upload| (upload.task, upload.start, upload.end)).collect();
        assert_eq!(times, [(1, 1.5, 2.5), (0, 2.5, 3.5)]);
    }

    #[test]
    fn an_upload_under_way_is_not_interrupted() {
        let mut radio = radio(1, Band::Separate);
        let mut changed = Vec::new();
        radio.send(0, 0.0, upload(0, 0.0, 2e6), &mut changed);
        radio.advance(0, 1.0);
        changed.clear();
        radio.send(0, 1.0, upload(1, 1.0, 1e6), &mut changed);
        assert_eq!(changed.len(), 1);
        assert_eq!((changed[0].task, changed[0].start, changed[0].end), (1, 2.0, 3.0));
        assert_eq!(radio.waits(0, 1.0, 1e6), RadioWaits { now: 2.0, all: 2.0 });
    }
}
