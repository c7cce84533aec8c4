//! An export is accepted as it was written, by us and by `ssh-keygen`, and refused with any byte changed.
#![expect(clippy::unwrap_used, reason = "a test says what went wrong by stopping there")]

use std::io::Write as _;
use std::process::{Command, Stdio};

use hanare_ledger::{Chain, Entry, Export, ExportVerifier, Fault, Gap, NAMESPACE, Verdict, sshsig, verify};
use hanare_model::{SigningKey, Timestamp, VerifyKey};
use serde_json::json;

fn key() -> SigningKey {
    SigningKey::from_seed([9; 32])
}

fn lines(count: i64) -> (Chain, Vec<String>) {
    let mut chain = Chain::default();
    let lines = (0..count)
        .map(|n| {
            let entry = Entry {
                at: Timestamp::from_seconds(1_795_000_000 + n),
                actor: "uid 0".to_owned(),
                kind: "room.added".to_owned(),
                subject: format!("kofu/{n}"),
                data: json!({"prefix": "10.88.1.0/24", "name": "甲府", "n": n, "b": {"z": [1, 2], "a": null}}),
            };
            chain.append(entry, &key()).unwrap().line
        })
        .collect();
    (chain, lines)
}

fn export(count: i64) -> (Vec<u8>, String) {
    let (chain, lines) = lines(count);
    let at = Timestamp::from_seconds(1_795_230_245);
    let (mut export, mut text) = Export::start(key().verify_key(), chain.head(), at).unwrap();
    for line in &lines {
        export.record(line);
        text.push_str(line);
        text.push('\n');
    }
    (text.into_bytes(), export.finish(&key()))
}

fn judge(text: &[u8], signature: Option<&str>, key: Option<VerifyKey>) -> Verdict {
    let mut verifier = ExportVerifier::new(key);
    text.split_inclusive(|byte| *byte == b'\n').for_each(|line| verifier.feed(line));
    verifier.finish(signature)
}

#[test]
fn a_chain_holds_until_a_record_is_removed_swapped_or_signed_by_somebody_else() {
    let (chain, lines) = lines(5);
    let all: Vec<&str> = lines.iter().map(String::as_str).collect();
    let trusted = key().verify_key();
    assert_eq!(verify(all.clone(), &trusted), Verdict::Valid { head: chain.head() });
    let fault = |lines: &[&str], key: &VerifyKey| match verify(lines.iter().copied(), key) {
        Verdict::Broken(broken) => (broken.line, broken.fault),
        other @ (Verdict::Valid { .. } | Verdict::Incomplete { .. }) => panic!("{other:?}"),
    };
    assert_eq!(fault(&[all[0], all[2]], &trusted), (2, Fault::Sequence));
    assert_eq!(fault(&[all[1]], &trusted), (1, Fault::Sequence));
    assert_eq!(fault(&[all[0], &all[1].replace("kofu/1", "kofu/9")], &trusted), (2, Fault::Signature));
    assert_eq!(fault(&all, &SigningKey::from_seed([8; 32]).verify_key()), (1, Fault::Signature));
}

#[test]
fn without_a_key_from_elsewhere_or_without_its_signature_an_export_is_never_called_valid() {
    let (text, signature) = export(3);
    let trusted = Some(key().verify_key());
    assert!(matches!(judge(&text, Some(&signature), trusted), Verdict::Valid { .. }));
    assert!(matches!(
        judge(&text, Some(&signature), None),
        Verdict::Incomplete { gap: Gap::KeyFromElsewhere, .. }
    ));
    assert!(matches!(judge(&text, None, trusted), Verdict::Incomplete { gap: Gap::Signature, .. }));
    let stranger = Some(SigningKey::from_seed([8; 32]).verify_key());
    assert!(matches!(judge(&text, Some(&signature), stranger), Verdict::Broken(_)));
}

#[test]
fn an_empty_ledger_exports_and_an_empty_file_does_not_verify() {
    let (text, signature) = export(0);
    assert!(matches!(judge(&text, Some(&signature), Some(key().verify_key())), Verdict::Valid { .. }));
    assert!(matches!(judge(b"", Some(&signature), None), Verdict::Broken(_)));
}

#[test]
fn every_change_of_one_byte_and_every_truncation_is_refused() {
    let (text, signature) = export(2);
    let trusted = Some(key().verify_key());
    for index in 0..text.len() {
        for flip in [0x01u8, 0x20, 0x80] {
            let mut changed = text.clone();
            changed[index] ^= flip;
            let verdict = judge(&changed, Some(&signature), trusted);
            assert!(matches!(verdict, Verdict::Broken(_)), "byte {index} ^ {flip:#x}: {verdict:?}");
        }
        let mut longer = text.clone();
        longer.insert(index, b' ');
        assert!(matches!(judge(&longer, Some(&signature), trusted), Verdict::Broken(_)), "blank at {index}");
        assert!(
            matches!(judge(&text[..index], Some(&signature), trusted), Verdict::Broken(_)),
            "cut at {index}"
        );
    }
}

#[test]
fn ssh_keygen_accepts_the_signature_and_refuses_a_changed_export() {
    let (text, signature) = export(4);
    let dir = tempfile::tempdir().unwrap();
    let (signers, sig) = (dir.path().join("allowed_signers"), dir.path().join("ledger.jsonl.sig"));
    std::fs::write(&signers, sshsig::allowed_signer(&key().verify_key(), "hq") + "\n").unwrap();
    std::fs::write(&sig, &signature).unwrap();
    let accepts = |message: &[u8]| {
        let mut child = Command::new("ssh-keygen")
            .args(["-Y", "verify", "-I", "hq", "-n", NAMESPACE.as_str(), "-f"])
            .arg(&signers)
            .arg("-s")
            .arg(&sig)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("ssh-keygen (Debian: openssh-client) is needed for this test");
        child.stdin.take().unwrap().write_all(message).unwrap();
        child.wait().unwrap().success()
    };
    assert!(accepts(&text));
    let mut changed = text;
    *changed.last_mut().unwrap() = b' ';
    assert!(!accepts(&changed));
}
