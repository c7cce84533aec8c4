//! Carries the node's own ledger to headquarters'. What headquarters has not acknowledged is offered again; what cannot be read
//! any more is passed over, and headquarters notes that.

use std::time::{Duration, Instant};

use hanare_ledger::carried::{MAX_RECORD, MAX_RECORDS, NodeRecords, RecordsTaken};
use hanare_ledger::{Head, Verifier};
use hanare_model::VerifyKey;
use hanare_model::api::Refusal;

use super::daemon::{Daemon, Outcome};
use super::inside::Inside;
use super::outside;
use crate::api::{ApiError, Connection};
use crate::state::journal::{Journal, before};
use crate::state::{Damage, StateError};

/// Between tries that failed.
const AGAIN: Duration = Duration::from_secs(15);
/// Between tries that will fail until somebody does something.
const REFUSED: Duration = Duration::from_hours(1);
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

    /// It was not taken. Whether it was is not known, if no answer came: headquarters is asked again where it stands.
    fn wait(&mut self, error: &ApiError, now: Instant) {
        if !matches!(error, ApiError::Refused(Refusal::TooMany { .. })) {
            self.held = None;
        }
        let pause = match error {
            ApiError::Refused(Refusal::TooMany { retry_after_seconds }) => {
                Duration::from_secs((*retry_after_seconds).max(1))
            }
            ApiError::Refused(_) => REFUSED,
            ApiError::Connection { .. }
            | ApiError::Timeout { .. }
            | ApiError::NotHeadquarters
            | ApiError::Unavailable { .. }
            | ApiError::Answer { .. }
            | ApiError::Setup { .. } => AGAIN,
        };
        self.not_before = Some(now + pause);
    }
}

/// Sends the next ones, if headquarters answers. Who was revoked has no tunnel any more, and is heard past it.
pub(super) fn tick(daemon: &mut Daemon) {
    let now = daemon.watch.now();
    if !daemon.records.is_due(daemon.journal.head(), now) {
        return;
    }
    let inside = match &daemon.inside {
        Some(inside) if daemon.health.is_up(now) => Some(inside.addresses().to_vec()),
        Some(_) | None if daemon.revoked.is_some() => None,
        Some(_) | None => return,
    };
    let told = match next(&daemon.journal, daemon.records.held, daemon.signing.verify_key()) {
        Ok(told) => told,
        Err(error) => {
            tracing::warn!(%error, "this node's own ledger cannot be read");
            daemon.records.not_before = Some(now + REFUSED);
            return;
        }
    };
    daemon.records.under_way = true;
    let (hands, api) = (daemon.hands.clone(), daemon.api.clone());
    let (identity, outcomes) = (daemon.identity.clone(), daemon.outcomes.clone());
    tokio::spawn(async move {
        let taken = async {
            let mut connection = match inside {
                Some(addresses) => Inside::open(&hands, &addresses, &identity).await?,
                None => outside::open(&hands, &api, &identity).await?,
            };
            connection.post(PATH, &told).await
        };
        let _ = outcomes.send(Outcome::Recorded(taken.await)).await;
    });
}

/// What came of it.
pub(super) fn taken(daemon: &mut Daemon, taken: Result<RecordsTaken, ApiError>) {
    daemon.records.under_way = false;
    let now = daemon.watch.now();
    match taken {
        // The same place again: what it was sent it did not take.
        Ok(RecordsTaken { head }) if daemon.records.held == Some(head) => {
            daemon.records.not_before = Some(now + AGAIN);
        }
        Ok(RecordsTaken { head }) => daemon.records.held = Some(head),
        Err(error) => {
            tracing::warn!(?error, "headquarters did not take this node's records");
            daemon.records.wait(&error, now);
        }
    }
}

/// What a node that leaves still has to say.
#[derive(Debug, Clone)]
pub(super) struct Rest<'a> {
    journal: Option<&'a Journal>,
    key: VerifyKey,
    held: Option<Head>,
    /// How many there are.
    all: u64,
}

impl<'a> Rest<'a> {
    pub(super) fn of(daemon: &'a Daemon) -> Self {
        let (held, all) = (daemon.records.held, daemon.journal.head().seq);
        Self { journal: Some(&daemon.journal), key: daemon.signing.verify_key(), held, all }
    }

    /// Where nobody knows how far headquarters is. Of a journal that cannot be opened only the number of its records is said.
    pub(super) const fn unknown(journal: Option<&'a Journal>, key: VerifyKey, all: u64) -> Self {
        Self { journal, key, held: None, all }
    }

    /// How many records headquarters is not known to hold.
    pub(super) fn missing(&self) -> u64 {
        // Headquarters may stand elsewhere than here, if this state was put back: then nobody knows.
        self.all - self.held.map(|held| held.seq).filter(|held| *held <= self.all).unwrap_or(0)
    }

    /// All that headquarters does not hold, one request after the other, as long as there is time to begin one: a request that is
    /// given up takes its connection with it.
    pub(super) async fn deliver(
        &mut self,
        connection: &mut Connection,
        until: tokio::time::Instant,
    ) -> Result<(), ApiError> {
        let Some(journal) = self.journal else {
            // What cannot be read cannot be sent either; headquarters knows how much of it it holds.
            let RecordsTaken { head } = connection.post(PATH, &NodeRecords::question()).await?;
            self.held = Some(head);
            return Ok(());
        };
        while journal.head() != self.held.unwrap_or_default() {
            if tokio::time::Instant::now() >= until {
                return Err(ApiError::Timeout { what: "handing over this node's records" });
            }
            let told = next(journal, self.held, self.key)
                .map_err(|error| ApiError::connection("this node's ledger")(Box::new(error)))?;
            let RecordsTaken { head } = connection.post(PATH, &told).await?;
            if self.held == Some(head) {
                return Err(ApiError::Answer { why: "it takes no records".to_owned() });
            }
            self.held = Some(head);
        }
        Ok(())
    }
}

/// The next request to a headquarters that stands at `held`, which is asked first.
fn next(journal: &Journal, held: Option<Head>, key: VerifyKey) -> Result<NodeRecords, StateError> {
    let Some(held) = held else { return Ok(NodeRecords::question()) };
    let (mut after, mut at, mut anew) = match journal.place(held)? {
        Some(at) => (held, at, false),
        None => (Head::GENESIS, 0, true),
    };
    loop {
        let mut verifier = Verifier::after(after, key);
        let mut lines = Vec::new();
        let stand = journal.lines(at, MAX_RECORDS)?;
        for (line, end) in &stand {
            if line.len() > MAX_RECORD || verifier.accept(line).is_err() {
                break;
            }
            journal.remember(verifier.head(), *end);
            lines.push(line.clone());
        }
        if !lines.is_empty() {
            return Ok(NodeRecords { after, anew, lines });
        }
        // The first of them is not what was written: on with what follows it, and headquarters sees that something is missing.
        let nothing = || StateError::Damaged { path: journal.path().to_owned(), why: Damage::LastRecord };
        let (_, end) = stand.into_iter().next().ok_or_else(nothing)?;
        tracing::warn!(at, "a record of this node's own ledger cannot be read any more");
        (at, anew) = (end, true);
        if let Some((follows, _)) = journal.lines(at, 1)?.first() {
            after = before(follows.as_bytes()).unwrap_or(after);
        }
    }
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
        assert!(next(&journal, None, public).unwrap().lines.is_empty(), "it is asked first");
        while place != journal.head() {
            let (new, head) = next(&journal, Some(place), public).unwrap().take(place, public).unwrap();
            assert!((1..=MAX_RECORDS).contains(&new.len()));
            all.extend(new.into_iter().map(|carried| carried.record.seq));
            place = head;
        }
        assert_eq!(all, (1..=20).collect::<Vec<_>>());
        // What it holds is not in this chain: the state was put back.
        let elsewhere = Head { seq: 30, ..place };
        let told = next(&journal, Some(elsewhere), public).unwrap();
        assert!(told.anew && told.take(elsewhere, public).unwrap().0.len() == MAX_RECORDS);
        let other = Head { hash: hanare_ledger::Hash::of(b"other"), seq: 3 };
        assert!(next(&journal, Some(other), public).unwrap().anew);
    }

    #[test]
    fn what_rotted_is_passed_over_wherever_headquarters_stands() {
        let directory = tempfile::tempdir().unwrap();
        let (journal, key) = journal(directory.path(), &["one", "two", "three", "four"]);
        let public = key.verify_key();
        let path = journal.path().to_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let ends = |journal: &Journal| -> Vec<Head> {
            let lines = journal.lines(0, 9).unwrap();
            lines.iter().skip(1).map(|(line, _)| before(line.as_bytes()).unwrap()).collect()
        };
        let [one, two, _] = ends(&journal)[..] else { panic!() };
        let at = text.find("two").unwrap();
        // Another letter of the second record's reason, and what is no letter.
        for rot in [b'x', 0xff] {
            let mut rotten = text.clone().into_bytes();
            rotten[at] = rot;
            std::fs::write(&path, rotten).unwrap();
            let journal = Journal::open(&NodeState::new(directory.path())).unwrap();
            let told = next(&journal, Some(Head::GENESIS), public).unwrap();
            assert_eq!((told.anew, told.lines.len()), (false, 1));
            let told = next(&journal, Some(one), public).unwrap();
            assert_eq!((told.anew, told.after, told.lines.len()), (true, two, 2));
            let (taken, head) = told.take(one, public).unwrap();
            assert_eq!((taken[0].record.seq, head), (3, journal.head()));
            // Headquarters had it before it rotted: nothing is missing there.
            let told = next(&journal, Some(two), public).unwrap();
            assert_eq!((told.anew, told.after, told.lines.len()), (false, two, 2));
        }
        // The last one: there is nothing to go on with.
        let rotten = text.replace("four", "fouR");
        std::fs::write(&path, rotten).unwrap();
        let journal = Journal::open(&NodeState::new(directory.path())).unwrap();
        let place = ends(&journal)[2];
        assert!(next(&journal, Some(place), public).is_err());
    }

    #[test]
    fn who_is_told_to_wait_waits_so_long_and_goes_on_where_it_was() {
        let now = Instant::now();
        let head = Head { seq: 1, ..Head::GENESIS };
        let mut records = Records { held: Some(head), ..Records::default() };
        // Who has no right to more for now has had an answer: asking would use up what the next records need.
        for (error, held, pause) in [
            (
                ApiError::Refused(Refusal::TooMany { retry_after_seconds: 80 }),
                Some(head),
                Duration::from_secs(80),
            ),
            (ApiError::Refused(Refusal::Malformed), None, REFUSED),
            (ApiError::NotHeadquarters, None, AGAIN),
        ] {
            records.held = Some(head);
            records.wait(&error, now);
            assert_eq!((records.held, records.not_before), (held, Some(now + pause)));
        }
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
