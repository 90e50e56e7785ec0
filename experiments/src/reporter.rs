//! [`Reporter`]: what a person sees while a run goes on.

use std::io::{IsTerminal, Write, stderr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Shows progress on standard error: a bar on a terminal, a line per message in a log; or nothing.
#[derive(Debug)]
pub struct Reporter {
    bar: ProgressBar,
    quiet: bool,
    name: String,
    /// Of one of several trainings beside each other, which move one bar together: where it is, of how many steps.
    part: Option<(AtomicU64, u64)>,
}

const TRAINING: &str = "{prefix:>12} {bar:32} {pos:>7}/{len} steps  {per_sec:>11}  {eta_precise} left  {msg}";
const EPISODES: &str = "{prefix:>12} {bar:32} {pos:>7}/{len} episodes  {per_sec:>11}  {eta_precise} left  {msg}";

impl Reporter {
    /// Progress bars with rates and time left.
    pub fn bars() -> Self {
        Self { bar: ProgressBar::hidden(), quiet: false, name: String::new(), part: None }
    }

    /// Nothing.
    pub fn quiet() -> Self {
        Self { quiet: true, ..Self::bars() }
    }

    /// That of one training among several beside each other, by this name: it moves the bar of them all.
    pub fn part(&self, name: &str) -> Self {
        let part = Some((AtomicU64::new(0), 0));
        Self { bar: self.bar.clone(), quiet: self.quiet, name: name.to_owned(), part }
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
        match &mut self.part {
            Some((_, length)) => *length = steps,
            None => self.start(name, steps, TRAINING),
        }
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
        match &self.part {
            Some((before, length)) => {
                let position = position.min(*length);
                self.bar.inc(position.saturating_sub(before.fetch_max(position, Ordering::Relaxed)));
            }
            None => self.bar.set_position(position),
        }
    }

    /// What is known so far, after `position` steps.
    pub fn message(&self, position: u64, text: String) {
        if !stderr().is_terminal() {
            let of = self.part.as_ref().map_or(self.bar.length().unwrap_or_default(), |(_, length)| *length);
            self.note(&format!("{}: {position}/{of} steps, {text}", self.name));
        }
        if self.part.is_none() {
            self.bar.set_message(text);
        }
    }

    /// What began is over; its last line stays.
    pub fn end(&self) {
        if self.part.is_none() {
            self.bar.abandon();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trainings_beside_each_other_move_one_bar() {
        let mut whole = Reporter::bars();
        whole.training("all", 300);
        let (mut left, mut right) = (whole.part("left"), whole.part("right"));
        left.training("ignored", 100);
        right.training("ignored", 200);
        for (part, position) in [(&left, 40), (&right, 10), (&left, 104), (&left, 90), (&right, 200)] {
            part.at(position);
        }
        left.end();
        assert_eq!((whole.bar.position(), whole.bar.is_finished()), (300, false));
    }

    #[test]
    fn every_template_can_be_drawn() {
        for template in [TRAINING, EPISODES] {
            assert!(ProgressStyle::with_template(template).is_ok());
        }
    }
}
