//! Answers to admins about sealed items: what waits on nodes, and what is brought by hand.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hanare_handover::protocol::{Became, SealedAnswer, SealedPart};
use serde_json::Value;

use crate::admin::{HandoverImport, Problem};
use crate::answers::is_connected;
use crate::api::sealed;
use crate::held::problem;
use crate::random;
use crate::registry::{NodeRow, Registry, Waiting};
use crate::shared::Hq;

/// Refuses if sealed work waits on a node, or nobody knows that none does. One that never said anything runs no agent, and
/// seals nothing.
pub(crate) async fn nothing_waits(hq: &Hq, registry: &Registry, node: &NodeRow) -> Result<(), Problem> {
    let refused = |items| Err(Problem::Sealed { node: node.name.clone(), items });
    let items = delivering(hq, node).await?;
    if items > 0 {
        return refused(items);
    }
    match Waiting::of(registry, node, is_connected(hq, node), random::now()) {
        Waiting::Nothing | Waiting::Unheard => Ok(()),
        Waiting::Items(items) => refused(items),
        Waiting::Silent(since) => Err(Problem::SealedUnknown { node: node.name.clone(), since }),
    }
}

/// How many items a node had left when it last delivered some.
async fn delivering(hq: &Hq, node: &NodeRow) -> Result<u64, Problem> {
    if !hq.work.is_used() {
        return Ok(0);
    }
    let store = hq.work.open().await.map_err(|error| problem(&error))?;
    let waiting = store.waiting().await.map_err(|error| problem(&error))?;
    let (company, name) = (node.company.as_str(), node.name.as_str());
    let found = waiting.iter().find(|(of, waiting)| of == company && waiting.node == name);
    Ok(found.map_or(0, |(_, waiting)| waiting.count.items))
}

/// Takes a part of an item that somebody has carried here. Its node may be revoked by now: what it sealed before is work.
pub(crate) async fn import(
    hq: &Arc<Hq>,
    registry: &Registry,
    ask: &HandoverImport,
) -> Result<Value, Problem> {
    let malformed = || Problem::Malformed { text: "the part is not one of a sealed item".to_owned() };
    let answer = match registry.node_by_signing_key(&ask.signer) {
        None => SealedAnswer::Done { became: Became::Refused { reason: "node".to_owned() }, mark: None },
        Some(node) => {
            let bytes = STANDARD.decode(&ask.part).map_err(|_| malformed())?;
            let part = SealedPart::read(bytes.into()).ok_or_else(malformed)?;
            sealed::take(hq, node, part).await.map_err(|error| problem(&error))?
        }
    };
    serde_json::to_value(&answer).map_err(|error| Problem::Bug { text: error.to_string() })
}
