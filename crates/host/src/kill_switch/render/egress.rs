//! What leaves each device: the output chain's word again, for what no output chain sees.

use serde_json::json;

use super::super::around::Around;
use super::super::policy::Policy;
use super::{FORWARDED, NETDEV, TABLE, devices, later_part, outward, room_service, rule, tunnel_ends};
use crate::MARK;
use crate::nft::Transaction;
use crate::nft::rule::{accept, any_of, counter, equal, family_name, field, jump, meta};

/// Where a device is narrower than the tunnel's datagrams, the kernel cuts them behind the output chain, and only the
/// first part has a port. Only `CAP_NET_ADMIN`, and `CAP_NET_RAW` since Linux 5.17, can set
/// the mark that the parts inherit.
fn fragments(rules: &mut Transaction, policy: &Policy) {
    for v6 in [false, true] {
        let to = tunnel_ends(policy, v6);
        if to.is_empty() {
            continue;
        }
        let expressions = vec![
            equal(meta("mark"), json!(MARK)),
            equal(field(family_name(v6), "daddr"), any_of(to)),
            equal(meta("l4proto"), json!("udp")),
            later_part(v6),
            accept(),
        ];
        rule(rules, NETDEV, "outward", expressions);
    }
}

pub(super) fn egress(rules: &mut Transaction, policy: &Policy, around: &Around) {
    for name in ["outward", "roomward"] {
        rules.add("chain", NETDEV, TABLE, json!({ "name": name }));
    }
    rule(rules, NETDEV, "outward", vec![equal(field("ether", "type"), json!("arp")), accept()]);
    outward(rules, NETDEV, "outward", around);
    fragments(rules, policy);
    devices::outward(rules, policy);
    if let Some(lan) = &policy.lan {
        rule(rules, NETDEV, "roomward", vec![equal(meta("mark"), json!(FORWARDED)), accept()]);
        for expressions in room_service(lan, NETDEV) {
            rule(rules, NETDEV, "roomward", expressions);
        }
    }
    let lan_index = policy
        .lan
        .as_ref()
        .and_then(|lan| around.devices.iter().find(|link| link.name == lan.interface))
        .map(|link| link.index);
    for link in &around.devices {
        let name = format!("egress_{}", link.index);
        let object = json!({
            "name": name, "type": "filter", "hook": "egress", "dev": link.name, "prio": 0, "policy": "drop",
        });
        rules.add("chain", NETDEV, TABLE, object);
        if lan_index.is_some_and(|lan| link.index == lan || link.controller == Some(lan)) {
            rule(rules, NETDEV, &name, vec![jump("roomward")]);
        }
        rule(rules, NETDEV, &name, vec![jump("outward")]);
        rule(rules, NETDEV, &name, vec![counter()]);
    }
}
