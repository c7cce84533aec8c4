//! Who may use what an unlock opens for a portal: the system's own services, and the one program that it was asked for.
//!
//! A frozen desktop could show no portal. So nothing is frozen, and people's other programs stay as they are without an unlock:
//! the hole is not theirs. nft 1.0.6 does not take a control group in JSON, hence one rule in nft's own words.

use serde_json::{Value, json};

use super::render::{INET, PORTAL_TCP, PORTAL_UDP, TABLE, rule};
use crate::control_group::{self, ControlGroup, LEVEL};
use crate::error::{HostError, reason};
use crate::nft::rule::{accept, below, equal, field, jump, meta, set_mark};
use crate::nft::{self, Family, Transaction};

/// The chain that says who.
pub(super) const CHAIN: &str = "portal";
/// Mark of what passes there. The egress chains, which know neither users nor groups, want it. "hp".
const MARK: u32 = 0x6870;
/// The first user id that is a person's and not a system service's (`UID_MIN` of login.defs, systemd's 999 before it).
const FIRST_PERSON: u32 = 1000;

/// In the output chain: what is open, for whom the chain says.
pub(super) fn output(rules: &mut Transaction) {
    for (set, protocol) in SETS {
        rule(rules, INET, "output", vec![to(set, protocol), jump(CHAIN)]);
    }
}

/// At each device's egress.
pub(super) fn outward(rules: &mut Transaction) {
    for (set, protocol) in SETS {
        rule(
            rules,
            Family::Netdev,
            "outward",
            vec![equal(meta("mark"), json!(MARK)), to(set, protocol), accept()],
        );
    }
}

/// The chain as it is without a program.
pub(super) fn services(rules: &mut Transaction) {
    rule(rules, INET, CHAIN, vec![below(meta("skuid"), json!(FIRST_PERSON)), set_mark(MARK), accept()]);
}

const SETS: [(&str, &str); 2] = [(PORTAL_TCP, "tcp"), (PORTAL_UDP, "udp")];

fn to(set: &str, protocol: &str) -> Value {
    equal(field(protocol, "dport"), json!(format!("@{set}")))
}

/// Lets a program's group in.
///
/// # Errors
/// [`HostError::Refused`] if kernel or nft know no groups.
pub(super) fn admit(group: &ControlGroup) -> Result<(), HostError> {
    let unknown = || HostError::refused("unlock", reason::NO_CONTROL_GROUPS);
    let name = group.in_nft().ok_or_else(unknown)?;
    admit_named(&name).map_err(|error| {
        tracing::warn!(%error, "nft takes no control group");
        unknown()
    })
}

/// The same for a name that [`admitted`] found.
pub(super) fn admit_named(name: &str) -> Result<(), HostError> {
    nft::script(&format!(
        "add rule inet {TABLE} {CHAIN} socket cgroupv2 level {LEVEL} \"{name}\" meta mark set {MARK} accept\n"
    ))
}

/// The group that a rule as nft lists it lets in, if it is one that [`admit`] adds.
pub(super) fn admitted(object: &Value) -> Option<&str> {
    let rule = object.get("rule").filter(|rule| rule.get("chain") == Some(&json!(CHAIN)))?;
    let [group, mark, verdict] = rule.get("expr")?.as_array()?.as_slice() else { return None };
    let compared = group.get("match").filter(|found| found.get("op") == Some(&json!("==")))?;
    let is_group = compared.pointer("/left/socket/key") == Some(&json!("cgroupv2"));
    let name = compared.get("right")?.as_str()?;
    (is_group && control_group::is_ours(name) && *mark == set_mark(MARK) && *verdict == accept())
        .then_some(name)
}
