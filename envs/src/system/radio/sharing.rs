//! A band that devices share while they send to the same server.

use super::{Uplink, Upload};
use crate::system::link::Segment;

/// Two ends that differ by less than this share of themselves are the same up to rounding.
const ROUNDING: f64 = 1e-12;

/// Equal shares of each server's band, event by event: an upload begins or ends, a link's rate or receiver changes.
///
/// # Design
/// What is known of all uploads is one schedule, worked out from the last event that is past; a new upload only adds
/// events. An upload's bytes count down from event to event, never to the present, so that working the schedule out again
/// adds up the same numbers.
#[derive(Clone, Debug)]
pub(super) struct Sharing {
    /// The last event that is past, s.
    at: f64,
    /// Devices with something to send.
    busy: Vec<Head>,
    /// Senders of each server.
    senders: Vec<usize>,
    scratch: Vec<Head>,
    segments: Vec<Option<Segment>>,
}

/// The upload of a device that is next or under way.
#[derive(Clone, Copy, Debug)]
struct Head {
    user: usize,
    /// Its place in the device's queue.
    index: usize,
    /// Bytes left of it once it has started.
    left: f64,
    /// When it started, s; NaN before.
    start: f64,
}

impl Head {
    /// The first upload of a device, not started.
    fn new(user: usize) -> Self {
        Self { user, index: 0, left: f64::NAN, start: f64::NAN }
    }
}

impl Sharing {
    pub(super) fn new(stations: usize) -> Self {
        Self { at: 0.0, busy: Vec::new(), senders: vec![0; stations], scratch: Vec::new(), segments: Vec::new() }
    }

    pub(super) fn reset(&mut self) {
        self.at = 0.0;
        self.busy.clear();
    }

    /// A device has put its first upload into its queue, or another one.
    pub(super) fn admit(&mut self, user: usize) {
        if self.busy.iter().all(|head| head.user != user) {
            self.busy.push(Head::new(user));
        }
    }

    /// How many devices other than `user` send to its server at `now`; one whose rate is 0 takes no share.
    pub(super) fn others(&self, uplinks: &mut [Uplink], user: usize, now: f64) -> usize {
        let station = uplinks[user].link.station();
        let mut sending = |head: &&Head| {
            let under_way = uplinks[head.user].uploads.first().is_some_and(|upload| upload.start <= now);
            if !under_way || head.user == user {
                return false;
            }
            let segment = uplinks[head.user].link.segment(now);
            segment.station == station && segment.rate > 0.0
        };
        self.busy.iter().filter(|head| sending(head)).count()
    }

    /// Carries out what happens up to `now`.
    pub(super) fn commit(&mut self, uplinks: &mut [Uplink], now: f64) {
        let mut heads = std::mem::take(&mut self.busy);
        self.at = self.run(uplinks, &mut heads, now, &mut |_, _| {});
        heads.retain_mut(|head| {
            uplinks[head.user].uploads.drain(..head.index);
            head.index = 0;
            !uplinks[head.user].uploads.is_empty()
        });
        self.busy = heads;
    }

    /// Works out when every known upload starts and ends; appends those that changed.
    pub(super) fn plan(&mut self, uplinks: &mut [Uplink], changed: &mut Vec<Upload>) {
        let mut heads = std::mem::take(&mut self.scratch);
        heads.clone_from(&self.busy);
        self.run(uplinks, &mut heads, f64::INFINITY, &mut |upload, planned| {
            let same = |old: f64, new: f64| (old - new).abs() <= ROUNDING * new.max(1.0);
            if !same(upload.end, planned.end) || !same(upload.start, planned.start) {
                *upload = planned;
                changed.push(planned);
            }
        });
        self.scratch = heads;
    }

    /// From the last past event on: every event up to `until`, and the time of the last of them. `ended` hears of every
    /// upload that ends.
    fn run(
        &mut self,
        uplinks: &mut [Uplink],
        heads: &mut [Head],
        until: f64,
        ended: &mut impl FnMut(&mut Upload, Upload),
    ) -> f64 {
        let mut time = self.at;
        loop {
            let next = self.next_event(uplinks, heads, time);
            if next > until || next.is_infinite() {
                return time;
            }
            for (head, segment) in heads.iter_mut().zip(&self.segments) {
                let Some(segment) = segment else { continue };
                let share = self.share(segment);
                let end = time + head.left / share;
                head.left -= share * (next - time);
                if end <= next {
                    let upload = &mut uplinks[head.user].uploads[head.index];
                    let planned = Upload { start: head.start, end: next, station: segment.station, ..*upload };
                    ended(upload, planned);
                    *head = Head { index: head.index + 1, ..Head::new(head.user) };
                }
            }
            time = next;
        }
    }

    /// Starts what is ready at `time`, notes who sends over which segment, and returns when that changes.
    fn next_event(&mut self, uplinks: &mut [Uplink], heads: &mut [Head], time: f64) -> f64 {
        self.senders.fill(0);
        self.segments.clear();
        let mut next = f64::INFINITY;
        for head in heads.iter_mut() {
            let uplink = &mut uplinks[head.user];
            let upload = uplink.uploads.get(head.index);
            let waiting = upload.filter(|upload| upload.ready > time);
            next = next.min(waiting.map_or(f64::INFINITY, |upload| upload.ready));
            let ready = upload.filter(|upload| upload.ready <= time);
            if let Some(upload) = ready.filter(|_| head.start.is_nan()) {
                (head.start, head.left) = (time, upload.bytes);
            }
            let segment = ready.is_some().then(|| uplink.link.segment(time));
            if let Some(segment) = segment.filter(|segment| segment.rate > 0.0) {
                self.senders[segment.station] += 1;
            }
            self.segments.push(segment);
        }
        for (head, segment) in heads.iter().zip(&self.segments) {
            let Some(segment) = segment else { continue };
            next = next.min(time + head.left / self.share(segment)).min(segment.end);
        }
        next
    }

    /// What one of a segment's senders has of it, B/s; 0 during a handover, when an upload never ends.
    /// `docs/model.md`, equation 24.
    fn share(&self, segment: &Segment) -> f64 {
        segment.rate / self.senders[segment.station].max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::radio;
    use super::super::{Band, Radio, Upload};
    use crate::rng::stream;
    use crate::system::link::{Link, LinkModel, Whereabouts};
    use crate::trace::Throughput;
    use crate::units::{BytesPerSecond, Metres, Seconds};

    #[test]
    fn two_devices_that_send_at_once_have_half_the_band_each() {
        let mut radio = radio(2, Band::Shared);
        let mut changed = Vec::new();
        radio.send(0, 0.0, Upload::new(0, 2e6, 0.0, 0.0), &mut changed);
        assert_eq!((changed[0].start, changed[0].end), (0.0, 2.0));
        changed.clear();
        assert_eq!(radio.advance(1, 1.0), 5e5, "the second to send would have half of it");
        radio.send(1, 1.0, Upload::new(1, 1e6, 1.0, 1.0), &mut changed);
        // From 1 s on both have 0.5 MB/s and 1 MB left: both end at 3 s.
        let mut times: Vec<_> = changed.iter().map(|upload| (upload.task, upload.start, upload.end)).collect();
        times.sort_by_key(|time| time.0);
        assert_eq!(times, [(0, 0.0, 3.0), (1, 1.0, 3.0)]);
    }

    #[test]
    fn the_band_is_whole_again_when_the_other_is_done() {
        let mut radio = radio(2, Band::Shared);
        let mut changed = Vec::new();
        radio.send(0, 0.0, Upload::new(0, 3e6, 0.0, 0.0), &mut changed);
        radio.send(1, 0.0, Upload::new(1, 1e6, 1.0, 1.0), &mut changed);
        radio.send(1, 0.0, Upload::new(2, 1e6, 9.0, 9.0), &mut changed);
        let ends: Vec<_> = changed.iter().map(|upload| (upload.task, upload.end)).collect();
        // Alone to 1 s (2 MB left), half each to 3 s (1 MB left), alone to 4 s.
        assert_eq!(ends, [(0, 3.0), (1, 3.0), (0, 4.0), (2, 10.0)]);
    }

    #[test]
    fn a_device_whose_link_is_silent_takes_no_share_of_the_band() {
        // Two days of silence and a second of 1 MB/s.
        let segments = [(Seconds(2e5), BytesPerSecond(0.0)), (Seconds(1.0), BytesPerSecond(1e6))];
        let recordings = vec![Throughput::from_segments("silence", segments.into_iter())];
        let silent = LinkModel::Recorded(recordings.into(), 1.0);
        let link = |user: usize| {
            let model = if user == 0 { silent.clone() } else { LinkModel::Constant(1e6) };
            Link::new(&model, Whereabouts::Fixed(0, Metres(10.0)), 1.0, stream(0, "link"))
        };
        let (mut radio, mut changed) = (Radio::new((0..2).map(link), Band::Shared, 1), Vec::new());
        radio.send(0, 0.0, Upload::new(0, 1e5, 0.0, 0.0), &mut changed);
        assert_eq!(radio.advance(1, 1.0), 1e6);
        changed.clear();
        radio.send(1, 1.0, Upload::new(1, 2e6, 1.0, 1.0), &mut changed);
        assert_eq!((changed[0].start, changed[0].end), (1.0, 3.0));
    }

    #[test]
    fn time_that_passes_changes_no_plan() {
        let mut changed = Vec::new();
        let mut radio = radio(3, Band::Shared);
        for (user, bytes) in [(0, 3.3e6), (1, 1.7e6), (2, 0.9e6)] {
            radio.send(user, 0.0, Upload::new(user, bytes, 0.3 * user as f64, 0.0), &mut changed);
        }
        let mut watched = radio.clone();
        for step in 1..30 {
            watched.advance(step % 3, step as f64 * 0.09);
        }
        let (mut a, mut b) = (Vec::new(), Vec::new());
        let late = Upload::new(9, 1e5, 2.7, 2.7);
        radio.advance(0, 2.7);
        watched.advance(0, 2.7);
        radio.send(0, 2.7, late, &mut a);
        watched.send(0, 2.7, late, &mut b);
        assert_eq!(a.len(), b.len());
        for (a, b) in a.iter().zip(&b) {
            assert!(a.task == b.task && (a.end - b.end).abs() < 1e-9, "{a:?} {b:?}");
        }
    }
}
