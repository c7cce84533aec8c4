//! Addresses and routes of the tunnel: plain ones at headquarters, by fwmark rule on a node.
//!
//! | preference | rule |
//! |---|---|
//! | 26728 | main table, but not its default route: what is connected stays connected |
//! | 26729–26733 | during an unlock: our table's specific routes, then the main table for what was opened |
//! | 26734 (`MARK`) | our table, for everything without our mark |
//!
//! Our table's number is `0x686e_0000` plus the interface's index.

use ipnet::IpNet;

use crate::MARK;
use crate::error::HostError;
use crate::netlink::{Address, Link, Netlink, Route, Rule};
use crate::undo::{Change, UndoLog};

/// The preference of the first rule.
const CONNECTED: u32 = MARK - 6;
const UNLOCKED: u32 = MARK - 5;

/// The number of our routing table.
pub(super) fn table(index: u32) -> u32 {
    (MARK << 16) + (index & 0xffff)
}

/// Refuses if one of `prefixes` overlaps with a network that this machine reaches without us. Default routes do not
/// count, nor do our own interfaces, nor what lies in `room`: the LAN behind the room's gateway, where an endpoint may stand.
pub(super) fn check_collisions(prefixes: &[IpNet], own: &[&str], room: &[IpNet]) -> Result<(), HostError> {
    let mut netlink = Netlink::open()?;
    let links = netlink.links()?;
    for route in netlink.routes()? {
        if route.to.prefix_len() == 0 || is_local(&route.to) || room.iter().any(|lan| lan.contains(&route.to))
        {
            continue;
        }
        let link = links.iter().find(|link| link.index == route.index);
        if link.is_some_and(|link| link.loopback || own.contains(&link.name.as_str())) {
            continue;
        }
        // A table of ours whose interface is going away.
        if route.table >> 16 == MARK {
            continue;
        }
        let overlaps = |prefix: &&IpNet| {
            prefix.prefix_len() > 0 && (prefix.contains(&route.to) || route.to.contains(*prefix))
        };
        if let Some(prefix) = prefixes.iter().find(overlaps) {
            let interface = link.map_or_else(|| "?".to_owned(), |link| link.name.clone());
            return Err(HostError::Collision { prefix: *prefix, route: route.to, interface });
        }
    }
    Ok(())
}

fn is_local(net: &IpNet) -> bool {
    match net {
        IpNet::V4(net) => net.addr().is_link_local() || net.addr().is_multicast(),
        IpNet::V6(net) => net.addr().is_unicast_link_local() || net.addr().is_multicast(),
    }
}

/// Gives a link exactly `wanted` of those addresses that we gave it, and brings it up. All of it is recorded first.
pub(super) fn set_addresses(log: &mut UndoLog, interface: &str, wanted: &[IpNet]) -> Result<(), HostError> {
    let mut netlink = Netlink::open()?;
    let link = present(&mut netlink, interface)?;
    log.undo_where(|change| {
        matches!(change, Change::Address { interface: on, address }
            if on == interface && !wanted.contains(address))
    })?;
    if !link.up {
        log.record(Change::Up { interface: interface.to_owned() })?;
        netlink.set_up(link.index, true)?;
    }
    let there = netlink.addresses()?;
    for address in wanted {
        let entry = Address { index: link.index, address: *address };
        if there.contains(&entry) {
            continue;
        }
        log.record(Change::Address { interface: interface.to_owned(), address: *address })?;
        netlink.add_address(&entry)?;
    }
    Ok(())
}

/// Sends exactly `wanted` through the link, in `table`. All of it is recorded first.
pub(super) fn set_routes(
    log: &mut UndoLog,
    interface: &str,
    wanted: &[IpNet],
    table: u32,
) -> Result<(), HostError> {
    let mut netlink = Netlink::open()?;
    let link = present(&mut netlink, interface)?;
    let wanted: Vec<Route> =
        wanted.iter().map(|to| Route { to: to.trunc(), index: link.index, table }).collect();
    log.undo_where(|change| {
        matches!(change, Change::Route { interface: on, route } if on == interface && !wanted.contains(route))
    })?;
    let there = netlink.routes()?;
    for route in wanted {
        if there.contains(&route) {
            continue;
        }
        log.record(Change::Route { interface: interface.to_owned(), route: route.clone() })?;
        netlink.add_route(&route)?;
    }
    Ok(())
}

/// A node's rules; see the table on top.
pub(super) fn set_rules(log: &mut UndoLog, index: u32) -> Result<(), HostError> {
    for v6 in families() {
        let connected = Rule { suppress_prefix_length: Some(0), ..plain(v6, CONNECTED, Route::MAIN) };
        let ours = Rule { not_mark: Some(MARK), ..plain(v6, MARK, table(index)) };
        add_rule(log, &connected)?;
        add_rule(log, &ours)?;
    }
    Ok(())
}

/// During an unlock what was opened leaves below the tunnel; the overlay is still reached through it.
pub(super) fn open_rules(log: &mut UndoLog, index: u32, all: bool) -> Result<(), HostError> {
    close_rules(log)?;
    let opened: &[Option<(u8, u16)>] =
        if all { &[None] } else { &[Some((6, 53)), Some((6, 80)), Some((6, 443)), Some((17, 53))] };
    for v6 in families() {
        add_rule(log, &Rule { suppress_prefix_length: Some(0), ..plain(v6, UNLOCKED, table(index)) })?;
        for (service, priority) in opened.iter().zip(UNLOCKED + 1..) {
            add_rule(log, &Rule { service: *service, ..plain(v6, priority, Route::MAIN) })?;
        }
    }
    Ok(())
}

/// The end of an unlock.
pub(super) fn close_rules(log: &mut UndoLog) -> Result<(), HostError> {
    log.undo_where(
        |change| matches!(change, Change::Rule { rule } if (UNLOCKED..MARK).contains(&rule.priority)),
    )
}

fn add_rule(log: &mut UndoLog, rule: &Rule) -> Result<(), HostError> {
    if log.has(|change| *change == Change::Rule { rule: rule.clone() }) {
        return Ok(());
    }
    log.record(Change::Rule { rule: rule.clone() })?;
    Netlink::open()?.add_rule(rule).map(drop)
}

fn plain(v6: bool, priority: u32, table: u32) -> Rule {
    Rule { v6, priority, table, not_mark: None, suppress_prefix_length: None, service: None }
}

/// IPv4, and IPv6 unless the kernel has none.
fn families() -> impl Iterator<Item = bool> {
    [false, true].into_iter().filter(|v6| !v6 || has_v6())
}

/// Whether the kernel speaks IPv6.
pub(super) fn has_v6() -> bool {
    std::path::Path::new("/proc/sys/net/ipv6").exists()
}

fn present(netlink: &mut Netlink, interface: &str) -> Result<Link, HostError> {
    netlink.link(interface)?.ok_or_else(|| HostError::NoSuchInterface { name: interface.to_owned() })
}
