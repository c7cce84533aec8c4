//! What a lease must be to be taken, and what stops a join before any connection. Whole joins, with cut connections and
//! second devices, run against a real headquarters in the end-to-end tests.

use hanare_model::api::{Granted, Hello};
use hanare_model::{InviteId, InviteSecret, Lease, PublicKey, Signed, SigningKey, SpkiPin, Tombstone};

use super::*;
use crate::node::term_tests::lease as some_lease;
use crate::state::{Enrolment, Keys};

fn invite() -> Invite {
    Invite {
        id: InviteId::from_bytes([1; 8]),
        secret: InviteSecret::from_bytes([2; 16]),
        pin: SpkiPin::from_bytes([3; 32]),
        api: vec!["127.0.0.1:1".parse().unwrap()],
        expires_at: Timestamp::from_seconds(0),
        kind: NodeKind::Endpoint,
        name: None,
        wants_code: false,
    }
}

fn hq() -> SigningKey {
    SigningKey::from_seed([9; 32])
}

/// A node that joined with [`invite`].
fn joined(state: &NodeState) -> (Enrolment, Keys, Lease) {
    let keys = state.make_keys().unwrap();
    let mut lease = some_lease(0, 100, 10);
    lease.public_key = keys.wireguard.public();
    let hello = Hello {
        public_key: lease.hq.public_key,
        signing_key: hq().verify_key(),
        now: Timestamp::from_seconds(0),
    };
    let enrolment = Enrolment::new(invite().pin, &hello, invite().id);
    state.store_enrolment(&enrolment, &Signed::seal(&lease, &hq()).unwrap()).unwrap();
    (enrolment, keys, lease)
}

fn options(state: &std::path::Path, invite: Invite) -> JoinOptions {
    JoinOptions { state: state.to_path_buf(), invite, name: None, code: None }
}

#[test]
fn a_lease_is_taken_only_from_headquarters_for_this_node_and_never_an_older_one() {
    let directory = tempfile::tempdir().unwrap();
    let state = NodeState::new(directory.path());
    let (enrolment, keys, lease) = joined(&state);
    let check = |lease: &Lease, signer: &SigningKey, named: &SigningKey| {
        let granted =
            Granted { lease: Signed::seal(lease, signer).unwrap(), signing_key: named.verify_key() };
        redeem::check(&enrolment, &granted, &keys, state.lease().unwrap().as_ref())
    };
    assert!(check(&lease, &hq(), &hq()).is_ok());
    let other = SigningKey::from_seed([8; 32]);
    assert!(matches!(check(&lease, &other, &hq()), Err(JoinError::Lease(_))));
    assert!(matches!(check(&lease, &other, &other), Err(JoinError::Lease(_))));
    let foreign = Lease { public_key: PublicKey::from_bytes([7; 32]), ..lease.clone() };
    assert!(matches!(check(&foreign, &hq(), &hq()), Err(JoinError::Lease(_))));
    let older = Lease { serial: 0, ..lease.clone() };
    assert!(matches!(check(&older, &hq(), &hq()), Err(JoinError::Lease(_))));
    let mut other_hq = lease;
    other_hq.hq.public_key = PublicKey::from_bytes([7; 32]);
    assert!(matches!(check(&other_hq, &hq(), &hq()), Err(JoinError::Lease(_))));
}

#[test]
fn another_invite_does_not_move_an_enrolled_node() {
    let directory = tempfile::tempdir().unwrap();
    joined(&NodeState::new(directory.path()));
    let other = Invite { id: InviteId::from_bytes([5; 8]), ..invite() };
    let error = join(&options(directory.path(), other)).unwrap_err();
    assert!(matches!(error, JoinError::AlreadyEnrolled { .. }), "{error}");
}

#[test]
fn a_revoked_node_says_so_without_asking_anybody() {
    let directory = tempfile::tempdir().unwrap();
    let state = NodeState::new(directory.path());
    let (_, keys, lease) = joined(&state);
    let tombstone = Tombstone {
        node: lease.node,
        public_key: keys.wireguard.public(),
        revoked_at: Timestamp::from_seconds(5),
        reason: "紛失".to_owned(),
    };
    state.store_tombstone(&Signed::seal(&tombstone, &hq()).unwrap()).unwrap();
    let error = join(&options(directory.path(), invite())).unwrap_err();
    assert!(matches!(error, JoinError::Revoked { .. }), "{error}");
}

#[test]
fn a_sheet_without_its_code_leaves_nothing_behind() {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().join("state");
    let sheet = Invite { wants_code: true, ..invite() };
    assert!(matches!(join(&options(&state, sheet)), Err(JoinError::CodeWanted)));
    assert!(!state.exists());
}
