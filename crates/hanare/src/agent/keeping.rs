//! The work volume while a person works: opened when they have proven themselves, with the time that their day has.

use std::collections::BTreeSet;
use std::path::Path;

use hanare_host::account;
use hanare_model::{CalendarDay, PersonId, SigningKey};
use hanare_tunnel::control::{HqTime, Session};
use hanare_wipe::policy::Policy;
use hanare_wipe::receipt::{Cause, WipeId};
use hanare_wipe::volume::{self, Confinement};
use hanare_wipe::{BootId, WorkingDay};
use serde::{Deserialize, Serialize};

use super::nobodys;
use super::record::Record;
use super::room::Room;
use super::trigger::Trigger;
use crate::commands::wipe::{ending, places, signer};
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::{foreign, times};

/// An open volume, and whose it is.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) policy: Policy,
    /// What signs the receipt: read while there is time.
    pub(super) key: SigningKey,
    pub(super) noted: Noted,
    /// The account that people work as.
    pub(super) account: Option<u32>,
    /// Whether the session is known that work goes on by.
    pub(super) is_proven: bool,
    pub(super) room: Room,
}

/// Who a volume is opened for.
#[derive(Debug, Clone)]
pub(super) struct Opener {
    pub(super) person: PersonId,
    /// The user who asks for it.
    pub(super) uid: u32,
    /// Of the session that headquarters has opened; `None` while it is away.
    pub(super) fingerprint: Option<String>,
}

/// What an agent that takes over has to know; in the runtime directory, which a reboot empties.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Noted {
    boot_id: BootId,
    opening: WipeId,
    pub(super) person: PersonId,
    /// Of the session that it was opened by, or goes on by.
    pub(super) fingerprint: String,
    /// The user who opened it.
    pub(super) uid: u32,
    pub(super) day: Option<WorkingDay>,
    /// Whether the account was logged in.
    #[serde(default)]
    pub(super) was_in: bool,
    /// What ends it, once that has begun.
    #[serde(default)]
    pub(super) ending: Option<Ending>,
    /// Whether it has ended.
    #[serde(default)]
    closed: bool,
}

/// An end that has begun: whoever takes over goes on with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ending {
    pub(super) trigger: Trigger,
    /// How often it was begun.
    pub(super) tries: u32,
}

impl Kept {
    /// Opens the volume for a person, or takes over one that an agent before this one has opened for them.
    pub(super) fn open(context: &Context, policy: &Policy, who: &Opener) -> Result<Self, Failure> {
        let wanted = policy
            .volume
            .as_ref()
            .ok_or(Failure::new(Exit::Input, "policy-no-volume").with("path", &policy.name))?;
        let owner = match &policy.person.user {
            None => None,
            Some(name) => Some(ids(name)?),
        };
        let key = signer::own_or_new(context)?;
        leave_to(context, policy, &who.person)?;
        let confinement = Confinement::of(policy);
        let mount = &wanted.mount.path;
        let opened = volume::open(places(context), mount, Some(&confinement), Some(policy), times::now());
        let opened = opened.map_err(|error| {
            // What opened halfway is taken apart, and that is on the record.
            if let Err(failure) = settle(context) {
                tracing::warn!(code = failure.code, "a volume that did not open was not settled");
            }
            foreign::volume_error(error)
        })?;
        if let Some(owner) = owner {
            own(owner, mount)?;
        }
        let account = owner.map(|(uid, _)| uid);
        let boot_id = opened.boot_id;
        let before = Noted::load(&context.runtime)
            .filter(|noted| noted.boot_id == boot_id && noted.opening == opened.id);
        let earlier = Noted::read(&context.runtime)
            .filter(|noted| noted.boot_id == boot_id && noted.person == who.person)
            .and_then(|noted| noted.day);
        let begin = || {
            let (now, calendar) = (HqTime::boot_seconds(), policy.day.as_ref()?);
            Some(
                earlier
                    .map_or_else(|| WorkingDay::begin(now, calendar), |day| day.begin_again(now, calendar)),
            )
        };
        let noted = Noted {
            boot_id,
            opening: opened.id,
            person: who.person.clone(),
            fingerprint: who.fingerprint.clone().unwrap_or_default(),
            uid: who.uid,
            was_in: before.as_ref().is_some_and(|noted| noted.was_in),
            day: before.map_or_else(begin, |noted| noted.day),
            ending: None,
            closed: false,
        };
        let kept = Self {
            policy: policy.clone(),
            key,
            noted,
            account,
            is_proven: who.fingerprint.is_some(),
            room: Room::default(),
        };
        kept.note(&context.runtime);
        Ok(kept)
    }

    /// Takes over what an agent before this one has opened, also where nobody's session is known any more.
    pub(super) fn take_over(context: &Context, policy: &Policy) -> Result<Option<Self>, Failure> {
        let status = volume::status(places(context)).map_err(foreign::volume_error)?;
        let Some(opening) = status.opening else { return Ok(None) };
        let is_now = |boot: &BootId| BootId::current().is_ok_and(|now| now == *boot);
        let is_this = |noted: &Noted| is_now(&noted.boot_id) && noted.opening == opening;
        let noted = Noted::load(&context.runtime).filter(is_this);
        // Where that cannot be read, the record on the disk knows at least whose it is: it is sealed in their name.
        let recorded =
            || Record::load(&context.state).filter(|record| record.end.is_none() && is_now(&record.boot_id));
        let guess = |record: Record| Noted {
            boot_id: record.boot_id,
            opening,
            person: record.person,
            fingerprint: String::new(),
            uid: 0,
            day: policy.day.as_ref().map(|day| WorkingDay::begin(HqTime::boot_seconds(), day)),
            was_in: false,
            ending: None,
            closed: false,
        };
        let Some(noted) = noted.or_else(|| recorded().map(guess)) else { return Ok(None) };
        let account = policy.person.user.as_deref().and_then(account::uid);
        let (policy, key) = (policy.clone(), signer::own_or_new(context)?);
        Ok(Some(Self { policy, key, noted, account, is_proven: false, room: Room::default() }))
    }

    /// Whether it was opened without headquarters, and nobody has proven themselves since.
    pub(super) const fn is_alone(&self) -> bool {
        self.noted.fingerprint.is_empty()
    }

    /// Whether this user sits where it was opened.
    pub(super) fn is_same_desk(&self, uid: u32) -> bool {
        is_one_desk(self.account, self.noted.uid, uid)
    }

    /// Learns that the account is logged in, or not any more.
    pub(super) fn log(&mut self, is_in: bool, runtime: &Path) {
        if self.noted.was_in != is_in {
            self.noted.was_in = is_in;
            self.note(runtime);
        }
    }

    /// Goes on by another session of the same person.
    pub(super) fn go_on(&mut self, session: &Session, runtime: &Path) {
        self.noted.fingerprint.clone_from(&session.fingerprint);
        self.noted.uid = session.uid;
        self.is_proven = true;
        self.note(runtime);
    }

    /// Learns from headquarters' clock when the day ends. `holidays` are the ones that headquarters has told.
    pub(super) fn date(
        &mut self,
        time: Option<HqTime>,
        holidays: impl FnOnce() -> BTreeSet<CalendarDay>,
        runtime: &Path,
    ) {
        if let (Some(day), Some(calendar), Some(time)) = (&mut self.noted.day, &self.policy.day, time)
            && !day.is_dated()
        {
            let holidays = holidays().into_iter().map(CalendarDay::date).collect();
            day.date(time.when(day.opened()), calendar, &holidays);
            self.note(runtime);
        }
    }

    /// Writes it down for an agent that takes over.
    pub(super) fn note(&self, runtime: &Path) {
        if let Err(error) = self.noted.save(runtime) {
            tracing::warn!(%error, "an agent that takes over would not know this day");
        }
    }
}

impl Noted {
    /// The day that goes on.
    fn load(runtime: &Path) -> Option<Self> {
        Self::read(runtime).filter(|noted| !noted.closed)
    }

    fn read(runtime: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(place(runtime)).ok()?).ok()
    }

    fn save(&self, runtime: &Path) -> std::io::Result<()> {
        hanare_host::files::write_atomic(&place(runtime), &serde_json::to_vec(self)?, 0o600)
    }

    /// The day has ended; what it had of overtime is remembered.
    pub(super) fn close(self, runtime: &Path) {
        let closed = Self { closed: true, ending: None, ..self };
        if closed.save(runtime).is_err() {
            // One that stays names an opening that is gone.
            let _ = std::fs::remove_file(place(runtime));
        }
    }

    /// Whether the account was logged in when an agent before this one looked last.
    pub(super) fn was_in(runtime: &Path) -> bool {
        let is_now = |noted: &Self| BootId::current().is_ok_and(|now| now == noted.boot_id);
        Self::load(runtime).filter(is_now).is_some_and(|noted| noted.was_in)
    }

    /// Whether an end was begun here and not finished.
    pub(super) fn is_ending(runtime: &Path) -> bool {
        Self::load(runtime).is_some_and(|noted| noted.ending.is_some())
    }
}

fn place(runtime: &Path) -> std::path::PathBuf {
    runtime.join("wipe").join("day.json")
}

/// Gives what was left open, or halfway, its end and its receipt.
pub(super) fn settle(context: &Context) -> Result<(), Failure> {
    if let Some(ended) = volume::settle(places(context), times::now()).map_err(foreign::volume_error)? {
        ending::record(context, ended)?;
    }
    Ok(())
}

/// What is open, and is not this person's, as far as is known, ends: nobody finds another one's work in it.
fn leave_to(context: &Context, policy: &Policy, person: &PersonId) -> Result<(), Failure> {
    let status = volume::status(places(context)).map_err(foreign::volume_error)?;
    let whose = Noted::load(&context.runtime).map(|noted| noted.person);
    let is_theirs = whose.is_some_and(|theirs| theirs == *person);
    if status.state != volume::State::Open || is_theirs {
        return Ok(());
    }
    tracing::warn!("a work volume was open, and nobody knows whose it is");
    // It cannot be handed over or sealed in anybody's name; what is lost with it is on the receipt.
    nobodys::announce(places(context), status.mountpoint, &context.state);
    let ended = volume::end_by(places(context), Some(policy), Cause::Command, times::now());
    if let Some(ended) = ended.map_err(foreign::volume_error)? {
        ending::record(context, ended)?;
    }
    Ok(())
}

/// A log-in screen asks as root, for the account that people work as; a terminal asks as that account.
fn is_one_desk(account: Option<u32>, one: u32, other: u32) -> bool {
    let is_here = |uid: u32| uid == 0 || account == Some(uid);
    one == other || (account.is_some() && is_here(one) && is_here(other))
}

fn ids(name: &str) -> Result<(u32, u32), Failure> {
    account::ids(name).ok_or_else(|| Failure::new(Exit::Impossible, "agent-no-user").with("user", name))
}

/// The volume belongs to the account, and to nobody else.
fn own((uid, gid): (u32, u32), mount: &Path) -> Result<(), Failure> {
    let failed = |error: std::io::Error| {
        Failure::new(Exit::Impossible, "agent-work").with("path", mount.display()).because(&error)
    };
    std::os::unix::fs::chown(mount, Some(uid), Some(gid)).map_err(failed)?;
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    std::fs::set_permissions(mount, private).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_began_alone_at_the_log_in_screen_may_prove_themselves_in_a_terminal() {
        assert!(is_one_desk(Some(1000), 0, 1000) && is_one_desk(Some(1000), 1000, 0));
        assert!(is_one_desk(None, 1000, 1000));
        assert!(!is_one_desk(Some(1000), 0, 1001) && !is_one_desk(Some(1000), 1001, 1000));
        assert!(!is_one_desk(None, 0, 1000), "nobody knows that it is the same place");
    }
}
