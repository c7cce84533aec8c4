//! What the daemon does about silence, old names and an ageing lease, and when; decides, does nothing.

use std::time::{Duration, Instant};

use super::health::STALE;
use super::term::Term;

/// Between look-ups of headquarters' name while it is silent, or while a name is missing.
const RESOLVE_EVERY: Duration = Duration::from_secs(15);
/// Silence after which the public API is asked whether it is us: one TLS connection, hence not sooner.
const ASK_AFTER: Duration = Duration::from_secs(12);
/// Between such questions.
const ASK_EVERY: Duration = Duration::from_secs(30);

/// One thing to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    /// Look up headquarters' names again.
    Resolve,
    /// Ask the public API for the lease (it may be a tombstone) and for a session made anew.
    Ask,
    /// Ask for a new lease, through the tunnel or past it.
    Renew,
}

/// What the decision depends on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Situation {
    /// Since when nothing was heard through the tunnel.
    pub(super) silence: Duration,
    /// Where the lease is in its life.
    pub(super) term: Term,
    /// Whether an endpoint has no address yet.
    pub(super) name_missing: bool,
}

/// When what was last begun.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    resolved: Option<Instant>,
    asked: Option<Instant>,
    renewed: Option<Instant>,
}

impl Agenda {
    /// What is due now; it counts as begun.
    pub(super) fn due(&mut self, situation: Situation, now: Instant) -> Vec<Act> {
        let mut acts = Vec::new();
        let mut begin = |last: &mut Option<Instant>, every: Duration, act| {
            if last.is_none_or(|at| now.saturating_duration_since(at) >= every) {
                *last = Some(now);
                acts.push(act);
            }
        };
        if situation.name_missing || situation.silence >= STALE {
            begin(&mut self.resolved, RESOLVE_EVERY, Act::Resolve);
        }
        if situation.silence >= ASK_AFTER {
            begin(&mut self.asked, ASK_EVERY, Act::Ask);
        }
        if let Some(pause) = situation.term.pause() {
            begin(&mut self.renewed, pause, Act::Renew);
        }
        acts
    }

    /// The network below is another: names may mean something else, at once.
    pub(super) fn underlay_changed(&mut self) {
        self.resolved = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calm() -> Situation {
        Situation { silence: Duration::ZERO, term: Term::Fresh, name_missing: false }
    }

    #[test]
    fn a_tunnel_that_works_needs_nothing() {
        assert_eq!(Agenda::default().due(calm(), Instant::now()), []);
    }

    #[test]
    fn silence_leads_to_questions_that_are_not_repeated_at_once() {
        let start = Instant::now();
        let mut agenda = Agenda::default();
        let silent = Situation { silence: STALE, ..calm() };
        assert_eq!(agenda.due(silent, start), [Act::Resolve, Act::Ask]);
        assert_eq!(agenda.due(silent, start + Duration::from_secs(1)), []);
        assert_eq!(agenda.due(silent, start + RESOLVE_EVERY), [Act::Resolve]);
        assert_eq!(agenda.due(silent, start + 2 * RESOLVE_EVERY), [Act::Resolve, Act::Ask]);
    }

    #[test]
    fn a_lease_is_renewed_calmly_first_and_urgently_when_it_is_over() {
        let start = Instant::now();
        let mut agenda = Agenda::default();
        let due = Situation { term: Term::Due, ..calm() };
        assert_eq!(agenda.due(due, start), [Act::Renew]);
        assert_eq!(agenda.due(due, start + Duration::from_mins(1)), []);
        let grace = Situation { term: Term::Grace, ..calm() };
        assert_eq!(agenda.due(grace, start + Duration::from_mins(1)), [Act::Renew]);
    }
}
