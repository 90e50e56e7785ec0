//! `simulate`.

use std::ops::ControlFlow;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use mec_envs::gym::Metric;
use mec_envs::offload::{EpisodeMetrics, Offload, Setting, TaskRecord, Timeline};
use mec_envs::schemes::{Scheme, watch_episode};
use mec_experiments::comparison::mean_load_balance;
use mec_experiments::config::ExperimentConfig;
use mec_experiments::evaluate::{HeldOut, latency_bound, scheme_episodes};
use mec_experiments::files::write_atomic;
use mec_experiments::plot::GanttFigure;
use mec_experiments::tuned;
use serde_json::{Map, Value, json};

use super::live::{self, Shown};
use super::picture::PictureFile;
use super::{STOPPED, print, print_json};
use crate::cli::SimulateArgs;

/// How much of an episode a picture shows unless told otherwise, s.
const GANTT_S: f64 = 10.0;

/// Runs a scheme through episodes.
pub fn run(args: &SimulateArgs) -> anyhow::Result<ExitCode> {
    tuned::check(&args.policy).context("--policy")?;
    let config = match &args.config {
        Some(path) => ExperimentConfig::read(path, &args.changes)?,
        None => ExperimentConfig::main_job(&args.changes)?,
    };
    let setting = Arc::new(Setting::new(config.scenario)?);
    let scheme = tuned::named(&args.policy, &setting, config.evaluation.first_seed)?;
    let args = &SimulateArgs { policy: tuned::label(&args.policy, &scheme), ..args.clone() };
    let gantt = Gantt::asked_for(args, &setting)?;
    if args.render.is_some() && live::show(&scheme, &setting, args)? == Shown::Stopped {
        return Ok(ExitCode::from(STOPPED));
    }
    if let Some(gantt) = gantt {
        gantt.draw(&scheme, &setting, args)?;
    }
    let episodes = scheme_episodes(&scheme, &setting, args.seed..args.seed + args.episodes)?;
    if let Some(path) = &args.events {
        write_events(path, &setting, &episodes)?;
    }
    let tasks: Vec<TaskRecord> = episodes.iter().flat_map(|episode| episode.tasks.iter().copied()).collect();
    // Work of different episodes does not even out: balance is a figure of an episode.
    let load_balance = mean_load_balance(episodes.iter().map(|episode| episode.metrics.load_balance));
    let pooled = EpisodeMetrics { load_balance, ..EpisodeMetrics::of(&setting, &tasks) };
    let mut figures = pooled.list();
    figures.extend(args.bound.then(|| ("latency_bound_s", latency_bound(&setting, &episodes))));
    if args.json {
        print_json(&as_json(args, &setting, &figures, &episodes))
    } else {
        print(&as_text(args, &setting, &figures))
    }
}

/// The picture of the first episode.
struct Gantt<'a> {
    file: PictureFile<'a>,
    window: (f64, f64),
}

impl<'a> Gantt<'a> {
    /// What the options ask for, checked before anything runs.
    fn asked_for(args: &'a SimulateArgs, setting: &Setting) -> anyhow::Result<Option<Self>> {
        let Some(path) = &args.gantt else { return Ok(None) };
        let horizon = setting.scenario.horizon_s.0;
        let from = args.from.unwrap_or(0.0);
        if from >= horizon {
            bail!("--from is {from}; accepted is a time before the end of the episode, which is {horizon} s");
        }
        let to = args.to.unwrap_or(horizon.min(from + GANTT_S));
        if to <= from {
            bail!("--to is {to}; accepted is a time after --from, which is {from}");
        }
        Ok(Some(Self { file: PictureFile::named("--gantt", path)?, window: (from, to) }))
    }

    fn draw(&self, scheme: &Scheme, setting: &Arc<Setting>, args: &SimulateArgs) -> anyhow::Result<()> {
        let mut offload = Offload::new(Arc::clone(setting));
        let mut timeline: Option<Timeline> = None;
        watch_episode(&mut offload, scheme, args.seed, |offload| {
            if let Some(world) = offload.world() {
                timeline.get_or_insert_with(|| Timeline::new(world)).watch(world);
            }
            ControlFlow::Continue(())
        })?;
        let (mut timeline, world) = timeline.zip(offload.world()).context("an episode has a first decision")?;
        timeline.finish(world);
        // After the last result nothing more is to be seen.
        let last = timeline.tasks().iter().map(|task| task.completion).fold(setting.scenario.horizon_s.0, f64::max);
        let window = (self.window.0, self.window.1.min(last.ceil()));
        self.file.draw(&GanttFigure::new(&timeline, window, heading(args, setting)))
    }
}

/// What runs.
pub fn heading(args: &SimulateArgs, setting: &Setting) -> String {
    format!("{} on scenario {:?}, seed {}", args.policy, setting.scenario.name, args.seed)
}

fn as_json(args: &SimulateArgs, setting: &Setting, pooled: &[Metric], episodes: &[HeldOut]) -> Value {
    let figures = |metrics: &[Metric]| -> Map<String, Value> {
        metrics.iter().map(|&(name, value)| (name.to_owned(), value.into())).collect()
    };
    let per_episode = episodes.iter().map(|episode| {
        let mut figures = figures(&episode.metrics.list());
        figures.insert("seed".to_owned(), episode.episode.into());
        figures.insert("return".to_owned(), episode.episode_return.into());
        figures
    });
    let mut value = json!({
        "policy": args.policy,
        "scenario": setting.scenario.name,
        "seed": args.seed,
        "episodes": args.episodes,
        "per_episode": per_episode.collect::<Vec<_>>(),
    });
    for (name, figure) in figures(pooled) {
        value[name] = figure;
    }
    value
}

fn as_text(args: &SimulateArgs, setting: &Setting, pooled: &[Metric]) -> String {
    let SimulateArgs { policy, seed, episodes, .. } = args;
    let last = seed + episodes - 1;
    let mut text = format!(
        "{policy} on scenario {:?}, {} s: {episodes} episodes, seeds {seed} to {last}\n\n",
        setting.scenario.name, setting.scenario.horizon_s.0
    );
    for &(name, value) in pooled {
        // Units stand in the names; counts are whole.
        let value = match value {
            value if value.is_nan() => "-".to_owned(),
            value if name == "tasks" => format!("{value:.0}"),
            value => format!("{value:.4}"),
        };
        text += &format!("{name:<16} {value:>12}\n");
    }
    text
}

/// A row of the events file. Times are s since the start of the task's episode; empty where a task skips a stage.
#[derive(serde::Serialize)]
struct Event<'a> {
    task: usize,
    user: usize,
    model: &'a str,
    target: String,
    cut: usize,
    arrival_s: f64,
    decision_s: f64,
    device_start_s: Option<f64>,
    device_end_s: Option<f64>,
    upload_start_s: Option<f64>,
    upload_end_s: Option<f64>,
    server_start_s: Option<f64>,
    server_end_s: Option<f64>,
    completion_s: f64,
    latency_s: f64,
    deadline_s: f64,
    success: u8,
}

fn write_events(path: &Path, setting: &Setting, episodes: &[HeldOut]) -> anyhow::Result<()> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let tasks = episodes.iter().flat_map(|episode| &episode.tasks);
    for (number, task) in tasks.enumerate() {
        let frontier = setting.frontier(task.model, task.user);
        writer.serialize(Event {
            task: number,
            user: task.user,
            model: setting.models[task.model].graph.name(),
            target: setting.target_name(task.target),
            cut: frontier.device_layers(task.candidate),
            arrival_s: nanos(task.arrival),
            decision_s: nanos(task.decision),
            device_start_s: stage(task.device.start),
            device_end_s: stage(task.device.end),
            upload_start_s: stage(task.upload.start),
            upload_end_s: stage(task.upload.end),
            server_start_s: stage(task.server.start),
            server_end_s: stage(task.server.end),
            completion_s: nanos(task.completion),
            latency_s: nanos(task.latency()),
            deadline_s: task.deadline,
            success: u8::from(task.success()),
        })?;
    }
    Ok(write_atomic(path, &writer.into_inner()?)?)
}

/// Rounded to nanoseconds, which is finer than anything modelled.
fn nanos(seconds: f64) -> f64 {
    (seconds * 1e9).round() / 1e9
}

fn stage(seconds: f64) -> Option<f64> {
    (!seconds.is_nan()).then(|| nanos(seconds))
}
