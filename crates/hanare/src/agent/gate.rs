//! Lets whoever began the day here back to it, while headquarters does not answer: to a screen that has locked, or by a second
//! log-in.
//!
//! What their password is compared with is in this process's memory, until the day ends, and nowhere else: a digest of an Argon2id
//! hash that the process made which saw the password. No password comes in here.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hanare_model::{PersonId, Secret};
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom as _, SystemRandom};

/// Wrong tries in a row that cost no time.
const FREE: u32 = 5;
/// How long it is waited after the last one of them, and at most: every further one doubles it. Whoever tries all night gets
/// through some hundred passwords.
const WAIT: [Duration; 2] = [Duration::from_secs(30), Duration::from_mins(5)];
/// How long somebody has who is to say the same twice.
const TWICE: Duration = Duration::from_mins(10);

/// How long a proof at headquarters may take, from what is said here before it.
const PROOF: Duration = Duration::from_secs(30);

/// What a password is hashed with. Another one each day.
pub(crate) type Salt = [u8; 16];

/// Who may come back to the day that is open, and how often somebody else has tried. All clones are the same one.
#[derive(Clone)]
pub(super) struct Gate(Arc<Mutex<State>>);

struct State {
    salt: Salt,
    /// Whose day it is.
    person: Option<PersonId>,
    known: Option<Known>,
    /// Whether headquarters has said yes to it.
    is_proven: bool,
    /// When somebody has said it last.
    said_at: Option<Instant>,
    /// Who is to say the same once more, and since when.
    first: Option<(PersonId, Known, Instant)>,
    wrong: u32,
    closed_until: Option<Instant>,
}

/// A digest of what was proven. Wiped on drop, compared in constant time.
#[derive(PartialEq, Eq)]
struct Known(Secret);

impl Known {
    fn of(hash: &Secret) -> Self {
        Self(Secret::new(STANDARD.encode(digest(&SHA256, hash.expose().as_bytes()))))
    }
}

/// What somebody at the gate is told: the same, whatever was wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Knock {
    /// It is who began this day.
    Right,
    /// Nobody can say that it is.
    Wrong,
    /// Nothing is known here to compare it with: it is no try.
    Unknown,
    /// Nothing is looked at for so long.
    Wait(Duration),
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gate(…)")
    }
}

impl Gate {
    /// Nobody's.
    ///
    /// # Errors
    /// Without randomness there is none.
    pub(super) fn new() -> std::io::Result<Self> {
        let salt = salt().ok_or_else(|| std::io::Error::other("no randomness"))?;
        let state = State {
            salt,
            person: None,
            known: None,
            is_proven: false,
            said_at: None,
            first: None,
            wrong: 0,
            closed_until: None,
        };
        Ok(Self(Arc::new(Mutex::new(state))))
    }

    /// What whoever comes has to hash with.
    pub(super) fn salt(&self) -> Salt {
        self.state().salt
    }

    /// A person's day begins or goes on.
    pub(super) fn begin(&self, person: &PersonId) {
        let mut state = self.state();
        if state.person.as_ref() != Some(person) {
            state.forget();
            state.person = Some(person.clone());
        }
    }

    /// It is over, and so is all that was known.
    pub(super) fn end(&self) {
        let mut state = self.state();
        state.forget();
        if let Some(salt) = salt() {
            state.salt = salt;
        }
    }

    /// Remembers the hash of what has proven this person; whether it is their day.
    pub(super) fn keep(&self, person: &PersonId, hash: &Secret) -> bool {
        self.state().keep(person, hash, true)
    }

    /// The same of what somebody says, while nobody can check it.
    pub(super) fn keep_unproven(&self, person: &PersonId, hash: &Secret) -> bool {
        self.state().keep(person, hash, false)
    }

    /// The person has proven themselves: whoever said before that they are this person may have been somebody else, and does not
    /// come back by what they said.
    pub(super) fn prove(&self) {
        let mut state = self.state();
        if !state.is_proven {
            state.known = None;
        }
    }

    /// Whether this day began at a log-in screen without headquarters, and what was said then was not said just now: whoever proves
    /// to be this person may be another one, who is not to go on among what was left for them.
    pub(super) fn is_doubtful(&self, now: Instant) -> bool {
        let state = self.state();
        let just_now = state.said_at.is_some_and(|at| now.saturating_duration_since(at) < PROOF);
        state.known.is_some() && !state.is_proven && !just_now
    }

    /// Whether one of these spellings is what began this day.
    pub(super) fn knock(&self, hashes: &[Secret], now: Instant) -> Knock {
        let mut state = self.state();
        if let Some(wait) = state.closed_until.and_then(|until| until.checked_duration_since(now))
            && !wait.is_zero()
        {
            return Knock::Wait(wait);
        }
        let Some(known) = state.known.as_ref() else { return Knock::Unknown };
        let right = hashes.iter().fold(false, |right, hash| right | (Known::of(hash) == *known));
        if right {
            (state.wrong, state.closed_until, state.said_at) = (0, None, Some(now));
            return Knock::Right;
        }
        state.wrong = state.wrong.saturating_add(1);
        state.closed_until = wait_after(state.wrong).map(|wait| now + wait);
        Knock::Wrong
    }

    /// Whether this person has said the same a while ago. Where nobody else can check what was typed, a slip would lock them out
    /// of their own day.
    pub(super) fn said_twice(&self, person: &PersonId, hash: &Secret, now: Instant) -> bool {
        let said = Known::of(hash);
        let mut state = self.state();
        let before = state.first.take().filter(|(whose, known, at)| {
            whose == person && *known == said && now.saturating_duration_since(*at) < TWICE
        });
        if before.is_none() {
            state.first = Some((person.clone(), said, now));
        }
        before.is_some()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn forget(&mut self) {
        (self.person, self.known, self.first) = (None, None, None);
        (self.is_proven, self.wrong) = (false, 0);
        (self.said_at, self.closed_until) = (None, None);
    }

    fn keep(&mut self, person: &PersonId, hash: &Secret, is_proven: bool) -> bool {
        let is_theirs = self.person.as_ref() == Some(person);
        if is_theirs {
            (self.known, self.is_proven, self.said_at) = (Some(Known::of(hash)), is_proven, None);
            (self.wrong, self.closed_until) = (0, None);
        }
        is_theirs
    }
}

/// How long nothing is looked at after so many wrong tries.
fn wait_after(wrong: u32) -> Option<Duration> {
    let [first, most] = WAIT;
    let doubled = wrong.checked_sub(FREE)?;
    Some(first.saturating_mul(2_u32.saturating_pow(doubled)).min(most))
}

fn salt() -> Option<Salt> {
    let mut salt = Salt::default();
    SystemRandom::new().fill(&mut salt).ok().map(|()| salt)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(id: &str) -> PersonId {
        id.parse().unwrap()
    }

    fn hash(text: &str) -> Secret {
        Secret::new(text.to_owned())
    }

    fn open() -> Gate {
        let gate = Gate::new().unwrap();
        gate.begin(&person("hanako"));
        assert!(gate.keep(&person("hanako"), &hash("right")));
        gate
    }

    #[test]
    fn who_began_the_day_comes_back_and_nobody_else() {
        let (gate, now) = (open(), Instant::now());
        assert_eq!(gate.knock(&[hash("wrong"), hash("right")], now), Knock::Right);
        assert_eq!(gate.knock(&[hash("wrong")], now), Knock::Wrong);
        assert_eq!(gate.knock(&[], now), Knock::Wrong);
        assert!(!gate.keep(&person("taro"), &hash("his")), "it is not his day");
        gate.begin(&person("hanako"));
        assert_eq!(gate.knock(&[hash("right")], now), Knock::Right, "the same day goes on");
        gate.begin(&person("taro"));
        assert_eq!(gate.knock(&[hash("right")], now), Knock::Unknown, "another person's day");
    }

    #[test]
    fn what_nobody_could_check_ends_with_a_proof_and_a_proof_does_not() {
        let (gate, now) = (open(), Instant::now());
        gate.prove();
        assert_eq!(gate.knock(&[hash("right")], now), Knock::Right, "a second proof");
        assert!(!gate.is_doubtful(now));
        assert!(gate.keep_unproven(&person("hanako"), &hash("somebody's")));
        assert_eq!(gate.knock(&[hash("hers")], now), Knock::Wrong);
        assert!(gate.is_doubtful(now), "whoever proves to be her did not begin it");
        assert_eq!(gate.knock(&[hash("somebody's")], now), Knock::Right);
        assert!(!gate.is_doubtful(now));
        assert!(gate.is_doubtful(now + PROOF), "somebody came back long before the proof");
        gate.prove();
        assert_eq!(gate.knock(&[hash("somebody's")], now), Knock::Unknown, "that may have been anybody");
    }

    #[test]
    fn the_end_of_the_day_forgets_everything() {
        let (gate, now) = (open(), Instant::now());
        let salt = gate.salt();
        gate.end();
        assert_ne!(gate.salt(), salt);
        gate.begin(&person("hanako"));
        assert_eq!(gate.knock(&[hash("right")], now), Knock::Unknown);
    }

    #[test]
    fn who_guesses_waits_longer_and_longer_and_even_the_right_one_waits() {
        let (gate, start) = (open(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        for _ in 0..FREE {
            assert_eq!(gate.knock(&[hash("wrong")], start), Knock::Wrong);
        }
        assert_eq!(gate.knock(&[hash("right")], start), Knock::Wait(Duration::from_secs(30)));
        assert_eq!(gate.knock(&[hash("wrong")], at(30)), Knock::Wrong);
        assert_eq!(gate.knock(&[hash("wrong")], at(31)), Knock::Wait(Duration::from_secs(59)));
        assert_eq!(gate.knock(&[hash("wrong")], at(90)), Knock::Wrong);
        assert_eq!(gate.knock(&[hash("right")], at(209)), Knock::Wait(Duration::from_secs(1)));
        assert_eq!(gate.knock(&[hash("right")], at(210)), Knock::Right);
        assert_eq!(gate.knock(&[hash("wrong")], at(210)), Knock::Wrong, "all five are free again");
        assert_eq!(wait_after(u32::MAX), Some(WAIT[1]));
    }

    #[test]
    fn where_nothing_is_known_no_try_is_counted() {
        let (gate, now) = (Gate::new().unwrap(), Instant::now());
        for _ in 0..=FREE {
            assert_eq!(gate.knock(&[hash("any")], now), Knock::Unknown);
        }
    }

    #[test]
    fn what_nobody_can_check_is_said_twice_by_the_same_person_in_time() {
        let (gate, now) = (Gate::new().unwrap(), Instant::now());
        let says = |id: &str, text: &str, now| gate.said_twice(&person(id), &hash(text), now);
        assert!(!says("hanako", "slip", now));
        assert!(!says("hanako", "right", now));
        assert!(!says("taro", "right", now));
        assert!(!says("hanako", "right", now), "somebody else was here meanwhile");
        assert!(!says("hanako", "right", now + TWICE), "too late");
        assert!(says("hanako", "right", now + TWICE + Duration::from_secs(1)));
        assert!(!says("hanako", "right", now + TWICE + Duration::from_secs(2)), "once for one opening");
    }

    #[test]
    fn nothing_of_it_is_shown() {
        let gate = open();
        assert_eq!(format!("{gate:?}"), "Gate(…)");
    }
}
