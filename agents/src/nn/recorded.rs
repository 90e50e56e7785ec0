//! [`Recorded`]: work that a device repeats without being told each operation again.

use std::mem;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, ThreadId};

use burn::tensor::{Graph, Tensor, capture};

use super::matrix::read;
use super::turns::alone;

type Work = Box<dyn FnMut() -> Tensor<2> + Send + Sync>;

/// Recorded operations on tensors: from an input to a result, and on a state in its place.
///
/// # Design
/// To begin an operation costs the host some microseconds, which for a small network is more than a GPU takes to do it.
/// burn records what a closure begins and repeats it at once, from and to the same memory ([`capture`]: a graph of CUDA,
/// or dispatches that wgpu encodes again). What is recorded is fixed: numbers of the host that change belong into the
/// input, and the state must be changed in its place, which burn does where nothing else holds it.
pub(crate) struct Recorded {
    graph: Graph<Tensor<2>, Work>,
    input: Tensor<2>,
    state: Vec<Tensor<2>>,
    thread: ThreadId,
}

impl Recorded {
    /// Records the work on `state` and `input`. The state comes back after three or four times of it, and with the
    /// recording, if the device can make one.
    pub(crate) fn new<S: Send + 'static>(
        state: S,
        input: Tensor<2>,
        mut work: impl FnMut(&mut S, &Tensor<2>) -> Tensor<2> + Send + Sync + 'static,
    ) -> (S, Option<Self>) {
        let device = input.device();
        let place = Arc::new(Mutex::new(Some((state, input))));
        let of_work = Arc::clone(&place);
        let work: Work = Box::new(move || {
            let mut held = of_work.lock().unwrap_or_else(PoisonError::into_inner);
            let (state, input) = held.as_mut().expect("a device that records does not call for the work again");
            work(state, input)
        });
        let graph = alone(|| capture(&device, work));
        let held = mem::take(&mut *place.lock().unwrap_or_else(PoisonError::into_inner));
        let (state, input) = held.expect("the work leaves the state where it was");
        let recorded =
            graph.is_hardware().then(|| Self { graph, input, state: Vec::new(), thread: thread::current().id() });
        (state, recorded)
    }

    /// Whether this thread recorded the work, and so can repeat it: devices keep the order of one thread's operations.
    pub(crate) fn is_of_this_thread(&self) -> bool {
        self.thread == thread::current().id()
    }

    /// Holds what the work changes: its memory must stay. Whoever changes these tensors otherwise than by
    /// [`repeat`](Self::repeat) must drop the recording first, or the state is not changed in its place any more.
    pub(crate) fn hold(&mut self, state: impl Iterator<Item = Tensor<2>>) {
        self.state = state.collect();
    }

    /// Repeats the work on another input of the same shape; the entries of its result.
    ///
    /// Nothing else may use the state meanwhile, and before [`hold`](Self::hold) the caller keeps it.
    ///
    /// # Panics
    /// In another thread than the one that recorded.
    pub(crate) fn repeat(&mut self, input: Tensor<2>) -> Vec<f32> {
        assert!(self.is_of_this_thread(), "work is repeated in the thread that recorded it");
        overwrite(&mut self.input, input);
        // SAFETY: all that a replay reads and writes is alive: input, result and state are held here, and the graph
        // keeps the memory in between. This thread alone uses it: the state belongs to the networks that the caller
        // has borrowed mutably, and whoever reads them in another thread waits for the result. The device does all in
        // the order of this thread, which is the one that recorded (the assertion above).
        #[allow(unsafe_code)]
        let result = unsafe { self.graph.replay() };
        read(result.clone())
    }
}

/// Replaces the entries of a tensor, in its place if nothing else holds it.
pub(crate) fn overwrite(tensor: &mut Tensor<2>, values: Tensor<2>) {
    let [rows, columns] = tensor.dims();
    tensor.inplace(|tensor| tensor.slice_assign([0..rows, 0..columns], values));
}
