//! Expressions of nftables' JSON, as small functions whose arguments are already checked values.
#![expect(
    clippy::needless_pass_by_value,
    reason = "expressions nest by value; that json! only borrows them is its own affair"
)]

use std::net::IpAddr;

use hanare_model::PortRange;
use ipnet::IpNet;
use serde_json::{Value, json};

/// `left == right`.
pub(crate) fn equal(left: Value, right: Value) -> Value {
    json!({ "match": { "op": "==", "left": left, "right": right } })
}

/// `left != right`.
pub(crate) fn differs(left: Value, right: Value) -> Value {
    json!({ "match": { "op": "!=", "left": left, "right": right } })
}

/// `left < right`.
pub(crate) fn below(left: Value, right: Value) -> Value {
    json!({ "match": { "op": "<", "left": left, "right": right } })
}

/// Packet metadata such as `iifname`, `mark`, `l4proto`.
pub(crate) fn meta(key: &str) -> Value {
    json!({ "meta": { "key": key } })
}

/// A header field.
pub(crate) fn field(protocol: &str, field: &str) -> Value {
    json!({ "payload": { "protocol": protocol, "field": field } })
}

/// An anonymous set.
pub(crate) fn any_of(values: Vec<Value>) -> Value {
    json!({ "set": values })
}

/// Ports, as members of a set.
pub(crate) fn port_ranges(ports: &[PortRange]) -> Vec<Value> {
    let one = |ports: &PortRange| {
        if ports.first == ports.last {
            json!(ports.first)
        } else {
            json!({ "range": [ports.first, ports.last] })
        }
    };
    ports.iter().map(one).collect()
}

/// Two fields side by side.
pub(crate) fn both(first: Value, second: Value) -> Value {
    json!({ "concat": [first, second] })
}

/// The packet's direction within its flow. Never its state: see the kill switch.
pub(crate) fn direction(reply: bool) -> Value {
    equal(json!({ "ct": { "key": "direction" } }), json!(if reply { "reply" } else { "original" }))
}

/// The mark of the local socket that the packet is for.
pub(crate) fn socket_mark(mark: u32) -> Value {
    equal(json!({ "socket": { "key": "mark" } }), json!(mark))
}

/// Marks the packet.
pub(crate) fn set_mark(mark: u32) -> Value {
    json!({ "mangle": { "key": meta("mark"), "value": mark } })
}

/// Leaves the packet out of connection tracking.
pub(crate) fn notrack() -> Value {
    json!({ "notrack": null })
}

/// Lets the packet through.
pub(crate) fn accept() -> Value {
    json!({ "accept": null })
}

/// Drops the packet without a word.
pub(crate) fn drop() -> Value {
    json!({ "drop": null })
}

/// Counts.
pub(crate) fn counter() -> Value {
    json!({ "counter": { "packets": 0, "bytes": 0 } })
}

/// Says no, so that the sender need not wait for a time-out.
pub(crate) fn reject() -> Value {
    json!({ "reject": { "type": "icmpx", "expr": "admin-prohibited" } })
}

/// Says no to a TCP segment of this machine's own: an ICMP error about it comes while the socket is still busy sending, is
/// forgotten, and the program waits a second for the next one (measured).
pub(crate) fn reset() -> Value {
    json!({ "reject": { "type": "tcp reset" } })
}

/// Goes on in another chain and comes back.
pub(crate) fn jump(chain: &str) -> Value {
    json!({ "jump": { "target": chain } })
}

/// Goes on in another chain for good.
pub(crate) fn goto(chain: &str) -> Value {
    json!({ "goto": { "target": chain } })
}

/// A prefix as nft reads it.
pub(crate) fn prefix(net: &IpNet) -> Value {
    let net = net.trunc();
    if net.prefix_len() == net.max_prefix_len() {
        return address(net.addr());
    }
    json!({ "prefix": { "addr": net.addr().to_string(), "len": net.prefix_len() } })
}

/// An address as nft reads it.
pub(crate) fn address(ip: IpAddr) -> Value {
    json!(ip.to_string())
}

/// `ip` or `ip6`.
pub(crate) const fn family_name(v6: bool) -> &'static str {
    if v6 { "ip6" } else { "ip" }
}
