//! [`Recorded`]: work that a device repeats without being told each operation again.

use std::mem;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, ThreadId};

use burn::tensor::{Graph, Tensor, capture};

use super::matrix::read;

type Work = Box<dyn FnMut() -> Tensor<2> + Send>;

/// Work on a device that was recorded: operations on tensors, from an input to a result, that change a state in its place.
///
/// # Design
/// To begin an operation costs the host some microseconds, many times what a GPU takes for one on a small network.
/// burn records the operations of a closure and repeats them at once, from and to the same memory (`burn::tensor::capture`: a
/// graph of CUDA, or dispatches of WebGPU that were encoded before). What is recorded is fixed: numbers of the host that
/// change belong into the input, and the state must be changed in its place, which burn does where nothing else holds
/// it.
pub(crate) struct Recorded {
    graph: Graph<Tensor<2>, Work>,
    input: Tensor<2>,
    thread: ThreadId,
}

impl Recorded {
    /// Does the work four times on `state` and `input`, recording the last; the state that this leaves (the last time
    /// counts or not, as the device likes), and the recording if the device can.
    pub(crate) fn new<S: Send + 'static>(
        state: S,
        input: Tensor<2>,
        mut work: impl FnMut(&mut S, &Tensor<2>) -> Tensor<2> + Send + 'static,
    ) -> (S, Option<Self>) {
        let device = input.device();
        let place = Arc::new(Mutex::new(Some((state, input))));
        let of_work = Arc::clone(&place);
        let work: Work = Box::new(move || {
            let mut held = of_work.lock().unwrap_or_else(PoisonError::into_inner);
            let (state, input) = held.as_mut().expect("a device that records does not call for the work again");
            work(state, input)
        });
        let graph = capture(&device, work);
        let held = mem::take(&mut *place.lock().unwrap_or_else(PoisonError::into_inner));
        let (state, input) = held.expect("the work leaves the state where it was");
        let recorded = graph.is_hardware().then(|| Self { graph, input, thread: thread::current().id() });
        (state, recorded)
    }

    /// Whether this thread recorded the work, and so can repeat it: devices keep the order of one thread's operations.
    pub(crate) fn is_of_this_thread(&self) -> bool {
        self.thread == thread::current().id()
    }

    /// Repeats the work on another input of the same shape; the entries of its result.
    ///
    /// The state that [`new`](Self::new) returned must be alive, and its tensors must never have been replaced. Nothing
    /// else may use them meanwhile.
    ///
    /// # Panics
    /// In another thread than the one that recorded.
    pub(crate) fn repeat(&mut self, input: Tensor<2>) -> Vec<f32> {
        assert!(self.is_of_this_thread(), "work is repeated in the thread that recorded it");
        overwrite(&mut self.input, input);
        // SAFETY: what a replay reads and writes is alive (the input and the result are held here, the state by the
        // caller), it is used by this thread alone (the assertion above), and the result is read at once, which waits
        // for the replay. Were it otherwise, numbers on the device would be wrong; no memory of this process is touched.
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
