//! How fast the simulator is: one measurement per call, as a line of JSON. `scripts/simulator_speed.sh` calls it beside
//! the simulators that it is compared with.
//!
//! `cargo run --release -p mec-envs --example simulator_speed ROW [SECONDS] [TOML]`
//!
//! A row is measured for SECONDS (default 1) after one round of warm-up. TOML text is put over the row's
//! scenario, so that any option of scenarios can be measured: `devices/1000/Offload 1 'set_size = 16'`. The rows:
//! - `twin/fixed-cuts`, `twin/cdlp`, `twin/observed`: tasks of one network before one server;
//! - `tasks/fixed-cuts`, `tasks/cdlp`, `tasks/observed`: no measurement, but the tasks of an episode of these as CSV;
//! - `classic/NAME`: steps of a classic control task, by Gymnasium's id;
//! - `vector/NAME/NUMBER/THREADS`: steps of as many of these, or of `OffloadEnv`, side by side;
//! - `default/FORM/POLICY`: decisions in the default scenario; forms are `OffloadEnv`, `OffloadSetEnv` and `Offload`,
//!   policies `server-1`, `round-robin`, `random` and `servers`;
//! - `devices/NUMBER/FORM`, `servers/NUMBER/FORM`: decisions in larger and smaller scenarios, by the policy `servers`.

mod classic;
mod measurement;
mod scenarios;
mod twin;
mod vector;

use std::error::Error;

use mec_envs::offload::Scenario;

use crate::measurement::Measurement;
use crate::scenarios::{Form, Policy};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let row = arguments.next().ok_or("name a row; the example's documentation lists them")?;
    let seconds: f64 = arguments.next().map_or(Ok(1.0), |seconds| seconds.parse())?;
    let changes: toml::Table = arguments.next().unwrap_or_default().parse()?;
    let parts: Vec<&str> = row.split('/').collect();
    if let ["tasks", variant] = parts[..] {
        print!("{}", twin::tasks(variant.parse()?, changes)?);
    } else {
        println!("{}", measure(&parts, seconds, changes)?.json());
    }
    Ok(())
}

fn measure(row: &[&str], seconds: f64, changes: toml::Table) -> Result<Measurement, Box<dyn Error>> {
    match *row {
        ["twin", variant] => twin::measure(variant.parse()?, seconds, changes),
        ["classic", name] => classic::measure(name, seconds),
        ["vector", name, number, threads] => {
            let size = vector::Size { environments: number.parse()?, threads: threads.parse()? };
            vector::measure(name, size, seconds, scenarios::default(changes)?)
        }
        ["default", form, policy] => {
            let scenario = scenarios::default(changes)?;
            // 200 episodes or more, as published.
            scenarios::measure(scenario, form.parse()?, policy.parse()?, seconds, 200)
        }
        ["devices", number, form] => sweep(scenarios::devices(number.parse()?, changes)?, form.parse()?, seconds),
        ["servers", number, form] => sweep(scenarios::servers(number.parse()?, changes)?, form.parse()?, seconds),
        _ => Err(format!("there is no row {:?}; the example's documentation lists them", row.join("/")).into()),
    }
}

fn sweep(scenario: Scenario, form: Form, seconds: f64) -> Result<Measurement, Box<dyn Error>> {
    scenarios::measure(scenario, form, Policy::Servers, seconds, 1)
}
