//! [`Reporter`]: what a person sees while a run goes on.

use std::io::{IsTerminal, Write, stderr};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Shows progress on standard error: a bar on a terminal, a line per message in a log; or nothing.
#[derive(Debug)]
pub struct Reporter {
    bar: ProgressBar,
    quiet: bool,
    name: String,
}

const TRAINING: &str = "{prefix:>12} {bar:32} {pos:>7}/{len} steps  {per_sec:>11}  {eta_precise} left  {msg}";
const EPISODES: &str = "{prefix:>12} {bar:32} {pos:>7}/{len} episodes  {per_sec:>11}  {eta_precise} left  {msg}";

impl Reporter {
    /// Progress bars with rates and time left.
    pub fn bars() -> Self {
        Self { bar: ProgressBar::hidden(), quiet: false, name: String::new() }
    }

    /// Nothing.
    pub fn quiet() -> Self {
        Self { bar: ProgressBar::hidden(), quiet: true, name: String::new() }
    }

    /// A line above the bar.
    pub fn note(&self, text: &str) {
        if !self.quiet {
            // Nobody is told when standard error is closed or full: that is no reason to end a run.
            self.bar.suspend(|| drop(writeln!(stderr(), "{text}")));
        }
    }

    /// A training of that many environment steps begins.
    pub fn training(&mut self, name: &str, steps: u64) {
        self.start(name, steps, TRAINING);
    }

    /// An evaluation of that many episodes begins.
    pub fn episodes(&mut self, name: &str, episodes: u64) {
        self.start(name, episodes, EPISODES);
    }

    fn start(&mut self, name: &str, length: u64, template: &str) {
        if self.quiet {
            return;
        }
        let style = ProgressStyle::with_template(template).expect("a test draws every template");
        self.bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr_with_hz(4));
        self.bar.set_style(style);
        self.bar.set_prefix(name.to_owned());
        self.name = name.to_owned();
        self.bar.enable_steady_tick(Duration::from_millis(500));
    }

    /// So much is done.
    pub fn at(&self, position: u64) {
        self.bar.set_position(position);
    }

    /// What is known so far, after `position` steps.
    pub fn message(&self, position: u64, text: String) {
        if !stderr().is_terminal() {
            let of = self.bar.length().unwrap_or_default();
            self.note(&format!("{}: {position}/{of} steps, {text}", self.name));
        }
        self.bar.set_message(text);
    }

    /// What began is over; its last line stays.
    pub fn end(&self) {
        self.bar.abandon();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_can_be_drawn() {
        for template in [TRAINING, EPISODES] {
            assert!(ProgressStyle::with_template(template).is_ok());
        }
    }
}
