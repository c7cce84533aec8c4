//! Carries the node's own ledger to headquarters'. What headquarters has not acknowledged is offered again.

use std::time::{Duration, Instant};

use hanare_ledger::Head;
use hanare_ledger::carried::{MAX_RECORDS, NodeRecords, RecordsTaken};

use super::daemon::{Daemon, Outcome};
use super::inside::Inside;
use crate::api::{ApiError, Connection};
use crate::state::StateError;
use crate::state::journal::Journal;

/// Between tries that failed.
const AGAIN: Duration = Duration::from_secs(15);
/// Where they are taken.
const PATH: &str = "/v1/records";

/// How far headquarters is, as far as this process knows.
#[derive(Debug, Default)]
pub(super) struct Records {
    held: Option<Head>,
    under_way: bool,
    not_before: Option<Instant>,
}

impl Records {
    fn is_due(&self, head: Head, now: Instant) -> bool {
        head != Head::GENESIS
            && self.held != Some(head)
            && !self.under_way
            && self.not_before.is_none_or(|time| time <= now)
    }
}

/// Sends the next ones, if headquarters answers.
pub(super) fn tick(daemon: &mut Daemon) {
    let now = daemon.watch.now();
    let Some(inside) = &daemon.inside else { return };
    if !daemon.records.is_due(daemon.journal.head(), now) || !daemon.health.is_up(now) {
        return;
    }
    let told = match next(&daemon.journal, daemon.records.held) {
        Ok(told) => told,
        Err(error) => {
            tracing::warn!(%error, "this node's own ledger cannot be read");
            daemon.records.not_before = Some(now + AGAIN);
            return;
        }
    };
    daemon.records.under_way = true;
    let (hands, addresses) = (daemon.hands.clone(), inside.addresses().to_vec());
    let (identity, outcomes) = (daemon.identity.clone(), daemon.outcomes.clone());
    tokio::spawn(async move {
        let taken = async {
            let mut connection = Inside::open(&hands, &addresses, &identity).await?;
            connection.post(PATH, &told).await
        };
        let _ = outcomes.send(Outcome::Recorded(taken.await)).await;
    });
}

/// What came of it.
pub(super) fn taken(daemon: &mut Daemon, taken: Result<RecordsTaken, ApiError>) {
    daemon.records.under_way = false;
    match taken {
        // The same place again: what it was sent it did not take.
        Ok(RecordsTaken { head }) if daemon.records.held == Some(head) => {
            daemon.records.not_before = Some(daemon.watch.now() + AGAIN);
        }
        Ok(RecordsTaken { head }) => daemon.records.held = Some(head),
        Err(error) => {
            tracing::info!(?error, "headquarters did not take this node's records");
            daemon.records.not_before = Some(daemon.watch.now() + AGAIN);
        }
    }
}

/// All that headquarters does not hold, one request after the other.
pub(super) async fn deliver(connection: &mut Connection, journal: &Journal) -> Result<(), ApiError> {
    let mut held = None;
    while journal.head() != held.unwrap_or_default() {
        let told = next(journal, held)
            .map_err(|error| ApiError::connection("this node's ledger")(Box::new(error)))?;
        let RecordsTaken { head } = connection.post(PATH, &told).await?;
        if held == Some(head) {
            return Err(ApiError::Answer { why: "it takes no records".to_owned() });
        }
        held = Some(head);
    }
    Ok(())
}

/// The next request to a headquarters that stands at `held`, which is asked first.
fn next(journal: &Journal, held: Option<Head>) -> Result<NodeRecords, StateError> {
    let Some(held) = held else { return Ok(NodeRecords::question()) };
    if let Some(lines) = journal.after(held, MAX_RECORDS)? {
        return Ok(NodeRecords { after: held, anew: false, lines });
    }
    let lines = journal.after(Head::GENESIS, MAX_RECORDS)?.unwrap_or_default();
    Ok(NodeRecords { after: Head::GENESIS, anew: true, lines })
}

#[cfg(test)]
mod tests {
    use hanare_ledger::Entry;
    use hanare_model::{SigningKey, Timestamp};

    use super::*;
    use crate::state::NodeState;

    fn journal(root: &std::path::Path, reasons: &[&str]) -> (Journal, SigningKey) {
        let state = NodeState::new(root);
        let key = state.make_keys().unwrap().signing;
        let mut journal = Journal::open(&state).unwrap();
        for reason in reasons {
            let entry = Entry {
                at: Timestamp::from_seconds(0),
                actor: "uid 1000".to_owned(),
                kind: "kill-switch.unlock".to_owned(),
                subject: "pc-1".to_owned(),
                data: serde_json::json!({ "reason": reason }),
            };
            journal.record(entry, &key).unwrap();
        }
        (journal, key)
    }

    #[test]
    fn a_headquarters_that_is_behind_gets_what_follows_and_one_that_is_ahead_all_of_it() {
        let directory = tempfile::tempdir().unwrap();
        let reasons: Vec<String> = (0..20).map(|number| number.to_string()).collect();
        let (journal, key) =
            journal(directory.path(), &reasons.iter().map(String::as_str).collect::<Vec<_>>());
        let public = key.verify_key();
        let mut place = Head::GENESIS;
        let mut all = Vec::new();
        assert!(next(&journal, None).unwrap().lines.is_empty(), "it is asked first");
        while place != journal.head() {
            let (new, head) = next(&journal, Some(place)).unwrap().take(place, public).unwrap();
            assert!((1..=MAX_RECORDS).contains(&new.len()));
            all.extend(new.into_iter().map(|carried| carried.record.seq));
            place = head;
        }
        assert_eq!(all, (1..=20).collect::<Vec<_>>());
        // What it holds is not in this chain: the state was put back.
        let elsewhere = Head { seq: 30, ..place };
        let told = next(&journal, Some(elsewhere)).unwrap();
        assert!(told.anew && told.take(elsewhere, public).unwrap().0.len() == MAX_RECORDS);
        let other = Head { hash: hanare_ledger::Hash::of(b"other"), seq: 3 };
        assert!(next(&journal, Some(other)).unwrap().anew);
    }

    #[test]
    fn nothing_is_offered_twice_at_a_time_and_nothing_at_all_without_records() {
        let now = Instant::now();
        let head = Head { seq: 1, ..Head::GENESIS };
        assert!(!Records::default().is_due(Head::GENESIS, now));
        assert!(Records::default().is_due(head, now));
        assert!(!Records { under_way: true, ..Records::default() }.is_due(head, now));
        assert!(!Records { held: Some(head), ..Records::default() }.is_due(head, now));
        let waits = Records { not_before: Some(now + AGAIN), ..Records::default() };
        assert!(!waits.is_due(head, now) && waits.is_due(head, now + AGAIN));
    }
}
