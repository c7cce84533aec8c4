//! A node's own records as they come in: each is checked against the node's key and chain, and goes onto headquarters' ledger
//! with the line that the node signed.

use hanare_ledger::Fault;
use hanare_ledger::carried::{Carried, NodeRecords, RecordsTaken};
use hanare_model::PublicKey;
use serde_json::{Map, Value, json};

use super::tenants::missing;
use super::{Change, Context, Decision, Registry, overtime};
use crate::admin::{Noun, Problem};

/// What a node's own kinds are called here; others keep their data and come as [`OTHER`].
const KINDS: [(&str, &str); 3] = [
    ("kill-switch.unlock", "node.unlocked"),
    ("kill-switch.unlock-refused", "node.unlock-refused"),
    (overtime::ALONE, "node.overtime-alone"),
];
const OTHER: &str = "node.recorded";

/// Takes in what is new. The answer is where headquarters stands; `None` if something is not what the node would have signed,
/// which is on the ledger then.
pub(super) fn take(
    registry: &Registry,
    context: &Context,
    node: &PublicKey,
    told: &NodeRecords,
) -> Result<Decision, Problem> {
    let unknown = || missing(Noun::Node, &"");
    let node = registry.nodes.get(node).ok_or_else(unknown)?;
    let Some(key) = node.signing_key else { return Err(missing(Noun::Node, &node.name)) };
    let before = registry.ledgers.get(&node.public_key).copied().unwrap_or_default();
    let name = node.name.as_str();
    let (taken, head) = match told.take(before, key) {
        Ok(taken) => taken,
        Err(fault) => {
            let data = json!({ "why": code(fault), "after": told.after });
            return Ok(Decision::answer(&None::<RecordsTaken>)?.recorded(
                context,
                "records.refused",
                name,
                data,
            ));
        }
    };
    let mut decision = Decision::answer(&Some(RecordsTaken { head }))?;
    if taken.is_empty() {
        return Ok(decision);
    }
    if told.after != before {
        let data = json!({ "held": before, "told": told.after });
        decision = decision.recorded(context, "records.put-back", name, data);
    }
    decision.changes.extend(overtime::heard(registry, context.now, node, &taken));
    for carried in taken {
        decision = decision.recorded(context, kind(&carried), name, data(carried));
    }
    Ok(decision.with(Change::NodeLedger(node.public_key, head)))
}

fn kind(carried: &Carried) -> &'static str {
    let known = KINDS.iter().find(|(own, _)| *own == carried.record.kind);
    known.map_or(OTHER, |(_, here)| here)
}

/// The node's words, who by the node's word it was and when, and the record itself.
fn data(carried: Carried) -> Value {
    let Carried { record, line } = carried;
    let mut data = match &record.data {
        Value::Object(members) => members.clone(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Map::from_iter([("data".to_owned(), record.data.clone())])
        }
    };
    data.insert("by".to_owned(), record.actor.into());
    data.insert("recorded_at".to_owned(), json!(record.at));
    data.insert("record".to_owned(), line.into());
    Value::Object(data)
}

const fn code(fault: Fault) -> &'static str {
    match fault {
        Fault::Form | Fault::End | Fault::Export => "form",
        Fault::Sequence => "sequence",
        Fault::Link => "link",
        Fault::Signature => "signature",
    }
}
