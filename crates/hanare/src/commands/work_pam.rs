//! `hanare work pam`: what a log-in screen, or one that has locked, runs by `pam_exec` with `expose_authtok`. One field is all that
//! such a screen has, and it comes on the standard input ([`super::work_field`]).
//!
//! Who may in: whoever headquarters knows by a password and a code. While it does not answer, whoever began the day that is open, by
//! the password alone: the agent remembers it as long as the day lasts, and a code cannot be checked here. And where no day is open,
//! whoever says who they are, to an empty volume. Headquarters' no is a no.

use std::thread::sleep;
use std::time::{Duration, Instant};

use hanare_host::account;
use hanare_model::work::{WorkOpen, WorkRefusal};
use hanare_model::{PersonId, Secret};
use hanare_tunnel::control::{Client, ControlError, Problem, WorkState};

use super::work_agent::{self, Agent};
use super::work_field::Field;
use super::{work_alone, work_proof};
use crate::agent::{self, Answer, Asked, Standing};
use crate::context::{Context, Outcome};
use crate::environment;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::voice::{Language, Voice};
use crate::{foreign, typed};

/// A node is sure that headquarters is away half a minute after its last word; a proof that nobody answered took most of that.
const SURE: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_secs(1);

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[arg(long)]
    shared: bool,
    #[arg(long)]
    never_alone: bool,
}

impl Args {
    pub(crate) fn run(self, context: &Context, client: &Client) -> Outcome {
        let Self { shared, never_alone } = self;
        let both = Both::of(context);
        let door = Door { context, client, both: &both, never_alone };
        let let_in = door.let_in(shared);
        both.also_say(&let_in);
        let_in.map(|()| Exit::Good)
    }
}

/// A log-in screen seldom knows whose language it is to speak: both are said.
struct Both<'a> {
    context: &'a Context,
    other: Voice,
}

impl<'a> Both<'a> {
    fn of(context: &'a Context) -> Self {
        let own = context.out.voice().language();
        let other = if own == Language::English { Language::Japanese } else { Language::English };
        Self { context, other: Voice::new(other) }
    }

    fn say(&self, id: &'static str, person: &PersonId) {
        for voice in [&self.other, self.context.out.voice()] {
            self.context.out.talk_text(&voice.say_with(id, &[("person", person)]));
        }
    }

    /// The one language's words of a failure; the other's follow, as of every command.
    fn also_say(&self, outcome: &Result<(), Failure>) {
        if let Err(failure) = outcome {
            let told = failure.tell(&self.other);
            self.context.out.talk_text(&format!("{}\n  {}\n  {}", told.text, told.cause, told.fix));
        }
    }
}

/// Where somebody is to be let in.
struct Door<'a> {
    context: &'a Context,
    client: &'a Client,
    both: &'a Both<'a>,
    never_alone: bool,
}

impl Door<'_> {
    fn let_in(&self, shared: bool) -> Result<(), Failure> {
        let unlike = || Failure::new(Exit::Input, "work-pam");
        let typed = typed::line()?.ok_or_else(unlike)?;
        let account = environment::pam_user().ok_or_else(unlike)?;
        // Before anybody has proven anything: who is let in without the agent works on the plain disk.
        let silent = || Failure::new(Exit::Unreachable, "agent-silent");
        let standing = work_agent::heard(self.context, Agent::Must)?.ok_or_else(silent)?;
        if !is_for_work(&account, standing.account.as_deref(), shared) {
            return Err(Failure::new(Exit::Refused, "work-pam-account").with("account", &account));
        }
        let field = Field::new(&typed, (!shared).then_some(account.as_str()));
        let claim = field.claim()?;
        // An account of one's own is for nobody else's day.
        let is_own = |person: &PersonId| shared || person.as_str() == account;
        let is_open = standing.active && !standing.closing && standing.keeps_volume;
        let day = standing.person.clone().filter(|person| is_open && is_own(person));
        // Whoever is not proven at headquarters, or not any more, and has typed all of it, is proven there first.
        let proves_first = claim.is_some() && (standing.alone || !self.is_session_open());
        let mut failure = None;
        if let Some(person) = day.as_ref().filter(|_| !(proves_first && standing.alone)) {
            // What looks like a code may be the end of a password, and headquarters would take it for a wrong proof.
            let spellings = if proves_first { field.whole(person) } else { field.spellings(person) };
            match self.let_back(&spellings, person) {
                Ok(()) => return Ok(()),
                Err(no) => failure = Some(no).filter(|_| !proves_first),
            }
        }
        let Some(claim) = claim else { return Err(failure.unwrap_or_else(unlike)) };
        work_proof::repeat(self.context, &claim.password);
        let error = match self.client.work_open(claim.clone()) {
            Ok(work) => {
                let person = work.person.unwrap_or_else(|| claim.person.clone());
                return self.welcome(&person, &claim);
            }
            Err(error) => error,
        };
        if !is_silence(&error) {
            return Err(refused(error));
        }
        match (day, failure) {
            (Some(_), Some(failure)) => Err(failure),
            (Some(person), None) => self.let_back(&field.spellings(&person), &person),
            // A password is chosen at headquarters.
            (None, _) if claim.new_password.is_some() => Err(foreign::control_error(error)),
            (None, _) => self.begin_alone(&claim, &standing).ok_or_else(|| foreign::control_error(error))?,
        }
    }

    fn is_session_open(&self) -> bool {
        self.client.work_status().is_ok_and(|work| work.state == WorkState::Open)
    }

    fn welcome(&self, person: &PersonId, claim: &WorkOpen) -> Result<(), Failure> {
        work_agent::welcome(self.context, person, Agent::Must, false)?;
        work_proof::keep(self.context, person, work_proof::proven_by(claim));
        Ok(())
    }

    /// Back to the day that is open, without headquarters.
    fn let_back(&self, spellings: &[Secret], person: &PersonId) -> Result<(), Failure> {
        work_proof::unlock(self.context, spellings)?;
        self.both.say("work-unlocked", person);
        Ok(())
    }

    /// To an empty volume, whose content waits for who it is said to be of; `None` where that cannot be or is not wanted.
    fn begin_alone(&self, claim: &WorkOpen, standing: &Standing) -> Option<Result<(), Failure>> {
        if self.never_alone || !standing.keeps_volume || standing.account.is_none() {
            return None;
        }
        Some(self.open_alone(claim))
    }

    fn open_alone(&self, claim: &WorkOpen) -> Result<(), Failure> {
        let hash = work_proof::hash(&claim.password, work_proof::salt(self.context)?)?;
        let asked = Asked::Alone { person: claim.person.clone(), hash: Some(hash) };
        let begun = Instant::now();
        let standing = loop {
            let standing = agent::ask(&self.context.runtime, &asked);
            let standing = standing.ok_or(Failure::new(Exit::Unreachable, "agent-silent"))?;
            if standing.answer != Some(Answer::Reachable) || begun.elapsed() > SURE {
                break standing;
            }
            sleep(LOOK);
        };
        work_alone::opened(&standing)?;
        work_agent::welcome(self.context, &claim.person, Agent::Must, true)?;
        self.both.say("work-opened-alone", &claim.person);
        Ok(())
    }
}

/// Whether people may work as this account: the one that the policy names, and root never. Where it names none, everybody has an
/// account of their own, and one that is shared could be anybody's: a person's proof is none of an admin's.
fn is_for_work(account: &str, of_policy: Option<&str>, shared: bool) -> bool {
    account::uid(account) != Some(0) && of_policy.map_or(!shared, |named| named == account)
}

/// Whether nobody was there who could say no.
const fn is_silence(error: &ControlError) -> bool {
    matches!(
        error,
        ControlError::Refused(Problem::HqSilent) | ControlError::NotRunning { .. } | ControlError::Io { .. }
    )
}

fn refused(error: ControlError) -> Failure {
    if matches!(error, ControlError::Refused(Problem::Work { refusal: WorkRefusal::MustChange })) {
        return Failure::new(Exit::Refused, "work-pam-change");
    }
    foreign::control_error(error)
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn people_work_as_the_account_of_the_policy_and_never_as_root() {
        for shared in [true, false] {
            assert!(is_for_work("games", Some("games"), shared));
            assert!(
                !is_for_work("games", Some("work"), shared) && !is_for_work("work", Some("games"), shared)
            );
            assert!(!is_for_work("root", None, shared) && !is_for_work("root", Some("root"), shared));
        }
        assert!(is_for_work("of_a_directory", None, false), "accounts need not be in /etc/passwd");
        assert!(!is_for_work("games", None, true), "a shared account that nobody has named");
    }

    #[test]
    fn a_no_is_no_silence() {
        let path = || "/run/hanare/node.sock".into();
        let work = |refusal| ControlError::Refused(Problem::Work { refusal });
        for no in [
            work(WorkRefusal::Proof),
            work(WorkRefusal::Locked { retry_after_seconds: 1 }),
            work(WorkRefusal::Disabled),
            work(WorkRefusal::MustChange),
            work(WorkRefusal::NotHere),
            ControlError::Refused(Problem::NotEnrolled),
            ControlError::Refused(Problem::TooSoon { seconds: 1 }),
            ControlError::Refused(Problem::WorkBusy),
            ControlError::Refused(Problem::Busy),
            ControlError::Refused(Problem::OtherVersion),
            ControlError::Answer,
        ] {
            assert!(!is_silence(&no), "{no:?}");
        }
        let timed_out = io::Error::from(io::ErrorKind::TimedOut);
        for silent in [
            ControlError::Refused(Problem::HqSilent),
            ControlError::NotRunning { path: path() },
            ControlError::Io { path: path(), source: timed_out },
        ] {
            assert!(is_silence(&silent), "{silent:?}");
        }
    }
}
