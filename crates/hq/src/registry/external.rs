//! External nodes: a key made here, shown once, and forgotten.

use std::fmt::Write as _;

use hanare_model::{NodeKind, PresharedKey, PrivateKey, Timestamp};
use serde_json::json;
use zeroize::Zeroizing;

use super::rows::NodeRow;
use super::tenants::exists;
use super::{Change, Context, Decision, Registry, node};
use crate::admin::{ExternalNode, NodeAddExternal, Noun, Problem};
use crate::{random, show};

/// Keeps a phone's mapping in a room's NAT open (`INTERFACE`).
const KEEPALIVE_SECONDS: u16 = 25;

pub(super) fn add(registry: &Registry, context: &Context, ask: NodeAddExternal) -> Result<Decision, Problem> {
    if registry.node_by_name(&ask.name).is_some() {
        return Err(exists(Noun::Node, &ask.name));
    }
    let (room, addresses, lan) = node::place(registry, context, &ask.room, NodeKind::External)?;
    let bug = |error: random::NoRandomness| Problem::Bug { text: error.to_string() };
    let private = PrivateKey::from_bytes(*random::bytes().map_err(bug)?);
    let row = NodeRow {
        public_key: private.public(),
        signing_key: None,
        preshared_key: PresharedKey::from_bytes(*random::bytes().map_err(bug)?),
        name: ask.name,
        kind: NodeKind::External,
        company: room.company.clone(),
        room: room.id.clone(),
        addresses,
        lan,
        enrolled_at: context.now,
        serial: 0,
        issued_at: context.now,
        expires_at: Timestamp::from_seconds(0),
        lease_digest: String::new(),
        endpoint: None,
        revoked_at: None,
        reason: None,
        has_left: false,
    };
    let text = wg_quick(context, &row, &private, &ask.dns);
    let data = json!({
        "public_key": row.public_key,
        "kind": row.kind,
        "room": row.room,
        "company": row.company,
        "addresses": row.addresses,
    });
    let answer = ExternalNode { node: show::node(&row, context.now, None), wg_quick: text.to_string() };
    Ok(Decision::answer(&answer)?
        .recorded(context, "node.added", row.name.as_str(), data)
        .with(Change::Node(Box::new(row))))
}

fn wg_quick(
    context: &Context,
    row: &NodeRow,
    private: &PrivateKey,
    dns: &[std::net::IpAddr],
) -> Zeroizing<String> {
    let terms = &context.terms;
    let list = |items: Vec<String>| items.join(", ");
    let addresses = row.addresses.iter().map(|a| ipnet::IpNet::from(*a).to_string()).collect();
    let allowed = terms.allowed_ips.iter().map(ToString::to_string).collect();
    let mut text = Zeroizing::new(String::with_capacity(1024));
    let mut line = |key: &str, value: &str| {
        // Writing to a String does not fail.
        let _ = writeln!(text, "{key} = {value}");
    };
    line("[Interface]\nPrivateKey", &private.expose_base64());
    line("Address", &list(addresses));
    if !dns.is_empty() {
        line("DNS", &list(dns.iter().map(ToString::to_string).collect()));
    }
    line("MTU", &terms.mtu.to_string());
    line("\n[Peer]\nPublicKey", &terms.public_key.to_string());
    line("PresharedKey", &row.preshared_key.expose_base64());
    line("AllowedIPs", &list(allowed));
    if let Some(endpoint) = terms.endpoints.first() {
        line("Endpoint", &endpoint.to_string());
    }
    line("PersistentKeepalive", &KEEPALIVE_SECONDS.to_string());
    text
}
