//! [`frame`]: the state of an episode as text for a terminal, 80 columns wide.

use super::record::TaskRecord;
use super::world::World;
use crate::system::server::Population;

/// Columns of a frame.
const WIDTH: usize = 80;
/// Servers shown: of more those with the longest wait.
const SERVERS: usize = 8;
/// Devices shown.
const DEVICES: usize = 4;
/// Decisions shown, and more of them beside fewer servers than four.
const DECISIONS: usize = 8;
const FEW_SERVERS: usize = 4;
/// Cells of a bar.
const BAR: usize = 8;
/// What a full bar may stand for, s.
const BAR_SCALES: [f64; 7] = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0];

/// How a frame is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameStyle {
    /// Characters alone.
    Plain,
    /// With ANSI escape sequences for colour and weight, which take no columns.
    Coloured,
}

/// What a piece of text says, which its colour repeats.
#[derive(Clone, Copy)]
enum Tone {
    Heading,
    Good,
    Bad,
    Believed,
    Quiet,
}

impl FrameStyle {
    fn paint(self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Heading => "1",
            Tone::Good => "32",
            Tone::Bad => "1;31",
            Tone::Believed => "36",
            Tone::Quiet => "2",
        };
        match self {
            Self::Plain => text.to_owned(),
            Self::Coloured => format!("\x1b[{code}m{text}\x1b[0m"),
        }
    }
}

/// One moment of an episode as text: its totals, every server as it is believed to be and as it is, the devices with
/// the longest queues, and what came of the last decisions. `heading` says what runs, for example the scheme.
///
/// A server's waits are seconds until an executor is free: as its last report and the book of work sent since have it,
/// and as a report of this moment would; AGE is that of the report, in s; OWN and OTHER are the jobs there, ours and
/// those of other tenants. CUT is the layers that run on the device, of all.
///
/// Lines are at most 80 columns wide; there are 24 for up to four servers, and at most 29. The number of lines is
/// the same in every frame of an episode, and the last one has no line break, so that frames can be drawn over each
/// other. Latencies are those that follow from all decisions so far: later ones can still move what has not begun.
///
/// Complexity: O(tasks so far + devices + servers x jobs in their queues).
pub fn frame(world: &World, heading: &str, style: FrameStyle) -> String {
    let world = &world.caught_up();
    let mut lines = totals(world, heading, style);
    lines.push(String::new());
    lines.extend(servers(world, style));
    lines.push(String::new());
    lines.extend(devices(world, style));
    lines.push(String::new());
    lines.extend(decisions(world, style));
    lines.join("\n")
}

fn totals(world: &World, heading: &str, style: FrameStyle) -> Vec<String> {
    let horizon = world.setting().scenario.horizon_s.0;
    let clock = format!("{:.1} s of {horizon} s", world.now().min(horizon));
    let room = WIDTH - clock.chars().count() - 1;
    let first = format!("{} {clock}", fit(heading, room));
    let decided = &world.tasks()[..world.decided()];
    let share = |holds: &dyn Fn(&&TaskRecord) -> bool| {
        100.0 * decided.iter().filter(holds).count() as f64 / decided.len() as f64
    };
    let latencies = decided.iter().map(TaskRecord::latency).filter(|latency| latency.is_finite());
    let latency = latencies.clone().sum::<f64>() / latencies.count() as f64;
    let mut second = format!("{} tasks, {} waiting", decided.len(), world.waiting());
    if !decided.is_empty() {
        let (in_time, offloaded) = (share(&|task| task.success()), share(&|task| task.target > 0));
        second += &format!("; {in_time:.1} % in time, {offloaded:.1} % offloaded, mean latency {latency:.3} s");
    }
    vec![style.paint(Tone::Heading, &first), fit(&second, WIDTH).trim_end().to_owned()]
}

/// What is known of a server, and what is so.
struct ServerState {
    server: usize,
    busy: usize,
    believed: f64,
    wait: f64,
    age: f64,
    jobs: Population,
}

impl ServerState {
    fn of(world: &World, m: usize) -> Self {
        let (now, mut left) = (world.now(), Vec::new());
        let idle = world.servers[m].remaining(now, &mut left);
        let belief = &world.watches[m].belief;
        Self {
            server: m,
            busy: left.len() - idle,
            believed: belief.booked_wait(now, f64::INFINITY),
            wait: world.oracle_belief(m).booked_wait(now, f64::INFINITY),
            age: now - belief.report().time,
            jobs: world.servers[m].population(),
        }
    }

    fn line(&self, world: &World, scale: f64, style: FrameStyle) -> String {
        let setting = world.setting();
        let spec = &setting.servers[self.server];
        let name = format!("{} {}", self.server + 1, setting.server_processors[spec.class].name);
        let busy = format!("{}/{}", self.busy, spec.executors);
        let age = if self.age < world.now() { format!("{:.1}", self.age) } else { "none".to_owned() };
        let tone = if self.wait > self.believed + 0.1 * scale { Tone::Bad } else { Tone::Good };
        format!(
            "{}{:>5.2}{busy:>6} {}{:>6.2}  {}{:>6.2}{age:>6}{:>6}{:>6}",
            fit(&name, 20),
            spec.speed,
            style.paint(Tone::Believed, &bar(self.believed / scale)),
            self.believed,
            style.paint(tone, &bar(self.wait / scale)),
            self.wait,
            self.jobs.own,
            self.jobs.foreign
        )
    }
}

fn servers(world: &World, style: FrameStyle) -> Vec<String> {
    let mut states: Vec<ServerState> = (0..world.servers.len()).map(|m| ServerState::of(world, m)).collect();
    let more = states.len().saturating_sub(SERVERS);
    if more > 0 {
        states.sort_by(|left, right| right.wait.total_cmp(&left.wait));
        states.truncate(SERVERS);
        states.sort_by_key(|state| state.server);
    }
    let longest = states.iter().map(|state| state.wait.max(state.believed)).fold(0.0, f64::max);
    let scale = BAR_SCALES.into_iter().find(|scale| longest <= *scale).unwrap_or(longest);
    let title = format!("SERVER, bars to {scale:.0} s");
    let (believed, wait) = ("BELIEVED WAIT", "TRUE WAIT");
    let heading =
        format!("{title:<20}SPEED{:>6} {believed:<14}  {wait:<14}{:>6}{:>6}{:>6}", "BUSY", "AGE", "OWN", "OTHER");
    let mut lines = vec![style.paint(Tone::Heading, &heading)];
    lines.extend(states.iter().map(|state| state.line(world, scale, style)));
    if more > 0 {
        lines.push(style.paint(Tone::Quiet, &format!("the {SERVERS} with the longest wait; {more} more not shown")));
    }
    lines
}

/// The queues of one device.
#[derive(Clone, Default)]
struct DeviceState {
    computing: usize,
    computed_in: f64,
    sending: usize,
    sent_in: f64,
    elsewhere: usize,
    late: usize,
}

impl DeviceState {
    fn add(&mut self, task: &TaskRecord, now: f64) {
        if task.device.end > now {
            self.computing += 1;
            self.computed_in = self.computed_in.max(task.device.end - now);
        } else if task.upload.end > now {
            self.sending += 1;
            self.sent_in = self.sent_in.max(task.upload.end - now);
        } else {
            self.elsewhere += 1;
        }
        self.late += usize::from(!task.success());
    }
}

fn devices(world: &World, style: FrameStyle) -> Vec<String> {
    let mut states = vec![DeviceState::default(); world.devices.len()];
    let now = world.now();
    for task in world.tasks()[..world.decided()].iter().filter(|task| task.completion > now) {
        states[task.user].add(task, now);
    }
    let mut order: Vec<usize> =
        (0..states.len()).filter(|&user| states[user].computing + states[user].sending > 0).collect();
    let longest = |user: usize| states[user].computed_in.max(states[user].sent_in);
    order.sort_by(|&left, &right| longest(right).total_cmp(&longest(left)));
    let heading = format!("{:<30}COMPUTING FREE IN   SENDING FREE IN ELSEWHERE LATE", "DEVICES, LONGEST QUEUES");
    let mut lines = vec![style.paint(Tone::Heading, &heading)];
    lines.extend(order.iter().take(DEVICES).map(|&user| {
        let state = &states[user];
        let name = format!("{user} {}", world.setting().device_processor(user).name);
        let late = format!("{:>5}", state.late);
        let late = if state.late > 0 { style.paint(Tone::Bad, &late) } else { late };
        format!(
            "{}{:>9}{:>6.2} s{:>10}{:>6.2} s{:>10}{late}",
            fit(&name, 30),
            state.computing,
            state.computed_in,
            state.sending,
            state.sent_in,
            state.elsewhere
        )
    }));
    lines.resize(1 + DEVICES, String::new());
    lines
}

fn decisions(world: &World, style: FrameStyle) -> Vec<String> {
    let shown = DECISIONS + FEW_SERVERS.saturating_sub(world.servers.len());
    let heading = format!("LAST TASKS  {:<14}  DEVICE  {:<10}{:>8}  LATENCY  DEADLINE", "NETWORK", "TARGET", "CUT");
    let mut lines = vec![style.paint(Tone::Heading, &heading)];
    let decided = world.decided();
    lines.extend((decided.saturating_sub(shown)..decided).rev().map(|index| decision(world, index, style)));
    lines.resize(1 + shown, String::new());
    lines
}

fn decision(world: &World, index: usize, style: FrameStyle) -> String {
    let (setting, task) = (world.setting(), &world.tasks()[index]);
    let graph = &setting.models[task.model].graph;
    let layers = setting.frontier(task.model, task.user).device_layers(task.candidate);
    let layers = if task.target == 0 { graph.len() } else { layers };
    let cut = format!("{layers}/{}", graph.len());
    let (tone, verdict) = if task.success() { (Tone::Good, "met") } else { (Tone::Bad, "MISSED") };
    format!(
        "{index:>10}  {}{:>8}  {}{cut:>8} {:>6.2} s  {:.2} s {}",
        fit(graph.name(), 14),
        task.user,
        fit(&setting.target_name(task.target), 10),
        task.latency(),
        task.deadline,
        style.paint(tone, verdict)
    )
}

/// A bar of cells, of which this share is full.
fn bar(share: f64) -> String {
    let eighths = (share.clamp(0.0, 1.0) * (8 * BAR) as f64).round() as usize;
    let partial = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][eighths % 8];
    let full = "█".repeat(eighths / 8);
    let rest = BAR - eighths / 8 - usize::from(!partial.is_empty());
    format!("{full}{partial}{}", "·".repeat(rest))
}

/// The text in exactly `columns` columns.
fn fit(text: &str, columns: usize) -> String {
    if text.chars().count() <= columns {
        return format!("{text:<columns$}");
    }
    text.chars().take(columns - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;
    use std::sync::Arc;

    use super::*;
    use crate::offload::{Offload, Scenario, Setting};
    use crate::schemes::{Scheme, watch_episode};

    /// Shows every frame of an episode of the default scenario with this change to `look`.
    fn frames(change: &str, style: FrameStyle, mut look: impl FnMut(&World, String)) {
        let table = format!("preset = \"default\"\nhorizon_s = 6.0\n{change}").parse().unwrap();
        let setting = Arc::new(Setting::new(Scenario::from_table(table).unwrap()).unwrap());
        watch_episode(&mut Offload::new(setting), &Scheme::CentralGreedy, 1, |offload| {
            let world = offload.world().unwrap();
            look(world, frame(world, "central-greedy on default, seed 1", style));
            ControlFlow::Continue(())
        })
        .unwrap();
    }

    fn fits(frame: &str, lines: usize) {
        assert_eq!(frame.split('\n').count(), lines, "{frame}");
        let widest = frame.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(widest <= WIDTH, "{widest} columns in\n{frame}");
    }

    #[test]
    fn every_frame_has_80_columns_and_the_lines_of_its_scenario() {
        frames("", FrameStyle::Plain, |_, frame| fits(&frame, 24));
        let one = "servers = [{ processor = 'xeon-6248', count = 1, executors = 16 }]";
        frames(one, FrameStyle::Plain, |_, frame| fits(&frame, 24));
        let many = "servers = [{ processor = 'jetson-agx-xavier', count = 30, executors = 2 }]";
        frames(many, FrameStyle::Plain, |_, frame| {
            fits(&frame, 29);
            assert!(frame.contains("the 8 with the longest wait; 22 more not shown"), "{frame}");
        });
    }

    #[test]
    fn a_frame_says_what_the_world_says() {
        frames("", FrameStyle::Plain, |world, frame| {
            let lines: Vec<&str> = frame.split('\n').collect();
            assert!(lines[0].starts_with("central-greedy on default, seed 1 "), "{frame}");
            assert!(lines[0].ends_with(&format!("{:.1} s of 6 s", world.now().min(6.0))), "{frame}");
            assert!(
                lines[1].starts_with(&format!("{} tasks, {} waiting", world.decided(), world.waiting())),
                "{frame}"
            );
            for m in 0..4 {
                let line = lines[4 + m];
                let beliefs = [&world.watches[m].belief, &world.oracle_belief(m)];
                let waits = beliefs.map(|belief| belief.booked_wait(world.now(), f64::INFINITY));
                assert!(waits.iter().all(|wait| line.contains(&format!(" {wait:.2} "))), "{waits:?} in {line}");
            }
            if let Some(index) = world.decided().checked_sub(1) {
                let task = &world.tasks()[index];
                let last = lines[16];
                assert!(last.trim_start().starts_with(&format!("{index} ")), "{frame}");
                let verdict = if task.success() { "met" } else { "MISSED" };
                assert!(last.ends_with(verdict) && last.contains(&format!("{:.2} s", task.latency())), "{last}");
                assert!(last.contains(&world.setting().target_name(task.target)), "{last}");
            }
        });
    }

    #[test]
    fn without_other_tenants_no_job_is_theirs() {
        frames(
            "foreign = { utilisation = 0.0, mean_service_s = 1.0, arrivals = { kind = 'poisson' } }",
            FrameStyle::Plain,
            |world, frame| {
                for line in frame.split('\n').skip(4).take(4) {
                    assert!(line.ends_with("     0"), "no others at {}: {line}", world.now());
                }
            },
        );
    }

    #[test]
    fn colours_change_nothing_but_colours() {
        let mut plain = Vec::new();
        frames("", FrameStyle::Plain, |_, frame| plain.push(frame));
        let mut seen = 0;
        frames("", FrameStyle::Coloured, |_, frame| {
            let bare = frame.split("\x1b[").map(|part| part.split_once('m').map_or(part, |(_, text)| text));
            let first = frame.split("\x1b[").next().unwrap();
            assert!(first.is_empty() && bare.skip(1).collect::<String>() == plain[seen], "{frame:?}");
            seen += 1;
        });
        assert_eq!(seen, plain.len());
    }

    #[test]
    fn bars_fill_by_eighths_of_a_cell() {
        assert_eq!(bar(0.0), "········");
        assert_eq!(bar(0.5), "████····");
        assert_eq!(bar(0.0625 + 0.125), "█▌······");
        assert_eq!(bar(7.0), "████████");
    }

    #[test]
    fn long_names_are_cut_with_a_sign() {
        assert_eq!(fit("abc", 5), "abc  ");
        assert_eq!(fit("abcdef", 5), "abcd…");
    }
}
