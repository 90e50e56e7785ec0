//! [`Threads`]: the threads of a learner, among which work is shared out without changing a bit of its result.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::yield_now;

use rayon::{ThreadPool, ThreadPoolBuilder, Yield};

/// How often a thread that has done its share gives way before it sleeps until the others have done theirs. A share
/// takes some hundred microseconds; to wake a thread can take as long.
const PATIENCE: usize = 1_000;

/// Threads that work together for as long as a call of [`run`](Self::run) takes.
///
/// # Design
/// Each thread is a pool of its own: what runs in it cannot split its work over others. Between two shares the helpers
/// do not sleep, because an update has shares for them every few hundred microseconds; they give way to any other
/// thread that wants their core. (On a single core two threads are then up to 5 % slower than one; waiting without giving
/// way made them six times slower.)
#[derive(Default)]
pub struct Threads {
    /// The first one calls, the others help. Empty where no thread could be started.
    pools: Vec<ThreadPool>,
}

/// Threads to share work with. Work runs on the calling one, too.
#[derive(Clone, Copy)]
pub struct Helpers<'a>(&'a [ThreadPool]);

impl Threads {
    /// This many threads, or fewer if the system gives no more.
    pub fn new(count: usize) -> Self {
        let start = |_| ThreadPoolBuilder::new().num_threads(1).build().ok();
        Self { pools: (0..count).map_while(start).collect() }
    }

    /// Does the work in the first thread, with the others as helpers.
    pub fn run<R: Send>(&self, work: impl FnOnce(Helpers<'_>) -> R + Send) -> R {
        match self.pools.split_first() {
            Some((first, helpers)) => first.install(|| awake(helpers, || work(Helpers(helpers)))),
            None => work(Helpers::NONE),
        }
    }
}

/// Does the work while the helpers keep looking for shares of it.
fn awake<R>(helpers: &[ThreadPool], work: impl FnOnce() -> R) -> R {
    let Some((helper, rest)) = helpers.split_first() else { return work() };
    let over = AtomicBool::new(false);
    beside(
        helper,
        || {
            while !over.load(Ordering::Relaxed) {
                if rayon::yield_now() != Some(Yield::Executed) {
                    yield_now();
                }
            }
        },
        || {
            let _end = SetAtEnd(&over);
            awake(rest, work)
        },
    )
}

/// Sets a flag also when the work panics.
struct SetAtEnd<'a>(&'a AtomicBool);

impl Drop for SetAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Does `other` on the helper while the calling thread does `own`.
fn beside<R>(helper: &ThreadPool, other: impl FnOnce() + Send, own: impl FnOnce() -> R) -> R {
    let done = AtomicBool::new(false);
    helper.in_place_scope(|scope| {
        scope.spawn(|_| {
            let _end = SetAtEnd(&done);
            other();
        });
        let result = own();
        for _ in 0..PATIENCE {
            if done.load(Ordering::Acquire) {
                break;
            }
            yield_now();
        }
        result
    })
}

impl Helpers<'_> {
    /// No other thread.
    pub const NONE: Helpers<'static> = Helpers(&[]);

    /// The results of two pieces of work.
    pub fn both<A, B: Send>(&self, left: impl FnOnce() -> A, right: impl FnOnce() -> B + Send) -> (A, B) {
        let Some(helper) = self.0.first() else { return (left(), right()) };
        let mut of_right = None;
        let of_left = beside(helper, || of_right = Some(right()), left);
        (of_left, of_right.expect("a helper does its share, or panics"))
    }

    /// The results of `work` for all `items`, in their order. Item i is done by thread i modulo their number.
    pub fn each<T: Send, R: Send>(&self, items: impl IntoIterator<Item = T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
        let mut slots: Vec<(Option<T>, Option<R>)> = items.into_iter().map(|item| (Some(item), None)).collect();
        let threads = (self.0.len() + 1).min(slots.len()).max(1);
        let mut shares: Vec<Vec<&mut (Option<T>, Option<R>)>> = (0..threads).map(|_| Vec::new()).collect();
        for (index, slot) in slots.iter_mut().enumerate() {
            shares[index % threads].push(slot);
        }
        finish(self.0, shares, &work);
        slots.into_iter().map(|(_, result)| result.expect("every item is in one share, which is done")).collect()
    }
}

fn finish<T: Send, R: Send>(
    helpers: &[ThreadPool],
    mut shares: Vec<Vec<&mut (Option<T>, Option<R>)>>,
    work: &(impl Fn(T) -> R + Sync),
) {
    let own = |share: Vec<&mut (Option<T>, Option<R>)>| {
        for slot in share {
            slot.1 = slot.0.take().map(work);
        }
    };
    match (helpers.split_first(), shares.len()) {
        (Some((helper, rest)), 2..) => {
            let share = shares.remove(1);
            beside(helper, || own(share), || finish(rest, shares, work));
        }
        _ => shares.into_iter().for_each(own),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_keep_their_order_whatever_the_threads() {
        for threads in 0..=4 {
            Threads::new(threads).run(|helpers| {
                for items in 0..7_usize {
                    let expected: Vec<usize> = (0..items).map(|item| item * item).collect();
                    assert_eq!(helpers.each(0..items, |item| item * item), expected);
                }
                assert_eq!(helpers.both(|| 1, || "two"), (1, "two"));
            });
        }
    }

    #[test]
    fn work_that_panics_ends_the_call_and_leaves_the_threads_usable() {
        let threads = Threads::new(3);
        for bad in 0..3 {
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                threads.run(|helpers| helpers.each(0..3, |item| assert!(item != bad, "item {item}")))
            }));
            assert!(outcome.is_err());
            assert_eq!(threads.run(|helpers| helpers.each(0..3, |item| item)), [0, 1, 2]);
        }
    }
}
