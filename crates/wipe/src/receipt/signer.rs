//! The key of a machine that is not enrolled: made where it is used, for receipts only.

use std::io;
use std::path::{Path, PathBuf};

use hanare_host::{Deed, files};
use hanare_model::SigningKey;
use ring::rand::SystemRandom;
use zeroize::Zeroizing;

use super::error::{ReceiptError, failed};

fn path(state: &Path) -> PathBuf {
    state.join("wipe").join("signing.key")
}

/// The key of a machine that is not enrolled, if it has made one.
///
/// # Errors
/// [`ReceiptError::Io`]; [`ReceiptError::Key`] if the file holds something else.
pub fn standalone_key(state: &Path) -> Result<Option<SigningKey>, ReceiptError> {
    let path = path(state);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => Zeroizing::new(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(Deed::Read, &path)(error)),
    };
    SigningKey::from_base64(text.trim_end()).map(Some).map_err(|_| ReceiptError::Key { path })
}

/// The same key, made on first use: mode 0600, exclusively, and whole before it has its name.
///
/// # Errors
/// As [`standalone_key`].
pub fn make_standalone_key(state: &Path) -> Result<SigningKey, ReceiptError> {
    if let Some(key) = standalone_key(state)? {
        return Ok(key);
    }
    let path = path(state);
    let folder = state.join("wipe");
    files::create_private_directory(&folder).map_err(failed(Deed::Create, &folder))?;
    let _held = files::lock(&folder, "signing.lock").map_err(failed(Deed::Lock, &folder))?;
    // Somebody may have made it while the lock was waited for.
    if let Some(key) = standalone_key(state)? {
        return Ok(key);
    }
    let seed = ring::rand::generate(&SystemRandom::new())
        .map_err(|_| failed(Deed::Random, &path)(io::Error::other("the system gave no random bytes")))?;
    let key = SigningKey::from_seed(seed.expose());
    let mut text = key.expose_base64();
    text.push('\n');
    files::write_atomic(&path, text.as_bytes(), 0o600).map_err(failed(Deed::Create, &path))?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_key_is_made_once_and_is_private() {
        let state = tempfile::tempdir().unwrap();
        assert!(standalone_key(state.path()).unwrap().is_none());
        let makers: Vec<_> = (0..4)
            .map(|_| {
                let state = state.path().to_owned();
                std::thread::spawn(move || make_standalone_key(&state).unwrap().verify_key())
            })
            .collect();
        let keys: Vec<_> = makers.into_iter().map(|maker| maker.join().unwrap()).collect();
        assert!(keys.iter().all(|key| *key == keys[0]));
        let path = path(state.path());
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::write(&path, "nonsense").unwrap();
        assert!(matches!(standalone_key(state.path()), Err(ReceiptError::Key { .. })));
    }
}
