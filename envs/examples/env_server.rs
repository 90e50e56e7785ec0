//! Serves an environment of a scenario over standard input and output, so that a program in another language can step it:
//! `cargo run --release -p mec-envs --example env_server FORM [SCENARIO]`.
//!
//! Forms are `task`, `set` and `box`, scenarios the names of those that ship, or a TOML file; `default` is the default. The
//! server first writes one line of JSON: the length of an observation, the shapes of its parts, the number of choices of
//! each categorical head, the number of continuous entries of an action, and the number of flags of a mask. Then it answers
//! requests until its input ends; all numbers are little-endian:
//!
//! | request | bytes | answer |
//! |---|---|---|
//! | reset | `r`, or `R` and a seed (`u64`) | a row |
//! | step | `s` and the codes of the action (`f32` each, as [`ActionLayout`](mec_envs::gym::ActionLayout) orders them) | a row |
//!
//! A row is the reward (`f32`), terminated, truncated, two bytes of padding, the observation (`f32` each) and the mask (a
//! byte per flag). `scripts/learner_speed/mec_env.py` is the other side.

use std::error::Error;
use std::io::{BufReader, BufWriter, ErrorKind, Read, Write};
use std::path::Path;
use std::sync::Arc;

use mec_envs::gym::{ActionSpace, Env, Space};
use mec_envs::offload::{OffloadBoxEnv, OffloadEnv, OffloadForm, OffloadSetEnv, Scenario, Setting};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let form = arguments.next().ok_or("name a form: task, set or box")?;
    let name = arguments.next().unwrap_or_else(|| "default".to_owned());
    let scenario = match Path::new(&name).extension() {
        Some(_) => toml::from_str(&std::fs::read_to_string(&name)?)?,
        None => Scenario::preset(&name)?,
    };
    let setting = Arc::new(Setting::new(scenario)?);
    let (input, output) = (BufReader::new(std::io::stdin().lock()), BufWriter::new(std::io::stdout().lock()));
    match form.as_str() {
        "task" => serve(OffloadEnv::new(setting), input, output),
        "set" => serve(OffloadSetEnv::new(setting), input, output),
        "box" => serve(OffloadBoxEnv::new(setting), input, output),
        _ => Err(format!("there is no form {form:?}; accepted are task, set and box").into()),
    }
}

fn serve<E: Env>(mut env: E, mut input: impl Read, mut output: impl Write) -> Result<(), Box<dyn Error>> {
    let space = env.action_space().clone();
    let choices = env.action_mask().map_or(0, <[bool]>::len);
    writeln!(output, "{}", head(&env, choices))?;
    output.flush()?;
    let mut codes = vec![0; 4 * space.layout().codes()];
    let (mut row, mut flat) = (Vec::new(), Vec::new());
    let mut kind = [0];
    while has_more(&mut input, &mut kind)? {
        let (observation, reward, ends) = match kind[0] {
            b'r' => (env.reset(None), 0.0, [false; 2]),
            b'R' => {
                let mut seed = [0; 8];
                input.read_exact(&mut seed)?;
                (env.reset(Some(u64::from_le_bytes(seed))), 0.0, [false; 2])
            }
            b's' => {
                input.read_exact(&mut codes)?;
                let step = env.step(&space.decode(&numbers(&codes)))?;
                (step.observation, step.reward, [step.terminated, step.truncated])
            }
            other => return Err(format!("request {other} is not known; accepted are r, R and s").into()),
        };
        flat.clear();
        env.observation_space().flatten_into(&observation, &mut flat);
        row.clear();
        row.extend_from_slice(&(reward as f32).to_le_bytes());
        row.extend([u8::from(ends[0]), u8::from(ends[1]), 0, 0]);
        row.extend(flat.iter().flat_map(|entry| entry.to_le_bytes()));
        row.extend(env.action_mask().unwrap_or_default().iter().map(|&open| u8::from(open)));
        output.write_all(&row)?;
        output.flush()?;
    }
    Ok(())
}

/// Reads the kind of the next request; false at the end of the input.
fn has_more(input: &mut impl Read, kind: &mut [u8; 1]) -> Result<bool, std::io::Error> {
    match input.read_exact(kind) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

fn numbers(bytes: &[u8]) -> Vec<f32> {
    let (whole, _) = bytes.as_chunks::<4>();
    whole.iter().map(|&number| f32::from_le_bytes(number)).collect()
}

fn head<E: Env>(env: &E, flags: usize) -> String {
    let parts = env.observation_space().parts();
    let shapes: Vec<String> = parts.iter().map(|part| format!("{:?}: {:?}", part.name, part.shape)).collect();
    let layout = env.action_space().layout();
    format!(
        "{{\"observation\": {}, \"parts\": {{{}}}, \"heads\": {:?}, \"continuous\": {}, \"mask\": {flags}}}",
        env.observation_space().flat_dim(),
        shapes.join(", "),
        layout.heads,
        layout.continuous
    )
}
