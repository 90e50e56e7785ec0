//! The commands, one file each, and what they share.

mod add_model;
mod evaluate;
mod export;
mod live;
mod models;
mod partition;
mod picture;
mod plot;
mod report;
mod resume;
mod simulate;
mod train;
mod tune;
mod watch;
mod watch_screen;

use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use anyhow::Context;

use crate::cli::{Cli, Command, ModelsArgs, ModelsCommand};

/// Exit code of a program that Ctrl-C ended: 128 + SIGINT.
const STOPPED: u8 = 130;

/// Carries out a command line.
pub fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        None => train::run(None, &cli.main_job, true),
        Some(Command::Run { config, args }) => train::run(config.as_deref(), &args, true),
        Some(Command::Train { config, args }) => train::run(config.as_deref(), &args, false),
        Some(Command::Tune { config, args }) => tune::run(&config, &args),
        Some(Command::Resume(args)) => resume::run(&args),
        Some(Command::Evaluate(args)) => evaluate::run(&args),
        Some(Command::Export(args)) => export::run(&args),
        Some(Command::Simulate(args)) => simulate::run(&args),
        Some(Command::Models(ModelsArgs { command: Some(ModelsCommand::Add(args)), .. })) => add_model::run(&args),
        Some(Command::Models(args)) => models::run(args.name.as_deref(), args.json),
        Some(Command::Partition(args)) => partition::run(&args),
        Some(Command::Plot { folder }) => plot::run(&folder),
        Some(Command::Watch(args)) => watch::run(&args),
        Some(Command::Report { folder, out }) => report::run(&folder, out.as_deref()),
    }
}

/// Writes a result to standard output. That the reader has had enough, as `head` has, is no failure.
fn print(text: &str) -> anyhow::Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error).context("cannot write to standard output"),
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// Writes a JSON answer to standard output.
fn print_json(value: &impl serde::Serialize) -> anyhow::Result<ExitCode> {
    print(&(serde_json::to_string_pretty(value)? + "\n"))
}
