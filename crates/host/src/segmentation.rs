//! Headquarters' firewall: a [`Segmentation`] as the table `inet hanare_hq`, replaced in one transaction.
//!
//! Only what concerns the tunnel interface is decided here; other tables and other traffic are left alone. An answer
//! passes by its direction within the same pair of prefixes, never by connection state: closing a flow closes what is
//! under way. What has no way is rejected and counted.

mod raw;

use std::net::IpAddr;

use hanare_model::{Flow, Segmentation, Service};
use ipnet::IpNet;
use serde_json::{Value, json};

use crate::error::HostError;
use crate::nft::looks::Looks;
use crate::nft::rule::{
    accept, any_of, counter, differs, direction, drop, equal, family_name, field, jump, meta, port_ranges,
    prefix, reject,
};
use crate::nft::{Family, Transaction, tracking};

/// The table's name.
pub const TABLE: &str = "hanare_hq";
const INET: Family = Family::Inet;
/// What is never the internet: a flow to everywhere must not open headquarters' own networks or other rooms
/// (RFC 6890's private, shared, link-local, loopback and multicast blocks; IPv6 likewise).
const PRIVATE: [(bool, &str, u8); 11] = [
    (false, "10.0.0.0", 8),
    (false, "100.64.0.0", 10),
    (false, "127.0.0.0", 8),
    (false, "169.254.0.0", 16),
    (false, "172.16.0.0", 12),
    (false, "192.168.0.0", 16),
    (false, "224.0.0.0", 3),
    (true, "::1", 128),
    (true, "fc00::", 7),
    (true, "fe80::", 10),
    (true, "ff00::", 8),
];

/// What the machine adds to a segmentation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// Forwarding between other interfaces is dropped: the machine forwarded nothing before we turned forwarding on.
    pub router_by_us: bool,
    /// The tunnel's UDP port, if nobody else needs connections: see [`untracked`].
    pub untracked: Option<u16>,
}

/// The table in force, and what it looked like when we made it.
#[derive(Debug)]
pub struct Enforced {
    segmentation: Segmentation,
    surroundings: Surroundings,
    looks: Looks,
}

impl Enforced {
    /// Looks whether the table is as we made it, and makes it anew if not; says what was found then. Lets it follow what other
    /// tables need by `now`.
    ///
    /// # Errors
    /// As [`apply`]; what somebody else made of the table may be in force then.
    pub fn check(&mut self, now: Surroundings) -> Result<Option<String>, HostError> {
        let found = looks()?;
        if found == self.looks {
            if now.untracked != self.surroundings.untracked {
                *self = apply(&self.segmentation, now)?;
            }
            return Ok(None);
        }
        let what = if found.objects() == 0 { "the table was gone" } else { "the table was changed" };
        *self = apply(&self.segmentation, now)?;
        Ok(Some(what.to_owned()))
    }
}

/// Replaces the table.
///
/// # Errors
/// [`HostError::ProgramMissing`] or [`HostError::Program`] from nft; the old table stays then.
pub fn apply(segmentation: &Segmentation, surroundings: Surroundings) -> Result<Enforced, HostError> {
    let rules = render(segmentation, surroundings);
    // What somebody changed right behind us must not be taken for ours.
    for _ in 0..4 {
        rules.commit()?;
        let looks = looks()?;
        if looks.objects() == rules.objects() {
            return Ok(Enforced { segmentation: segmentation.clone(), surroundings, looks });
        }
    }
    Err(HostError::Program {
        program: "nft".to_owned(),
        text: format!("somebody else changes the table {TABLE} at the same time"),
    })
}

fn looks() -> Result<Looks, HostError> {
    let mut looks = Looks::default();
    looks.add(INET, TABLE, |_| true)?;
    Ok(looks)
}

/// The tunnel's port, unless another table of this machine looks at connections, translates addresses or cannot be read.
#[must_use]
pub fn untracked(port: Option<u16>) -> Option<u16> {
    port.filter(|_| !tracking::by_others(TABLE).unwrap_or(true))
}

/// Removes the table, there or not.
///
/// # Errors
/// What nft says.
pub fn remove() -> Result<(), HostError> {
    let mut rules = Transaction::default();
    rules.remove_table(INET, TABLE);
    rules.commit()
}

fn render(segmentation: &Segmentation, surroundings: Surroundings) -> Transaction {
    let tunnel = json!(segmentation.interface);
    let mut rules = Transaction::default();
    rules.replace_table(INET, TABLE);
    raw::render(&mut rules, segmentation, surroundings);
    chain(&mut rules, "input", "filter", "input", 0);
    chain(&mut rules, "forward", "filter", "forward", 0);
    for name in ["to_headquarters", "across"] {
        rules.add("chain", INET, TABLE, json!({ "name": name }));
    }
    rule(&mut rules, "input", vec![equal(meta("iifname"), tunnel.clone()), jump("to_headquarters")]);
    // Answers to what headquarters itself asked; nobody else can make a flow whose first packet left from here.
    rule(&mut rules, "to_headquarters", vec![direction(true), accept()]);
    let own = own_nets(segmentation);
    for flow in &segmentation.input {
        for v6 in [false, true] {
            let to = within(&flow.to, &own);
            if let Some((ends, _)) = ends(&flow.from, &to, v6) {
                for service in services(&flow.service, v6, false) {
                    rule(&mut rules, "to_headquarters", [ends.clone(), service, vec![accept()]].concat());
                }
            }
        }
    }
    rule(&mut rules, "to_headquarters", vec![counter(), reject()]);

    for side in ["iifname", "oifname"] {
        rule(&mut rules, "forward", vec![equal(meta(side), tunnel.clone()), jump("across")]);
    }
    if surroundings.router_by_us {
        rule(&mut rules, "forward", vec![counter(), drop()]);
    }
    for flow in &segmentation.forward {
        for v6 in [false, true] {
            across(&mut rules, flow, &segmentation.interface, v6);
        }
    }
    rule(&mut rules, "across", vec![counter(), reject()]);
    if segmentation.masquerade {
        masquerade(&mut rules, segmentation, surroundings.untracked);
    }
    rules.share_lists(INET, TABLE);
    rules
}

fn across(rules: &mut Transaction, flow: &Flow, tunnel: &str, v6: bool) {
    let internet: Vec<IpNet> = flow.to.iter().copied().filter(|net| net.prefix_len() == 0).collect();
    let named: Vec<IpNet> = flow.to.iter().copied().filter(|net| net.prefix_len() > 0).collect();
    for (to, is_internet) in [(named, false), (internet, true)] {
        let Some((forth, back)) = ends(&flow.from, &to, v6) else { continue };
        let (mut forth, mut back) = (forth, back);
        if is_internet {
            forth.insert(0, differs(meta("oifname"), json!(tunnel)));
            forth.push(differs(field(family_name(v6), "daddr"), any_of(private(v6))));
            back.insert(0, differs(meta("iifname"), json!(tunnel)));
            back.push(differs(field(family_name(v6), "saddr"), any_of(private(v6))));
        }
        forth.push(direction(false));
        back.push(direction(true));
        for service in services(&flow.service, v6, false) {
            rule(rules, "across", [forth.clone(), service, vec![accept()]].concat());
        }
        for service in services(&flow.service, v6, true) {
            rule(rules, "across", [back.clone(), service, vec![accept()]].concat());
        }
        if flow.service != Service::Any {
            // Why a packet of the flow had no way; without it a narrower path stalls TCP.
            rule(rules, "across", [back, vec![errors(v6), accept()]].concat());
        }
    }
}

/// A room's own datagrams leave from the port that they came from, but not from the tunnel's: what is answered to that one is not
/// looked up as a connection.
fn masquerade(rules: &mut Transaction, segmentation: &Segmentation, untracked: Option<u16>) {
    let overlay = of_family(&segmentation.overlay, false);
    if overlay.is_empty() {
        return;
    }
    chain(rules, "postrouting", "nat", "postrouting", 100);
    let to_internet = vec![
        differs(meta("oifname"), json!(segmentation.interface)),
        equal(field("ip", "saddr"), any_of(overlay)),
        differs(field("ip", "daddr"), any_of(private(false))),
    ];
    if let Some(port) = untracked {
        let from_port = equal(field("udp", "sport"), json!(port));
        let elsewhere = json!({ "masquerade": { "port": { "range": other_ports(port) } } });
        rule(rules, "postrouting", [to_internet.clone(), vec![from_port, elsewhere]].concat());
    }
    rule(rules, "postrouting", [to_internet, vec![json!({ "masquerade": null })]].concat());
}

/// The larger part of the unprivileged ports without `port`.
fn other_ports(port: u16) -> [u16; 2] {
    if port > 32_768 { [1024, port - 1] } else { [port.max(1023) + 1, u16::MAX] }
}

/// Matches of source and destination, forth and back; `None` if the flow has nothing of this family.
fn ends(from: &[IpNet], to: &[IpNet], v6: bool) -> Option<(Vec<Value>, Vec<Value>)> {
    let (from, to) = (of_family(from, v6), of_family(to, v6));
    if from.is_empty() || to.is_empty() {
        return None;
    }
    let side = |name, values: &[Value]| {
        // nft has no prefix of length 0: everything of the family is matched by its name.
        if values.iter().any(|value| value.get("prefix").is_some_and(|p| p.get("len") == Some(&json!(0)))) {
            return equal(meta("nfproto"), json!(if v6 { "ipv6" } else { "ipv4" }));
        }
        equal(field(family_name(v6), name), any_of(values.to_vec()))
    };
    let forth = vec![side("saddr", &from), side("daddr", &to)];
    let back = vec![side("saddr", &to), side("daddr", &from)];
    Some((forth, back))
}

/// One list of expressions for each way to match the service, towards it or on the way back.
fn services(service: &Service, v6: bool, back: bool) -> Vec<Vec<Value>> {
    let port = if back { "sport" } else { "dport" };
    let of = |protocol: &str, ports: &[hanare_model::PortRange]| {
        if ports.is_empty() {
            return vec![vec![equal(meta("l4proto"), json!(protocol))]];
        }
        vec![vec![equal(field(protocol, port), any_of(port_ranges(ports)))]]
    };
    match service {
        Service::Any => vec![Vec::new()],
        Service::Ping => {
            let kind = if back { "echo-reply" } else { "echo-request" };
            vec![vec![equal(field(if v6 { "icmpv6" } else { "icmp" }, "type"), json!(kind))]]
        }
        Service::Tcp { ports } => of("tcp", ports),
        Service::Udp { ports } => of("udp", ports),
    }
}

fn errors(v6: bool) -> Value {
    let kinds: &[&str] = if v6 {
        &["destination-unreachable", "packet-too-big", "time-exceeded", "parameter-problem"]
    } else {
        &["destination-unreachable", "time-exceeded", "parameter-problem"]
    };
    let kinds = kinds.iter().map(|kind| json!(kind)).collect();
    equal(field(if v6 { "icmpv6" } else { "icmp" }, "type"), any_of(kinds))
}

/// Headquarters' own addresses, as prefixes.
fn own_nets(segmentation: &Segmentation) -> Vec<IpNet> {
    segmentation.own.iter().copied().map(IpNet::from).collect()
}

/// The parts of `nets` that are addresses in `own`: a flow to headquarters never opens more than headquarters.
fn within(nets: &[IpNet], own: &[IpNet]) -> Vec<IpNet> {
    own.iter().copied().filter(|ip| nets.iter().any(|net| net.contains(ip))).collect()
}

fn of_family(nets: &[IpNet], v6: bool) -> Vec<Value> {
    // Overlapping prefixes in one set are an error to nft.
    IpNet::aggregate(&nets.to_vec())
        .iter()
        .filter(|net| net.addr().is_ipv6() == v6)
        .map(|net| match net.prefix_len() {
            0 => json!({ "prefix": { "addr": net.addr().to_string(), "len": 0 } }),
            _ => prefix(net),
        })
        .collect()
}

fn private(v6: bool) -> Vec<Value> {
    PRIVATE
        .iter()
        .filter(|(is_v6, _, _)| *is_v6 == v6)
        .filter_map(|(_, ip, length)| IpNet::new(ip.parse::<IpAddr>().ok()?, *length).ok())
        .map(|net| prefix(&net))
        .collect()
}

fn chain(rules: &mut Transaction, name: &str, kind: &str, hook: &str, priority: i32) {
    let object = json!({ "name": name, "type": kind, "hook": hook, "prio": priority, "policy": "accept" });
    rules.add("chain", INET, TABLE, object);
}

#[expect(clippy::needless_pass_by_value, reason = "json! borrows what it is given")]
fn rule(rules: &mut Transaction, chain: &str, expressions: Vec<Value>) {
    rules.add("rule", INET, TABLE, json!({ "chain": chain, "expr": expressions }));
}
