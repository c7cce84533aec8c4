//! Which peer an inner address belongs to: the longest matching prefix, by one binary search.
//!
//! Prefixes nest or are disjoint, so they can be flattened into a sorted list of ranges, each owned by the innermost
//! prefix that covers it. Changing peers rebuilds the list; every packet reads it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::outcome::PeerIndex;

/// Owner of the ranges that no prefix covers.
const NOBODY: PeerIndex = PeerIndex(u32::MAX);

#[derive(Default)]
pub(crate) struct Routes {
    owners: BTreeMap<IpNet, PeerIndex>,
    /// First address of each range and who owns it, ascending.
    v4: Vec<(u32, PeerIndex)>,
    v6: Vec<(u128, PeerIndex)>,
}

impl Routes {
    /// Whose address this is.
    pub(crate) fn find(&self, address: IpAddr) -> Option<PeerIndex> {
        match address {
            IpAddr::V4(address) => owner(&self.v4, address.to_bits()),
            IpAddr::V6(address) => owner(&self.v6, address.to_bits()),
        }
    }

    /// Gives a peer exactly these prefixes; one that was another's moves to it, as in every `WireGuard`.
    /// Takes effect with [`Routes::flatten`].
    pub(crate) fn assign(&mut self, peer: PeerIndex, prefixes: &[IpNet]) {
        self.owners.retain(|_, owner| *owner != peer);
        self.add(peer, prefixes);
    }

    /// Gives a peer these prefixes besides those it has. Takes effect with [`Routes::flatten`].
    pub(crate) fn add(&mut self, peer: PeerIndex, prefixes: &[IpNet]) {
        self.owners.extend(prefixes.iter().map(|prefix| (prefix.trunc(), peer)));
    }

    /// Forgets all prefixes. Takes effect with [`Routes::flatten`].
    pub(crate) fn clear(&mut self) {
        self.owners.clear();
    }

    /// All prefixes by owner.
    pub(crate) fn by_owner(&self) -> BTreeMap<PeerIndex, Vec<IpNet>> {
        let mut owned: BTreeMap<PeerIndex, Vec<IpNet>> = BTreeMap::new();
        for (prefix, owner) in &self.owners {
            owned.entry(*owner).or_default().push(*prefix);
        }
        owned
    }

    /// Puts the changes into force.
    pub(crate) fn flatten(&mut self) {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for (prefix, owner) in &self.owners {
            match prefix {
                IpNet::V4(net) => v4.push(Range {
                    first: net.network().to_bits().into(),
                    last: net.broadcast().to_bits().into(),
                    owner: *owner,
                }),
                IpNet::V6(net) => v6.push(Range {
                    first: net.network().to_bits(),
                    last: net.broadcast().to_bits(),
                    owner: *owner,
                }),
            }
        }
        // The end of an IPv4 range may be one past the last address: nothing begins there.
        self.v4 = disjoint(v4)
            .into_iter()
            .filter_map(|(first, owner)| Some((u32::try_from(first).ok()?, owner)))
            .collect();
        self.v6 = disjoint(v6);
    }
}

fn owner<T: Ord + Copy>(ranges: &[(T, PeerIndex)], address: T) -> Option<PeerIndex> {
    let after = ranges.partition_point(|(first, _)| *first <= address);
    let (_, owner) = ranges.get(after.checked_sub(1)?)?;
    (*owner != NOBODY).then_some(*owner)
}

struct Range {
    first: u128,
    last: u128,
    owner: PeerIndex,
}

/// Turns nested ranges into adjacent ones: sweeps from the left with a stack of the ranges that are open.
fn disjoint(mut ranges: Vec<Range>) -> Vec<(u128, PeerIndex)> {
    ranges.sort_by_key(|range| (range.first, std::cmp::Reverse(range.last)));
    let (mut flat, mut open): (Vec<(u128, PeerIndex)>, Vec<Range>) = (Vec::new(), Vec::new());
    let begin = |flat: &mut Vec<(u128, PeerIndex)>, first: u128, owner: PeerIndex| {
        // An inner range that begins (or ends) where the outer one does takes its place.
        flat.pop_if(|(previous, _)| *previous == first);
        if flat.last().is_none_or(|(_, previous)| *previous != owner) {
            flat.push((first, owner));
        }
    };
    let close = |flat: &mut Vec<(u128, PeerIndex)>, open: &mut Vec<Range>, before: Option<u128>| {
        while let Some(range) = open.pop_if(|range| before.is_none_or(|first| range.last < first)) {
            let owner = open.last().map_or(NOBODY, |outer| outer.owner);
            if let Some(next) = range.last.checked_add(1) {
                begin(flat, next, owner);
            }
        }
    };
    for range in ranges {
        close(&mut flat, &mut open, Some(range.first));
        begin(&mut flat, range.first, range.owner);
        open.push(range);
    }
    close(&mut flat, &mut open, None);
    flat
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn routes(list: &[(&str, u32)]) -> Routes {
        let mut routes = Routes::default();
        for (prefix, owner) in list {
            routes.owners.insert(prefix.parse::<IpNet>().unwrap().trunc(), PeerIndex(*owner));
        }
        routes.flatten();
        routes
    }

    fn find(routes: &Routes, address: &str) -> Option<u32> {
        routes.find(address.parse().unwrap()).map(|index| index.0)
    }

    #[test]
    fn the_longest_prefix_wins_however_deep_prefixes_nest() {
        let routes = routes(&[
            ("0.0.0.0/0", 0),
            ("10.88.0.0/16", 1),
            ("10.88.4.0/24", 2),
            ("10.88.4.0/25", 3),
            ("10.88.4.7/32", 4),
            ("10.88.255.255/32", 5),
            ("255.255.255.255/32", 6),
        ]);
        for (address, owner) in [
            ("9.9.9.9", 0),
            ("10.87.255.255", 0),
            ("10.88.0.0", 1),
            ("10.88.4.0", 3),
            ("10.88.4.7", 4),
            ("10.88.4.8", 3),
            ("10.88.4.128", 2),
            ("10.88.5.0", 1),
            ("10.88.255.255", 5),
            ("10.89.0.0", 0),
            ("255.255.255.254", 0),
            ("255.255.255.255", 6),
        ] {
            assert_eq!(find(&routes, address), Some(owner), "{address}");
        }
        assert_eq!(find(&routes, "fd00::1"), None);
    }

    #[test]
    fn a_prefix_belongs_to_whom_it_was_given_last_and_goes_with_them() {
        let net = ["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        let mut routes = Routes::default();
        routes.assign(PeerIndex(1), &net);
        routes.assign(PeerIndex(2), &net[..1]);
        routes.flatten();
        assert_eq!((find(&routes, "10.1.1.1"), find(&routes, "fd00::1")), (Some(2), Some(1)));
        assert_eq!(routes.by_owner()[&PeerIndex(1)], net[1..]);
        routes.assign(PeerIndex(2), &[]);
        routes.flatten();
        assert_eq!(find(&routes, "10.1.1.1"), None);
    }

    proptest! {
        #[test]
        fn the_flat_list_agrees_with_trying_every_prefix(
            list in prop::collection::vec((any::<bool>(), any::<u16>(), 0u8..=16, 0u32..9), 0..40),
            tries in prop::collection::vec((any::<bool>(), any::<u16>()), 50),
        ) {
            // 16 significant bits, so that prefixes really nest: high bits in IPv4, low bits in IPv6.
            let address = |six: bool, bits: u16| -> IpAddr {
                if six { std::net::Ipv6Addr::from_bits(u128::from(bits)).into() }
                else { std::net::Ipv4Addr::from_bits(u32::from(bits) << 16).into() }
            };
            let mut routes = Routes::default();
            for (six, bits, len, owner) in list {
                let len = if six { len + 112 } else { len };
                routes.owners.insert(IpNet::new(address(six, bits), len).unwrap().trunc(), PeerIndex(owner));
            }
            routes.flatten();
            for (six, bits) in tries {
                let address = address(six, bits);
                let slow = routes.owners.iter()
                    .filter(|(net, _)| net.contains(&address))
                    .max_by_key(|(net, _)| net.prefix_len())
                    .map(|(_, owner)| *owner);
                prop_assert_eq!(routes.find(address), slow);
            }
        }
    }
}
