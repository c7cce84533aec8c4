//! DEV-06, NET-08, WIF-01 and WIF-05, as far as a machine's own state tells.

use hanare_facts::{Listener, Resolvers, Wifi, WifiSecurity};

use super::{Judged, Look, fail, listed, pass, unknown};
use crate::why::Why;

pub(super) fn listening(look: &mut Look<'_>, allowed: &[String]) -> Judged {
    let listeners = look.see(&look.facts.listeners, |listeners: &Vec<Listener>| listed(&names(listeners)))?;
    let stray: Vec<&str> =
        names(listeners).into_iter().filter(|name| !allowed.iter().any(|allowed| allowed == name)).collect();
    if !stray.is_empty() {
        return fail(Why::Listening, listed(&stray));
    }
    unknown(Why::FirewallNotRead, "")
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
    unknown(Why::ResolversWay, "")
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
