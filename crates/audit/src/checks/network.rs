//! DEV-06, NET-07, NET-08, WIF-01 and WIF-05, as far as a machine's own state tells.

use hanare_facts::{Firewall, Hook, Listener, Resolvers, RouteTo, Routes, Wifi, WifiSecurity};

use super::firewall::{self, Passage};
use super::{Judged, Look, fail, listed, pass, unknown};
use crate::why::Why;

pub(super) fn listening(look: &mut Look<'_>, allowed: &[String]) -> Judged {
    let listeners = look.see(&look.facts.listeners, |listeners: &Vec<Listener>| listed(&names(listeners)))?;
    let stray: Vec<&str> =
        names(listeners).into_iter().filter(|name| !allowed.iter().any(|allowed| allowed == name)).collect();
    if !stray.is_empty() {
        return fail(Why::Listening, listed(&stray));
    }
    let firewall =
        look.see(&look.facts.firewall, |firewall: &Firewall| firewall::said(firewall, Hook::Input))?;
    match firewall::passage(firewall, Hook::Input) {
        Passage::Closed => pass(),
        Passage::Unclear => unknown(Why::FirewallUnclear, ""),
        Passage::Open => fail(Why::FirewallOpen, ""),
    }
}

pub(super) fn full_tunnel(look: &mut Look<'_>) -> Judged {
    let routes = look.see(&look.facts.routes, |routes: &Routes| {
        format!("{}; tunnels: {}", ways(&routes.world), listed(&routes.tunnels))
    })?;
    let beside = beside(look, routes, &routes.world);
    if routes.tunnels.is_empty() {
        // A PC without a tunnel may sit behind a gateway that has one.
        return unknown(Why::NoTunnelHere, "");
    }
    if !beside.is_empty() {
        return fail(Why::BesideTunnel, beside.join(", "));
    }
    let firewall =
        look.see(&look.facts.firewall, |firewall: &Firewall| firewall::said(firewall, Hook::Output))?;
    match firewall::passage(firewall, Hook::Output) {
        Passage::Closed => unknown(Why::OtherEnd, ""),
        Passage::Unclear => unknown(Why::FirewallUnclear, ""),
        Passage::Open => fail(Why::NoKillSwitch, ""),
    }
}

/// Ways that lead past the tunnels: past the one that the site file names, or past all of them.
fn beside(look: &Look<'_>, routes: &Routes, ways: &[RouteTo]) -> Vec<String> {
    let named = look.site.and_then(|site| site.tunnel.as_ref()?.endpoint_interface.as_ref());
    let is_tunnel = |interface: &String| match named {
        Some(named) => interface == named,
        None => routes.tunnels.contains(interface),
    };
    let past = ways.iter().filter_map(|way| Some((way, way.interface.as_ref()?)));
    past.filter(|(_, interface)| !is_tunnel(interface))
        .map(|(way, interface)| format!("{} ({interface})", way.address))
        .collect()
}

fn ways(ways: &[RouteTo]) -> String {
    let said =
        ways.iter().map(|way| format!("{} by {}", way.address, way.interface.as_deref().unwrap_or("-")));
    listed(&said.collect::<Vec<_>>())
}

fn names(listeners: &[Listener]) -> Vec<&str> {
    listeners.iter().map(|listener| listener.0.as_str()).collect()
}

pub(super) fn resolvers(look: &mut Look<'_>, approved: &[String]) -> Judged {
    let resolvers = look.see(&look.facts.resolvers, |resolvers: &Resolvers| {
        format!("{}: {}", resolvers.file, listed(&resolvers.servers))
    })?;
    let own = look.site.and_then(|site| site.dns.as_ref());
    let own: Vec<String> =
        own.map(|dns| dns.resolvers.iter().map(ToString::to_string).collect()).unwrap_or_default();
    let approved = if own.is_empty() { approved } else { own.as_slice() };
    if approved.is_empty() {
        return unknown(Why::ResolversUnnamed, "");
    }
    let others: Vec<&String> = resolvers.servers.iter().filter(|server| !approved.contains(server)).collect();
    if !others.is_empty() {
        return fail(Why::ResolversOther, listed(&others));
    }
    let routes = look.see(&look.facts.routes, |routes: &Routes| ways(&routes.resolvers))?;
    let beside = beside(look, routes, &routes.resolvers);
    match () {
        () if routes.tunnels.is_empty() => unknown(Why::NoTunnelHere, ""),
        () if !beside.is_empty() => fail(Why::ResolversBeside, beside.join(", ")),
        () => unknown(Why::OtherEnd, ""),
    }
}

pub(super) fn wifi_encryption(look: &mut Look<'_>) -> Judged {
    let connections = look.see(&look.facts.wifi, said)?;
    let open = numbers(connections, |security| matches!(security, WifiSecurity::Open | WifiSecurity::Wep));
    if !open.is_empty() {
        return fail(Why::WifiOpen, listed(&open));
    }
    unknown(Why::WifiNotScanned, "")
}

pub(super) fn wifi_log_in(look: &mut Look<'_>) -> Judged {
    let connections = look.see(&look.facts.wifi, said)?;
    if connections.is_empty() {
        return unknown(Why::WifiNone, "");
    }
    let is_weak = |security| match security {
        WifiSecurity::Open | WifiSecurity::Wep | WifiSecurity::Owe | WifiSecurity::Psk => true,
        WifiSecurity::Enterprise { pinned } => !pinned,
        WifiSecurity::Sae | WifiSecurity::NotUnderstood => false,
    };
    let weak = numbers(connections, is_weak);
    if !weak.is_empty() {
        return fail(Why::WifiShared, listed(&weak));
    }
    let strange = numbers(connections, |security| security == WifiSecurity::NotUnderstood);
    if !strange.is_empty() {
        return unknown(Why::WifiUnknown, listed(&strange));
    }
    pass()
}

fn numbers(connections: &[Wifi], is: impl Fn(WifiSecurity) -> bool) -> Vec<String> {
    connections.iter().filter(|wifi| is(wifi.security)).map(|wifi| wifi.number.to_string()).collect()
}

#[expect(clippy::ptr_arg, reason = "a fact holds a vector")]
fn said(connections: &Vec<Wifi>) -> String {
    let words: Vec<String> =
        connections.iter().map(|wifi| format!("{}: {:?}", wifi.number, wifi.security)).collect();
    listed(&words)
}
