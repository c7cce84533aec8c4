//! The compact binary inside an invite; the layout is in the documentation of [`super`].

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ring::digest::{SHA256, digest};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::{Invite, InviteError, InviteId, InviteSecret, MAX_ENDPOINTS, SpkiPin, VERSION};
use crate::id::NodeName;
use crate::lease::NodeKind;
use crate::peer::Endpoint;
use crate::time::Timestamp;

const CHECKSUM_LEN: usize = 4;
const KIND_MASK: u8 = 0b11;
const WANTS_CODE: u8 = 0b100;
const IS_NAME: u8 = 0x80;

pub(super) fn encode(invite: &Invite) -> Result<Zeroizing<Vec<u8>>, InviteError> {
    let kind = match invite.kind {
        NodeKind::Endpoint => 0,
        NodeKind::Gateway => 1,
        NodeKind::External => return Err(InviteError::Content("an external node is not invited")),
    };
    let flags = kind | if invite.wants_code { WANTS_CODE } else { 0 };
    let expires = u32::try_from(invite.expires_at.seconds())
        .map_err(|_| InviteError::Content("its expiry is not between 1970 and 2106"))?;
    let count = u8::try_from(invite.api.len()).ok().filter(|count| within_limit(*count));
    let count = count.ok_or(InviteError::Content("it wants one to four API endpoints"))?;

    let mut out = Zeroizing::new(Vec::with_capacity(128));
    out.extend_from_slice(&[VERSION, flags]);
    out.extend_from_slice(&expires.to_be_bytes());
    out.extend_from_slice(invite.id.as_bytes());
    out.extend_from_slice(invite.secret.expose());
    out.extend_from_slice(invite.pin.as_bytes());
    out.push(count);
    for endpoint in &invite.api {
        encode_endpoint(endpoint, &mut out)?;
    }
    let name = invite.name.as_ref().map_or("", NodeName::as_str);
    out.push(u8::try_from(name.len()).map_err(|_| InviteError::Content("its node name is too long"))?);
    out.extend_from_slice(name.as_bytes());
    let sum = checksum(&out);
    out.extend_from_slice(&sum);
    Ok(out)
}

fn encode_endpoint(endpoint: &Endpoint, out: &mut Vec<u8>) -> Result<(), InviteError> {
    match endpoint.address().map(|address| address.ip()) {
        Some(IpAddr::V4(ip)) => {
            out.push(4);
            out.extend_from_slice(&ip.octets());
        }
        Some(IpAddr::V6(ip)) => {
            out.push(16);
            out.extend_from_slice(&ip.octets());
        }
        None => {
            let host = endpoint.host().as_bytes();
            let length = u8::try_from(host.len()).ok().filter(|length| *length < IS_NAME);
            out.push(
                IS_NAME | length.ok_or(InviteError::Content("a host name is longer than 127 characters"))?,
            );
            out.extend_from_slice(host);
        }
    }
    out.extend_from_slice(&endpoint.port().to_be_bytes());
    Ok(())
}

pub(super) fn decode(bytes: &[u8]) -> Result<Invite, InviteError> {
    let (body, sum) = bytes.split_last_chunk::<CHECKSUM_LEN>().ok_or(InviteError::Damaged)?;
    if !bool::from(checksum(body).ct_eq(sum)) {
        return Err(InviteError::Damaged);
    }
    let mut reader = Reader(body);
    match reader.byte()? {
        VERSION => {}
        0 => return Err(InviteError::Content("its version is 0")),
        newer => return Err(InviteError::Newer(newer)),
    }
    let flags = reader.byte()?;
    let kind = match flags & KIND_MASK {
        0 => NodeKind::Endpoint,
        1 => NodeKind::Gateway,
        _ => return Err(InviteError::Content("its kind is unknown")),
    };
    if flags & !(KIND_MASK | WANTS_CODE) != 0 {
        return Err(InviteError::Content("its flags are unknown"));
    }
    let expires_at = Timestamp::from_seconds(i64::from(u32::from_be_bytes(reader.array()?)));
    let id = InviteId::from_bytes(reader.array()?);
    let secret = InviteSecret::from_bytes(reader.array()?);
    let pin = SpkiPin::from_bytes(reader.array()?);
    let count = reader.byte()?;
    if !within_limit(count) {
        return Err(InviteError::Content("it wants one to four API endpoints"));
    }
    let api = (0..count).map(|_| decode_endpoint(&mut reader)).collect::<Result<_, _>>()?;
    let length = usize::from(reader.byte()?);
    let name = match reader.text(length)? {
        "" => None,
        name => Some(name.parse().map_err(|_| InviteError::Content("its node name is not a name"))?),
    };
    if !reader.0.is_empty() {
        return Err(InviteError::Content("something follows its end"));
    }
    Ok(Invite { id, secret, pin, api, expires_at, kind, name, wants_code: flags & WANTS_CODE != 0 })
}

fn decode_endpoint(reader: &mut Reader<'_>) -> Result<Endpoint, InviteError> {
    let wrong = InviteError::Content("an API endpoint is not one");
    let host = match reader.byte()? {
        4 => Host::Address(Ipv4Addr::from(reader.array::<4>()?).into()),
        16 => Host::Address(Ipv6Addr::from(reader.array::<16>()?).into()),
        length if length & IS_NAME != 0 => Host::Name(reader.text(usize::from(length & !IS_NAME))?),
        _ => return Err(wrong),
    };
    let port = u16::from_be_bytes(reader.array()?);
    match host {
        _ if port == 0 => Err(wrong),
        Host::Address(ip) => Ok(Endpoint::from_address(ip, port)),
        // One reading only: what could be an address is not written as a name.
        Host::Name(name) if name.parse::<IpAddr>().is_ok() => Err(wrong),
        Host::Name(name) => format!("{name}:{port}").parse().map_err(|_| wrong),
    }
}

enum Host<'a> {
    Address(IpAddr),
    Name(&'a str),
}

fn within_limit(count: u8) -> bool {
    (1..=MAX_ENDPOINTS).contains(&usize::from(count))
}

fn checksum(body: &[u8]) -> [u8; CHECKSUM_LEN] {
    let message = Zeroizing::new([b"hanare-invite".as_slice(), body].concat());
    digest(&SHA256, &message).as_ref().first_chunk().copied().unwrap_or_default()
}

/// Takes from the front; running out behind a good checksum is wrong content, not damage.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], InviteError> {
        let (head, rest) = self.0.split_first_chunk::<N>().ok_or(InviteError::Content("it ends early"))?;
        self.0 = rest;
        Ok(*head)
    }

    fn byte(&mut self) -> Result<u8, InviteError> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn text(&mut self, length: usize) -> Result<&'a str, InviteError> {
        let (head, rest) = self.0.split_at_checked(length).ok_or(InviteError::Content("it ends early"))?;
        self.0 = rest;
        std::str::from_utf8(head).map_err(|_| InviteError::Content("a name is not text"))
    }
}
