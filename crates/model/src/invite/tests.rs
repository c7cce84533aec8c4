//! Invites survive keyboards and do not survive typos.

use proptest::prelude::*;

use super::*;

fn sample() -> Invite {
    Invite {
        id: InviteId::from_bytes([1, 2, 3, 4, 5, 6, 7, 8]),
        secret: InviteSecret::from_bytes([0xa5; 16]),
        pin: SpkiPin::from_bytes([0x3c; 32]),
        api: vec!["hq.example.jp:51821".parse().unwrap(), "[2001:db8::1]:51821".parse().unwrap()],
        expires_at: Timestamp::from_seconds(1_795_230_245),
        kind: NodeKind::Endpoint,
        name: Some("pc-1".parse().unwrap()),
        wants_code: false,
    }
}

fn endpoints() -> impl Strategy<Value = Vec<Endpoint>> {
    let v4 = any::<([u8; 4], u16)>().prop_map(|(ip, port)| Endpoint::from_address(ip.into(), port.max(1)));
    let v6 = any::<([u8; 16], u16)>().prop_map(|(ip, port)| Endpoint::from_address(ip.into(), port.max(1)));
    let name = ("[a-z]([a-z0-9-]{0,20}[a-z0-9])?(\\.jp)?", any::<u16>())
        .prop_map(|(host, port)| format!("{host}:{}", port.max(1)).parse().unwrap());
    prop::collection::vec(prop_oneof![v4, v6, name], 1..=MAX_ENDPOINTS)
}

fn invites() -> impl Strategy<Value = Invite> {
    (
        any::<([u8; 8], [u8; 16], [u8; 32], u32, bool, bool)>(),
        endpoints(),
        prop::option::of("[a-z][a-z0-9]{0,47}"),
    )
        .prop_map(|((id, secret, pin, expires, gateway, wants_code), api, name)| Invite {
            id: InviteId::from_bytes(id),
            secret: InviteSecret::from_bytes(secret),
            pin: SpkiPin::from_bytes(pin),
            api,
            expires_at: Timestamp::from_seconds(i64::from(expires)),
            kind: if gateway { NodeKind::Gateway } else { NodeKind::Endpoint },
            name: name.map(|name| name.parse().unwrap()),
            wants_code,
        })
}

proptest! {
    #[test]
    fn it_reads_what_it_writes(invite in invites()) {
        prop_assert_eq!(&Invite::parse(&invite.to_line().unwrap()).unwrap(), &invite);
        prop_assert_eq!(&Invite::parse(&invite.to_qr().unwrap()).unwrap(), &invite);
    }

    #[test]
    fn one_wrong_symbol_is_damage(invite in invites(), position in any::<prop::sample::Index>(), other in 0usize..32) {
        let mut line: Vec<u8> = invite.to_line().unwrap().into_bytes();
        let at = PREFIX.len() + position.index(line.len() - PREFIX.len());
        let other = b"0123456789abcdefghjkmnpqrstvwxyz"[other];
        prop_assume!(line[at] != b'-' && line[at] != other);
        line[at] = other;
        prop_assert_eq!(Invite::parse(std::str::from_utf8(&line).unwrap()), Err(InviteError::Damaged));
    }

    #[test]
    fn a_missing_part_is_damage(invite in invites(), keep in any::<prop::sample::Index>()) {
        let line = invite.to_qr().unwrap();
        let keep = PREFIX.len() + keep.index(line.len() - PREFIX.len());
        let error = if keep == PREFIX.len() { [InviteError::Damaged, InviteError::Empty] } else { [InviteError::Damaged; 2] };
        prop_assert!(error.contains(&Invite::parse(&line[..keep]).unwrap_err()));
    }

    #[test]
    fn any_text_gets_an_answer(text in ".{0,300}") {
        let _ = Invite::parse(&text);
    }

    #[test]
    fn any_body_with_a_good_checksum_gets_an_answer(mut body in prop::collection::vec(any::<u8>(), 0..200), known in any::<bool>()) {
        if let (true, Some(version)) = (known, body.first_mut()) {
            *version = VERSION;
        }
        if let Ok(invite) = bytes::decode(&with_checksum(body)) {
            prop_assert_eq!(Invite::parse(&invite.to_line().unwrap()).unwrap(), invite);
        }
    }
}

fn with_checksum(mut body: Vec<u8>) -> Vec<u8> {
    let message = [b"hanare-invite".as_slice(), &body].concat();
    body.extend_from_slice(&ring::digest::digest(&ring::digest::SHA256, &message).as_ref()[..4]);
    body
}

#[test]
fn the_layout_is_stable() {
    let line = sample().to_line().unwrap();
    let (first, second) = line.split_at(100);
    assert_eq!(
        first,
        "hanare1:0406p-08a4m-0g40r-40m30-e255m-pjtb9-d5mpj-tb9d5-mpjtb-9d57g-y3rf1-w7gy3-rf1w7-gy3rf-1w7gy-3r"
    );
    assert_eq!(
        second,
        "f1w-7gy3r-f1w7g-y3rf1-w7gy0-53b8e-4q6ay-31dnr-6rs9e-d9rcm-v8g40-0gve0-00000-00000-00000-00075-6t13g-ccpk2-ev4zm-r0"
    );
}

#[test]
fn it_takes_what_a_japanese_keyboard_makes_of_it() {
    let invite = sample();
    let line = invite.to_line().unwrap();
    let body = line.strip_prefix(PREFIX).unwrap();
    let wide: String = line
        .chars()
        .map(|c| if c == '-' { 'ー' } else { char::from_u32(u32::from(c) + 0xfee0).unwrap() })
        .collect();
    let confused =
        line.to_ascii_uppercase().replace('0', "O").replace('1', "l").replace("HANAREl", "HANARE1");
    for typed in [
        body.to_owned(),
        body.to_ascii_uppercase(),
        body.replace('-', ""),
        body.replace('-', "　"),
        format!("  hanare1 :\r\n{body}\n"),
        format!("Hanare1'{body}"),
        format!("hanare1＋{body}"),
        format!("hanare1{body}"),
        confused,
        wide,
    ] {
        assert_eq!(Invite::parse(&typed).as_ref(), Ok(&invite), "{typed}");
    }
}

#[test]
fn a_newer_invite_says_so() {
    let newer = text::encode(&with_checksum(vec![2, 9, 9, 9]));
    assert_eq!(Invite::parse(&newer), Err(InviteError::Newer(2)));
    assert_eq!(Invite::parse("hanare2:whatever"), Err(InviteError::Newer(2)));
}

#[test]
fn nothing_is_not_damage() {
    assert_eq!(Invite::parse(" \n"), Err(InviteError::Empty));
    assert_eq!(Invite::parse("hello"), Err(InviteError::Damaged));
    assert_eq!(Invite::parse("hanare"), Err(InviteError::Damaged));
}

#[test]
fn a_forgery_with_a_good_checksum_is_not_called_damaged() {
    let mut body = vec![VERSION, 0b1000];
    body.extend_from_slice(&[0; 61]);
    assert!(matches!(bytes::decode(&with_checksum(body)), Err(InviteError::Content(_))));
}

#[test]
fn what_cannot_be_an_invite_is_not_written() {
    for spoil in [
        (|invite: &mut Invite| invite.api.clear()) as fn(&mut Invite),
        |invite| invite.api = vec!["hq:1".parse().unwrap(); MAX_ENDPOINTS + 1],
        |invite| invite.kind = NodeKind::External,
        |invite| invite.expires_at = Timestamp::from_seconds(-1),
    ] {
        let mut invite = sample();
        spoil(&mut invite);
        assert!(matches!(invite.to_line(), Err(InviteError::Content(_))));
    }
}

#[test]
fn its_debug_output_holds_no_secret() {
    let shown = format!("{:?}", sample());
    assert!(shown.contains("InviteSecret(…)") && !shown.contains("165"), "{shown}");
    assert!(!shown.contains(&*sample().secret.expose_base64()));
}

#[test]
fn the_id_is_text_that_reads_back() {
    let id = InviteId::from_bytes([0xff; 8]);
    assert_eq!(id.to_string().len(), 13);
    assert_eq!(id.to_string().parse(), Ok(id));
}

#[test]
fn a_secret_is_known_by_its_fingerprint() {
    let secret = InviteSecret::from_bytes([1; 16]);
    assert!(secret.matches(&secret.fingerprint()));
    assert!(!secret.matches(&InviteSecret::from_bytes([2; 16]).fingerprint()));
    assert_eq!(InviteSecret::from_base64(&secret.expose_base64()).unwrap(), secret);
}
