//! The address plan: overlay → room → node in both families, next free prefix, overlaps refused, no address reused too soon.
//!
//! An IPv4 room prefix is halved: nodes below, the gateway's LAN above. In IPv6 a room has a *slot*: subnet `2 × slot` for its
//! nodes and `2 × slot + 1` for its LAN, both /64. Headquarters has the first /24 and slot 0. A node has the same host number in
//! both families.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};

/// How long the address of a removed node, or the prefix of a removed room, is given to nobody else: as long as a lease
/// ([`crate::lease::LEASE_DURATION`]), so that whoever learned the address while it was in use has asked headquarters again.
pub const QUARANTINE: Duration = crate::lease::LEASE_DURATION;
/// Length of a room's IPv4 prefix unless an admin says otherwise (`INTERFACE`: rooms /24).
pub const ROOM_PREFIX_LEN: u8 = 24;
/// The longest room prefix: halves of four addresses, two of them for nodes.
pub const MAX_ROOM_PREFIX_LEN: u8 = 29;
/// Length of headquarters' own IPv4 prefix at the start of the overlay.
pub const HQ_PREFIX_LEN: u8 = 24;
/// The longest IPv4 overlay: headquarters' /24 and one room.
const MAX_OVERLAY4_LEN: u8 = 23;
/// IPv6 overlays from a /32 (a provider's) to a /60 (7 rooms); a /48 is usual (RFC 4193).
const OVERLAY6_LENGTHS: std::ops::RangeInclusive<u8> = 32..=60;
/// Slots are counted in 15 bits: two subnets each of the 65,536 of a /48.
const MAX_SLOTS: u32 = 1 << 15;

/// Why a prefix or an address cannot be planned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Another prefix is in the way.
    #[error("{prefix} overlaps {with}")]
    Overlap {
        /// What was asked for.
        prefix: IpNet,
        /// What is there.
        with: IpNet,
    },
    /// Not a prefix that this plan can use.
    #[error("{prefix} cannot be used: {reason}")]
    Unusable {
        /// What was asked for.
        prefix: IpNet,
        /// Why not.
        reason: Unfit,
    },
    /// Nothing is left.
    #[error("nothing is free in {0}")]
    Full(IpNet),
}

/// Why a prefix cannot be an overlay or a room's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unfit {
    /// Not a prefix but an address with a length.
    #[error("bits are set behind the prefix length")]
    HostBits,
    /// Too long or too short for an IPv4 overlay.
    #[error("an IPv4 overlay is a /8 to a /23")]
    Overlay4Length,
    /// Too long or too short for an IPv6 overlay.
    #[error("an IPv6 overlay is a /32 to a /60")]
    Overlay6Length,
    /// Loopback, link-local, multicast.
    #[error("these addresses are not for hosts")]
    NotForHosts,
    /// Neither unique local nor global.
    #[error("an IPv6 overlay is inside fc00::/7 or 2000::/3")]
    Overlay6Range,
    /// A room outside the overlay.
    #[error("it is not inside the overlay")]
    OutsideOverlay,
    /// A room without room.
    #[error("a room's prefix is a /29 or shorter")]
    RoomTooSmall,
}

/// Everything that lives inside the tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Overlay {
    v4: Ipv4Net,
    v6: Ipv6Net,
}

/// A room's place in the overlay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoomPlace {
    /// The IPv4 prefix.
    pub v4: Ipv4Net,
    /// The IPv6 slot, from 1.
    pub slot: u16,
}

impl Overlay {
    /// Takes an overlay that does not meet headquarters' own `networks`.
    ///
    /// # Errors
    /// [`PlanError::Unusable`] for host bits, a length or a range that no overlay can have; [`PlanError::Overlap`].
    pub fn new(v4: Ipv4Net, v6: Ipv6Net, networks: &[IpNet]) -> Result<Self, PlanError> {
        let unusable = |prefix: IpNet, reason| Err(PlanError::Unusable { prefix, reason });
        if v4 != v4.trunc() {
            return unusable(v4.into(), Unfit::HostBits);
        }
        if v6 != v6.trunc() {
            return unusable(v6.into(), Unfit::HostBits);
        }
        if !(8..=MAX_OVERLAY4_LEN).contains(&v4.prefix_len()) {
            return unusable(v4.into(), Unfit::Overlay4Length);
        }
        if !OVERLAY6_LENGTHS.contains(&v6.prefix_len()) {
            return unusable(v6.into(), Unfit::Overlay6Length);
        }
        let first = v4.network();
        if first.is_loopback() || first.is_link_local() || first.is_multicast() || first.octets()[0] == 0 {
            return unusable(v4.into(), Unfit::NotForHosts);
        }
        let first = v6.network();
        if !first.is_unique_local() && (first.segments()[0] & 0xe000) != 0x2000 {
            return unusable(v6.into(), Unfit::Overlay6Range);
        }
        let overlay = Self { v4, v6 };
        for prefix in overlay.prefixes() {
            free_of(prefix, networks)?;
        }
        Ok(overlay)
    }

    /// A unique local /48 from 5 random bytes (RFC 4193, 3.2).
    #[must_use]
    pub fn unique_local(random: [u8; 5]) -> Ipv6Net {
        let mut octets = [0; 16];
        octets.iter_mut().zip([0xfd].iter().chain(&random)).for_each(|(to, from)| *to = *from);
        let address = Ipv6Addr::from(octets);
        Ipv6Net::new_assert(address, 48)
    }

    /// The IPv4 overlay.
    #[must_use]
    pub const fn v4(&self) -> Ipv4Net {
        self.v4
    }

    /// The IPv6 overlay.
    #[must_use]
    pub const fn v6(&self) -> Ipv6Net {
        self.v6
    }

    /// Both.
    #[must_use]
    pub fn prefixes(&self) -> [IpNet; 2] {
        [self.v4.into(), self.v6.into()]
    }

    /// Headquarters' own addresses, IPv4 first: host 1 of the first /24 and of slot 0.
    #[must_use]
    pub fn hq(&self) -> [IpAddr; 2] {
        let v4 = Ipv4Addr::from(u32::from(self.v4.network()) + 1);
        let v6 = Ipv6Addr::from(u128::from(self.v6.network()) + 1);
        [v4.into(), v6.into()]
    }

    /// The IPv4 prefix that no room gets.
    fn hq_prefix(&self) -> Ipv4Net {
        Ipv4Net::new_assert(self.v4.network(), HQ_PREFIX_LEN)
    }

    /// Finds a place for a room: at `wanted`, or the next free prefix of [`ROOM_PREFIX_LEN`].
    /// `taken` holds the other rooms, `quarantine` what nobody may have yet, of either family.
    ///
    /// # Errors
    /// See [`PlanError`].
    pub fn place_room(
        &self,
        wanted: Option<Ipv4Net>,
        taken: &[RoomPlace],
        quarantine: &[IpNet],
    ) -> Result<RoomPlace, PlanError> {
        let v4 = match wanted {
            Some(prefix) => self.check_room(prefix, taken, quarantine)?,
            None => self.next_prefix(taken, quarantine)?,
        };
        Ok(RoomPlace { v4, slot: self.next_slot(taken, quarantine)? })
    }

    fn check_room(
        &self,
        prefix: Ipv4Net,
        taken: &[RoomPlace],
        quarantine: &[IpNet],
    ) -> Result<Ipv4Net, PlanError> {
        let unusable = |reason| Err(PlanError::Unusable { prefix: prefix.into(), reason });
        if prefix != prefix.trunc() {
            return unusable(Unfit::HostBits);
        }
        if !self.v4.contains(&prefix) {
            return unusable(Unfit::OutsideOverlay);
        }
        if prefix.prefix_len() > MAX_ROOM_PREFIX_LEN {
            return unusable(Unfit::RoomTooSmall);
        }
        free_of(prefix.into(), &[self.hq_prefix().into()])?;
        let rooms: Vec<IpNet> = taken.iter().map(|room| room.v4.into()).collect();
        free_of(prefix.into(), &rooms)?;
        free_of(prefix.into(), quarantine)?;
        Ok(prefix)
    }

    /// Walks over what is taken, in order, and takes the first gap that holds an aligned prefix.
    fn next_prefix(&self, taken: &[RoomPlace], quarantine: &[IpNet]) -> Result<Ipv4Net, PlanError> {
        let range =
            |net: Ipv4Net| (u64::from(u32::from(net.network())), u64::from(u32::from(net.broadcast())));
        let mut ranges: Vec<(u64, u64)> = taken.iter().map(|room| range(room.v4)).collect();
        ranges.extend(quarantine.iter().filter_map(|net| match net {
            IpNet::V4(net) => Some(range(*net)),
            IpNet::V6(_) => None,
        }));
        ranges.push(range(self.hq_prefix()));
        ranges.sort_unstable();
        let size = 1u64 << (32 - ROOM_PREFIX_LEN);
        let (mut start, end) = range(self.v4);
        for (first, last) in ranges {
            if start + size <= first {
                break;
            }
            start = start.max((last + 1).next_multiple_of(size));
        }
        match u32::try_from(start) {
            Ok(address) if start + size - 1 <= end => {
                Ok(Ipv4Net::new_assert(address.into(), ROOM_PREFIX_LEN))
            }
            _ => Err(PlanError::Full(self.v4.into())),
        }
    }

    fn next_slot(&self, taken: &[RoomPlace], quarantine: &[IpNet]) -> Result<u16, PlanError> {
        let used: BTreeSet<u16> = taken.iter().map(|room| room.slot).collect();
        let slots = (1u32 << (63 - self.v6.prefix_len()).min(15)).min(MAX_SLOTS);
        (1..slots)
            .filter_map(|slot| u16::try_from(slot).ok())
            .filter(|slot| !used.contains(slot))
            .find(|slot| {
                let nets = [IpNet::from(self.subnet(*slot, 0)), self.subnet(*slot, 1).into()];
                !quarantine.iter().any(|held| nets.iter().any(|net| overlap(held, net)))
            })
            .ok_or(PlanError::Full(self.v6.into()))
    }

    fn subnet(&self, slot: u16, half: u16) -> Ipv6Net {
        let number = u128::from(slot) * 2 + u128::from(half);
        Ipv6Net::new_assert(Ipv6Addr::from(u128::from(self.v6.network()) | number << 64), 64)
    }

    /// Where a room's nodes live, IPv4 first.
    #[must_use]
    pub fn nodes(&self, room: RoomPlace) -> [IpNet; 2] {
        let lower = Ipv4Net::new_assert(room.v4.network(), half_len(room.v4));
        [lower.into(), self.subnet(room.slot, 0).into()]
    }

    /// The LAN behind a room's gateway, IPv4 first.
    #[must_use]
    pub fn lan(&self, room: RoomPlace) -> [IpNet; 2] {
        let half = 1u32 << (31 - room.v4.prefix_len().min(31));
        let upper = Ipv4Addr::from(u32::from(room.v4.network()) | half);
        [Ipv4Net::new_assert(upper, half_len(room.v4)).into(), self.subnet(room.slot, 1).into()]
    }

    /// Everything of a room: its IPv4 prefix and both of its IPv6 subnets.
    #[must_use]
    pub fn room(&self, room: RoomPlace) -> [IpNet; 3] {
        [room.v4.into(), self.subnet(room.slot, 0).into(), self.subnet(room.slot, 1).into()]
    }

    /// The next free pair of addresses for a node of `room`; `taken` and `quarantine` may hold anybody's.
    ///
    /// # Errors
    /// [`PlanError::Full`] if the room has no more.
    pub fn place_node(
        &self,
        room: RoomPlace,
        taken: &BTreeSet<IpAddr>,
        quarantine: &[IpNet],
    ) -> Result<[IpAddr; 2], PlanError> {
        let half = 1u32 << (31 - room.v4.prefix_len().min(31));
        let (base4, base6) = (u32::from(room.v4.network()), u128::from(self.subnet(room.slot, 0).network()));
        let held: BTreeSet<IpAddr> = quarantine
            .iter()
            .filter(|net| net.prefix_len() == net.max_prefix_len())
            .map(IpNet::addr)
            .collect();
        (1..half - 1)
            .map(|host| -> [IpAddr; 2] {
                [Ipv4Addr::from(base4 + host).into(), Ipv6Addr::from(base6 + u128::from(host)).into()]
            })
            .find(|pair| pair.iter().all(|address| !taken.contains(address) && !held.contains(address)))
            .ok_or(PlanError::Full(room.v4.into()))
    }
}

/// Whether two prefixes share an address.
#[must_use]
pub fn overlap(a: &IpNet, b: &IpNet) -> bool {
    a.contains(b) || b.contains(a)
}

fn half_len(prefix: Ipv4Net) -> u8 {
    prefix.prefix_len().saturating_add(1).min(32)
}

fn free_of(prefix: IpNet, others: &[IpNet]) -> Result<(), PlanError> {
    match others.iter().find(|other| overlap(&prefix, other)) {
        Some(with) => Err(PlanError::Overlap { prefix, with: *with }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
