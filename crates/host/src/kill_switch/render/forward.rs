//! What crosses the machine: the room and the tunnel on a gateway, nothing on any other node.

use serde_json::{Value, json};

use super::super::policy::{Lan, Policy};
use super::{FORWARDED, INET, chain, peer, rule};
use crate::nft::Transaction;
use crate::nft::rule::{
    accept, any_of, counter, differs, direction, equal, family_name, field, meta, prefix, reject, set_mark,
};

pub(super) fn forward(rules: &mut Transaction, policy: &Policy) {
    chain(rules, INET, "forward", "filter", "forward", 0, "drop");
    let Some(lan) = &policy.lan else {
        rule(rules, INET, "forward", vec![counter(), reject()]);
        return;
    };
    let (room, tunnel) = (json!(lan.interface), json!(policy.interface));
    let between = |from: &Value, to: &Value| {
        vec![equal(meta("iifname"), from.clone()), equal(meta("oifname"), to.clone())]
    };
    for v6 in [false, true] {
        let own: Vec<Value> =
            lan.prefixes.iter().filter(|net| net.addr().is_ipv6() == v6).map(prefix).collect();
        if own.is_empty() {
            continue;
        }
        let ip = family_name(v6);
        let mut up = between(&room, &tunnel);
        up.extend([equal(field(ip, "saddr"), any_of(own.clone())), accept()]);
        rule(rules, INET, "forward", up);
        let mut down = between(&tunnel, &room);
        down.extend([equal(field(ip, "daddr"), any_of(own.clone())), set_mark(FORWARDED), accept()]);
        rule(rules, INET, "forward", down);
        if v6 {
            continue;
        }
        for (set, protocol) in [("wireguard", "udp"), ("api", "tcp")] {
            let out = vec![
                equal(meta("iifname"), room.clone()),
                differs(meta("oifname"), room.clone()),
                equal(field(ip, "saddr"), any_of(own.clone())),
                peer(set, v6, "daddr", protocol, "dport"),
                // The room asks, and headquarters' address answers: whoever takes that address starts nothing towards the room,
                // and gets no answer from it.
                direction(false),
                accept(),
            ];
            rule(rules, INET, "forward", out);
            let back = vec![
                equal(meta("oifname"), room.clone()),
                differs(meta("iifname"), room.clone()),
                equal(field(ip, "daddr"), any_of(own.clone())),
                peer(set, v6, "saddr", protocol, "sport"),
                direction(true),
                set_mark(FORWARDED),
                accept(),
            ];
            rule(rules, INET, "forward", back);
        }
    }
    // Neighbours in one room reach each other directly or not at all: never by way of the gateway.
    let mut bridged = between(&room, &room);
    bridged.extend([counter(), json!({ "drop": null })]);
    rule(rules, INET, "forward", bridged);
    rule(rules, INET, "forward", vec![counter(), reject()]);
    masquerade(rules, lan);
}

/// The room's addresses mean nothing to the building's network: what a gateway forwards below the tunnel leaves under
/// its own address. In IPv4 only: there is no NAT66, and headquarters drops the overlay's addresses outside the tunnel, so
/// that an endpoint's IPv6 `WireGuard` has no way and is told so.
fn masquerade(rules: &mut Transaction, lan: &Lan) {
    chain(rules, INET, "postrouting", "nat", "postrouting", 100, "accept");
    let own: Vec<Value> = lan.prefixes.iter().filter(|net| net.addr().is_ipv4()).map(prefix).collect();
    if own.is_empty() {
        return;
    }
    for (set, protocol) in [("wireguard", "udp"), ("api", "tcp")] {
        let out = vec![
            differs(meta("oifname"), json!(lan.interface)),
            equal(field("ip", "saddr"), any_of(own.clone())),
            peer(set, false, "daddr", protocol, "dport"),
            json!({ "masquerade": null }),
        ];
        rule(rules, INET, "postrouting", out);
    }
}
