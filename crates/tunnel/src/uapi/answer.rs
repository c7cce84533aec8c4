//! The text that answers `get=1`, and the changes that `set=1` means for the peers that are there.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use hanare_model::{Peer, PrivateKey, PublicKey};
use zeroize::Zeroizing;

use super::parse::{AllowedIp, PeerChange};
use crate::plane::{PeerState, Snapshot};

/// Writes everything but the closing `errno` line.
pub(super) fn get(
    snapshot: &Snapshot,
    private_key: Option<&PrivateKey>,
    mark: u32,
    now: SystemTime,
) -> Zeroizing<String> {
    // Room for all of it: a string that grows leaves copies of the key behind.
    let prefixes: usize = snapshot.peers.iter().map(|state| state.peer.allowed_ips.len()).sum();
    let mut text = Zeroizing::new(String::with_capacity(512 + snapshot.peers.len() * 512 + prefixes * 64));
    // Writing to a string cannot fail.
    let _ = write(&mut text, snapshot, private_key, mark, now);
    text
}

fn write(
    text: &mut String,
    snapshot: &Snapshot,
    private_key: Option<&PrivateKey>,
    mark: u32,
    now: SystemTime,
) -> std::fmt::Result {
    if let Some(key) = private_key {
        writeln!(text, "private_key={}", *hex(key.expose()))?;
    }
    writeln!(text, "listen_port={}", snapshot.port)?;
    if mark != 0 {
        writeln!(text, "fwmark={mark}")?;
    }
    snapshot.peers.iter().try_for_each(|state| peer(text, state, now))
}

fn peer(text: &mut String, state: &PeerState, now: SystemTime) -> std::fmt::Result {
    let peer = &state.peer;
    writeln!(text, "public_key={}", peer.public_key.to_hex())?;
    if let Some(key) = &peer.preshared_key {
        writeln!(text, "preshared_key={}", *hex(key.expose()))?;
    }
    writeln!(text, "protocol_version=1")?;
    if let Some(endpoint) = peer.endpoint {
        writeln!(text, "endpoint={endpoint}")?;
    }
    let handshake = state
        .last_handshake
        .and_then(|ago| now.checked_sub(ago)?.duration_since(SystemTime::UNIX_EPOCH).ok())
        .unwrap_or(Duration::ZERO);
    writeln!(text, "last_handshake_time_sec={}", handshake.as_secs())?;
    writeln!(text, "last_handshake_time_nsec={}", handshake.subsec_nanos())?;
    writeln!(text, "tx_bytes={}\nrx_bytes={}", state.tx_bytes, state.rx_bytes)?;
    writeln!(text, "persistent_keepalive_interval={}", peer.keepalive.unwrap_or(0))?;
    peer.allowed_ips.iter().try_for_each(|prefix| writeln!(text, "allowed_ip={prefix}"))
}

fn hex(key: &[u8; 32]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(64));
    for byte in key {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// What happens to a peer.
#[derive(Debug)]
pub(super) enum Effect {
    Upsert(Peer),
    Remove(PublicKey),
    Nothing,
}

/// Applies a change to the peer as it is, if it is there.
pub(super) fn change(before: Option<&Peer>, change: PeerChange) -> Effect {
    if change.remove {
        return before.map_or(Effect::Nothing, |peer| Effect::Remove(peer.public_key));
    }
    let mut peer = match before {
        Some(peer) => peer.clone(),
        None if change.update_only => return Effect::Nothing,
        None => Peer {
            public_key: change.public_key,
            preshared_key: None,
            endpoint: None,
            allowed_ips: Vec::new(),
            keepalive: None,
            initiate: false,
        },
    };
    if let Some(key) = change.preshared_key {
        peer.preshared_key = key;
    }
    peer.endpoint = change.endpoint.or(peer.endpoint);
    if let Some(keepalive) = change.keepalive {
        peer.keepalive = keepalive;
    }
    if change.replace_allowed_ips {
        peer.allowed_ips.clear();
    }
    for prefix in change.allowed_ips {
        let (AllowedIp::Add(net) | AllowedIp::Remove(net)) = prefix;
        peer.allowed_ips.retain(|other| *other != net);
        if let AllowedIp::Add(net) = prefix {
            peer.allowed_ips.push(net);
        }
    }
    Effect::Upsert(peer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> PublicKey {
        PublicKey::from_bytes([byte; 32])
    }

    #[test]
    fn update_only_and_remove_do_nothing_to_a_peer_that_is_not_there() {
        let mut update = PeerChange::new(key(1));
        update.update_only = true;
        assert!(matches!(change(None, update), Effect::Nothing));
        let mut remove = PeerChange::new(key(1));
        remove.remove = true;
        assert!(matches!(change(None, remove), Effect::Nothing));
    }

    #[test]
    fn what_is_not_mentioned_stays() {
        let mut first = PeerChange::new(key(1));
        first.endpoint = "192.0.2.1:1".parse().ok();
        first.keepalive = Some(Some(25));
        first.allowed_ips = vec![AllowedIp::Add("10.0.0.0/8".parse().unwrap())];
        let Effect::Upsert(before) = change(None, first) else { panic!() };
        let mut second = PeerChange::new(key(1));
        second.allowed_ips = vec![
            AllowedIp::Add("fd00::/64".parse().unwrap()),
            AllowedIp::Remove("10.0.0.0/8".parse().unwrap()),
        ];
        let Effect::Upsert(after) = change(Some(&before), second) else { panic!() };
        assert_eq!((after.endpoint, after.keepalive), (before.endpoint, Some(25)));
        assert_eq!(after.allowed_ips, ["fd00::/64".parse().unwrap()]);
    }

    #[test]
    fn a_handshake_is_told_as_a_point_in_time() {
        let Effect::Upsert(peer) = change(None, PeerChange::new(key(7))) else {
            panic!("a new peer is made")
        };
        let state = PeerState {
            peer,
            last_handshake: Some(Duration::from_millis(1500)),
            last_received: None,
            connected: true,
            rx_bytes: 3,
            tx_bytes: 4,
            drops: crate::plane::Drops::default(),
        };
        let snapshot = Snapshot {
            public_key: key(1),
            port: 51820,
            mtu: 1360,
            peers: vec![state],
            drops: crate::plane::Drops::default(),
        };
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let text = get(&snapshot, None, 7, now);
        assert!(text.starts_with("listen_port=51820\nfwmark=7\npublic_key=07"), "{}", *text);
        assert!(text.contains("last_handshake_time_sec=999998\nlast_handshake_time_nsec=500000000\n"));
        assert!(text.ends_with("tx_bytes=4\nrx_bytes=3\npersistent_keepalive_interval=0\n"));
    }
}
