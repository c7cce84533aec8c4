//! Every error that carries somebody else's words, said in Japanese: the words are a marked detail or are not there.

use std::io;

use hanare_host::{Deed, HostError};
use hanare_hq::{InitError, KeysError, ServeError, StoreError, WorkError};
use hanare_model::Timestamp;
use hanare_model::invite::InviteError;
use hanare_tunnel::ApiError;
use hanare_tunnel::control::{ANYTHING, ControlError, Problem};
use hanare_tunnel::device::DeviceError;
use hanare_tunnel::join::JoinError;
use hanare_tunnel::node::{UpError, WorkerError};
use hanare_tunnel::state::{Damage, StateError};
use hanare_wipe::receipt::ReceiptError;
use hanare_wipe::volume::VolumeError;

use super::*;
use crate::failure::Failure;
use crate::voice::{Language, Voice};
use crate::words::english;

/// What a library might say.
const WORDS: &str = "missing field `signing_key` somewhere";

fn odd() -> io::Error {
    io::Error::other(WORDS)
}

fn json() -> serde_json::Error {
    serde_json::from_str::<Vec<u8>>("\n  {").unwrap_err()
}

#[track_caller]
fn is_japanese(failure: &Failure) {
    let told = failure.tell(&Voice::new(Language::Japanese));
    let said = format!("{}\n{}\n{}", told.text, told.cause, told.fix);
    assert_eq!(english(&said), Vec::<String>::new(), "{}: {said}", failure.code);
    let told = failure.tell(&Voice::new(Language::English));
    let said = format!("{}\n{}\n{}", told.text, told.cause, told.fix);
    assert!(said.is_ascii() && !said.contains("{$"), "{}: {said}", failure.code);
}

#[test]
fn the_finder_finds_and_knows_names() {
    assert_eq!(english("処理 missing field に失敗"), ["missing", "field"]);
    assert!(
        english("`hanare hq serve`、--state、/var/lib/hanare、hq.json（詳細: missing field）").is_empty()
    );
}

#[test]
fn what_the_machine_refuses_is_said_in_japanese() {
    for deed in Deed::ALL {
        let what = deed.of("/p");
        for errno in [None, Some(28), Some(95)] {
            let text = WORDS.to_owned();
            is_japanese(&host_error(HostError::Io { what: what.clone(), errno, text }));
        }
        is_japanese(&host_error(HostError::Netlink { what, errno: 95, text: WORDS.to_owned() }));
        is_japanese(&device_error(DeviceError::Io { what: deed, source: odd() }));
        is_japanese(&worker_error(WorkerError::System { what: deed, source: odd() }));
        is_japanese(&state_error(StateError::Io { action: deed, path: "/p".into(), source: odd() }));
        is_japanese(&receipt_error(ReceiptError::Io { action: deed, path: "/p".into(), source: odd() }));
        is_japanese(&volume_error(VolumeError::Io { action: deed, path: "/p".into(), source: odd() }));
    }
    for verb in
        ["addresses", "api-socket", "dns", "kill-switch", "lan", "lease", "leave", "mtu", "routes", "segment"]
            .into_iter()
            .chain(["sysctl", "tunnel", "udp", "unlock", "worker", "receive", "send"])
    {
        let refused = HostError::Refused { verb: verb.to_owned(), why: WORDS.to_owned() };
        is_japanese(&host_error(refused));
    }
    let text = || WORDS.to_owned();
    is_japanese(&host_error(HostError::UnlockTooLong { most: 300 }));
    is_japanese(&host_error(HostError::NoTunDevice { text: text() }));
    is_japanese(&host_error(HostError::Program { program: "nft".to_owned(), text: text() }));
    is_japanese(&host_error(HostError::Resolver { text: text() }));
    is_japanese(&device_error(DeviceError::Ended { name: "hn0".to_owned(), why: text() }));
    is_japanese(&device_error(DeviceError::Background { said: text(), status: None }));
    is_japanese(&device_error(DeviceError::Privileges(text().into())));
}

#[test]
fn a_damaged_file_is_said_in_japanese_with_its_line_and_column() {
    let signature = Damage::from(&hanare_model::lease::SignedError::Signature);
    for why in [
        Damage::Key,
        Damage::Vanished,
        Damage::NoHeadquarters,
        Damage::NoKeys,
        Damage::OtherKey,
        Damage::LastRecord,
        Damage::Ledger(WORDS.to_owned()),
        signature,
    ] {
        is_japanese(&state_error(StateError::Damaged { path: "/p".into(), why }));
    }
    let failure = state_error(StateError::Damaged { path: "/p".into(), why: (&json()).into() });
    is_japanese(&failure);
    let cause = failure.tell(&Voice::new(Language::Japanese)).cause;
    assert!(cause.starts_with("2 行 2 桁") || cause.starts_with("2 行 3 桁"), "{cause}");
    is_japanese(&volume_error(VolumeError::Damaged { path: "/p".into(), source: json() }));
    is_japanese(&volume_error(VolumeError::Program { program: "mkfs", text: WORDS.to_owned() }));
}

#[test]
fn what_headquarters_and_its_state_say_is_said_in_japanese() {
    let path = || "/p".into();
    let keys = || {
        let sealing = [KeysError::SealingGone { path: path() }, KeysError::SealingOther { path: path() }];
        let content = KeysError::Content { path: path(), what: "a sealing key" };
        [KeysError::Io { path: path(), source: odd() }, content].into_iter().chain(sealing)
    };
    keys().for_each(|error| is_japanese(&init_error(InitError::Keys(error))));
    let text = || WORDS.to_owned();
    for error in [
        StoreError::Damaged { path: path(), text: text() },
        StoreError::Access { path: path(), text: text() },
    ] {
        is_japanese(&init_error(InitError::Store(error)));
    }
    for error in [
        WorkError::Damaged { path: path(), text: text() },
        WorkError::Access { path: path(), text: text() },
        WorkError::NoRandomness,
    ] {
        is_japanese(&serve_error(ServeError::Work(error)));
    }
    for problem in [
        hanare_hq::admin::Problem::Malformed { text: text() },
        hanare_hq::admin::Problem::Damaged { text: text() },
        hanare_hq::admin::Problem::Bug { text: text() },
    ] {
        is_japanese(&client_error(hanare_hq::admin::ClientError::Refused(problem)));
    }
    let broken =
        hanare_hq::admin::ClientError::Broken { path: path(), source: io::ErrorKind::UnexpectedEof.into() };
    is_japanese(&client_error(broken));
    is_japanese(&client_error(hanare_hq::admin::ClientError::Protocol { path: path(), source: json() }));
}

#[test]
fn what_a_node_and_its_daemon_say_is_said_in_japanese() {
    let text = || WORDS.to_owned();
    is_japanese(&invite_error(InviteError::Content("its flags are unknown")));
    is_japanese(&join_error(JoinError::Lease(text())));
    let api = ApiError::Timeout { what: "connecting" };
    is_japanese(&join_error(JoinError::Unreachable { endpoints: "192.0.2.1:51821".to_owned(), last: api }));
    let at = Timestamp::from_seconds(0);
    is_japanese(&up_error(UpError::Revoked { at, reason: String::new() }));
    is_japanese(&worker_error(WorkerError::Plane(text())));
    for problem in [
        Problem::Forbidden { verb: "down".to_owned() },
        Problem::Forbidden { verb: ANYTHING.to_owned() },
        Problem::Wrong { why: text() },
        Problem::Program,
        Problem::Reason,
        Problem::Time,
        Problem::State { text: text() },
    ] {
        is_japanese(&control_error(ControlError::Refused(problem)));
    }
}

#[test]
fn what_libraries_say_is_sorted() {
    let voice = Voice::new(Language::Japanese);
    for (error, is) in [
        (Box::new(json()) as Box<dyn std::error::Error>, "JSON"),
        (Box::new(io::Error::from(io::ErrorKind::UnexpectedEof)), "途中で終わって"),
        (Box::new(io::Error::other(json())), "JSON"),
        (Box::new(std::str::from_utf8(b"\xff\xff".as_slice()).unwrap_err()), "UTF-8"),
        (Box::new(odd()), "処理の途中"),
        (Box::new(io::Error::from_raw_os_error(28)), "空き容量"),
    ] {
        let said = reason(error.as_ref()).say(&voice);
        assert!(said.contains(is) && english(&said).iter().all(|word| word == "UTF"), "{said}");
    }
}
