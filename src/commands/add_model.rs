//! `models add`.

use std::process::ExitCode;

use crate::cli::AddModelArgs;

/// Makes a profile from an ONNX file.
#[cfg(not(feature = "onnx"))]
pub fn run(args: &AddModelArgs) -> anyhow::Result<ExitCode> {
    anyhow::bail!(
        "{}: this mec-gym was built without its reader of ONNX files; build it with `--features onnx`",
        args.file.display()
    )
}

/// Makes a profile from an ONNX file.
#[cfg(feature = "onnx")]
pub fn run(args: &AddModelArgs) -> anyhow::Result<ExitCode> {
    use std::path::PathBuf;

    use anyhow::{Context, bail};
    use mec_envs::dnn::zoo;
    use mec_envs::onnx::{OnnxFile, ProfileOptions};
    use mec_envs::partition::summarise;
    use mec_envs::units::Bytes;
    use mec_experiments::files::write_atomic;

    if let Some(bytes) = args.input_bytes.filter(|bytes| !(bytes.is_finite() && *bytes > 0.0)) {
        bail!("--input-bytes is {bytes}; accepted is a number above 0");
    }
    let options = ProfileOptions {
        name: args.name.clone(),
        source: args.source.clone(),
        licence: args.licence.clone(),
        input_bytes: args.input_bytes.map(Bytes),
        zero_ops: args.zero_ops.clone(),
    };
    let twice = |at: &usize| args.dims[..*at].iter().any(|(name, _)| *name == args.dims[*at].0);
    if let Some(at) = (0..args.dims.len()).find(twice) {
        bail!("--dim {} is given twice; accepted is one value", args.dims[at].0);
    }
    // The runtime panics on some files where it should refuse them; what it says then becomes our error.
    std::panic::set_hook(Box::new(|panic| {
        let elsewhere = |file: &str| file.contains("/registry/") && !file.contains("/mec-");
        if !panic.location().is_some_and(|place| elsewhere(place.file())) {
            eprintln!("{panic}");
        }
    }));
    let file = OnnxFile::open(&args.file)?.with_inputs(&args.inputs)?.with_dims(&args.dims)?;
    let profile = file.profile(&options)?;
    if zoo::names().any(|name| name == profile.name) && args.out.is_none() {
        bail!("--name {}: a network of this name ships with mec-gym; accepted is another name", profile.name);
    }
    if profile.name.is_empty() || profile.name.contains(['/', '\\']) {
        bail!("--name {:?}: accepted is a name without slashes", profile.name);
    }
    let out = args.out.clone().unwrap_or_else(|| PathBuf::from("models").join(format!("{}.toml", profile.name)));
    if out.extension().is_none_or(|extension| extension != "toml") {
        bail!("--out {}: accepted is a file that ends in .toml", out.display());
    }
    if out.exists() && !args.force {
        bail!("{} is there already; --force replaces it", out.display());
    }
    let summary = summarise(&profile.graph(&args.file.display().to_string())?)?;
    if let Some(folder) = out.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    }
    write_atomic(&out, profile.to_toml().as_bytes())?;
    let out = out.display();
    super::print(&format!(
        "{out}: {} layers, {:.2} GFLOP, {:.1} MB of parameters, {} bytes of input, {} of {} cuts worth keeping\n\
         show it with `mec-gym models {out}`, cut it with `mec-gym partition {out}`, or name it in a scenario\n",
        summary.layers,
        summary.gflop,
        summary.params_mb,
        summary.input_bytes.0,
        summary.candidates,
        summary.cuts.map_or_else(|| "many".to_owned(), |cuts| cuts.to_string()),
    ))
}
