//! Randomness and the clock, the two inputs that deciding code is given and never takes.

use hanare_model::Timestamp;
use ring::rand::{SecureRandom as _, SystemRandom};
use zeroize::Zeroizing;

/// The kernel gave no randomness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the operating system gives no random numbers")]
pub struct NoRandomness;

/// `N` random bytes, wiped after use.
pub(crate) fn bytes<const N: usize>() -> Result<Zeroizing<[u8; N]>, NoRandomness> {
    let mut out = Zeroizing::new([0; N]);
    SystemRandom::new().fill(&mut out[..]).map_err(|_| NoRandomness)?;
    Ok(out)
}

/// The wall clock, in whole seconds.
pub(crate) fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_seconds(i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}
