//! Every scheme on a scenario, a few episodes each: `cargo run --release -p mec-envs --example schemes [EPISODES] [TOML]`.
//!
//! The optional TOML text is a scenario: `'preset = "default"' 'telemetry = { delay_s = 0.5 }'`.

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use mec_envs::offload::{Offload, Scenario, Setting};
use mec_envs::schemes::{Scheme, run_episode};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let episodes: u64 = arguments.next().map_or(Ok(5), |count| count.parse())?;
    let text = arguments.collect::<Vec<_>>().join("\n");
    let text = if text.is_empty() { "preset = 'default'".to_owned() } else { text };
    let setting = Arc::new(Setting::new(Scenario::from_table(text.parse()?)?)?);
    let mut offload = Offload::new(setting);
    println!(
        "scheme                     mean/s   p50/s   p95/s   p99/s  success  J/task  balance  offload  split  us/task"
    );
    for scheme in Scheme::ALL {
        let (mut sums, mut tasks, started) = ([0.0; 11], 0, Instant::now());
        for seed in 0..episodes {
            let metrics = run_episode(&mut offload, &scheme, seed)?.metrics;
            tasks += metrics.tasks;
            for (sum, (_, value)) in sums.iter_mut().zip(metrics.list().into_iter().skip(1)) {
                *sum += value / episodes as f64;
            }
        }
        let micros = started.elapsed().as_secs_f64() * 1e6 / tasks as f64;
        let [mean, p50, p95, p99, success, energy, balance, offload, _, split, _lost] = sums;
        println!(
            "{:<25} {mean:>7.3} {p50:>7.3} {p95:>7.3} {p99:>7.3} {success:>8.3} {energy:>7.2} {balance:>8.3} {offload:>8.3} {split:>6.3} {micros:>8.2}",
            scheme.name()
        );
    }
    Ok(())
}
