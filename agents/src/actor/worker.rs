//! [`Worker`]: an actor with its policy, for engines that schedule actors themselves.

use std::path::Path;

use mec_envs::gym::Env;

use super::{Actor, Experience};
use crate::actor_error::ActorError;
use crate::agent::Policy;
use crate::checkpoint::{self, CheckpointError};

/// An [`Actor`] with a policy of its own: what an engine other than our [`runtime`](crate::runtime) places on a thread
/// or a machine. Weights come in as bytes, experience goes out as bytes ([`Experience::to_bytes`]) or in columns.
///
/// `examples/own_engine.rs` schedules two of them and a learner. An engine stores one as the
/// [`states`](Actor::states) of its streams and the [`rng`](Actor::rng) of its actor; a worker that is made anew of
/// them ([`EnvStream::resume`](super::EnvStream::resume)) and given the newest weights goes on as if it had never stopped.
pub struct Worker<E: Env, P: Policy> {
    actor: Actor<E>,
    policy: P,
    version: u64,
}

impl<E: Env, P: Policy> Worker<E, P> {
    /// A worker that acts with `policy`, as version 0, until it is given weights. On another machine than the
    /// learner's, the policy comes from a learner that is built there with the same configuration.
    pub fn new(actor: Actor<E>, policy: P) -> Self {
        Self { actor, policy, version: 0 }
    }

    /// Acts from now on with the weights of [`Learner::weights`](crate::agent::Learner::weights).
    ///
    /// # Errors
    /// [`CheckpointError`] when the bytes are damaged or of another policy; the old weights then stay.
    pub fn set_weights(&mut self, bytes: &[u8], version: u64) -> Result<(), CheckpointError> {
        self.policy.load_state(&checkpoint::parse(bytes, Path::new("of the weights"))?)?;
        self.version = version;
        Ok(())
    }

    /// Its actor, to ask where the streams are.
    pub fn actor(&self) -> &Actor<E> {
        &self.actor
    }

    /// Its actor, to [replace](Actor::replace_all) environments that broke, and to [salvage](Actor::salvage) what happened
    /// before.
    pub fn actor_mut(&mut self) -> &mut Actor<E> {
        &mut self.actor
    }

    /// The version of the weights it acts with.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Lets every stream go `steps` steps, side by side, and hands over what happened: transitions in columns, and the
    /// statistics of the episodes that ended. Returns when all steps are done: a step that never returns cannot be
    /// interrupted.
    ///
    /// # Errors
    /// [`ActorError`] of an environment. What happened before it is kept for the next call.
    ///
    /// # Panics
    /// When an environment does; what happened before is kept then, too, and all environments must be replaced.
    pub fn collect(&mut self, steps: usize) -> Result<Experience, ActorError> {
        self.actor.advance_all(steps, &mut self.policy)
    }
}

#[cfg(test)]
mod tests {
    use mec_envs::gym::TimeLimit;
    use mec_envs::gym::probe::{Probe, Rung};
    use mec_envs::rng::stream;

    use super::*;
    use crate::actor::EnvStream;
    use crate::agent::{Algorithm, Learner};
    use crate::device::Device;
    use crate::nn::BodyConfig;
    use crate::sac::{SacConfig, SacLearner};
    use crate::spec::EnvSpec;

    fn learner(hidden: usize, seed: u64) -> SacLearner {
        let body = BodyConfig::mlp(&[hidden]);
        let config = SacConfig { learning_starts: 10, batch_size: 4, body, ..SacConfig::default() };
        config.build(&EnvSpec::of(&Probe::continuous(Rung::Match)), &Device::flex(), seed).unwrap()
    }

    fn actor() -> Actor<impl Env> {
        let env = |index| EnvStream::new(TimeLimit::new(Probe::continuous(Rung::Match), 5), index, 1);
        Actor::new((0..3).map(env).collect(), stream(1, "worker"))
    }

    #[test]
    fn a_worker_with_the_weights_of_a_learner_acts_as_its_policy_does() {
        let mut trained = learner(8, 1);
        trained.add(&actor().advance_all(20, &mut trained.policy()).unwrap().transitions);
        trained.train(5).unwrap();
        let weights = trained.weights();
        assert_eq!(weights.version, trained.version());
        let mut worker = Worker::new(actor(), learner(8, 2).policy());
        worker.set_weights(&weights.bytes, weights.version).unwrap();
        let found = worker.collect(50).unwrap();
        let expected = actor().advance_all(50, &mut trained.policy()).unwrap();
        assert_eq!(found.transitions, expected.transitions);
        assert_eq!((found.episodes.len(), worker.version()), (150, weights.version));
    }

    #[test]
    fn weights_that_are_damaged_or_of_another_shape_are_refused_and_the_old_ones_stay() {
        let mut worker = Worker::new(actor(), learner(8, 1).policy());
        let good = learner(8, 1).weights();
        worker.set_weights(&good.bytes, 7).unwrap();
        let mut damaged = good.bytes.clone();
        *damaged.last_mut().unwrap() ^= 1;
        let error = worker.set_weights(&damaged, 8).unwrap_err();
        assert!(matches!(error, CheckpointError::Damaged { .. }), "{error}");
        let error = worker.set_weights(&learner(9, 1).weights().bytes, 8).unwrap_err();
        assert!(error.to_string().starts_with("value \"config/body\""), "{error}");
        assert_eq!(worker.version(), 7);
        let expected = actor().advance_all(20, &mut learner(8, 1).policy()).unwrap();
        assert_eq!(worker.collect(20).unwrap().transitions, expected.transitions);
    }
}
