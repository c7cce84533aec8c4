//! The invite parser: any text is an invite or an error, never a panic; and an invite that is accepted says the same when
//! it is written and read again.
#![no_main]

use hanare_model::invite::Invite;
use libfuzzer_sys::fuzz_target;
use ring::digest::{SHA256, digest};

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Crockford's base32.
fn base32(bytes: &[u8]) -> String {
    let bit = |at: usize| bytes.get(at / 8).map_or(0, |byte| usize::from(byte >> (7 - at % 8) & 1));
    (0..(bytes.len() * 8).div_ceil(5))
        .map(|group| (0..5).fold(0, |value, at| value << 1 | bit(group * 5 + at)))
        .map(|value| char::from(ALPHABET[value]))
        .collect()
}

fn check(text: &str) {
    let Ok(invite) = Invite::parse(text) else { return };
    // An invite read from bytes can always be written; if not, the reader takes what the writer never makes.
    let line = invite.to_line().expect("an accepted invite can be written");
    assert_eq!(Invite::parse(&line).as_ref(), Ok(&invite));
    assert_eq!(Invite::parse(&invite.to_qr().expect("an accepted invite can be written")), Ok(invite));
}

fuzz_target!(|data: &[u8]| {
    check(&String::from_utf8_lossy(data));
    // With a good checksum behind it, so that the fuzzer reaches what is inside; once more with the version put right.
    let mut body = data.to_vec();
    for version in [None, Some(1)] {
        if let (Some(version), Some(first)) = (version, body.first_mut()) {
            *first = version;
        }
        let message = [b"hanare-invite".as_slice(), &body].concat();
        let whole = [body.as_slice(), &digest(&SHA256, &message).as_ref()[..4]].concat();
        check(&format!("hanare1:{}", base32(&whole)));
    }
});
