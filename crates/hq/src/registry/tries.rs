//! Wrong proofs: how many a name has, where, and for how long the next one must wait.
//!
//! A lock belongs to a name *on a node*: whoever knows a colleague's name cannot lock them out of their own PC from another
//! one. Against guesses from many nodes there is a second, slower count of a name on all nodes of its company together. What
//! that one locks are the nodes on which the person has not opened work lately; where they have, they go on. Both locks end by
//! themselves after a quarter of an hour at most, or with `person reset`. A name that nobody has is counted and locked in the
//! same way, so that a lock does not tell who exists.

use std::collections::BTreeMap;
use std::time::Duration;

use hanare_model::{CompanyId, PersonId, PublicKey, Timestamp};

use super::rows::{TryKey, TryRow};
use super::{Change, Registry};

/// Wrong proofs in a row on one node before it locks.
const ON_A_NODE: u32 = 5;
/// And on all nodes together.
const EVERYWHERE: u32 = 20;
/// How long the first lock holds, the second, …; the last one from then on.
const MINUTES: [u64; 5] = [1, 2, 4, 8, 15];
/// Wrong proofs that are older count no more.
const MEMORY: Duration = Duration::from_hours(24);
/// A node on which the person opened work within this time is theirs.
const FAMILIAR: Duration = Duration::from_hours(24 * 30);
/// Names that nobody has, remembered at most.
const STRANGERS: usize = 1024;

/// A name on a node, with what is known of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tried<'a> {
    here: &'a TryKey,
    rows: &'a BTreeMap<TryKey, TryRow>,
    is_known: bool,
    now: Timestamp,
}

/// The key of a name on a node.
pub(super) fn key(company: &CompanyId, person: &PersonId, node: PublicKey) -> TryKey {
    TryKey { company: company.clone(), person: person.clone(), node: Some(node) }
}

impl<'a> Tried<'a> {
    /// Looks a name up; `is_known` says whether it is one of the company's persons.
    pub(super) fn new(registry: &'a Registry, here: &'a TryKey, now: Timestamp) -> Self {
        let person = registry.persons.get(&here.person);
        let is_known = person.is_some_and(|person| person.company == here.company);
        Self { here, rows: if is_known { &registry.tries } else { &registry.strangers }, is_known, now }
    }

    fn everywhere(&self) -> TryKey {
        TryKey { node: None, ..self.here.clone() }
    }

    /// How long the next proof must wait.
    pub(super) fn wait(&self) -> Option<u64> {
        let here = self.rows.get(self.here);
        let opened = here.and_then(|row| row.opened_at);
        let is_familiar = opened.is_some_and(|at| at.after(FAMILIAR) > self.now);
        let everywhere = self.rows.get(&self.everywhere()).filter(|_| !is_familiar);
        let until = [here, everywhere].into_iter().flatten().map(|row| row.locked_until).max()?;
        let wait = until.seconds().saturating_sub(self.now.seconds());
        u64::try_from(wait).ok().filter(|wait| *wait > 0)
    }

    /// One more wrong proof.
    pub(super) fn failed(&self) -> [Change; 2] {
        [(self.here.clone(), ON_A_NODE), (self.everywhere(), EVERYWHERE)].map(|(key, free)| {
            let before = self.rows.get(&key);
            let lately = before.filter(|row| row.last_at.after(MEMORY) > self.now);
            let failures = lately.map_or(0, |row| row.failures).saturating_add(1);
            let locked_until = match failures.checked_sub(free) {
                None => Timestamp::from_seconds(0),
                Some(place) => self.now.after(lock(place)),
            };
            let opened_at = before.and_then(|row| row.opened_at);
            self.change(TryRow { key, failures, last_at: self.now, locked_until, opened_at })
        })
    }

    /// A right proof: what was wrong before does not count any more.
    pub(super) fn opened(&self) -> [Change; 2] {
        [(self.here.clone(), Some(self.now)), (self.everywhere(), None)]
            .map(|(key, opened_at)| self.change(forgiven(key, opened_at, self.now)))
    }

    fn change(&self, row: TryRow) -> Change {
        if self.is_known { Change::Try(row) } else { Change::StrangersTry(row) }
    }
}

fn lock(place: u32) -> Duration {
    let place = usize::try_from(place).unwrap_or(usize::MAX);
    let last = MINUTES.last().copied().unwrap_or_default();
    Duration::from_secs(60 * MINUTES.get(place).copied().unwrap_or(last))
}

fn forgiven(key: TryKey, opened_at: Option<Timestamp>, now: Timestamp) -> TryRow {
    TryRow { key, failures: 0, last_at: now, locked_until: Timestamp::from_seconds(0), opened_at }
}

/// Ends every lock of a person.
pub(super) fn forgive(registry: &Registry, person: &PersonId, now: Timestamp) -> Vec<Change> {
    let rows = registry.tries.values().filter(|row| row.key.person == *person && row.failures > 0);
    rows.map(|row| Change::Try(forgiven(row.key.clone(), row.opened_at, now))).collect()
}

/// Takes in a try of a name that nobody has; the oldest one is forgotten for it.
pub(super) fn remember_stranger(strangers: &mut BTreeMap<TryKey, TryRow>, row: TryRow) {
    if strangers.len() >= STRANGERS
        && !strangers.contains_key(&row.key)
        && let Some(oldest) = strangers.values().min_by_key(|row| row.last_at).map(|row| row.key.clone())
    {
        strangers.remove(&oldest);
    }
    strangers.insert(row.key.clone(), row);
}
