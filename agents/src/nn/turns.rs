//! [`shared`] and [`alone`]: whose turn it is on the devices of this process.
//!
//! # Design
//! While one thread records, operations of others can end up in its recording, or be refused: a device has a bounded
//! number of queues, which threads share, and CUDA forbids everybody to allocate. So whoever records is alone on all
//! devices for that time.

use std::cell::{Cell, RefCell};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

static DEVICES: RwLock<()> = RwLock::new(());

thread_local! {
    static SHARED: RefCell<Option<RwLockReadGuard<'static, ()>>> = const { RefCell::new(None) };
    static ALONE: Cell<bool> = const { Cell::new(false) };
}

/// Does work on devices that others may use meanwhile, but not record on. Calls nest.
pub(crate) fn shared<R>(work: impl FnOnce() -> R) -> R {
    struct End;
    impl Drop for End {
        fn drop(&mut self) {
            SHARED.take();
        }
    }
    if ALONE.get() || SHARED.with_borrow(Option::is_some) {
        return work();
    }
    share();
    let _end = End;
    work()
}

/// Does work on devices that nobody else uses meanwhile; within [`shared`] work, too, which others may then have
/// preceded.
pub(crate) fn alone<R>(work: impl FnOnce() -> R) -> R {
    struct End {
        was_shared: bool,
    }
    impl Drop for End {
        fn drop(&mut self) {
            ALONE.set(false);
            if self.was_shared {
                share();
            }
        }
    }
    let was_shared = SHARED.take().is_some();
    let _end = End { was_shared };
    let _devices = DEVICES.write().unwrap_or_else(PoisonError::into_inner);
    ALONE.set(true);
    work()
}

fn share() {
    SHARED.set(Some(DEVICES.read().unwrap_or_else(PoisonError::into_inner)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    #[test]
    fn nobody_shares_with_whoever_is_alone() {
        let (sharing, alone_now) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let look = |own: &AtomicUsize, others: &AtomicUsize, most: usize| {
            let before = own.fetch_add(1, Ordering::SeqCst);
            assert!(before < most && others.load(Ordering::SeqCst) == 0);
            thread::yield_now();
            own.fetch_sub(1, Ordering::SeqCst);
        };
        let turns = || {
            for _ in 0..200 {
                shared(|| {
                    shared(|| look(&sharing, &alone_now, 4));
                    alone(|| shared(|| look(&alone_now, &sharing, 1)));
                    look(&sharing, &alone_now, 4);
                });
            }
            assert!(SHARED.with_borrow(Option::is_none) && !ALONE.get(), "a thread keeps no turn");
        };
        thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(turns))));
    }
}
