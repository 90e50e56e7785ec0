//! Actors that the system has no threads for.

#![cfg(target_os = "linux")]

use std::process::Command;

use mec_agents::agent::{Algorithm, TrainError};
use mec_agents::device::Device;
use mec_agents::random::RandomConfig;
use mec_agents::runtime::{Mode, RuntimeConfig, train};
use mec_agents::spec::EnvSpec;
use mec_envs::gym::classic::Pendulum;

/// Says to this program that it is the one with little memory.
const LITTLE_MEMORY: &str = "MEC_GYM_TEST_LITTLE_MEMORY";

/// Runs itself again in eight gigabytes of addresses, of which each stack takes one.
#[test]
fn a_thread_that_cannot_be_made_is_an_error_not_a_panic() {
    if std::env::var_os(LITTLE_MEMORY).is_some() {
        return runs_end_with_an_error_and_the_other_actors_with_them();
    }
    let output = Command::new("sh")
        .args(["-c", "ulimit -v 8000000 && exec \"$0\" --exact a_thread_that_cannot_be_made_is_an_error_not_a_panic"])
        .arg(std::env::current_exe().unwrap())
        .env(LITTLE_MEMORY, "")
        .env("RUST_MIN_STACK", (1_u64 << 30).to_string())
        .output()
        .unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

fn runs_end_with_an_error_and_the_other_actors_with_them() {
    for mode in [Mode::Lockstep, Mode::FreeRunning] {
        let mut learner = RandomConfig::default().build(&EnvSpec::of(&Pendulum::v1()), &Device::flex(), 0).unwrap();
        let config = RuntimeConfig { mode, actors: 64, envs: 64, ..RuntimeConfig::default() };
        let error = train(&mut learner, |_| Pendulum::v1(), &config, 1, &mut ()).unwrap_err();
        let TrainError::NoThread { actor, .. } = &error else { panic!("{mode:?}: {error}") };
        // Some were there already, which wait for orders or for room in the queue.
        assert!((1..64).contains(actor), "{mode:?}: {error}");
        let message = error.to_string();
        assert!(message.starts_with(&format!("the system has no thread for actor {actor}: ")), "{message}");
    }
}
