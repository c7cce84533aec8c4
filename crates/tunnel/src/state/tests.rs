//! Keys are made once, files are private and replaced as a whole.

use std::os::unix::fs::PermissionsExt as _;

use super::*;

#[test]
fn keys_are_made_once_and_are_private() {
    let directory = tempfile::tempdir().unwrap();
    let state = NodeState::new(&directory.path().join("state"));
    assert!(state.keys().unwrap().is_none());
    let first = state.make_keys().unwrap();
    let second = state.make_keys().unwrap();
    assert_eq!(first.wireguard.public(), second.wireguard.public());
    assert_eq!(first.signing.verify_key(), second.signing.verify_key());
    for name in ["wireguard.key", "signing.key"] {
        assert_eq!(state.path(name).metadata().unwrap().permissions().mode() & 0o7777, 0o600);
    }
    assert_eq!(state.root.join("node").metadata().unwrap().permissions().mode() & 0o7777, 0o700);
    assert_eq!(state.root.join("node").read_dir().unwrap().count(), 2, "no temporary file stays");
}

#[test]
fn a_cut_key_file_is_named_without_its_content() {
    let directory = tempfile::tempdir().unwrap();
    let state = NodeState::new(directory.path());
    state.make_keys().unwrap();
    std::fs::write(state.path("signing.key"), "c2VjcmV0").unwrap();
    let error = state.keys().unwrap_err().to_string();
    assert!(error.contains("signing.key") && !error.contains("c2VjcmV0"), "{error}");
}

#[test]
fn a_newer_format_is_refused_not_guessed_at() {
    let directory = tempfile::tempdir().unwrap();
    let state = NodeState::new(directory.path());
    state.make_keys().unwrap();
    std::fs::write(state.path("hq.json"), r#"{"format":2,"what":"ever"}"#).unwrap();
    assert!(matches!(state.enrolment(), Err(StateError::Newer { format: 2, .. })));
}

#[test]
fn remove_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let state = NodeState::new(directory.path());
    state.make_keys().unwrap();
    state.remove().unwrap();
    assert_eq!(directory.path().read_dir().unwrap().count(), 0);
    state.remove().unwrap();
}
