//! Servers as plain event loops: every job list is simulated from the start, with nothing kept between two answers.

use mec_envs::system::server::Job;

/// A server as the oracle sees it.
pub struct Plant {
    pub executors: usize,
    pub memory: Option<Memory>,
}

/// Memory for models.
pub struct Memory {
    pub capacity: f64,
    pub rate: f64,
    pub sizes: Vec<f64>,
}

/// When a job has what, s.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    pub start: f64,
    pub loading: f64,
    pub end: f64,
}

/// A model in memory, with what happened to it so far.
struct Held {
    model: usize,
    loaded: f64,
    users: usize,
    last_use: f64,
}

/// Indices of jobs by arrival, of equal ones in the order of the list.
fn by_arrival(jobs: &[Job]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..jobs.len()).collect();
    order.sort_by(|&a, &b| jobs[a].arrival.total_cmp(&jobs[b].arrival));
    order
}

/// First come, first served: event by event, with executors that are free or not.
pub fn fifo(plant: &Plant, jobs: &[Job]) -> Vec<Place> {
    let mut places = vec![Place { start: f64::NAN, loading: 0.0, end: f64::NAN }; jobs.len()];
    let mut running: Vec<usize> = Vec::new();
    let mut held: Vec<Held> = Vec::new();
    let mut waiting = by_arrival(jobs).into_iter().peekable();
    while let Some(&next) = waiting.peek() {
        let time = if running.len() < plant.executors {
            let last_start = running.iter().map(|&job| places[job].start).fold(0.0, f64::max);
            // An executor may have become free while nobody waited: then the arrival is the event.
            jobs[next].arrival.max(last_start)
        } else {
            running.iter().map(|&job| places[job].end).fold(f64::INFINITY, f64::min).max(jobs[next].arrival)
        };
        running.retain(|&job| {
            let ended = places[job].end <= time;
            if let Some(held) = held.iter_mut().find(|held| ended && jobs[job].model == Some(held.model)) {
                held.users -= 1;
                held.last_use = held.last_use.max(places[job].end);
            }
            !ended
        });
        let start = time;
        let ready = match (&plant.memory, jobs[next].model) {
            (Some(memory), Some(model)) => loaded(memory, &mut held, model, start),
            _ => start,
        };
        places[next] = Place { start, loading: ready - start, end: ready + jobs[next].service };
        running.push(next);
        waiting.next();
    }
    places
}

/// When `model` is loaded for a job that starts now; it is in use from now on.
fn loaded(memory: &Memory, held: &mut Vec<Held>, model: usize, now: f64) -> f64 {
    if let Some(held) = held.iter_mut().find(|held| held.model == model) {
        held.users += 1;
        return held.loaded.max(now);
    }
    let used = |held: &[Held]| held.iter().map(|held| memory.sizes[held.model]).sum::<f64>();
    while used(held) + memory.sizes[model] > memory.capacity {
        let unused = (0..held.len()).filter(|&index| held[index].users == 0);
        let oldest = unused.min_by(|&a, &b| held[a].last_use.total_cmp(&held[b].last_use)).unwrap();
        held.remove(oldest);
    }
    let loaded = now + memory.sizes[model] / memory.rate;
    held.push(Held { model, loaded, users: 1, last_use: now });
    loaded
}

/// Processor sharing as a fluid: between two events every job present loses work at the same rate.
pub fn sharing(plant: &Plant, jobs: &[Job]) -> Vec<Place> {
    sharing_until(plant, jobs, f64::INFINITY).0
}

/// The same up to `now`; also the work left then.
pub fn sharing_until(plant: &Plant, jobs: &[Job], now: f64) -> (Vec<Place>, f64) {
    let mut places = vec![Place { start: f64::NAN, loading: 0.0, end: f64::INFINITY }; jobs.len()];
    let mut arrivals = by_arrival(jobs).into_iter().peekable();
    let mut present: Vec<(usize, f64)> = Vec::new();
    // The least recently used model is first.
    let mut held: Vec<usize> = Vec::new();
    let mut time = 0.0;
    loop {
        let rate = (plant.executors as f64 / present.len() as f64).min(1.0);
        let departure = present.iter().map(|&(_, left)| time + left / rate).fold(f64::INFINITY, f64::min);
        let arrival = arrivals.peek().map_or(f64::INFINITY, |&job| jobs[job].arrival);
        let event = departure.min(arrival).min(now);
        if event == f64::INFINITY {
            return (places, 0.0);
        }
        present.iter_mut().for_each(|(_, left)| *left = (*left - (event - time) * rate).max(0.0));
        time = event;
        if time == now && departure.min(arrival) > now {
            return (places, present.iter().map(|&(_, left)| left).sum());
        }
        if departure <= arrival {
            let first = (0..present.len()).min_by(|&a, &b| present[a].1.total_cmp(&present[b].1)).unwrap();
            places[present.remove(first).0].end = time;
        } else if let Some(job) = arrivals.next() {
            let loading = match (&plant.memory, jobs[job].model) {
                (Some(memory), Some(model)) => load_on_arrival(memory, &mut held, model),
                _ => 0.0,
            };
            (places[job].start, places[job].loading) = (time, loading);
            present.push((job, loading + jobs[job].service));
        }
    }
}

/// Work of loading for a job that arrives, s.
fn load_on_arrival(memory: &Memory, held: &mut Vec<usize>, model: usize) -> f64 {
    let found = held.iter().position(|&other| other == model);
    if let Some(index) = found {
        held.remove(index);
    }
    let used = |held: &[usize]| held.iter().map(|&model| memory.sizes[model]).sum::<f64>();
    while used(held) + memory.sizes[model] > memory.capacity {
        held.remove(0);
    }
    held.push(model);
    if found.is_some() { 0.0 } else { memory.sizes[model] / memory.rate }
}
