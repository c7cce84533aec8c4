//! What happens to a packet before the kernel's connection tracking (-200): sources that cannot be are dropped, and what no rule
//! asks about as a connection stays untracked.
//!
//! Traced, a ping through an idle tunnel spends some 10 µs more at headquarters than at a device without rules, part of it on being
//! tracked; and a room can fill a table that all share. Where no other table of the machine looks at connections, these stay
//! out of it:
//! - the tunnel's own datagrams;
//! - what rooms may ask of headquarters itself, if each packet says which way it goes: an echo request or its reply; a port
//!   that headquarters serves, as destination or as source. What lets it in is about addresses and ports only.
//!
//! What headquarters asks of rooms is tracked: the answers pass by the direction of their connection.

use ipnet::IpNet;
use serde_json::{Value, json};

use hanare_model::{Segmentation, Service};

use super::{INET, Surroundings, TABLE, chain, ends, of_family, own_nets, rule, services, within};
use crate::MARK;
use crate::nft::Transaction;
use crate::nft::rule::{
    accept, any_of, counter, differs, drop, equal, family_name, field, goto, jump, meta, notrack,
};

/// Packets out of the tunnel.
const FROM_TUNNEL: &str = "from_tunnel";
/// What rooms ask of headquarters.
const ASKED: &str = "asked";
/// What headquarters says to that.
const ANSWERED: &str = "answered";
/// Before the kernel's own connection tracking.
const RAW: i32 = -300;

pub(super) fn render(rules: &mut Transaction, segmentation: &Segmentation, surroundings: Surroundings) {
    chain(rules, "prerouting", "filter", "prerouting", RAW);
    rules.add("chain", INET, TABLE, json!({ "name": FROM_TUNNEL }));
    rule(rules, "prerouting", vec![equal(meta("iifname"), json!(segmentation.interface)), goto(FROM_TUNNEL)]);
    rule(rules, "prerouting", vec![equal(meta("iifname"), json!("lo")), accept()]);
    anti_spoof(rules, segmentation);
    if let Some(port) = surroundings.untracked {
        chain(rules, "output", "filter", "output", RAW);
        tunnels_datagrams(rules, port);
        conversations(rules, segmentation);
    }
}

/// The overlay's addresses come from the tunnel interface, and nothing else does; headquarters' own ones are reached by it
/// and from this machine only, although the kernel answers to any of its addresses on any interface.
fn anti_spoof(rules: &mut Transaction, segmentation: &Segmentation) {
    for v6 in [false, true] {
        let overlay = of_family(&segmentation.overlay, v6);
        let source = || field(family_name(v6), "saddr");
        if overlay.is_empty() {
            let version = equal(meta("nfproto"), json!(if v6 { "ipv6" } else { "ipv4" }));
            rule(rules, FROM_TUNNEL, vec![version, counter(), drop()]);
            continue;
        }
        rule(rules, FROM_TUNNEL, vec![differs(source(), any_of(overlay.clone())), counter(), drop()]);
        rule(rules, "prerouting", vec![equal(source(), any_of(overlay)), counter(), drop()]);
        let own = of_family(&own_nets(segmentation), v6);
        if !own.is_empty() {
            rule(rules, FROM_TUNNEL, vec![equal(source(), any_of(own.clone())), counter(), drop()]);
            let destination = field(family_name(v6), "daddr");
            rule(rules, "prerouting", vec![equal(destination, any_of(own)), counter(), drop()]);
        }
    }
}

/// What passes between the peers and our sockets, which carry our mark.
fn tunnels_datagrams(rules: &mut Transaction, port: u16) {
    rule(rules, "prerouting", vec![equal(field("udp", "dport"), json!(port)), notrack()]);
    let go = vec![equal(meta("mark"), json!(MARK)), equal(field("udp", "sport"), json!(port)), notrack()];
    rule(rules, "output", go);
}

/// What rooms ask of headquarters, and its answers.
fn conversations(rules: &mut Transaction, segmentation: &Segmentation) {
    let own = own_nets(segmentation);
    for name in [ASKED, ANSWERED] {
        rules.add("chain", INET, TABLE, json!({ "name": name }));
    }
    for v6 in [false, true] {
        let ours = of_family(&own, v6);
        if ours.is_empty() {
            continue;
        }
        let side = |name| equal(field(family_name(v6), name), any_of(ours.clone()));
        rule(rules, FROM_TUNNEL, vec![side("daddr"), jump(ASKED)]);
        let out: Value = equal(meta("oifname"), json!(segmentation.interface));
        rule(rules, "output", vec![out, side("saddr"), jump(ANSWERED)]);
    }
    for flow in segmentation.input.iter().filter(|flow| says_its_way(&flow.service)) {
        let to: Vec<IpNet> = within(&flow.to, &own);
        for v6 in [false, true] {
            let Some((forth, back)) = ends(&flow.from, &to, v6) else { continue };
            for (name, ends, is_back) in [(ASKED, forth, false), (ANSWERED, back, true)] {
                for service in services(&flow.service, v6, is_back) {
                    rule(rules, name, [ends.clone(), service, vec![notrack(), accept()]].concat());
                }
            }
        }
    }
}

/// Whether a packet tells by itself if it asks or answers.
fn says_its_way(service: &Service) -> bool {
    match service {
        Service::Any => false,
        Service::Ping => true,
        Service::Tcp { ports } | Service::Udp { ports } => !ports.is_empty(),
    }
}
