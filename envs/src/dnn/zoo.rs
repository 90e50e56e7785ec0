//! The networks that ship with the crate, by name.
//!
//! Their profiles are `envs/models/*.toml`, made by `scripts/make_profiles.py` from published ONNX files.

use super::{LayerGraph, Profile, ProfileError};

macro_rules! models {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../models/", $name, ".toml")))),*]
    };
}

const MODELS: &[(&str, &str)] = models![
    "alexnet",
    "zfnet-512",
    "squeezenet",
    "shufflenet",
    "googlenet",
    "inception-v2",
    "resnet-50",
    "densenet-121",
    "vgg-19",
];

/// Why a network cannot be loaded.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ZooError {
    /// No network has this name.
    #[error("no network {name:?}; there are {}", names().collect::<Vec<_>>().join(", "))]
    UnknownName {
        /// The name asked for.
        name: String,
    },
    /// The shipped profile is damaged: a fault of this crate.
    #[error(transparent)]
    Profile(#[from] ProfileError),
}

/// The names that [`load`] accepts.
pub fn names() -> impl Iterator<Item = &'static str> {
    MODELS.iter().map(|(name, _)| *name)
}

/// The profile of the network `name`: its source, licence and layers.
///
/// # Errors
/// [`ZooError::UnknownName`], which lists the names.
pub fn profile(name: &str) -> Result<Profile, ZooError> {
    let (name, text) =
        MODELS.iter().find(|(known, _)| *known == name).ok_or_else(|| ZooError::UnknownName { name: name.into() })?;
    Ok(Profile::parse(&file(name), text)?)
}

/// The layer graph of the network `name`.
///
/// # Errors
/// [`ZooError::UnknownName`], which lists the names.
///
/// # Example
/// ```
/// let vgg = mec_envs::dnn::zoo::load("vgg-19")?;
/// assert!(vgg.param_bytes().0 / 4e6 > 143.0);
/// # Ok::<(), mec_envs::dnn::zoo::ZooError>(())
/// ```
pub fn load(name: &str) -> Result<LayerGraph, ZooError> {
    Ok(profile(name)?.graph(&file(name))?)
}

fn file(name: &str) -> String {
    format!("envs/models/{name}.toml")
}
