//! Private keys as ssh-keygen writes them.

#![expect(clippy::unwrap_used, reason = "a test says what went wrong by stopping there")]

use std::fs;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hanare_ledger::private_key::{PrivateKeyError, parse};
use hanare_ledger::sshsig;

/// A fresh key's two files.
fn key(passphrase: &str) -> (String, String) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key");
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-C", "test", "-N", passphrase, "-f"])
        .arg(&path)
        .status()
        .unwrap();
    assert!(made.success());
    (fs::read_to_string(&path).unwrap(), fs::read_to_string(path.with_extension("pub")).unwrap())
}

#[test]
fn a_key_of_ssh_keygen_is_read_and_is_its_public_half() {
    let (private, public) = key("");
    let own = parse(&private).unwrap().verify_key();
    assert_eq!(sshsig::parse_openssh_key(&public), Ok(own));
    assert_eq!(parse(&private.replace('\n', "\r\n")).unwrap().verify_key(), own);
}

#[test]
fn a_locked_a_cut_and_a_changed_key_are_refused() {
    assert_eq!(parse(&key("passphrase").0).err(), Some(PrivateKeyError::Locked));
    let (private, public) = key("");
    assert_eq!(parse("").err(), Some(PrivateKeyError::Form));
    assert_eq!(parse(&public).err(), Some(PrivateKeyError::Form));
    let body: String = private.lines().filter(|line| !line.starts_with('-')).collect();
    let bytes = STANDARD.decode(body).unwrap();
    let written = |bytes: &[u8]| {
        let (begin, end) = ("-----BEGIN OPENSSH PRIVATE KEY-----", "-----END OPENSSH PRIVATE KEY-----");
        format!("{begin}\n{}\n{end}\n", STANDARD.encode(bytes))
    };
    assert!(parse(&written(&bytes)).is_ok());
    for length in 0..bytes.len() {
        assert!(parse(&written(&bytes[..length])).is_err(), "{length}");
    }
    let pair = bytes.windows(4).rposition(|four| four == 64u32.to_be_bytes()).unwrap() + 4;
    for index in pair..pair + 64 {
        let mut changed = bytes.clone();
        changed[index] ^= 1;
        assert!(parse(&written(&changed)).is_err(), "byte {index}");
    }
}
