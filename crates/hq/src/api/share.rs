//! Who holds how many connections: nobody gets all of them.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

use hanare_model::PublicKey;

/// Whom connections are counted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Source {
    /// A node inside the tunnel, with all that lives behind it.
    Node(PublicKey),
    /// An address, or an IPv6 network of 64 bits.
    Network(IpAddr),
    /// An IPv6 network of 48 bits, besides the network in it.
    Site(Ipv6Addr),
}

/// The network of 48 bits around an address.
pub(super) fn site(address: Ipv6Addr) -> Ipv6Addr {
    Ipv6Addr::from(u128::from(address) >> 80 << 80)
}

/// Connections that are open, by source. Sources without one take no memory.
#[derive(Debug, Default)]
pub(super) struct Shares {
    open: Mutex<BTreeMap<Source, usize>>,
}

/// One connection's place; given back when dropped.
#[derive(Debug)]
pub(super) struct Share {
    shares: Arc<Shares>,
    source: Source,
}

impl Shares {
    /// A place for one more connection of `source`, unless it has `most` already.
    pub(super) fn take(shares: &Arc<Self>, source: Source, most: usize) -> Option<Share> {
        let mut open = shares.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(source).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Share { shares: Arc::clone(shares), source })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut open = self.shares.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.source) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                open.remove(&self.source);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_takes_more_than_a_share_and_what_is_given_back_is_free_again() {
        let shares = Arc::new(Shares::default());
        let [one, other] = ["192.0.2.1", "192.0.2.2"].map(|ip| Source::Network(ip.parse().unwrap()));
        let held: Vec<_> = (0..2).map(|_| Shares::take(&shares, one, 2).unwrap()).collect();
        assert!(Shares::take(&shares, one, 2).is_none());
        assert!(Shares::take(&shares, other, 2).is_some());
        drop(held);
        assert!(shares.open.lock().unwrap().is_empty());
        assert!(Shares::take(&shares, one, 2).is_some());
    }
}
