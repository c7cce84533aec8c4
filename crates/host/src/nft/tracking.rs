//! Whether anybody else on this machine looks at connections.
//!
//! One rule about a connection's direction makes the kernel track every packet of the network namespace, the tunnel's own
//! datagrams too (2 µs each). Where only our rules are about connections, the tunnel's datagrams can be left out; where
//! another table's are, a packet that is not tracked could be dropped there, or not be translated back.

use std::fs;

use serde_json::Value;

use super::list_all;
use crate::error::HostError;

/// Expressions and statements that need connection tracking; `xt` is a rule of iptables that nft cannot look into.
const TRACKING: [&str; 11] = [
    "ct",
    "ct helper",
    "ct timeout",
    "ct expectation",
    "ct count",
    "masquerade",
    "snat",
    "dnat",
    "redirect",
    "flow",
    "xt",
];
/// The tables of the older iptables, which nft does not list.
const LEGACY: [&str; 2] = ["/proc/net/ip_tables_names", "/proc/net/ip6_tables_names"];

/// Whether a table other than `own` needs connection tracking, or may: iptables' older tables cannot be looked into.
///
/// # Errors
/// [`HostError::ProgramMissing`] or [`HostError::Program`] from nft.
pub(crate) fn by_others(own: &str) -> Result<bool, HostError> {
    if LEGACY.iter().any(|path| fs::read_to_string(path).is_ok_and(|tables| !tables.trim().is_empty())) {
        return Ok(true);
    }
    let is_others = |rule: &&Value| rule.get("table").and_then(Value::as_str) != Some(own);
    let objects = list_all()?;
    let rules = objects.iter().filter_map(|object| object.get("rule")).filter(is_others);
    Ok(rules.filter_map(|rule| rule.get("expr")).any(tracks))
}

fn tracks(value: &Value) -> bool {
    match value {
        Value::Object(fields) => {
            fields.iter().any(|(name, value)| TRACKING.contains(&name.as_str()) || tracks(value))
        }
        Value::Array(values) => values.iter().any(tracks),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_rule_about_connections_is_told_from_one_that_is_not() {
        let state =
            json!([{ "match": { "op": "in", "left": { "ct": { "key": "state" } }, "right": "new" } }]);
        assert!(tracks(&state));
        assert!(tracks(&json!([{ "masquerade": null }])));
        assert!(tracks(&json!([{ "xt": { "type": "match", "name": "conntrack" } }])));
        let port = json!([{ "match": { "op": "==", "left": { "payload": { "protocol": "udp", "field": "dport" } },
            "right": 51820 } }, { "accept": null }]);
        assert!(!tracks(&port));
    }
}
