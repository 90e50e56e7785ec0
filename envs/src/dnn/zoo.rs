//! The networks that ship with the crate, by name, and a user's own by the path of their profile.
//!
//! The profiles that ship are `envs/models/*.toml`, made by `scripts/make_profiles.py` from ONNX files of published
//! packages; `mec-gym models add` makes one from any ONNX file.

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
    "vgg-16",
    "vgg-19",
    "resnet-18",
    "resnet-50",
    "resnet-101",
    "densenet-121",
    "mobilenet-v2",
    "mobilenet-v3-large",
    "efficientnet-b0",
    "yolox-s",
    "vit-b-16",
    "bert-base",
];

/// Why a network cannot be loaded.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ZooError {
    /// No network has this name.
    #[error("no network {name:?}; accepted is the path of a profile that ends in .toml, or one of {}", names().collect::<Vec<_>>().join(", "))]
    UnknownName {
        /// The name asked for.
        name: String,
    },
    /// The profile cannot be read.
    #[error("{file}: {message}")]
    Unreadable {
        /// The file.
        file: String,
        /// What the system says.
        message: String,
    },
    /// The profile is damaged.
    #[error(transparent)]
    Profile(#[from] ProfileError),
}

/// The names of the networks that ship.
pub fn names() -> impl Iterator<Item = &'static str> {
    MODELS.iter().map(|(name, _)| *name)
}

/// The profile of a network, its source, licence and layers: of one that ships by its name, of another by the path of
/// its profile, which ends in `.toml`.
///
/// # Errors
/// [`ZooError::UnknownName`], which lists the names, and what is wrong with a profile of the user's own.
pub fn profile(network: &str) -> Result<Profile, ZooError> {
    if network.ends_with(".toml") {
        let unreadable =
            |error: std::io::Error| ZooError::Unreadable { file: network.into(), message: error.to_string() };
        return Ok(Profile::parse(network, &std::fs::read_to_string(network).map_err(unreadable)?)?);
    }
    let known = MODELS.iter().find(|(known, _)| *known == network);
    let (name, text) = known.ok_or_else(|| ZooError::UnknownName { name: network.into() })?;
    Ok(Profile::parse(&file(name), text)?)
}

/// The layer graph of a network, named as for [`profile`].
///
/// # Errors
/// As of [`profile`].
///
/// # Example
/// ```
/// let vgg = mec_envs::dnn::zoo::load("vgg-19")?;
/// assert!(vgg.param_bytes().0 / 4e6 > 143.0);
/// # Ok::<(), mec_envs::dnn::zoo::ZooError>(())
/// ```
pub fn load(network: &str) -> Result<LayerGraph, ZooError> {
    let place = if network.ends_with(".toml") { network.to_owned() } else { file(network) };
    Ok(profile(network)?.graph(&place)?)
}

fn file(name: &str) -> String {
    format!("envs/models/{name}.toml")
}
