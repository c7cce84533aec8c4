//! Answers to admins about sealed items: what waits on nodes, and what is brought by hand.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hanare_handover::protocol::{Became, SealedAnswer, SealedPart};
use serde_json::Value;

use crate::admin::{HandoverImport, Problem};
use crate::api::sealed;
use crate::held::problem;
use crate::registry::{NodeRow, Registry};
use crate::shared::Hq;

/// Refuses if a node has said that sealed work waits there. What it sealed since it was last heard is not known here.
pub(crate) async fn nothing_waits(hq: &Hq, node: &NodeRow) -> Result<(), Problem> {
    if !hq.work.is_used() {
        return Ok(());
    }
    let store = hq.work.open().await.map_err(|error| problem(&error))?;
    let waiting = store.waiting().await.map_err(|error| problem(&error))?;
    let (company, name) = (node.company.as_str(), node.name.as_str());
    let items = waiting
        .iter()
        .find(|(of, waiting)| of == company && waiting.node == name)
        .map_or(0, |(_, waiting)| waiting.count.items);
    if items == 0 { Ok(()) } else { Err(Problem::Sealed { node: node.name.clone(), items }) }
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
