//! The segmentation policy: applying one, and what holds on to it.

use hanare_model::policy::{self, Party, Policy, PolicyError, compile};
use hanare_model::{CompanyId, RoomId};
use ring::digest::{SHA256, digest};
use serde_json::json;

use super::rows::PolicyRow;
use super::{Change, Context, Decision, Registry};
use crate::admin::{Owner, PolicyApply, PolicyShown, Problem};

pub(super) fn apply(registry: &Registry, context: &Context, ask: PolicyApply) -> Result<Decision, Problem> {
    let policy: Policy = ask.text.parse().map_err(|error| problem(&error))?;
    let site = registry.site(&context.interface, context.terms.api_port);
    if let Some(error) = policy::unknown(&policy, &site).first() {
        return Err(problem(error));
    }
    let segmentation = compile(&policy, &site);
    if let Some(row) = registry.policy.as_ref().filter(|row| row.text == ask.text) {
        let applied_at = Some(row.applied_at);
        return Decision::answer(&PolicyShown {
            text: ask.text,
            applied_at,
            changed: false,
            in_force: false,
            segmentation,
        });
    }
    let row = PolicyRow { text: ask.text.clone(), applied_at: context.now };
    let hash = hex::encode(digest(&SHA256, ask.text.as_bytes()));
    let rules: Vec<_> = policy
        .allow
        .iter()
        .map(|rule| {
            let names = |parties: &[Party]| parties.iter().map(ToString::to_string).collect::<Vec<_>>();
            json!({ "from": names(&rule.from), "to": names(&rule.to), "service": rule.service, "reason": rule.reason })
        })
        .collect();
    let devices: Vec<_> = policy
        .devices
        .iter()
        .map(|device| {
            let rooms: Vec<_> = device.rooms.iter().map(ToString::to_string).collect();
            json!({ "rooms": rooms, "devices": device.devices, "reason": device.reason })
        })
        .collect();
    // A policy may have more rules than a ledger record has room for; its hash always stands for the whole text, and the counts
    // say what is left out.
    let fits =
        |all: &Vec<serde_json::Value>| serde_json::to_string(all).is_ok_and(|text| text.len() < 16 * 1024);
    let data = json!({
        "sha256": hash,
        "count": rules.len(),
        "rules": if fits(&rules) { rules } else { Vec::new() },
        "unlock": policy.unlock,
        "device_count": devices.len(),
        "devices": if fits(&devices) { devices } else { Vec::new() },
    });
    // Whether it is in force is known after the commit.
    let applied_at = Some(context.now);
    let shown = PolicyShown { text: ask.text, applied_at, changed: true, in_force: false, segmentation };
    Ok(Decision::answer(&shown)?
        .recorded(context, "policy.applied", "policy", data)
        .with(Change::Policy(row)))
}

fn problem(error: &PolicyError) -> Problem {
    Problem::Policy {
        line: u64::try_from(error.position.line).unwrap_or(u64::MAX),
        column: u64::try_from(error.position.column).unwrap_or(u64::MAX),
        fault: error.fault.clone(),
    }
}

/// `policy` if it names the company: removing it would hand its rules to the next one of that name.
pub(super) fn names_company(registry: &Registry, id: &CompanyId) -> Option<Owner> {
    names(registry, &Party::Company(id.clone()))
}

/// `policy` if it names the room.
pub(super) fn names_room(registry: &Registry, id: &RoomId) -> Option<Owner> {
    names(registry, &Party::Room(id.clone()))
}

fn names(registry: &Registry, party: &Party) -> Option<Owner> {
    let policy = &registry.in_force;
    let allows = policy.allow.iter().any(|rule| rule.from.contains(party) || rule.to.contains(party));
    let stands = policy.devices.iter().any(|device| device.rooms.contains(party));
    (allows || stands).then_some(Owner::Policy)
}
