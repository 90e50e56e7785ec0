//! Random streams: every generator of a run is derived from one seed and a name.
//!
//! Nothing in this workspace draws from a global generator. A component receives `&mut Prng`, and whoever owns
//! the component makes that generator with [`stream`], so that adding a component never shifts the draws of
//! another one and equal seeds give equal runs in any thread layout.

/// The crates of random draws and distributions, in the versions that [`Prng`] implements.
pub use {rand, rand_distr};

use rand::SeedableRng;
use rand::rand_core::Rng;
use rand_xoshiro::{SplitMix64, Xoshiro256PlusPlus};

/// The generator of this workspace: named, portable, serialisable.
///
/// `StdRng` and `SmallRng` may change their values in any release of `rand`; this one may not.
pub type Prng = Xoshiro256PlusPlus;

/// An independent generator for the component `name` of a run with this `seed`.
///
/// The name is hashed with FNV-1a (64 bit), mixed with the seed, and expanded with SplitMix64, as Blackman and
/// Vigna recommend for seeding xoshiro (<https://prng.di.unimi.it/>).
/// `docs/model.md`, equation 57.
///
/// # Example
/// ```
/// use mec_envs::rng::stream;
/// assert_eq!(stream(1, "arrivals"), stream(1, "arrivals"));
/// assert_ne!(stream(1, "arrivals"), stream(1, "links"));
/// ```
pub fn stream(seed: u64, name: &str) -> Prng {
    seeded(seed, hash(FNV_OFFSET, name.bytes()))
}

/// The stream of one of many equal components: that of `name` followed by its number in decimal digits, found without
/// making that text.
///
/// # Example
/// ```
/// use mec_envs::rng::{numbered_stream, stream};
/// assert_eq!(numbered_stream(1, "link-", 120), stream(1, "link-120"));
/// ```
pub fn numbered_stream(seed: u64, name: &str, number: usize) -> Prng {
    let places = number.checked_ilog10().unwrap_or(0);
    let digits = (0..=places).rev().map(|place| b'0' + (number / 10_usize.pow(place) % 10) as u8);
    seeded(seed, hash(hash(FNV_OFFSET, name.bytes()), digits))
}

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;

fn hash(start: u64, bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(start, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

fn seeded(seed: u64, hash: u64) -> Prng {
    let mut mixer = SplitMix64::seed_from_u64(seed);
    let mixed = mixer.next_u64() ^ hash;
    Prng::from_rng(&mut SplitMix64::seed_from_u64(mixed))
}

/// A seed for the component `name`, for interfaces that take a seed and not a generator.
pub fn derive_seed(seed: u64, name: &str) -> u64 {
    stream(seed, name).next_u64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_draws_of_a_stream_never_change() {
        let mut rng = stream(42, "arrivals");
        let draws: Vec<u64> = (0..3).map(|_| rng.next_u64()).collect();
        assert_eq!(draws, [3859319846593888683, 7881187824765002911, 672737003905118764]);
    }

    #[test]
    fn numbers_stand_for_their_digits() {
        for number in [0, 1, 9, 10, 99, 100, 12_345, usize::MAX] {
            assert_eq!(numbered_stream(7, "server-", number), stream(7, &format!("server-{number}")), "{number}");
        }
    }

    #[test]
    fn seed_and_name_both_matter() {
        assert_ne!(stream(1, "a"), stream(2, "a"));
        assert_ne!(stream(1, "a"), stream(1, "b"));
        assert_ne!(derive_seed(1, "a"), derive_seed(1, "b"));
    }
}
