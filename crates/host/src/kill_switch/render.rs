//! The kill switch as nftables: what a [`Policy`] means, rule by rule.
//!
//! `inet hanare` filters what the machine sends, receives and forwards as IP. An output chain alone lets raw sockets and
//! bridged container traffic out, so `netdev hanare` has an egress chain on every device but the loopback and the tunnel.
//! Nothing is let through by connection state: a flow once let out would outlive the unlock. An answer is known by its
//! socket's mark, or by its direction under a set whose elements the kernel removes when the unlock ends. Rules about the
//! direction are there during an unlock, or for the room's devices, only: one of them makes the kernel track every connection, the tunnel's too
//! (2 µs a datagram).

mod devices;
mod egress;
mod forward;

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use egress::egress;
use forward::forward;
use serde_json::{Value, json};

use super::around::Around;
use super::policy::{Lan, Policy};
use super::portal;
use crate::MARK;
use crate::nft::rule::{
    accept, address, any_of, both, counter, differs, direction, equal, family_name, field, jump, meta,
    prefix, reject, reset, set_mark, socket_mark,
};
use crate::nft::{Family, Transaction};

/// Our tables' name in both families.
pub(crate) const TABLE: &str = "hanare";
/// Mark of packets that a gateway forwards towards the room. "ho".
pub(crate) const FORWARDED: u32 = 0x686f;
/// Sets that an unlock fills for a while: ports of TCP and UDP, and everything.
pub(crate) const PORTAL_TCP: &str = "portal_tcp";
pub(crate) const PORTAL_UDP: &str = "portal_udp";
pub(crate) const EVERYTHING: &str = "everything";

pub(super) const INET: Family = Family::Inet;
const NETDEV: Family = Family::Netdev;

/// The chain that lets answers in during an unlock, and is empty otherwise.
pub(crate) const ANSWERS: &str = "answers";

/// Both tables, whole. `unlocked` are elements of an unlock under way: set and element with its remaining time.
pub(super) fn render(policy: &Policy, around: &Around, unlocked: &[(Family, String, Value)]) -> Transaction {
    let mut rules = Transaction::default();
    for family in [INET, NETDEV] {
        rules.replace_table(family, TABLE);
        sets(&mut rules, family, policy);
    }
    for (family, set, element) in unlocked {
        rules.add("element", *family, TABLE, json!({ "name": set, "elem": [element] }));
    }
    prerouting(&mut rules, policy);
    input(&mut rules, policy);
    if !unlocked.is_empty() {
        let_answers_in(&mut rules);
    }
    output(&mut rules, policy, around);
    forward(&mut rules, policy);
    egress(&mut rules, policy, around);
    rules
}

fn sets(rules: &mut Transaction, family: Family, policy: &Policy) {
    for v6 in [false, true] {
        let addr = if v6 { "ipv6_addr" } else { "ipv4_addr" };
        for (name, members) in [("wireguard", &policy.wireguard), ("api", &policy.api)] {
            let elements: Vec<Value> = members
                .iter()
                .filter(|to| to.is_ipv6() == v6)
                .map(|to| json!({ "concat": [to.ip().to_string(), to.port()] }))
                .collect();
            set(rules, family, &sized(name, v6), json!([addr, "inet_service"]), elements);
        }
        let elements =
            policy.resolvers.iter().filter(|ip| ip.is_ipv6() == v6).map(|ip| address(*ip)).collect();
        set(rules, family, &sized("resolvers", v6), json!(addr), elements);
    }
    let everything = if family == INET { "nf_proto" } else { "ether_type" };
    for (name, kind) in [(PORTAL_TCP, "inet_service"), (PORTAL_UDP, "inet_service"), (EVERYTHING, everything)]
    {
        rules.add("set", family, TABLE, json!({ "name": name, "type": kind, "flags": ["timeout"] }));
    }
}

#[expect(clippy::needless_pass_by_value, reason = "json! borrows what it is given")]
fn set(rules: &mut Transaction, family: Family, name: &str, kind: Value, elements: Vec<Value>) {
    let mut object = json!({ "name": name, "type": kind });
    if let (false, Some(fields)) = (elements.is_empty(), object.as_object_mut()) {
        fields.insert("elem".to_owned(), Value::Array(elements));
    }
    rules.add("set", family, TABLE, object);
}

/// Answers from headquarters carry the mark for the reverse path check (`src_valid_mark`); what the room's own
/// endpoints send to headquarters carries it to leave below the tunnel. IPv4 only: see `forward`.
fn prerouting(rules: &mut Transaction, policy: &Policy) {
    chain(rules, INET, "prerouting", "filter", "prerouting", -150, "accept");
    // Every packet comes through here: what is none of these, or one of them, goes on at once.
    rule(rules, INET, "prerouting", vec![equal(meta("iifname"), json!(policy.interface)), accept()]);
    for (set, protocol) in [("wireguard", "udp"), ("api", "tcp")] {
        for v6 in [false, true] {
            let from = vec![peer(set, v6, "saddr", protocol, "sport"), set_mark(MARK), accept()];
            rule(rules, INET, "prerouting", from);
            if let Some(lan) = policy.lan.as_ref().filter(|_| !v6) {
                let to = vec![
                    equal(meta("iifname"), json!(lan.interface)),
                    peer(set, v6, "daddr", protocol, "dport"),
                    set_mark(MARK),
                    accept(),
                ];
                rule(rules, INET, "prerouting", to);
            }
        }
    }
}

fn input(rules: &mut Transaction, policy: &Policy) {
    rules.add("chain", INET, TABLE, json!({ "name": ANSWERS }));
    chain(rules, INET, "input", "filter", "input", 0, "drop");
    for name in [policy.interface.as_str(), "lo"] {
        rule(rules, INET, "input", vec![equal(meta("iifname"), json!(name)), accept()]);
    }
    for v6 in [false, true] {
        for (set, protocol) in [("wireguard", "udp"), ("api", "tcp")] {
            let from = vec![socket_mark(MARK), peer(set, v6, "saddr", protocol, "sport"), accept()];
            rule(rules, INET, "input", from);
        }
        let from_resolver = vec![
            socket_mark(MARK),
            equal(field(family_name(v6), "saddr"), json!(format!("@{}", sized("resolvers", v6)))),
            equal(field("udp", "sport"), json!(53)),
            accept(),
        ];
        rule(rules, INET, "input", from_resolver);
    }
    // The kernel joins the parts of a cut IPv6 datagram behind this chain, unless connections are tracked. The first part has
    // passed above or is missing for good.
    let from = tunnel_ends(policy, true);
    if !from.is_empty() {
        let from = equal(field("ip6", "saddr"), any_of(from));
        let later = vec![from, equal(meta("l4proto"), json!("udp")), later_part(true), accept()];
        rule(rules, INET, "input", later);
    }
    // DHCP and neighbour discovery; errors about our own packets' size, or the tunnel would stall on a narrow path.
    for (from, to) in [(67, 68), (547, 546)] {
        rule(rules, INET, "input", udp_pair(from, to));
    }
    let mut from_router = neighbour(&["nd-router-advert"]);
    if let Some(lan) = &policy.lan {
        // In its room a gateway is the router: nobody there shows it another way.
        from_router.insert(0, differs(meta("iifname"), json!(lan.interface)));
    }
    rule(rules, INET, "input", from_router);
    rule(rules, INET, "input", neighbour(&["nd-neighbor-solicit", "nd-neighbor-advert"]));
    let too_big = |protocol: &str, kind: &str| vec![equal(field(protocol, "type"), json!(kind)), accept()];
    rule(rules, INET, "input", too_big("icmp", "destination-unreachable"));
    rule(rules, INET, "input", too_big("icmpv6", "packet-too-big"));
    if let Some(lan) = &policy.lan {
        let on_lan = || equal(meta("iifname"), json!(lan.interface));
        let mut ask_router = neighbour(&["nd-router-solicit"]);
        ask_router.insert(0, on_lan());
        rule(rules, INET, "input", ask_router);
        let mut lease = udp_pair(68, 67);
        lease.insert(0, on_lan());
        rule(rules, INET, "input", lease);
        for (protocol, kind) in [("icmp", "echo-request"), ("icmpv6", "echo-request")] {
            rule(rules, INET, "input", vec![on_lan(), equal(field(protocol, "type"), json!(kind)), accept()]);
        }
    }
    devices::input(rules, policy);
    rule(rules, INET, "input", vec![jump(ANSWERS)]);
    rule(rules, INET, "input", vec![counter()]);
}

/// Fills the chain for answers, to be there as long as an unlock.
pub(crate) fn let_answers_in(rules: &mut Transaction) {
    for expressions in answers() {
        rule(rules, INET, ANSWERS, expressions);
    }
}

/// What an unlock lets in: answers from what it lets out to.
pub(crate) fn answers() -> [Vec<Value>; 3] {
    let from = |set: &str, protocol: &str| {
        vec![equal(field(protocol, "sport"), json!(format!("@{set}"))), direction(true), accept()]
    };
    let from_all = vec![equal(meta("nfproto"), json!(format!("@{EVERYTHING}"))), direction(true), accept()];
    [from(PORTAL_TCP, "tcp"), from(PORTAL_UDP, "udp"), from_all]
}

fn output(rules: &mut Transaction, policy: &Policy, around: &Around) {
    rules.add("chain", INET, TABLE, json!({ "name": portal::CHAIN }));
    portal::services(rules);
    chain(rules, INET, "output", "filter", "output", 0, "drop");
    for name in [policy.interface.as_str(), "lo"] {
        rule(rules, INET, "output", vec![equal(meta("oifname"), json!(name)), accept()]);
    }
    outward(rules, INET, "output", around);
    devices::output(rules, policy);
    if let Some(lan) = &policy.lan {
        for expressions in room_service(lan, INET) {
            rule(rules, INET, "output", expressions);
        }
    }
    // Refused aloud: a program that waits for a time-out looks like a broken machine.
    rule(rules, INET, "output", vec![equal(meta("l4proto"), json!("tcp")), counter(), reset()]);
    rule(rules, INET, "output", vec![counter(), reject()]);
}

/// What passes on every device, in the output chain and, again, at each device's egress.
fn outward(rules: &mut Transaction, family: Family, chain: &str, around: &Around) {
    for v6 in [false, true] {
        for (set, protocol) in [("wireguard", "udp"), ("api", "tcp")] {
            let to =
                vec![equal(meta("mark"), json!(MARK)), peer(set, v6, "daddr", protocol, "dport"), accept()];
            rule(rules, family, chain, to);
        }
        let to_resolver = vec![
            equal(meta("mark"), json!(MARK)),
            equal(field(family_name(v6), "daddr"), json!(format!("@{}", sized("resolvers", v6)))),
            equal(field("udp", "dport"), json!(53)),
            accept(),
        ];
        rule(rules, family, chain, to_resolver);
    }
    next_door(rules, family, chain, around);
    if family == INET {
        portal::output(rules);
    } else {
        portal::outward(rules);
    }
    let version = meta(if family == INET { "nfproto" } else { "protocol" });
    rule(rules, family, chain, vec![equal(version, json!(format!("@{EVERYTHING}"))), accept()]);
}

/// DHCP and neighbour discovery, to whom they are for and nobody else: a raw socket fills them with what it likes, and writes the
/// hop limit itself, so that a router would carry it on. A DHCP server behind a relay hears of a renewal by
/// broadcast (RFC 2131, 4.4.5); in IPv6 everything is said by multicast.
fn next_door(rules: &mut Transaction, family: Family, chain: &str, around: &Around) {
    let connected =
        |v6: bool| around.networks.iter().filter(move |net| net.addr().is_ipv6() == v6).map(prefix);
    let to = |v6: bool, members: Vec<Value>| equal(field(family_name(v6), "daddr"), any_of(members));
    let dhcp = [
        (udp_pair(68, 67), to(false, connected(false).chain([json!("255.255.255.255")]).collect())),
        (udp_pair(546, 547), to(true, on_link().to_vec())),
    ];
    for (mut expressions, to) in dhcp {
        expressions.insert(0, to);
        rule(rules, family, chain, expressions);
    }
    let mut discovery = neighbour(&["nd-router-solicit", "nd-neighbor-solicit", "nd-neighbor-advert"]);
    discovery.insert(0, to(true, connected(true).chain(on_link()).collect()));
    rule(rules, family, chain, discovery);
}

/// What no router carries on: link-local multicast and link-local addresses (RFC 4291).
fn on_link() -> [Value; 2] {
    ["ff02::", "fe80::"].map(|addr| {
        let len = if addr == "ff02::" { 16 } else { 10 };
        json!({ "prefix": { "addr": addr, "len": len } })
    })
}

/// What a gateway itself says to the room: leases, router advertisements, answers to pings, and why something has no way.
fn room_service(lan: &Lan, family: Family) -> Vec<Vec<Value>> {
    let mut advert = neighbour(&["nd-router-advert"]);
    advert.insert(0, equal(field("ip6", "daddr"), any_of(on_link().to_vec())));
    let mut all = vec![
        udp_pair(67, 68),
        advert,
        icmp("icmp", &["echo-reply", "destination-unreachable", "time-exceeded", "parameter-problem"]),
        icmp(
            "icmpv6",
            &[
                "echo-reply",
                "destination-unreachable",
                "packet-too-big",
                "time-exceeded",
                "parameter-problem",
            ],
        ),
    ];
    if family == INET {
        for expressions in &mut all {
            expressions.insert(0, equal(meta("oifname"), json!(lan.interface)));
        }
    }
    all
}

/// Headquarters' addresses outside the tunnel, of one family.
fn tunnel_ends(policy: &Policy, v6: bool) -> Vec<Value> {
    let ends: BTreeSet<IpAddr> =
        policy.wireguard.iter().map(SocketAddr::ip).filter(|ip| ip.is_ipv6() == v6).collect();
    ends.into_iter().map(address).collect()
}

/// A part of a cut datagram that is not the first, hence without a port.
fn later_part(v6: bool) -> Value {
    if v6 {
        differs(json!({ "exthdr": { "name": "frag", "field": "frag-off" } }), json!(0))
    } else {
        // The lower 13 bits (RFC 791); above them are flags.
        differs(json!({ "&": [field("ip", "frag-off"), 0x1fff] }), json!(0))
    }
}

fn chain(
    rules: &mut Transaction,
    family: Family,
    name: &str,
    kind: &str,
    hook: &str,
    priority: i32,
    policy: &str,
) {
    let object = json!({ "name": name, "type": kind, "hook": hook, "prio": priority, "policy": policy });
    rules.add("chain", family, TABLE, object);
}

#[expect(clippy::needless_pass_by_value, reason = "json! borrows what it is given")]
pub(super) fn rule(rules: &mut Transaction, family: Family, chain: &str, expressions: Vec<Value>) {
    rules.add("rule", family, TABLE, json!({ "chain": chain, "expr": expressions }));
}

fn sized(set: &str, v6: bool) -> String {
    format!("{set}{}", if v6 { 6 } else { 4 })
}

fn peer(set: &str, v6: bool, side: &str, protocol: &str, port: &str) -> Value {
    let fields = both(field(family_name(v6), side), field(protocol, port));
    equal(fields, json!(format!("@{}", sized(set, v6))))
}

fn udp_pair(from: u16, to: u16) -> Vec<Value> {
    vec![equal(field("udp", "sport"), json!(from)), equal(field("udp", "dport"), json!(to)), accept()]
}

fn neighbour(kinds: &[&str]) -> Vec<Value> {
    let mut expressions = icmp("icmpv6", kinds);
    // RFC 4861: a hop limit of 255 cannot have crossed a router.
    expressions.insert(0, equal(field("ip6", "hoplimit"), json!(255)));
    expressions
}

fn icmp(protocol: &str, kinds: &[&str]) -> Vec<Value> {
    let kinds = kinds.iter().map(|kind| json!(kind)).collect();
    vec![equal(field(protocol, "type"), any_of(kinds)), accept()]
}
