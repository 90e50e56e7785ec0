//! `models add`.

/// Says that this build cannot.
#[cfg(not(feature = "onnx"))]
pub fn run(args: &crate::cli::AddModelArgs) -> anyhow::Result<std::process::ExitCode> {
    anyhow::bail!(
        "{}: this mec-gym was built without its reader of ONNX files; build it with `--features onnx`",
        args.file.display()
    )
}

#[cfg(feature = "onnx")]
pub use with_onnx::run;

#[cfg(feature = "onnx")]
mod with_onnx {
    use std::path::PathBuf;
    use std::process::ExitCode;

    use anyhow::{Context, bail};
    use mec_envs::dnn::{Profile, zoo};
    use mec_envs::onnx::{OnnxFile, ProfileOptions};
    use mec_envs::partition::summarise;
    use mec_envs::units::Bytes;
    use mec_experiments::files::write_atomic;

    use crate::cli::AddModelArgs;
    use crate::commands::print;

    /// Makes a profile from an ONNX file.
    pub fn run(args: &AddModelArgs) -> anyhow::Result<ExitCode> {
        let profile = profile(args)?;
        let out = place(args, &profile)?;
        let summary = summarise(&profile.graph(&args.file.display().to_string())?)?;
        if let Some(folder) = out.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
        }
        write_atomic(&out, profile.to_toml().as_bytes())?;
        let out = out.display();
        print(&format!(
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

    /// Reads the file as the options say.
    fn profile(args: &AddModelArgs) -> anyhow::Result<Profile> {
        if let Some(bytes) = args.input_bytes.filter(|bytes| !(bytes.is_finite() && *bytes > 0.0)) {
            bail!("--input-bytes is {bytes}; accepted is a number above 0");
        }
        let twice = |at: &usize| args.dims[..*at].iter().any(|(name, _)| *name == args.dims[*at].0);
        if let Some(at) = (0..args.dims.len()).find(twice) {
            bail!("--dim {} is given twice; accepted is one value", args.dims[at].0);
        }
        let options = ProfileOptions {
            name: args.name.clone(),
            source: args.source.clone(),
            licence: args.licence.clone(),
            input_bytes: args.input_bytes.map(Bytes),
            zero_ops: args.zero_ops.clone(),
        };
        silence_the_runtime();
        let file = OnnxFile::open(&args.file)?.with_inputs(&args.inputs)?.with_dims(&args.dims)?;
        Ok(file.profile(&options)?)
    }

    /// Where the profile goes; a place that is taken, or a name that is, is an error.
    fn place(args: &AddModelArgs, profile: &Profile) -> anyhow::Result<PathBuf> {
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
        Ok(out)
    }

    /// The runtime panics on some files where it should refuse them; what it says then becomes our error, and need not
    /// be said twice.
    fn silence_the_runtime() {
        std::panic::set_hook(Box::new(|panic| {
            let elsewhere = |file: &str| file.contains("/registry/") && !file.contains("/mec-");
            if !panic.location().is_some_and(|place| elsewhere(place.file())) {
                eprintln!("{panic}");
            }
        }));
    }
}
