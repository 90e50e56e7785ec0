//! `simulate --render`: an episode in the terminal, as it runs.

use std::io::{ErrorKind, IsTerminal, StdoutLock, Write, stdout};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Context;
use mec_envs::offload::{FrameStyle, Offload, Setting, World, frame};
use mec_envs::schemes::{Scheme, watch_episode};

use super::STOPPED;
use super::simulate::heading;
use crate::cli::SimulateArgs;

/// Shortest time between two frames, when they are paced.
const FRAME: Duration = Duration::from_millis(40);
/// Longest sleep without a look at Ctrl-C.
const NAP: Duration = Duration::from_millis(50);

/// Longest wait for a frame, s: some thirty years.
const LONGEST_S: f64 = 1e9;

const HIDE_CURSOR: &str = "\x1b[?25l";
const SHOW_CURSOR: &str = "\x1b[?25h";
/// Clears what an earlier frame has left right of the cursor.
const CLEAR_LINE: &str = "\x1b[K";

/// How a show ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// With the episode, or because nobody reads on.
    Whole,
    /// By Ctrl-C.
    Stopped,
}

/// Shows the first episode that the options ask for.
pub fn show(scheme: &Scheme, setting: &Arc<Setting>, args: &SimulateArgs) -> anyhow::Result<Shown> {
    let mut screen = Screen::open();
    let stop = stop_on_ctrl_c(screen.style)?;
    let heading = heading(args, setting);
    let mut pace = Pace::new(args.speed.unwrap_or(1.0));
    let mut moment = None;
    let mut failure = None;
    watch_episode(&mut Offload::new(Arc::clone(setting)), scheme, args.seed, |offload| {
        if stop.load(Ordering::Relaxed) {
            return ControlFlow::Break(());
        }
        // Several decisions share a moment; a frame shows it once, before the first.
        let Some(world) = offload.world().filter(|world| moment != Some(world.now())) else {
            return ControlFlow::Continue(());
        };
        moment = Some(world.now());
        if !pace.wait_for(world, &stop) {
            return ControlFlow::Continue(());
        }
        if let Err(error) = screen.draw(&frame(world, &heading, screen.style)) {
            failure = Some(error);
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    })?;
    screen.close();
    match failure {
        Some(error) if error.kind() != ErrorKind::BrokenPipe => Err(error).context("cannot write to standard output"),
        _ if stop.load(Ordering::Relaxed) => Ok(Shown::Stopped),
        _ => Ok(Shown::Whole),
    }
}

/// Seconds of the episode per second of the clock.
struct Pace {
    speed: f64,
    /// The first moment shown, s, and when it was.
    first: Option<(f64, Instant)>,
    last: Option<Instant>,
}

impl Pace {
    fn new(speed: f64) -> Self {
        Self { speed, first: None, last: None }
    }

    /// Sleeps until the world's moment has come, or a stop is asked for. Whether it is to be shown: not so soon after
    /// another one that nobody would see either.
    fn wait_for(&mut self, world: &World, stop: &AtomicBool) -> bool {
        if self.speed == 0.0 {
            return true;
        }
        // The world moves on to the next arrival, which may be long after the end of the episode.
        let moment = world.now().min(world.setting().scenario.horizon_s.0);
        let (first, start) = *self.first.get_or_insert_with(|| (moment, Instant::now()));
        let due = start + Duration::from_secs_f64(((moment - first) / self.speed).min(LONGEST_S));
        let soon = self.last.is_some_and(|last| due < last + FRAME);
        if soon && !world.is_over() {
            return false;
        }
        self.last = Some(due);
        while !stop.load(Ordering::Relaxed) {
            let left = due.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            sleep(left.min(NAP));
        }
        true
    }
}

/// Standard output: a terminal on which frames are drawn over each other, or anything else, which gets them one after
/// the other.
struct Screen<W: Write> {
    out: W,
    style: FrameStyle,
    /// Lines of the frame that is there.
    drawn: usize,
}

impl Screen<StdoutLock<'static>> {
    fn open() -> Self {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let bare = !stdout().is_terminal() || set("NO_COLOR") || dumb;
        let style = if bare { FrameStyle::Plain } else { FrameStyle::Coloured };
        Self { out: stdout().lock(), style, drawn: 0 }
    }
}

impl<W: Write> Screen<W> {
    fn draw(&mut self, frame: &str) -> std::io::Result<()> {
        match self.style {
            FrameStyle::Plain => write!(self.out, "{frame}\n\n")?,
            FrameStyle::Coloured => {
                let up = if self.drawn > 1 { format!("\r\x1b[{}A", self.drawn - 1) } else { HIDE_CURSOR.to_owned() };
                let lines: Vec<String> = frame.split('\n').map(|line| format!("{line}{CLEAR_LINE}")).collect();
                // Without a line break at the end: a terminal that is just high enough must not scroll.
                write!(self.out, "{up}{}", lines.join("\n"))?;
                self.drawn = lines.len();
            }
        }
        self.out.flush()
    }

    /// Leaves the terminal as it was, below the last frame.
    fn close(&mut self) {
        if self.drawn > 0 {
            // There is nobody to tell when the terminal is gone.
            let _ = write!(self.out, "{SHOW_CURSOR}\n\n").and_then(|()| self.out.flush());
            self.drawn = 0;
        }
    }
}

/// An error on the way must not leave the terminal without a cursor.
impl<W: Write> Drop for Screen<W> {
    fn drop(&mut self) {
        self.close();
    }
}

/// A flag that the first Ctrl-C sets; the second one ends the program at once.
fn stop_on_ctrl_c(style: FrameStyle) -> anyhow::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    let handler = move || {
        if flag.swap(true, Ordering::Relaxed) {
            if style == FrameStyle::Coloured {
                // Standard output is locked by whoever did not stop; a terminal has both on the same screen.
                let _ = write!(std::io::stderr(), "{SHOW_CURSOR}");
            }
            std::process::exit(i32::from(STOPPED));
        }
    };
    ctrlc::set_handler(handler).context("cannot listen for Ctrl-C")?;
    Ok(stop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(style: FrameStyle, frames: &[&str]) -> String {
        let mut out = Vec::new();
        let mut screen = Screen { out: &mut out, style, drawn: 0 };
        frames.iter().for_each(|frame| screen.draw(frame).unwrap());
        drop(screen);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_terminal_gets_frames_over_each_other_and_its_cursor_back() {
        let expected = "\x1b[?25la\x1b[K\nb\x1b[K\r\x1b[1Ac\x1b[K\nd\x1b[K\x1b[?25h\n\n";
        assert_eq!(drawn(FrameStyle::Coloured, &["a\nb", "c\nd"]), expected);
    }

    #[test]
    fn anything_else_gets_frames_one_after_the_other() {
        assert_eq!(drawn(FrameStyle::Plain, &["a\nb", "c\nd"]), "a\nb\n\nc\nd\n\n");
        assert_eq!(drawn(FrameStyle::Plain, &[]), "");
    }
}
