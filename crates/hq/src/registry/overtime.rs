//! Overtime: headquarters grants a person more time on a machine, as much as its own policy gives, and says no to more. What
//! the machine's policy gives is the machine's to keep.

use std::time::Duration;

use hanare_ledger::carried::Carried;
use hanare_model::policy::MAX_OVERTIME_HOURS;
use hanare_model::work::WorkRefusal;
use hanare_model::{PersonId, PublicKey, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::receipts::{WipesRow, row};
use super::rows::NodeRow;
use super::{Change, Context, Decision, Opened, Outcome, Registry};

/// What a person had counts for so long: a working day and its overtime (14 h and 4 h, as wipe policies have them if they do
/// not say otherwise) are over by then.
const DAY: Duration = Duration::from_hours(18);
/// A person asks a few times a day. What a machine asks for more often is no person's.
const MOST: usize = 64;
/// What a node calls overtime that a person took while headquarters was away.
pub(super) const ALONE: &str = "work.overtime-alone";

/// A machine asks for its person, who has proven themselves there.
#[derive(Debug, Clone)]
pub(crate) struct Overtime {
    pub node: PublicKey,
    pub person: PersonId,
    pub seconds: u64,
    pub grant: Option<u32>,
}

/// Overtime that a person had on a machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Had {
    pub at: Timestamp,
    pub person: PersonId,
    pub seconds: u64,
    /// The wish's own number; none of who wished it before there were any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<u32>,
}

impl Had {
    /// Whether it is this wish. A number that comes with another time is another one.
    fn is(&self, person: &PersonId, grant: Option<u32>, seconds: u64) -> bool {
        grant.is_some() && self.grant == grant && self.person == *person && self.seconds == seconds
    }
}

pub(super) fn grant(registry: &Registry, context: &Context, ask: &Overtime) -> Decision {
    let refused = |refusal| Decision::nothing(Outcome::Opened(Opened::Refused(refusal)));
    let Some(node) = registry.nodes.get(&ask.node).filter(|node| node.revoked_at.is_none()) else {
        return refused(WorkRefusal::NotHere);
    };
    let hours = registry.in_force.overtime_hours.unwrap_or(MAX_OVERTIME_HOURS);
    let mut row = row(registry, &node.public_key);
    forget(&mut row, context.now);
    if row.overtime.iter().any(|had| had.is(&ask.person, ask.grant, ask.seconds)) {
        // The answer was lost, and the node has asked again or told that it took the time alone.
        return Decision::nothing(Outcome::Done);
    }
    let had = row.overtime.iter().filter(|had| had.person == ask.person);
    let (times, seconds) = had.fold((0, 0_u64), |(times, seconds): (usize, _), had| {
        (times.saturating_add(1), seconds.saturating_add(had.seconds))
    });
    if times >= MOST || seconds.saturating_add(ask.seconds) > hours.saturating_mul(3600) {
        let data = json!({
            "why": "overtime", "node": node.name, "public_key": node.public_key,
            "seconds": ask.seconds, "had": seconds, "hours": hours,
        });
        let no = refused(WorkRefusal::Overtime);
        return no.recorded(context, "work.refused", ask.person.as_str(), data);
    }
    let (person, seconds) = (ask.person.clone(), ask.seconds);
    row.overtime.push(Had { at: context.now, person, seconds, grant: ask.grant });
    let data = json!({ "node": node.name, "seconds": ask.seconds });
    let granted = Decision::nothing(Outcome::Done);
    granted.recorded(context, "work.overtime", ask.person.as_str(), data).with(Change::Wipes(Box::new(row)))
}

/// What people took while headquarters was away counts as well, once it hears of it.
pub(super) fn heard(
    registry: &Registry,
    now: Timestamp,
    node: &NodeRow,
    taken: &[Carried],
) -> Option<Change> {
    let mut row = row(registry, &node.public_key);
    let before = row.overtime.len();
    for record in taken.iter().map(|carried| &carried.record).filter(|record| record.kind == ALONE) {
        let seconds = record.data.get("seconds").and_then(Value::as_u64);
        let grant = record.data.get("grant").and_then(Value::as_u64).and_then(|grant| grant.try_into().ok());
        // No clock of a node's makes it count for longer.
        if let (Some(seconds), Ok(person)) = (seconds, record.subject.parse())
            && !row.overtime.iter().any(|had| had.is(&person, grant, seconds))
        {
            row.overtime.push(Had { at: record.at.min(now), person, seconds, grant });
        }
    }
    if row.overtime.len() == before {
        return None;
    }
    forget(&mut row, now);
    Some(Change::Wipes(Box::new(row)))
}

/// Another day's overtime, and more than honest machines have.
fn forget(row: &mut WipesRow, now: Timestamp) {
    row.overtime.retain(|had| had.at.after(DAY) > now);
    let too_many = row.overtime.len().saturating_sub(MOST * 4);
    row.overtime.drain(..too_many);
}
