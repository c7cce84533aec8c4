//! Requests as text becoming requests as types. Knows nothing of sockets or devices.

use std::net::{SocketAddr, SocketAddrV6};

use hanare_model::{PresharedKey, PrivateKey, PublicKey};
use ipnet::IpNet;

/// Why a request is refused, as the number that the client gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// A value that is not what its key wants, or an unknown key.
    #[error("invalid argument")]
    Invalid,
    /// Not a request of this protocol at all.
    #[error("protocol error")]
    Protocol,
}

impl ParseError {
    /// The positive `errno`.
    #[must_use]
    pub const fn errno(self) -> i32 {
        match self {
            Self::Invalid => libc_errno::EINVAL,
            Self::Protocol => libc_errno::EPROTO,
        }
    }
}

mod libc_errno {
    use rustix::io::Errno;
    pub(super) const EINVAL: i32 = Errno::INVAL.raw_os_error();
    pub(super) const EPROTO: i32 = Errno::PROTO.raw_os_error();
}

/// A request.
#[derive(Debug)]
pub enum Request {
    /// `get=1`: everything.
    Get,
    /// `set=1`: changes.
    Set(Set),
}

/// Changes of a device. Keys that were not mentioned are `None`.
#[derive(Debug, Default)]
pub struct Set {
    /// The new key; `Some(None)` takes the key away.
    pub private_key: Option<Option<PrivateKey>>,
    /// The new port; 0 for any.
    pub listen_port: Option<u16>,
    /// The new mark; 0 for none.
    pub fwmark: Option<u32>,
    /// Whether all peers that are not mentioned go.
    pub replace_peers: bool,
    /// Changes of peers, in order.
    pub peers: Vec<PeerChange>,
}

/// Changes of a peer.
#[derive(Debug)]
pub struct PeerChange {
    /// Whose.
    pub public_key: PublicKey,
    /// It goes.
    pub remove: bool,
    /// Nothing happens if it is not there.
    pub update_only: bool,
    /// The new key; `Some(None)` takes the key away.
    pub preshared_key: Option<Option<PresharedKey>>,
    /// Where it is.
    pub endpoint: Option<SocketAddr>,
    /// Seconds; `Some(None)` for no keepalives.
    pub keepalive: Option<Option<u16>>,
    /// Whether the prefixes that it has go first.
    pub replace_allowed_ips: bool,
    /// Prefixes, in order.
    pub allowed_ips: Vec<AllowedIp>,
}

/// A prefix that comes or goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AllowedIp {
    /// Comes, away from whoever has it.
    Add(IpNet),
    /// Goes, if this peer has it; written with `-` in front.
    Remove(IpNet),
}

impl PeerChange {
    /// No change yet.
    #[must_use]
    pub const fn new(public_key: PublicKey) -> Self {
        Self {
            public_key,
            remove: false,
            update_only: false,
            preshared_key: None,
            endpoint: None,
            keepalive: None,
            replace_allowed_ips: false,
            allowed_ips: Vec::new(),
        }
    }
}

/// An interface's number by its name, as the machine has it.
pub type Scope<'a> = &'a dyn Fn(&str) -> Option<u32>;

/// Reads one request, with or without the empty line that ends it. `scope` is asked where a link-local endpoint names its
/// interface, as wg(8) writes it.
///
/// # Errors
/// [`ParseError`]; nothing of the request is to be carried out then.
pub fn parse(text: &str, scope: Scope<'_>) -> Result<Request, ParseError> {
    let mut lines = text.strip_suffix("\n\n").unwrap_or(text).lines();
    match lines.next() {
        Some("get=1") => lines.next().map_or(Ok(Request::Get), |_| Err(ParseError::Protocol)),
        Some("set=1") => {
            let mut set = Set::default();
            lines.try_for_each(|line| set.line(line, scope))?;
            Ok(Request::Set(set))
        }
        _ => Err(ParseError::Protocol),
    }
}

impl Set {
    fn line(&mut self, line: &str, scope: Scope<'_>) -> Result<(), ParseError> {
        let (key, value) = line.split_once('=').ok_or(ParseError::Protocol)?;
        if key == "public_key" {
            let public_key = PublicKey::from_hex(value).map_err(|_| ParseError::Invalid)?;
            self.peers.push(PeerChange::new(public_key));
            return Ok(());
        }
        match self.peers.last_mut() {
            Some(peer) => peer.line(key, value, scope),
            None => self.device_line(key, value),
        }
    }

    fn device_line(&mut self, key: &str, value: &str) -> Result<(), ParseError> {
        match key {
            "private_key" => {
                let private = PrivateKey::from_hex(value).map_err(|_| ParseError::Invalid)?;
                self.private_key = Some((*private.expose() != [0; 32]).then_some(private));
            }
            "listen_port" => self.listen_port = Some(number(value)?),
            "fwmark" => self.fwmark = Some(number(value)?),
            "replace_peers" => self.replace_peers = yes(value)?,
            _ => return Err(ParseError::Invalid),
        }
        Ok(())
    }
}

impl PeerChange {
    fn line(&mut self, key: &str, value: &str, scope: Scope<'_>) -> Result<(), ParseError> {
        match key {
            "remove" => self.remove = yes(value)?,
            "update_only" => self.update_only = yes(value)?,
            "preshared_key" => {
                let preshared = PresharedKey::from_hex(value).map_err(|_| ParseError::Invalid)?;
                let zero = PresharedKey::from_bytes([0; 32]);
                self.preshared_key = Some((preshared != zero).then_some(preshared));
            }
            "endpoint" => self.endpoint = Some(endpoint(value, scope).ok_or(ParseError::Invalid)?),
            "persistent_keepalive_interval" => {
                let seconds: u16 = number(value)?;
                self.keepalive = Some((seconds != 0).then_some(seconds));
            }
            "replace_allowed_ips" => self.replace_allowed_ips = yes(value)?,
            "allowed_ip" => self.allowed_ips.push(allowed_ip(value)?),
            "protocol_version" if value == "1" => {}
            _ => return Err(ParseError::Invalid),
        }
        Ok(())
    }
}

/// `ADDRESS:PORT`; behind the `%` of an IPv6 address there may be a number or a name.
fn endpoint(value: &str, scope: Scope<'_>) -> Option<SocketAddr> {
    if let Ok(endpoint) = value.parse() {
        return Some(endpoint);
    }
    let (address, rest) = value.strip_prefix('[')?.split_once('%')?;
    let (name, port) = rest.rsplit_once("]:")?;
    Some(SocketAddrV6::new(address.parse().ok()?, number(port).ok()?, 0, scope(name)?).into())
}

fn allowed_ip(value: &str) -> Result<AllowedIp, ParseError> {
    let (text, is_removal) = value.strip_prefix('-').map_or((value, false), |rest| (rest, true));
    let prefix: IpNet = match text.parse() {
        Ok(prefix) => prefix,
        Err(_) => IpNet::from(text.parse::<std::net::IpAddr>().map_err(|_| ParseError::Invalid)?),
    };
    let prefix = prefix.trunc();
    Ok(if is_removal { AllowedIp::Remove(prefix) } else { AllowedIp::Add(prefix) })
}

fn number<N: std::str::FromStr>(value: &str) -> Result<N, ParseError> {
    // `FromStr` takes a sign, the protocol does not.
    let is_digits = value.bytes().all(|byte| byte.is_ascii_digit());
    value.parse().ok().filter(|_| is_digits).ok_or(ParseError::Invalid)
}

fn yes(value: &str) -> Result<bool, ParseError> {
    if value == "true" { Ok(true) } else { Err(ParseError::Invalid) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KEY: &str = "b85996fecc9c7f1fc6d2572a76eda11d59bcd20be8e543b15ce4bd85a8e75a33";

    fn scope(name: &str) -> Option<u32> {
        (name == "eth0").then_some(2)
    }

    fn set(text: &str) -> Set {
        match parse(text, &scope) {
            Ok(Request::Set(set)) => set,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_example_of_the_protocol_page_is_understood() {
        let text = format!(
            "set=1\nprivate_key={KEY}\nfwmark=0\nlisten_port=12912\nreplace_peers=true\npublic_key={KEY}\n\
             preshared_key={KEY}\nreplace_allowed_ips=true\nallowed_ip=192.168.4.4/32\nendpoint=[abcd:23::33%2]:51820\n\
             public_key={KEY}\ntx_bytes=1\n\n"
        );
        assert_eq!(parse(&text, &scope).unwrap_err(), ParseError::Invalid, "figures cannot be set");
        let set = set(text.strip_suffix("tx_bytes=1\n\n").unwrap());
        assert_eq!((set.listen_port, set.fwmark, set.replace_peers), (Some(12912), Some(0), true));
        assert_eq!(set.peers.len(), 2);
        let peer = &set.peers[0];
        assert_eq!(peer.endpoint.unwrap().to_string(), "[abcd:23::33%2]:51820");
        assert!(peer.replace_allowed_ips && peer.preshared_key.as_ref().unwrap().is_some());
    }

    #[test]
    fn a_link_local_endpoint_may_name_its_interface() {
        let endpoint = |value: &str| parse(&format!("set=1\npublic_key={KEY}\nendpoint={value}\n\n"), &scope);
        let Ok(Request::Set(set)) = endpoint("[fe80::1%eth0]:51820") else { panic!("refused") };
        assert_eq!(set.peers[0].endpoint.unwrap().to_string(), "[fe80::1%2]:51820");
        for wrong in [
            "[fe80::1%eth1]:51820",
            "[fe80::1%eth0]:+1",
            "[fe80::1%]:1",
            "fe80::1%eth0:1",
            "[1.2.3.4%eth0]:1",
        ] {
            assert_eq!(endpoint(wrong).unwrap_err(), ParseError::Invalid, "{wrong}");
        }
    }

    #[test]
    fn zero_takes_away() {
        let zero = "0".repeat(64);
        let set = set(&format!(
            "set=1\nprivate_key={zero}\npublic_key={KEY}\npreshared_key={zero}\npersistent_keepalive_interval=0\n"
        ));
        assert!(matches!(set.private_key, Some(None)));
        assert!(matches!(set.peers[0].preshared_key, Some(None)));
        assert_eq!(set.peers[0].keepalive, Some(None));
    }

    #[test]
    fn a_prefix_comes_and_goes_without_its_host_bits() {
        let set = set(&format!(
            "set=1\npublic_key={KEY}\nallowed_ip=10.1.2.3/8\nallowed_ip=-fd00::1/64\nallowed_ip=10.0.0.9\n"
        ));
        assert_eq!(
            set.peers[0].allowed_ips,
            [
                AllowedIp::Add("10.0.0.0/8".parse().unwrap()),
                AllowedIp::Remove("fd00::/64".parse().unwrap()),
                AllowedIp::Add("10.0.0.9/32".parse().unwrap()),
            ]
        );
    }

    #[test]
    fn what_is_not_the_protocol_is_refused() {
        for text in ["", "get=2\n\n", "hello", "get=1\nx=1\n\n", "set=1\nlisten_port"] {
            assert_eq!(parse(text, &scope).unwrap_err(), ParseError::Protocol, "{text}");
        }
        for line in [
            "listen_port=70000",
            "listen_port=+1",
            "listen_port=",
            "fwmark=x",
            "private_key=00",
            "remove=true",
            "replace_peers=false",
            "public_key=zz",
        ] {
            assert_eq!(
                parse(&format!("set=1\n{line}\n\n"), &scope).unwrap_err(),
                ParseError::Invalid,
                "{line}"
            );
        }
        for line in [
            "endpoint=hq:1",
            "endpoint=1.2.3.4",
            "allowed_ip=1.2.3.4/33",
            "allowed_ip=",
            "protocol_version=2",
            "private_key=00",
        ] {
            let text = format!("set=1\npublic_key={KEY}\n{line}\n\n");
            assert_eq!(parse(&text, &scope).unwrap_err(), ParseError::Invalid, "{line}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(set=1\n)?([a-z_]{0,12}=[-0-9a-f./:]{0,20}\n){0,8}\n?") {
            let _ = parse(&text, &scope);
        }
    }
}
