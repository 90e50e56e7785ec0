//! The command line of mec-gym: see `mec-gym --help`.

mod cli;
mod commands;

use std::io::{Write, stderr};
use std::process::ExitCode;

use clap::Parser;
use cli::Cli;

/// Small, short-lived tensors are most of the learner's memory traffic; the system allocator is slower at them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match commands::run(Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            // Nobody can be told when standard error is closed; the exit code says it.
            let _ = writeln!(stderr(), "error: {}", message(&error));
            ExitCode::FAILURE
        }
    }
}

/// The error with its causes, each said once: many errors have their cause in their own text.
fn message(error: &anyhow::Error) -> String {
    error.chain().skip(1).fold(error.to_string(), |text, cause| {
        let cause = cause.to_string();
        if text.contains(&cause) { text } else { format!("{text}: {cause}") }
    })
}

#[cfg(test)]
mod tests {
    use anyhow::Context;
    use mec_gym::experiments::files::FileError;

    use super::*;

    #[test]
    fn a_cause_is_said_once() {
        let failed = std::fs::read("/nonexistent").map_err(FileError::on("read", "/nonexistent".as_ref()));
        let error = failed.context("--config").unwrap_err();
        assert_eq!(message(&error), "--config: cannot read /nonexistent: No such file or directory (os error 2)");
    }
}
