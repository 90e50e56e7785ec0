//! The replay against a plain list of whole transitions, and what it makes of stored ones that do not fit together.

use half::f16;
use mec_agents::checkpoint::{CheckpointError, load, save};
use mec_agents::replay::{Batch, PriorityConfig, Replay, ReplayConfig, Storage};
use mec_agents::spec::EnvSpec;
use mec_agents::state::StateDict;
use mec_agents::transition::Transitions;
use mec_envs::gym::{ActionLayout, Part};
use mec_envs::rng::{Prng, stream};
use rand::RngExt;

const DIM: usize = 3;
/// More than fit into one byte of bits.
const CHOICES: usize = 11;
const CODES: usize = 2;

fn spec() -> EnvSpec {
    let action = ActionLayout { heads: vec![4, 7], continuous: 0 };
    EnvSpec { observation: vec![Part::new("", &[DIM])], action }
}

fn replay(config: ReplayConfig) -> Replay {
    Replay::new(&config, &spec()).unwrap()
}

/// A moment of a stream.
#[derive(Clone, Debug, PartialEq)]
struct Moment {
    observation: Vec<f32>,
    mask: Vec<bool>,
}

impl Moment {
    fn draw(rng: &mut Prng) -> Self {
        let observation = (0..DIM).map(|_| rng.random_range(-100.0..100.0)).collect();
        Self { observation, mask: (0..CHOICES).map(|_| rng.random_bool(0.7)).collect() }
    }

    /// As it is stored.
    fn kept(&self, storage: Storage, masked: bool) -> Self {
        let keep = |value: &f32| match storage {
            Storage::F32 => *value,
            Storage::F16 => f16::from_f32(*value).to_f32(),
        };
        let mask = if masked { self.mask.clone() } else { vec![true; CHOICES] };
        Self { observation: self.observation.iter().map(keep).collect(), mask }
    }
}

/// A whole transition.
#[derive(Clone, Debug)]
struct Row {
    env: u32,
    now: Moment,
    next: Moment,
    action: Vec<f32>,
    reward: f32,
    terminated: bool,
    truncated: bool,
}

/// Streams of random episodes, from which rows are lost now and then.
struct Streams {
    rng: Prng,
    moments: Vec<Moment>,
}

impl Streams {
    fn new(seed: u64, streams: usize) -> Self {
        let mut rng = stream(seed, "streams");
        let moments = (0..streams).map(|_| Moment::draw(&mut rng)).collect();
        Self { rng, moments }
    }

    /// The next row of some stream. One in `length` ends an episode.
    fn row(&mut self, length: f64) -> Row {
        let rng = &mut self.rng;
        let env = rng.random_range(0..self.moments.len());
        let (now, next) = (self.moments[env].clone(), Moment::draw(rng));
        let terminated = rng.random_bool(0.5 / length);
        let truncated = rng.random_bool(0.5 / length);
        let breaks = terminated || truncated || rng.random_bool(0.03);
        self.moments[env] = if breaks { Moment::draw(rng) } else { next.clone() };
        let action = vec![f32::from(rng.random_range(0..4_u8)), f32::from(rng.random_range(0..7_u8))];
        let reward = rng.random_range(-1.0..1.0);
        Row { env: env as u32 * 1000, now, next, action, reward, terminated, truncated }
    }
}

fn columns(rows: &[Row], masked: bool) -> Transitions {
    let mut columns = Transitions::default();
    for row in rows {
        columns.observations.extend(&row.now.observation);
        columns.next_observations.extend(&row.next.observation);
        columns.actions.extend(&row.action);
        columns.rewards.push(row.reward);
        columns.terminated.push(row.terminated);
        columns.truncated.push(row.truncated);
        columns.env.push(row.env);
        if masked {
            columns.masks.extend(&row.now.mask);
            columns.next_masks.extend(&row.next.mask);
        }
    }
    columns
}

/// All transitions ever, each whole, and the ways of a replay spelt out on them.
struct Plain {
    config: ReplayConfig,
    rows: Vec<Row>,
    masked: bool,
}

impl Plain {
    fn extend(&mut self, rows: &[Row], masked: bool) {
        let storage = self.config.storage;
        self.masked |= masked;
        self.rows.extend(rows.iter().map(|row| Row {
            now: row.now.kept(storage, masked),
            next: row.next.kept(storage, masked),
            ..row.clone()
        }));
    }

    fn held(&self) -> std::ops::Range<usize> {
        self.rows.len().saturating_sub(self.config.capacity)..self.rows.len()
    }

    /// The row that goes on from `number` in its stream.
    fn successor(&self, number: usize) -> Option<usize> {
        let row = &self.rows[number];
        let later = (number + 1..self.rows.len()).find(|&later| self.rows[later].env == row.env)?;
        (!row.terminated && !row.truncated && row.next == self.rows[later].now).then_some(later)
    }

    fn batch(&self, slots: &[u32]) -> Batch {
        let mut batch = Batch::default();
        for &slot in slots {
            let held = |number: &usize| number % self.config.capacity == slot as usize;
            let first = self.held().find(held).expect("drawn slots are held");
            let (mut last, mut steps, mut total, mut discount) = (first, 1, 0.0, 1.0);
            loop {
                total += discount * f64::from(self.rows[last].reward);
                discount *= self.config.gamma;
                match self.successor(last) {
                    Some(later) if steps < self.config.n_step => (last, steps) = (later, steps + 1),
                    _ => break,
                }
            }
            let (row, last) = (&self.rows[first], &self.rows[last]);
            batch.observations.extend(&row.now.observation);
            batch.next_observations.extend(&last.next.observation);
            batch.actions.extend(&row.action);
            batch.rewards.push(total as f32);
            batch.discounts.push(if last.terminated { 0.0 } else { discount as f32 });
            if self.masked {
                batch.masks.extend(&row.now.mask);
                batch.next_masks.extend(&last.next.mask);
            }
        }
        batch
    }
}

fn assert_same(found: &Batch, expected: &Batch) {
    assert_eq!(found.observations, expected.observations);
    assert_eq!(found.next_observations, expected.next_observations);
    assert_eq!(found.actions, expected.actions);
    assert_eq!(found.rewards, expected.rewards);
    assert_eq!(found.discounts, expected.discounts);
    assert_eq!(found.masks, expected.masks);
    assert_eq!(found.next_masks, expected.next_masks);
}

fn drawn(replay: &mut Replay, size: usize, seed: u64) -> Batch {
    let mut batch = Batch::default();
    replay.sample(size, 0.5, &mut stream(seed, "draw"), &mut batch);
    batch
}

fn stored(replay: &Replay) -> StateDict {
    let mut state = StateDict::new("test");
    replay.write("replay", &mut state);
    state
}

/// Random configurations and streams, written and read back on the way: every batch is what a list of whole
/// transitions gives, and both copies go on alike.
#[test]
fn batches_are_those_of_a_plain_list_of_whole_transitions() {
    let mut rng = stream(1, "cases");
    for case in 0..150 {
        let config = ReplayConfig {
            capacity: [1, 2, 7, 30, 100][rng.random_range(0..5)],
            n_step: [1, 1, 2, 3, 10][rng.random_range(0..5)],
            gamma: [0.0, 0.9, 1.0][rng.random_range(0..3)],
            storage: [Storage::F32, Storage::F16][rng.random_range(0..2)],
            priority: None,
        };
        let mut streams = Streams::new(case, [1, 2, 5, 20][rng.random_range(0..4)]);
        let (length, masks) = ([1.0, 2.0, 10.0, 1e6][rng.random_range(0..4)], [0.0, 0.5, 1.0][rng.random_range(0..3)]);
        let mut plain = Plain { config, rows: Vec::new(), masked: false };
        let mut replay = replay(config);
        let mut batch = Batch::default();
        for round in 0..30 {
            let rows: Vec<Row> = (0..rng.random_range(1..12)).map(|_| streams.row(length)).collect();
            let masked = rng.random_bool(masks);
            plain.extend(&rows, masked);
            replay.extend(&columns(&rows, masked));
            assert_eq!(replay.len(), plain.held().len(), "case {case}");
            if round % 7 == 3 {
                let mut copy = self::replay(config);
                copy.extend(&columns(&rows, masked));
                copy.read("replay", &stored(&replay)).unwrap();
                assert_eq!(stored(&copy), stored(&replay));
                replay = copy;
            }
            let mut draws = stream(round, "draw");
            replay.sample(1 + round as usize % 20, 0.5, &mut stream(round, "draw"), &mut batch);
            let len = replay.len() as u32;
            let slots: Vec<u32> = batch.slots.iter().map(|_| draws.random_range(0..len)).collect();
            assert_eq!(batch.slots, slots);
            assert!(batch.weights.iter().all(|&weight| weight == 1.0));
            assert_same(&batch, &plain.batch(&slots));
        }
    }
}

/// Rewards 1, 2, 4, 8 and discount 1/2. Three steps from the first: 1 + 2/2 + 4/4 = 3, bootstrap at the fourth row with
/// 1/8. From the third: 4 + 8/2 = 8, and only two steps, for the episode ends there.
#[test]
fn n_step_returns_match_numbers_worked_by_hand() {
    for (terminated, truncated, discount) in [(true, false, 0.0), (false, true, 0.25), (false, false, 0.25)] {
        let mut replay = replay(ReplayConfig { capacity: 8, n_step: 3, gamma: 0.5, ..ReplayConfig::default() });
        let mut moments: Vec<Moment> = (0..6).map(|_| Moment::draw(&mut stream(1, "moments"))).collect();
        moments.iter_mut().enumerate().for_each(|(index, moment)| moment.observation = vec![index as f32; DIM]);
        let row = |index: usize| Row {
            env: 0,
            now: moments[index].clone(),
            next: moments[index + 1].clone(),
            action: vec![0.0, 0.0],
            reward: f32::from(1_u8 << index),
            terminated: terminated && index == 3,
            truncated: truncated && index == 3,
        };
        replay.extend(&columns(&[row(0), row(1), row(2), row(3)], false));
        let batch = drawn(&mut replay, 64, 1);
        for (row, &slot) in batch.slots.iter().enumerate() {
            let expected = [(3.0, 0.125, 3.0), (6.0, if terminated { 0.0 } else { 0.125 }, 4.0)];
            let expected = [expected[0], expected[1], (8.0, discount, 4.0), (8.0, discount * 2.0, 4.0)];
            let found = (batch.rewards[row], batch.discounts[row], batch.next_observations[DIM * row]);
            assert_eq!(found, expected[slot as usize], "slot {slot}");
        }
        assert!((0..4).all(|slot| batch.slots.contains(&slot)));
    }
}

#[test]
fn half_precision_halves_the_memory_and_cuts_what_it_cannot_hold() {
    let spec = EnvSpec { observation: vec![Part::new("", &[123])], action: spec().action };
    let bytes = [Storage::F32, Storage::F16].map(|storage| {
        let mut replay = Replay::new(&ReplayConfig { storage, ..ReplayConfig::default() }, &spec).unwrap();
        let row = Transitions {
            observations: [0.1, 1e9, f32::NEG_INFINITY].into_iter().cycle().take(123).collect(),
            next_observations: vec![65504.0; 123],
            actions: vec![0.0; CODES],
            rewards: vec![1e9],
            terminated: vec![true],
            truncated: vec![false],
            env: vec![0],
            ..Transitions::default()
        };
        replay.extend(&row);
        let batch = drawn(&mut replay, 1, 1);
        if storage == Storage::F16 {
            assert_eq!(batch.observations[..3], [f16::from_f32(0.1).to_f32(), 65504.0, -65504.0]);
        } else {
            assert_eq!(batch.observations[..2], [0.1, 1e9]);
        }
        assert_eq!((batch.next_observations[0], batch.rewards[0]), (65504.0, 1e9));
        replay.content_bytes()
    });
    // One transition and its end: 123 entries and a word of 11 bits each; two codes, reward and link.
    assert_eq!(bytes, [2 * (123 * 4 + 4) + 16, 2 * (123 * 2 + 2) + 16]);
}

/// One long stream: s' of every row but the newest is the next row's s.
#[test]
fn an_observation_is_stored_once() {
    let mut replay = replay(ReplayConfig { capacity: 1000, ..ReplayConfig::default() });
    let mut streams = Streams::new(1, 1);
    let mut rows: Vec<Row> = (0..5000).map(|_| streams.row(1e9)).collect();
    for index in 1..rows.len() {
        rows[index].now = rows[index - 1].next.clone();
    }
    replay.extend(&columns(&rows, true));
    let (frame, rest) = (DIM * 4 + 4, 4 * CODES + 8);
    // The end of the newest row, and the one that was taken before the oldest gave its own back.
    let most = 1000 * (frame + rest) + 2 * frame;
    assert!(replay.content_bytes() <= most, "{} is more than {most}", replay.content_bytes());
}

#[test]
fn what_cannot_be_had_or_asked_for_is_an_error() {
    let config = ReplayConfig::default();
    let huge = EnvSpec { observation: vec![Part::new("", &[1 << 40])], action: spec().action };
    let error = Replay::new(&config, &huge).unwrap_err().to_string();
    assert!(error.starts_with("buffer_capacity is 1000000 transitions with 1099511627776 entries"), "{error}");
    assert!(Replay::new(&ReplayConfig { capacity: 0, ..config }, &spec()).is_err());
}

#[test]
fn a_cleared_replay_is_as_a_new_one() {
    let config =
        ReplayConfig { capacity: 20, priority: Some(PriorityConfig::default()), n_step: 3, ..ReplayConfig::default() };
    let (mut used, mut new) = (replay(config), replay(config));
    let mut streams = Streams::new(3, 2);
    let mut rows = || (0..33).map(|_| streams.row(5.0)).collect::<Vec<_>>();
    used.extend(&columns(&rows(), true));
    used.update_priorities(&[0, 3], &[7.0, 0.1]);
    used.clear();
    assert!(used.is_empty());
    let rows = rows();
    for replay in [&mut used, &mut new] {
        replay.extend(&columns(&rows[..7], false));
    }
    assert_eq!(drawn(&mut used, 50, 1), drawn(&mut new, 50, 1));
    assert_eq!(stored(&used).checksum(), stored(&new).checksum());
}

#[test]
fn a_replay_in_a_file_draws_the_same_batches_and_goes_on_alike() {
    let folder = tempfile::tempdir().unwrap();
    for storage in [Storage::F32, Storage::F16] {
        let priority = Some(PriorityConfig::default());
        let config = ReplayConfig { capacity: 40, n_step: 3, storage, priority, ..ReplayConfig::default() };
        let mut original = replay(config);
        let mut streams = Streams::new(5, 3);
        let mut rows = || columns(&(0..61).map(|_| streams.row(6.0)).collect::<Vec<_>>(), true);
        original.extend(&rows());
        original.update_priorities(&[1, 5, 9], &[0.5, 3.0, 0.0]);
        let path = folder.path().join("replay.safetensors");
        save(&path, &stored(&original)).unwrap();
        let mut copy = replay(config);
        copy.read("replay", &load(&path).unwrap()).unwrap();
        let later = rows();
        for round in 0..3 {
            let batches = [drawn(&mut original, 64, round), drawn(&mut copy, 64, round)];
            assert_eq!(batches[0], batches[1]);
            for replay in [&mut original, &mut copy] {
                replay.update_priorities(&batches[0].slots, &batches[0].rewards);
                replay.extend(&later);
            }
        }
        assert_eq!(stored(&original).checksum(), stored(&copy).checksum());
    }
}

/// A full ring whose oldest row lies in slot 3, with ends, streams and priorities.
fn for_damage() -> (ReplayConfig, StateDict) {
    let priority = Some(PriorityConfig::default());
    let config = ReplayConfig { capacity: 10, n_step: 4, priority, ..ReplayConfig::default() };
    let mut replay = replay(config);
    let mut streams = Streams::new(8, 3);
    replay.extend(&columns(&(0..23).map(|_| streams.row(6.0)).collect::<Vec<_>>(), true));
    (config, stored(&replay))
}

/// Reads `damaged` into a replay that holds something: an error must leave that as it was, and what is accepted must be
/// usable.
fn read_damaged(config: ReplayConfig, damaged: &StateDict) -> Result<(), CheckpointError> {
    let mut replay = replay(config);
    let mut streams = Streams::new(4, 2);
    replay.extend(&columns(&(0..13).map(|_| streams.row(6.0)).collect::<Vec<_>>(), true));
    let before = stored(&replay);
    let result = replay.read("replay", damaged);
    if result.is_err() {
        assert_eq!(stored(&replay), before, "a failed read changed something");
    }
    for round in 0..4 {
        drawn(&mut replay, 50, round);
        replay.extend(&columns(&(0..7).map(|_| streams.row(6.0)).collect::<Vec<_>>(), true));
    }
    result
}

#[test]
fn stored_links_that_do_not_fit_together_are_refused() {
    let (config, good) = for_damage();
    let links = good.array::<u32>("replay/links", &[10]).unwrap().to_vec();
    let mut refused = 0;
    for slot in 0..10 {
        for wrong in (0..24).chain([u32::MAX, 1 << 31, 1 << 31 | 10, 1 << 31 | 12, (1 << 31) - 1]) {
            let mut damaged = good.clone();
            let mut changed = links.clone();
            changed[slot] = wrong;
            damaged.insert_array("replay/links", &[10], changed);
            let error = read_damaged(config, &damaged).err();
            assert!(wrong != links[slot] || error.is_none());
            assert!(!(20..1 << 31).contains(&wrong) || error.is_some(), "{wrong} is no slot");
            assert!(wrong as usize != slot || error.is_some(), "{slot} leads to itself");
            refused += usize::from(error.is_some());
        }
    }
    assert!(refused > 250, "{refused} of 290");
}

#[test]
fn stored_parts_that_are_missing_or_of_another_shape_type_or_value_are_refused() {
    let (config, good) = for_damage();
    assert!(read_damaged(config, &good).is_ok());
    for name in good.arrays().keys() {
        let mut damaged = good.clone();
        damaged.insert_array(name, &[0], Vec::<f32>::new());
        assert!(matches!(read_damaged(config, &damaged), Err(CheckpointError::Shape { .. })), "{name}");
        let mut damaged = good.clone();
        let shape = good.arrays()[name].shape.clone();
        damaged.insert_array(name, &shape, vec![half::f16::ZERO; shape.iter().product()]);
        assert!(matches!(read_damaged(config, &damaged), Err(CheckpointError::Dtype { .. })), "{name}");
    }
    for wrong in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e9] {
        let mut damaged = good.clone();
        damaged.insert_array("replay/priorities", &[10], [vec![1.0; 9], vec![wrong]].concat());
        assert!(matches!(read_damaged(config, &damaged), Err(CheckpointError::Value { .. })), "{wrong}");
    }
    assert!(matches!(read_damaged(config, &StateDict::new("test")), Err(CheckpointError::Missing { .. })));
    let other = ReplayConfig { capacity: 11, ..config };
    assert!(read_damaged(other, &good).unwrap_err().to_string().contains("the capacity of this replay is 11"));
    assert!(read_damaged(ReplayConfig { storage: Storage::F16, ..config }, &good).is_err());
}

#[test]
fn stored_counters_that_do_not_fit_the_ring_are_refused() {
    let (config, good) = for_damage();
    let ring: serde_json::Value = good.value("replay/ring").unwrap();
    assert_eq!((ring["added"].as_u64(), ring["newest"].as_array().map(Vec::len)), (Some(23), Some(3)), "{ring}");
    let first = ring["newest"][0].clone();
    for (key, wrong) in [
        ("added", serde_json::json!(33)),
        ("added", serde_json::json!(9)),
        ("added", serde_json::json!(u64::MAX)),
        ("added", serde_json::json!(-1)),
        ("capacity", serde_json::json!(0)),
        ("masked", serde_json::json!("yes")),
        ("newest", serde_json::json!([[0, 12]])),
        ("newest", serde_json::json!([[0, 23]])),
        ("newest", serde_json::json!([[0, 0]])),
        ("newest", serde_json::json!([first, first])),
        ("newest", serde_json::json!([[7, first[1]], [8, first[1]]])),
    ] {
        let mut changed = ring.clone();
        changed[key] = wrong.clone();
        let mut damaged = good.clone();
        damaged.insert_value("replay/ring", changed);
        assert!(read_damaged(config, &damaged).is_err(), "{key}: {wrong}");
    }
}

/// Four rows with errors 0, 1, 3, 8 and epsilon 1, alpha 1/2: p^alpha = 1, sqrt 2, 2, 3, so that P = p^alpha / 7.414.
/// Draws of 4 take one from each quarter of that; w = (1 / p^alpha)^beta.
#[test]
fn draws_follow_priorities_worked_by_hand() {
    let priority = PriorityConfig { alpha: 0.5, epsilon: 1.0, ..PriorityConfig::default() };
    let mut replay = replay(ReplayConfig { capacity: 4, priority: Some(priority), ..ReplayConfig::default() });
    let mut streams = Streams::new(1, 1);
    replay.extend(&columns(&(0..4).map(|_| streams.row(6.0)).collect::<Vec<_>>(), false));
    replay.update_priorities(&[0, 1, 2, 3], &[0.0, -1.0, 3.0, 8.0]);
    let (mut counts, mut rng, mut batch) = ([0_u32; 4], stream(1, "draw"), Batch::default());
    let draws = 40_000;
    for _ in 0..draws / 4 {
        replay.sample(4, 0.5, &mut rng, &mut batch);
        assert!(batch.slots.is_sorted(), "one draw per share, in order");
        batch.slots.iter().for_each(|&slot| counts[slot as usize] += 1);
        for (&slot, &weight) in batch.slots.iter().zip(&batch.weights) {
            // Slot 0 has more than half of the first quarter: it is drawn in some batches and not in others.
            let least = if batch.slots.contains(&0) { 1.0 } else { 2.0_f32.sqrt() };
            let expected = (least / [1.0, 2.0_f32.sqrt(), 2.0, 3.0][slot as usize]).sqrt();
            assert!((weight - expected).abs() < 1e-6, "slot {slot}: {weight} is not {expected}");
        }
    }
    let total = 1.0 + 2.0_f64.sqrt() + 2.0 + 3.0;
    // Pearson's statistic of 40,000 independent draws exceeds 16.27 in one of a thousand cases (3 degrees of freedom);
    // draws by shares vary less than independent ones.
    let expected = [1.0, 2.0_f64.sqrt(), 2.0, 3.0].map(|weight| weight / total * f64::from(draws));
    let statistic: f64 = counts.iter().zip(expected).map(|(&n, e)| (f64::from(n) - e).powi(2) / e).sum();
    assert!(statistic < 16.27, "{counts:?} instead of {expected:?}");
}

/// Single draws are independent: the same probabilities, now with the largest priority so far for what is new and for
/// errors that are no numbers: 3 of 10 each for slots 0, 2 and 3 after an error of 2 in slot 2, 1 of 10 for slot 1.
#[test]
fn new_rows_and_errors_that_are_no_numbers_get_the_largest_priority_so_far() {
    let priority = PriorityConfig { alpha: 1.0, epsilon: 1.0, ..PriorityConfig::default() };
    let mut replay = replay(ReplayConfig { capacity: 4, priority: Some(priority), ..ReplayConfig::default() });
    let mut streams = Streams::new(1, 1);
    let mut row = || columns(&[streams.row(6.0)], false);
    for _ in 0..3 {
        replay.extend(&row());
    }
    assert_eq!(drawn(&mut replay, 30, 1).weights, [1.0; 30], "equal at first");
    replay.update_priorities(&[0, 1, 2], &[0.5, 0.0, 2.0]);
    replay.update_priorities(&[0], &[f32::NAN]);
    replay.extend(&row());
    let (mut counts, mut rng, mut batch) = ([0_u32; 4], stream(2, "draw"), Batch::default());
    for _ in 0..20_000 {
        replay.sample(1, 1.0, &mut rng, &mut batch);
        counts[batch.slots[0] as usize] += 1;
    }
    let expected = [6000.0, 2000.0, 6000.0, 6000.0];
    let statistic: f64 = counts.iter().zip(expected).map(|(&n, e)| (f64::from(n) - e).powi(2) / e).sum();
    assert!(statistic < 16.27, "{counts:?} instead of {expected:?}");
    // A row that overwrites another one does not keep its priority: slot 1 has now the largest one, too.
    replay.extend(&row());
    replay.extend(&row());
    assert_eq!(drawn(&mut replay, 30, 1).weights, [1.0; 30]);
}
