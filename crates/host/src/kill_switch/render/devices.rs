//! What leaves for the room's own devices, and their answers.
//!
//! The output chain knows the way: a packet whose next hop is not the device itself would go through somebody's router, and
//! stays here, also when no process of ours follows this machine into another network. It marks what it lets out, and the
//! egress chains, which know no routes, want the mark. Answers are known by their direction under a rule that goes with the
//! policy: an open flow ends then. They make the kernel track connections, the tunnel's too (2 µs a datagram): leaving those out, as
//! headquarters does, would take the tunnel from a machine whose own firewall lets in only what is established.

use hanare_model::{Device, PortRange, Service};
use serde_json::{Value, json};

use super::super::policy::{Policy, Reach};
use super::{INET, NETDEV, rule};
use crate::nft::Transaction;
use crate::nft::rule::{
    accept, any_of, direction, equal, family_name, field, meta, port_ranges, prefix, set_mark,
};

/// Mark of packets to a device of the room. "hd".
pub(crate) const TO_DEVICE: u32 = 0x6864;

/// In the output chain.
pub(super) fn output(rules: &mut Transaction, policy: &Policy) {
    for reach in &policy.devices {
        let (to, next) = (at(&reach.device, "daddr"), next_hop(&reach.device));
        if let Some(ports) = ports(&reach.device, "dport") {
            let by = equal(meta("oifname"), json!(reach.interface));
            rule(
                rules,
                INET,
                "output",
                vec![by, to.clone(), next.clone(), ports, set_mark(TO_DEVICE), accept()],
            );
        }
    }
}

/// At each device's egress.
pub(super) fn outward(rules: &mut Transaction, policy: &Policy) {
    for Reach { device, .. } in &policy.devices {
        if let Some(ports) = ports(device, "dport") {
            let marked = equal(meta("mark"), json!(TO_DEVICE));
            rule(rules, NETDEV, "outward", vec![marked, at(device, "daddr"), ports, accept()]);
        }
    }
}

/// In the input chain.
pub(super) fn input(rules: &mut Transaction, policy: &Policy) {
    for reach in &policy.devices {
        if let Some(ports) = ports(&reach.device, "sport") {
            let by = equal(meta("iifname"), json!(reach.interface));
            rule(
                rules,
                INET,
                "input",
                vec![by, at(&reach.device, "saddr"), ports, direction(true), accept()],
            );
        }
    }
}

fn at(device: &Device, side: &str) -> Value {
    equal(field(family_name(device.at.addr().is_ipv6()), side), prefix(&device.at))
}

fn next_hop(device: &Device) -> Value {
    let family = family_name(device.at.addr().is_ipv6());
    equal(json!({ "rt": { "key": "nexthop", "family": family } }), prefix(&device.at))
}

/// A device without named ports is none.
fn ports(device: &Device, side: &str) -> Option<Value> {
    let of = |protocol: &str, ports: &[PortRange]| {
        (!ports.is_empty()).then(|| equal(field(protocol, side), any_of(port_ranges(ports))))
    };
    match &device.service {
        Service::Tcp { ports } => of("tcp", ports),
        Service::Udp { ports } => of("udp", ports),
        Service::Any | Service::Ping => None,
    }
}
