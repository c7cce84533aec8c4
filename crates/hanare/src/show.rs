//! Nodes as a person reads them.

use hanare_hq::admin::{Node, NodeState, NodeWipes, ReceiptDue, WipeStanding};
use hanare_ledger::receipt::Verdict;
use hanare_model::NodeKind;
use ipnet::IpNet;

use crate::durations;
use crate::table;
use crate::times;
use crate::voice::Voice;

/// Headings for [`node_row`].
pub(crate) const NODE_HEADINGS: [&str; 8] = [
    "label-node",
    "label-kind",
    "label-room",
    "label-company",
    "label-state",
    "label-handshake",
    "label-person",
    "label-wipes",
];

/// A node as a line of a table.
pub(crate) fn node_row(node: &Node, voice: &Voice) -> Vec<String> {
    vec![
        node.name.to_string(),
        voice.say(kind(node.kind)),
        node.room.to_string(),
        node.company.to_string(),
        voice.say(state(node.state)),
        handshake(node.last_handshake_seconds, voice),
        node.person.as_ref().map(ToString::to_string).unwrap_or_default(),
        node.wipes.as_ref().map(|wipes| voice.say(standing(wipes.standing))).unwrap_or_default(),
    ]
}

/// All that is known of a node.
pub(crate) fn node(node: &Node, voice: &Voice) -> String {
    let mut fields = fields(node, voice);
    fields.extend(node.wipes.as_ref().map(|known| wipes(known, voice)).unwrap_or_default());
    table::fields(voice, fields)
}

fn fields(node: &Node, voice: &Voice) -> Vec<(&'static str, String)> {
    let text = |value: Option<String>| value.unwrap_or_default();
    vec![
        ("label-node", node.name.to_string()),
        ("label-kind", voice.say(kind(node.kind))),
        ("label-state", voice.say(state(node.state))),
        ("label-room", node.room.to_string()),
        ("label-company", node.company.to_string()),
        ("label-addresses", table::list(&node.addresses)),
        ("label-lan", table::list(&node.lan)),
        ("label-public-key", node.public_key.to_string()),
        ("label-endpoint", text(node.endpoint.map(|endpoint| endpoint.to_string()))),
        ("label-handshake", handshake(node.last_handshake_seconds, voice)),
        ("label-traffic", traffic(node.rx_bytes, node.tx_bytes, voice)),
        ("label-enrolled", times::tell(node.enrolled_at)),
        ("label-lease-until", times::tell_some(node.lease_until)),
        ("label-revoked", times::tell_some(node.revoked_at)),
        ("label-reason", text(node.reason.clone())),
        ("label-person", text(node.person.as_ref().map(ToString::to_string))),
    ]
}

/// What is known of a node's wipes.
fn wipes(known: &NodeWipes, voice: &Voice) -> Vec<(&'static str, String)> {
    let some = |count: u64| if count > 0 { count.to_string() } else { String::new() };
    let count = |list: &[ReceiptDue]| {
        let since = list.first().map(|due| times::tell(due.since));
        since.map(|since| voice.say_with("receipts-since", &[("count", &list.len()), ("since", &since)]))
    };
    let last = known.last.as_ref().map(|last| {
        let late = if last.late { voice.say("receipt-late") } else { String::new() };
        let verdict = voice.say(verdict(last.verdict));
        format!("{} {verdict} {late}", times::tell(last.at)).trim_end().to_owned()
    });
    let told = known.told.as_ref();
    let sealed = told.map(|told| match told.sealed {
        Some(sealed) => voice.say_with("told-at", &[("what", &sealed), ("at", &times::tell(told.at))]),
        None => voice.say("not-known"),
    });
    let volume = told.and_then(|told| told.volume.as_ref()).map(|volume| {
        let state = voice.say(if volume.open { "volume-open" } else { "volume-locked" });
        format!("{} ({state})", volume.kind)
    });
    vec![
        ("label-wipes", voice.say(standing(known.standing))),
        ("label-last-receipt", last.unwrap_or_default()),
        ("label-receipts-unknown", count(&known.unknown).unwrap_or_default()),
        ("label-receipts-missing", count(&known.missing).unwrap_or_default()),
        ("label-receipts-refused", some(known.counts.refused)),
        ("label-receipts-gaps", some(known.counts.gaps)),
        ("label-receipts-late", some(known.counts.late)),
        ("label-receipts-replayed", some(known.counts.replayed)),
        ("label-lost", some(known.counts.lost)),
        ("label-sealed-told", sealed.unwrap_or_default()),
        ("label-volume", volume.unwrap_or_default()),
    ]
}

/// The word for what came of a wipe.
pub(crate) const fn verdict(verdict: Verdict) -> &'static str {
    standing(match verdict {
        Verdict::Pass => WipeStanding::Pass,
        Verdict::Partial => WipeStanding::Partial,
        Verdict::Fail => WipeStanding::Fail,
    })
}

/// The word for how wipes stand.
pub(crate) const fn standing(standing: WipeStanding) -> &'static str {
    match standing {
        WipeStanding::Contradicted => "wipes-contradicted",
        WipeStanding::Missing => "wipes-missing",
        WipeStanding::Unknown => "wipes-unknown",
        WipeStanding::Open => "wipes-open",
        WipeStanding::Fail => "wipes-fail",
        WipeStanding::Partial => "wipes-partial",
        WipeStanding::Pass => "wipes-pass",
        WipeStanding::None => "wipes-none",
    }
}

/// How long ago a handshake was.
pub(crate) fn handshake(seconds: Option<u64>, voice: &Voice) -> String {
    match seconds {
        Some(seconds) => voice.say_with("ago", &[("span", &durations::tell(seconds, voice))]),
        None => voice.say("never"),
    }
}

/// Addresses without their prefix lengths.
pub(crate) fn bare_addresses(addresses: &[IpNet]) -> String {
    table::list(&addresses.iter().map(IpNet::addr).collect::<Vec<_>>())
}

/// Bytes in both directions.
pub(crate) fn traffic(received: u64, sent: u64, voice: &Voice) -> String {
    voice.say_with("traffic", &[("received", &size(received)), ("sent", &size(sent))])
}

/// Bytes in the unit that keeps them readable.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut tenths = bytes.saturating_mul(10) / 1024;
    let mut unit = "KiB";
    for next in UNITS.into_iter().skip(1) {
        if tenths < 10_240 {
            break;
        }
        (tenths, unit) = (tenths / 1024, next);
    }
    format!("{}.{} {unit}", tenths / 10, tenths % 10)
}

/// The word for a kind of node.
pub(crate) const fn kind(kind: NodeKind) -> &'static str {
    match kind {
        NodeKind::Endpoint => "kind-endpoint",
        NodeKind::Gateway => "kind-gateway",
        NodeKind::External => "kind-external",
    }
}

const fn state(state: NodeState) -> &'static str {
    match state {
        NodeState::Enrolled => "node-enrolled",
        NodeState::Expired => "node-expired",
        NodeState::Revoked => "node-revoked",
        NodeState::Left => "node-left",
    }
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_stay_readable() {
        let shown: Vec<String> = [0, 1023, 1536, 20 << 20, 5 << 40, u64::MAX].into_iter().map(size).collect();
        assert_eq!(shown[..5], ["0 B", "1023 B", "1.5 KiB", "20.0 MiB", "5.0 TiB"]);
    }
}
