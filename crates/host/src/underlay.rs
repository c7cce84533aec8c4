//! What lies below the tunnel, and word of its changes: links, addresses, default routes, firewall tables.

use std::os::fd::{AsRawFd, RawFd};

use ipnet::IpNet;
use rtnetlink::sys::{
    Socket, SocketAddr, protocols::NETLINK_KOBJECT_UEVENT, protocols::NETLINK_NETFILTER,
    protocols::NETLINK_ROUTE,
};

use crate::deed::Deed;
use crate::error::HostError;
use crate::netlink::{Netlink, Route};

/// `RTMGRP_LINK`, `_IPV4_IFADDR`, `_IPV4_ROUTE`, `_IPV6_IFADDR`, `_IPV6_ROUTE` (rtnetlink.h).
const ROUTE_GROUPS: u32 = 0x1 | 0x10 | 0x40 | 0x100 | 0x400;
/// `NFNLGRP_NFTABLES` (`nfnetlink.h`) as a bit.
const NFTABLES_GROUP: u32 = 1 << (7 - 1);

/// The kernel's own word about devices; the other group is udev's.
const KERNEL_GROUP: u32 = 1;

/// What of the underlay matters to a tunnel; two that are equal carry it alike.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Underlay {
    addresses: Vec<(String, IpNet)>,
    defaults: Vec<Route>,
    up: Vec<String>,
}

impl Underlay {
    /// Reads it, leaving out the loopback and the tunnel.
    pub(crate) fn read(tunnel: &str) -> Result<Self, HostError> {
        let mut netlink = Netlink::open()?;
        let links = netlink.links()?;
        let below = |index: u32| {
            links.iter().find(|link| link.index == index && !link.loopback && link.name != tunnel)
        };
        let mut addresses: Vec<_> = netlink
            .addresses()?
            .into_iter()
            .filter_map(|found| Some((below(found.index)?.name.clone(), found.address)))
            .collect();
        addresses.sort();
        let mut defaults = netlink.routes()?;
        defaults.retain(|route| route.to.prefix_len() == 0 && below(route.index).is_some());
        defaults.sort();
        let up = links.iter().filter(|link| link.up && below(link.index).is_some());
        Ok(Self { addresses, defaults, up: up.map(|link| link.name.clone()).collect() })
    }
}

impl Underlay {
    /// Addresses with the networks that they stand in, by interface.
    pub(crate) fn addresses(&self) -> &[(String, IpNet)] {
        &self.addresses
    }
}

/// A socket that becomes readable when something of its kind changed.
#[derive(Debug)]
pub(crate) struct Watch {
    socket: Socket,
}

impl Watch {
    /// Links, addresses and routes.
    pub(crate) fn network() -> Result<Self, HostError> {
        Self::open(NETLINK_ROUTE, ROUTE_GROUPS)
    }

    /// Firewall tables.
    pub(crate) fn firewall() -> Result<Self, HostError> {
        Self::open(NETLINK_NETFILTER, NFTABLES_GROUP)
    }

    /// Devices, as the kernel tells of them.
    pub(crate) fn devices() -> Result<Self, HostError> {
        Self::open(NETLINK_KOBJECT_UEVENT, KERNEL_GROUP)
    }

    fn open(protocol: isize, groups: u32) -> Result<Self, HostError> {
        let failed = |error: std::io::Error| HostError::io(Deed::Watch.of("rtnetlink"), &error);
        let mut socket = Socket::new(protocol).map_err(failed)?;
        socket.bind(&SocketAddr::new(0, groups)).map_err(failed)?;
        socket.set_non_blocking(true).map_err(failed)?;
        Ok(Self { socket })
    }

    /// Takes everything that waits. Too much at once (`ENOBUFS`) is news like any other.
    pub(crate) fn drain(&self) {
        let mut buffer = Vec::with_capacity(8192);
        for _ in 0..10_000 {
            buffer.clear();
            match self.socket.recv(&mut buffer, 0) {
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return,
                Ok(_) | Err(_) => {}
            }
        }
    }
}

impl AsRawFd for Watch {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}
