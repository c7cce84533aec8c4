use std::fs::File;
use std::io::{Read as _, Write as _};

use hanare_model::{SigningKey, Timestamp};
use proptest::prelude::*;
use zeroize::Zeroizing;

use super::*;
use crate::path::WorkPath;
use crate::protocol::{Class, VersionId};

const CANARY: &[u8] = b"CANARY of an afternoon";

fn secret() -> SealingSecret {
    SealingSecret::from_bytes(Zeroizing::new([3; SECRET_LEN]))
}

fn key(company: &str) -> CompanyKey {
    secret().company(&company.parse().unwrap()).unwrap()
}

fn signing(seed: u8) -> SigningKey {
    SigningKey::from_seed([seed; 32])
}

fn note() -> Note {
    Note {
        id: ItemId(VersionId::from_bytes([9; 16])),
        company: "acme".parse().unwrap(),
        node: "pc-1".parse().unwrap(),
        person: "hanako".parse().unwrap(),
        session: None,
        path: WorkPath::new("見積/第1版.xlsx".as_bytes()).unwrap(),
        parent: Some(VersionId::from_bytes([1; 16])),
        again: false,
        after: None,
        class: Class::Work,
        what: What::File { mode: 0o640, modified: Timestamp::from_seconds(7), torn: false },
        at: Timestamp::from_seconds(8),
    }
}

fn sealed(content: &[u8]) -> Vec<u8> {
    let sealing = Sealing { to: key("acme").public(), key: signing(1) };
    let mut out = Vec::new();
    let (size, digest) = write(&sealing, &note(), &mut &*content, &mut out).unwrap();
    assert_eq!((size, digest), (content.len() as u64, crate::Digest::of(content)));
    out
}

fn file(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}

fn read(bytes: &[u8], signer: &SigningKey, key: &CompanyKey) -> Result<(Note, Vec<u8>), Refused> {
    let mut file = file(bytes);
    verify(&mut file, &signer.verify_key())?;
    let (note, mut contents) = open(file, key)?;
    let mut content = Vec::new();
    contents.read_to_end(&mut content)?;
    Ok((note, content))
}

#[test]
fn what_was_sealed_comes_out_and_nothing_of_it_is_in_the_clear() {
    for content in [b"".as_slice(), CANARY, &CANARY.repeat(100_000)] {
        let item = sealed(content);
        let (told, came) = read(&item, &signing(1), &key("acme")).unwrap();
        assert_eq!((told, came.as_slice()), (note(), content));
        for clear in [CANARY, "第1版".as_bytes(), b"hanako", b"pc-1"] {
            assert!(!item.windows(clear.len()).any(|window| window == clear));
        }
    }
}

#[test]
fn another_signer_another_company_and_other_bytes_are_refused() {
    let item = sealed(CANARY);
    let refused =
        |bytes: &[u8], signer, company| read(bytes, &signing(signer), &key(company)).unwrap_err().code();
    assert_eq!(refused(&item, 2, "acme"), "node");
    assert_eq!(refused(&item, 1, "globex"), "key");
    assert_eq!(
        refused(b"nothing of the kind, and long enough to be looked at as if it were one", 1, "acme"),
        "not-sealed"
    );
    // Every byte counts, and every length.
    for at in 0..item.len() {
        let mut changed = item.clone();
        changed[at] ^= 1;
        let code = refused(&changed, 1, "acme");
        assert!(["signature", "not-sealed", "node"].contains(&code), "byte {at}: {code}");
    }
    for len in 0..item.len() {
        let code = refused(&item[..len], 1, "acme");
        assert!(["signature", "not-sealed"].contains(&code), "{len} bytes: {code}");
    }
    let longer = [item.as_slice(), b"x"].concat();
    assert_eq!(refused(&longer, 1, "acme"), "signature");
}

/// A node with its own key can sign anything: what is inside is judged, too.
#[test]
fn what_a_node_signs_and_is_no_item_is_refused() {
    let resign = |mut body: Vec<u8>| {
        body.truncate(body.len() - 64);
        let message = [head::CONTEXT, crate::Digest::of(&body).as_bytes()].concat();
        body.extend(signing(1).sign(&message));
        body
    };
    let item = sealed(CANARY);
    let end = item.len() - 64;
    for at in [end - 1, end - 40, end - 200] {
        let mut changed = item.clone();
        changed[at] ^= 1;
        let error = read(&resign(changed), &signing(1), &key("acme")).unwrap_err();
        assert!(["content", "io"].contains(&error.code()), "{error}");
    }
    let cut = [&item[..end - 30], &item[end..]].concat();
    assert!(read(&resign(cut), &signing(1), &key("acme")).is_err());
    // A head that says another name than the note.
    let text = |id: u8| hex::encode([id; 16]).into_bytes();
    let at = item.windows(32).position(|window| window == text(9)).unwrap();
    let mut renamed = item.clone();
    renamed[at..at + 32].copy_from_slice(&text(8));
    assert_eq!(read(&resign(renamed), &signing(1), &key("acme")).unwrap_err().code(), "content");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn any_bytes_are_an_item_or_not(bytes: Vec<u8>) {
        prop_assert!(peek(&mut bytes.as_slice()).is_err());
        let with_magic = [head::MAGIC.as_slice(), &bytes].concat();
        let _ = peek(&mut with_magic.as_slice());
        prop_assert!(verify(&mut file(&with_magic), &signing(1).verify_key()).is_err());
    }
}
