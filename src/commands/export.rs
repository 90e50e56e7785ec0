//! `export`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use mec_agents::checkpoint;
use mec_agents::export::ExportedPolicy;
use mec_experiments::files::{Checkpoint, RunFolder, write_atomic};
use mec_experiments::plan::Plan;
use mec_experiments::registry::exported;

use super::print;
use crate::cli::{ExportArgs, Which};

/// Writes a trained agent for other programs.
pub fn run(args: &ExportArgs) -> anyhow::Result<ExitCode> {
    let format = Format::of(&args.out)?;
    let source = if args.source.is_dir() { of_run(args)? } else { of_file(args)? };
    check_place(args, &source)?;
    let state = checkpoint::load(&source)?;
    let policy = exported(&state).with_context(|| source.display().to_string())?;
    let bytes = match format {
        Format::Onnx => policy.to_onnx(),
        Format::Safetensors => policy.to_safetensors(),
    };
    write_atomic(&args.out, &bytes)?;
    print(&format!("{}: {} of {}\n", args.out.display(), format.content(&policy), source.display()))
}

/// What a file holds, by its extension.
#[derive(Clone, Copy)]
enum Format {
    Onnx,
    Safetensors,
}

impl Format {
    fn of(path: &Path) -> anyhow::Result<Self> {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("onnx") => Ok(Self::Onnx),
            Some("safetensors") => Ok(Self::Safetensors),
            _ => bail!("--out {}: accepted is a file that ends in .onnx or .safetensors", path.display()),
        }
    }

    /// What is in it, for people.
    fn content(self, policy: &ExportedPolicy) -> String {
        let (spec, matrices) = (&policy.spec, policy.network.matrices());
        let numbers: usize = matrices.iter().map(|matrix| matrix.data.len()).sum();
        match self {
            Self::Onnx => {
                let choices = spec.action.choices();
                let mask = if choices > 0 { format!(", mask [batch, {choices}]") } else { String::new() };
                let (inputs, codes) = (spec.obs_dim(), spec.action.codes());
                format!("greedy policy: observation [batch, {inputs}]{mask} -> action [batch, {codes}]")
            }
            Self::Safetensors => format!("{} arrays of {numbers} numbers", matrices.len()),
        }
    }
}

/// The checkpoint that is asked for of a run.
fn of_run(args: &ExportArgs) -> anyhow::Result<PathBuf> {
    let folder = RunFolder::open(&args.source)?;
    let run = args.source.display();
    let Plan::Experiment(config) = Plan::read(&folder.config(), &[])? else {
        bail!("{run} holds many runs; choose one of those in {}", args.source.join("runs").display());
    };
    let known = || config.seeds.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
    let seed = match (args.seed, &config.seeds[..]) {
        (Some(seed), seeds) if seeds.contains(&seed) => seed,
        (Some(seed), _) => bail!("--seed {seed}: the run in {run} has no such training; accepted is {}", known()),
        (None, &[seed]) => seed,
        (None, _) => bail!("the run in {run} has several trainings; choose one with --seed: {}", known()),
    };
    let which = Checkpoint::from(args.checkpoint.unwrap_or(Which::Best));
    let path = folder.checkpoint(config.algorithm.name(), seed, which);
    if !path.exists() {
        bail!("the training with seed {seed} in {run} has left no agent: there is no {}", path.display());
    }
    Ok(path)
}

/// A checkpoint that is named itself.
fn of_file(args: &ExportArgs) -> anyhow::Result<PathBuf> {
    let source = args.source.display();
    if let Some(seed) = args.seed {
        bail!("--seed {seed}: {source} is no run folder, of which a training could be chosen");
    }
    if args.checkpoint.is_some() {
        bail!("--checkpoint: {source} is no run folder, of which a checkpoint could be chosen");
    }
    Ok(args.source.clone())
}

/// Refuses a place that is taken, and in any case that of the checkpoint itself: weights alone cannot go on learning.
fn check_place(args: &ExportArgs, source: &Path) -> anyhow::Result<()> {
    let out = args.out.display();
    let same = |a: &Path, b: &Path| a.canonicalize().is_ok_and(|a| b.canonicalize().is_ok_and(|b| a == b));
    if same(&args.out, source) {
        bail!("--out {out} is the checkpoint itself; choose another file");
    }
    if args.out.exists() && !args.force {
        bail!("{out} is there already; --force replaces it");
    }
    Ok(())
}
