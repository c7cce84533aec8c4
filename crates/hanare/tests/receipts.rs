//! Receipts as an auditor meets them: the command and `ssh-keygen` accept exactly what was signed, and nothing else.

#![expect(clippy::unwrap_used, reason = "a test says what went wrong by stopping there")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use hanare_ledger::sshsig;
use hanare_model::{SigningKey, Timestamp};
use hanare_wipe::receipt::{
    Cause, Ending, Medium, MediumKind, Receipts, WipeId, make_standalone_key, signature_path,
};
use hanare_wipe::{BootId, Method, Outcome, Verdict, Verified, VolumeEnd, VolumeKind};
use serde_json::Value;

fn ending(id: u8) -> Ending {
    let outcome = Outcome {
        verdict: Verdict::Pass,
        files: 12,
        bytes: 1 << 20,
        seconds: 0.5,
        skipped: Vec::new(),
        method: Method::CryptographicErase,
        lost: 0,
        volume: Some(VolumeEnd { key_destroyed: true, seconds: 0.125 }),
        verified: Verified { reread_bytes: 1 << 20, remnants: 0, sampled: false },
        sealed: 0,
        absent: 0,
    };
    Ending {
        id: WipeId::from_bytes([id; 16]),
        started: Timestamp::from_seconds(1_795_230_245),
        at: Timestamp::from_seconds(1_795_230_246),
        boot_id: BootId::from_bytes([7; 16]),
        cause: Cause::Shutdown,
        interruptions: 0,
        outcome,
        volume: Some(VolumeKind::DmCrypt),
        policy: None,
        media: vec![Medium { model: Some("KOFU 1".to_owned()), ..Medium::of(MediumKind::Nvme) }],
    }
}

/// A state directory of a machine that is not enrolled, with three receipts.
fn machine() -> (tempfile::TempDir, SigningKey, Vec<PathBuf>) {
    let state = tempfile::tempdir().unwrap();
    let key = make_standalone_key(state.path()).unwrap();
    let receipts = Receipts::open(state.path(), key.clone()).unwrap();
    let paths = (1..=3).map(|id| receipts.write(&ending(id)).unwrap()).collect();
    (state, key, paths)
}

fn run(state: &Path, language: &str, arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_hanare"))
        .args(["--lang", language, "--state"])
        .arg(state)
        .args(["wipe", "receipt"])
        .args(arguments)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn list(state: &Path) -> (i32, Value) {
    let (status, out, err) = run(state, "en", &["list", "--json"]);
    (status, serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out} {err}")))
}

fn verify(state: &Path, receipt: &Path, more: &[&str]) -> i32 {
    run(state, "en", &[&["verify", receipt.to_str().unwrap()], more].concat()).0
}

#[test]
fn receipts_are_listed_oldest_first_and_a_missing_one_is_noticed() {
    let (state, _, paths) = machine();
    let (status, document) = list(state.path());
    assert_eq!((status, document["schema"].as_str()), (0, Some("hanare.wipe.receipt.list/1")));
    let listed = document["receipts"].as_array().unwrap();
    assert_eq!(
        listed.iter().map(|receipt| PathBuf::from(receipt["path"].as_str().unwrap())).collect::<Vec<_>>(),
        paths
    );
    assert_eq!(listed[0]["cause"], "shutdown");
    assert_eq!(listed[0]["verdict"], "pass");
    assert_eq!(listed[0]["at"], "2026-11-21T03:04:06Z");
    assert_eq!(listed[0]["boot_id"], "07070707-0707-0707-0707-070707070707");
    fs::remove_file(&paths[2]).unwrap();
    fs::remove_file(signature_path(&paths[2])).unwrap();
    let (status, document) = list(state.path());
    assert_eq!((status, &document["faults"][0]["fault"]), (1, &Value::from("missing")));
    for language in ["ja", "en"] {
        let (status, out, err) = run(state.path(), language, &["list"]);
        assert_eq!(status, 1);
        assert!(out.contains("00000001-") && err.contains('3'), "{out} {err}");
    }
}

#[test]
fn a_machine_without_receipts_has_a_whole_list_of_none() {
    let state = tempfile::tempdir().unwrap();
    let (status, document) = list(&state.path().join("state"));
    assert_eq!((status, document["receipts"].as_array().map(Vec::len)), (0, Some(0)));
}

#[test]
fn a_receipt_is_valid_only_as_it_was_signed() {
    let (state, key, paths) = machine();
    assert_eq!(verify(state.path(), &paths[0], &[]), 0);
    let public = state.path().join("pc-1.pub");
    fs::write(&public, sshsig::openssh_key(&key.verify_key(), "pc-1")).unwrap();
    // An auditor's laptop: another state, the files and the key only.
    let laptop = tempfile::tempdir().unwrap();
    let copy = laptop.path().join("receipt.json");
    let reset = || {
        fs::copy(&paths[0], &copy).unwrap();
        fs::copy(signature_path(&paths[0]), signature_path(&copy)).unwrap();
    };
    reset();
    let named = ["--key", public.to_str().unwrap()];
    assert_eq!(verify(laptop.path(), &copy, &named), 0);
    assert_eq!(verify(laptop.path(), &copy, &[]), 7, "no key, yet it says more than that it does not know");
    for file in [copy.clone(), signature_path(&copy)] {
        let bytes = fs::read(&file).unwrap();
        // A sample; the library's test takes every bit.
        for bit in (0..bytes.len() * 8).step_by(bytes.len() * 8 / 12) {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            fs::write(&file, &changed).unwrap();
            assert_eq!(verify(laptop.path(), &copy, &named), 1, "bit {bit} of {}", file.display());
            assert_eq!(verify(laptop.path(), &copy, &[]), 1, "bit {bit} of {}", file.display());
        }
        for content in
            [&b""[..], b"{}", b"\xff\xfe", &bytes[..bytes.len() - 1], &[&bytes[..], b"\n"].concat()]
        {
            fs::write(&file, content).unwrap();
            assert_eq!(verify(laptop.path(), &copy, &named), 1, "{} bytes", content.len());
        }
        reset();
    }
    fs::remove_file(signature_path(&copy)).unwrap();
    assert_eq!(verify(laptop.path(), &copy, &named), 1);
    let stranger = laptop.path().join("stranger.pub");
    fs::write(&stranger, sshsig::openssh_key(&SigningKey::from_seed([3; 32]).verify_key(), "")).unwrap();
    assert_eq!(verify(laptop.path(), &paths[0], &["--key", stranger.to_str().unwrap()]), 1);
    assert_eq!(verify(laptop.path(), &laptop.path().join("none.json"), &named), 3);
    assert_eq!(verify(laptop.path(), laptop.path(), &named), 3);
    assert_eq!(verify(laptop.path(), &copy, &["--key", copy.to_str().unwrap()]), 3);
}

#[test]
fn a_receipt_is_shown_in_both_languages_and_only_if_it_is_valid() {
    let (state, _, paths) = machine();
    let file = paths[0].to_str().unwrap();
    for (language, word) in [("ja", "合格"), ("en", "pass")] {
        let (status, out, err) = run(state.path(), language, &["show", file]);
        assert_eq!(status, 0, "{err}");
        assert!(out.contains(word) && out.contains("dm-crypt"), "{out}");
    }
    let (_, out, _) = run(state.path(), "en", &["show", file, "--json"]);
    let document: Value = serde_json::from_str(&out).unwrap();
    let certificate = &document["receipt"]["certificate"];
    assert_eq!(certificate["method"], "cryptographic erase (module not validated)");
    assert_eq!(certificate["verification"], serde_json::json!(["key-status", "reread"]));
    assert_eq!(certificate["media"][0]["model"], "KOFU 1");
    fs::write(&paths[0], fs::read_to_string(&paths[0]).unwrap().replace("pass", "fail")).unwrap();
    let (status, out, _) = run(state.path(), "en", &["show", file]);
    assert_eq!(status, 1);
    assert!(!out.contains("dm-crypt"), "{out}");
    let (status, _, err) = run(state.path(), "ja", &["show", "/nonexistent"]);
    assert_eq!((status, err.contains("存在しません")), (3, true), "{err}");
}

#[test]
fn ssh_keygen_accepts_a_receipt_and_refuses_a_changed_one() {
    let (state, key, paths) = machine();
    let signers = state.path().join("allowed_signers");
    fs::write(&signers, format!("{}\n", sshsig::allowed_signer(&key.verify_key(), "pc-1"))).unwrap();
    let check = |receipt: &Path| {
        Command::new("ssh-keygen")
            .args(["-Y", "verify", "-n", "hanare-receipt", "-I", "pc-1", "-f"])
            .arg(&signers)
            .arg("-s")
            .arg(signature_path(&paths[0]))
            .stdin(fs::File::open(receipt).unwrap())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .expect("ssh-keygen is installed (openssh-client)")
            .success()
    };
    assert!(check(&paths[0]));
    assert!(!check(&paths[1]), "another receipt under the first one's signature");
    // What it is fed is hashed whole: a bit of every byte. The command is asked for every bit.
    let bytes = fs::read(&paths[0]).unwrap();
    let changed = state.path().join("changed");
    for at in 0..bytes.len() {
        let mut other = bytes.clone();
        other[at] ^= 1 << (at % 8);
        fs::write(&changed, other).unwrap();
        assert!(!check(&changed), "byte {at}");
    }
}
