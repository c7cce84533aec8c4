//! The kill switch: nothing leaves this machine but the tunnel, from the first `up` until `leave`.
//!
//! It is a file in the state directory ([`policy`]) and two nftables tables named `hanare` (`render`). The tables stay
//! when every process of ours is gone; [`restore`] brings them back after a reboot. An unlock fills sets whose elements
//! the kernel removes by itself.

mod around;
pub mod policy;
mod portal;
pub(crate) mod render;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use around::Around;
pub use policy::{Lan, Policy, Reach};
use render::{ANSWERS, EVERYTHING, PORTAL_TCP, PORTAL_UDP, TABLE};

use crate::control_group::ControlGroup;
use crate::deed::Deed;
use crate::error::{HostError, reason};
use crate::files;
use crate::hands::KillSwitchState;
use crate::nft::looks::Looks;
use crate::nft::{self, Family, Transaction};

/// The longest unlock (`INTERFACE`: 30 minutes at most).
pub const MAX_UNLOCK: Duration = Duration::from_secs(hanare_model::unlock::MAX_SECONDS);
/// What a captive portal needs: DNS and the web.
const PORTAL_PORTS: [(&str, u16); 4] =
    [(PORTAL_TCP, 53), (PORTAL_TCP, 80), (PORTAL_TCP, 443), (PORTAL_UDP, 53)];
const FAMILIES: [Family; 2] = [Family::Inet, Family::Netdev];

/// The kill switch in force, and what it looked like when we made it.
#[derive(Debug)]
pub struct KillSwitch {
    state: PathBuf,
    policy: Policy,
    around: Around,
    /// `None` while the tables may not be what the policy says: nft failed.
    looks: Option<Looks>,
}

/// What [`KillSwitch::check`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Checked {
    /// As we made it.
    Intact,
    /// Devices came or went, or stand in other networks; the chains follow.
    DevicesChanged,
    /// Somebody removed or changed a table; it is as before.
    Restored(String),
}

impl KillSwitch {
    /// Closes the kill switch: first the file, then the tables. An unlock under way goes on for its remaining time.
    ///
    /// # Errors
    /// [`HostError::ProgramMissing`] or [`HostError::Program`] from nft; the old tables stay then.
    pub fn engage(state: &Path, policy: Policy) -> Result<Self, HostError> {
        let _turn = turn(state)?;
        policy::store(state, &policy)?;
        Self::apply_new(state, policy)
    }

    fn apply_new(state: &Path, policy: Policy) -> Result<Self, HostError> {
        let mut switch = Self { state: state.to_owned(), policy, around: Around::default(), looks: None };
        switch.apply()?;
        Ok(switch)
    }

    /// What it lets through.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Lets something else through.
    ///
    /// # Errors
    /// As [`KillSwitch::engage`].
    pub fn set_policy(&mut self, policy: Policy) -> Result<(), HostError> {
        if policy == self.policy && self.looks.is_some() {
            return Ok(());
        }
        let _turn = turn(&self.state)?;
        // On a full disk, too, what policy took away is closed at once; the caller tries again for the file's sake.
        let stored = policy::store(&self.state, &policy);
        self.policy = policy;
        self.apply()?;
        if stored.is_err() {
            self.looks = None;
        }
        stored
    }

    /// Compares the tables with what we made, and devices and their networks with those that they are for; mends both.
    ///
    /// # Errors
    /// As [`KillSwitch::engage`].
    pub fn check(&mut self) -> Result<Checked, HostError> {
        if Around::read(&self.policy)? != self.around {
            self.apply()?;
            return Ok(Checked::DevicesChanged);
        }
        let found = Fingerprint::read()?;
        if self.looks.as_ref() == Some(&found.looks) {
            if found.answering > 0 && Unlocked::read()?.elements.is_empty() {
                // An unlock has ended: nothing is answered any more, so that connections need no tracking.
                self.apply()?;
            }
            return Ok(Checked::Intact);
        }
        let what =
            if found.looks.objects() == 0 { "the tables were gone" } else { "the tables were changed" };
        self.apply()?;
        Ok(Checked::Restored(what.to_owned()))
    }

    fn apply(&mut self) -> Result<(), HostError> {
        self.looks = None;
        // A device that comes or goes while nft works makes it fail, or is missed; what somebody changed right behind us must
        // not be taken for ours: then once more.
        for _ in 0..4 {
            let around = Around::read(&self.policy)?;
            let opened = Unlocked::read()?;
            let answers = if opened.elements.is_empty() { 0 } else { render::answers().len() };
            let rules = render::render(&self.policy, &around, &opened.elements);
            let applied = rules.commit();
            // Networks that come and go without end (a neighbour announces routers) are no reason to give up: the next look
            // sees that these are not the last ones.
            if Around::read(&self.policy)?.devices != around.devices {
                continue;
            }
            applied?;
            if let (Some(name), false) = (&opened.program, opened.elements.is_empty()) {
                portal::admit_named(name)?;
            }
            let made = Fingerprint::read()?;
            if made.looks.objects() + answers == rules.objects() {
                self.around = around;
                self.looks = Some(made.looks);
                return Ok(());
            }
        }
        Err(HostError::Program {
            program: "nft".to_owned(),
            text: "devices or rules change too fast to guard them".to_owned(),
        })
    }
}

/// Brings the tables back from the state directory: at boot before the network, and when a device appears while no
/// process of ours runs. `false` if this node never closed its kill switch.
///
/// # Errors
/// As [`KillSwitch::engage`].
pub fn restore(state: &Path) -> Result<bool, HostError> {
    if !state.exists() {
        return Ok(false);
    }
    // A `leave` at the same time comes before or after, and is not undone.
    let _turn = turn(state)?;
    match policy::load(state) {
        Ok(Some(policy)) => KillSwitch::apply_new(state, policy).map(|_| true),
        Ok(None) => Ok(false),
        Err(error) => {
            // A broken file says that it was closed, not for whom: for everybody, until `up` writes it anew.
            let nobody = Policy { interface: "hn0".to_owned(), ..Policy::default() };
            KillSwitch::apply_new(state, nobody)?;
            Err(error)
        }
    }
}

/// Removes the tables, then the file: `leave`, and nothing else.
///
/// # Errors
/// What nft or the file system says.
pub fn remove(state: &Path) -> Result<(), HostError> {
    let _turn = turn(state)?;
    let mut rules = Transaction::default();
    for family in FAMILIES {
        if nft::list(family, TABLE)?.is_some() {
            rules.remove_table(family, TABLE);
        }
    }
    rules.commit()?;
    let path = policy::path(state);
    files::remove(&path).map(drop).map_err(|error| HostError::io(Deed::Remove.of(path.display()), &error))
}

/// Opens the kill switch until the kernel closes it again: a portal's DNS and TCP 80/443 for the system's services and the
/// programs in a group, or everything for everybody.
///
/// # Errors
/// [`HostError::Refused`] above [`MAX_UNLOCK`], for no time at all, without a kill switch, or for a group where there are none.
pub fn unlock(time: Duration, all: bool, group: Option<&ControlGroup>) -> Result<(), HostError> {
    let seconds = time.as_secs();
    if seconds == 0 || time > MAX_UNLOCK {
        return Err(HostError::refused("unlock", reason::TIME));
    }
    if state()? == KillSwitchState::Open {
        return Err(HostError::refused("unlock", reason::NOT_CLOSED));
    }
    // Who comes before what: until the sets are filled nobody passes.
    closed().commit()?;
    if let Some(group) = group {
        portal::admit(group)?;
    }
    let mut rules = Transaction::default();
    render::let_answers_in(&mut rules);
    for family in FAMILIES {
        for (set, port) in PORTAL_PORTS {
            add_timed(&mut rules, family, set, &json!(port), seconds);
        }
        let versions = match family {
            Family::Inet => ["ipv4", "ipv6"],
            Family::Netdev => ["ip", "ip6"],
        };
        for version in versions.into_iter().filter(|_| all) {
            add_timed(&mut rules, family, EVERYTHING, &json!(version), seconds);
        }
    }
    rules.commit()
}

/// Ends an unlock before its time.
///
/// # Errors
/// What nft says.
pub fn relock() -> Result<(), HostError> {
    closed().commit()
}

/// Takes away what an unlock gave.
fn closed() -> Transaction {
    let mut rules = Transaction::default();
    for family in FAMILIES {
        for set in [PORTAL_TCP, PORTAL_UDP, EVERYTHING] {
            rules.command("flush", "set", family, TABLE, set);
        }
    }
    for chain in [ANSWERS, portal::CHAIN] {
        rules.command("flush", "chain", Family::Inet, TABLE, chain);
    }
    portal::services(&mut rules);
    rules
}

/// How the kill switch stands, as the kernel has it.
///
/// # Errors
/// [`HostError::NoNetAdmin`] for an ordinary user; what nft says.
pub fn state() -> Result<KillSwitchState, HostError> {
    let (Some(inet), Some(_)) = (nft::list(Family::Inet, TABLE)?, nft::list(Family::Netdev, TABLE)?) else {
        return Ok(KillSwitchState::Open);
    };
    let remaining = |sets: &[&str]| {
        timed(&inet).filter(|(set, _, _)| sets.contains(set)).map(|(_, _, seconds)| seconds).max()
    };
    Ok(match (remaining(&[EVERYTHING]), remaining(&[PORTAL_TCP, PORTAL_UDP])) {
        (Some(seconds), _) => KillSwitchState::Unlocked { seconds, all: true },
        (None, Some(seconds)) => KillSwitchState::Unlocked { seconds, all: false },
        (None, None) => KillSwitchState::Closed,
    })
}

/// File and tables change together: one process at a time, others wait until the returned file is dropped.
fn turn(state: &Path) -> Result<File, HostError> {
    let failed = |error: &std::io::Error| HostError::io(Deed::Lock.of(state.display()), error);
    let directory = File::open(state).map_err(|error| failed(&error))?;
    rustix::fs::flock(&directory, rustix::fs::FlockOperation::LockExclusive)
        .map_err(|error| failed(&error.into()))?;
    Ok(directory)
}

fn add_timed(rules: &mut Transaction, family: Family, set: &str, value: &Value, seconds: u64) {
    // nft takes a timeout of 0 for "never".
    let element = json!({ "elem": { "val": value, "timeout": seconds.max(1) } });
    rules.add("element", family, TABLE, json!({ "name": set, "elem": [element] }));
}

/// An unlock under way, to be carried over into a new table.
#[derive(Debug, Default)]
struct Unlocked {
    /// Family, set and element, with the time that it has left.
    elements: Vec<(Family, String, Value)>,
    /// The control group that may use it.
    program: Option<String>,
}

impl Unlocked {
    fn read() -> Result<Self, HostError> {
        let mut all = Self::default();
        for family in FAMILIES {
            let Some(objects) = nft::list(family, TABLE)? else { continue };
            for (set, value, seconds) in timed(&objects) {
                let element = json!({ "elem": { "val": value, "timeout": seconds } });
                // What somebody else added is not carried over.
                if is_unlock(set, &element) {
                    all.elements.push((family, set.to_owned(), element));
                }
            }
            let program = objects.iter().find_map(portal::admitted).map(str::to_owned);
            all.program = all.program.or(program);
        }
        Ok(all)
    }
}

/// Set, value and seconds left of every element with a time.
fn timed(objects: &[Value]) -> impl Iterator<Item = (&str, &Value, u64)> {
    let sets = objects.iter().filter_map(|object| object.get("set"));
    sets.filter_map(|set| Some((set.get("name")?.as_str()?, set.get("elem")?.as_array()?)))
        .flat_map(|(name, elements)| elements.iter().map(move |element| (name, element)))
        .filter_map(|(name, element)| {
            let element = element.get("elem")?;
            let seconds = element.get("expires")?.as_u64()?;
            (seconds > 0).then_some((name, element.get("val")?, seconds))
        })
}

/// What the tables look like.
#[derive(Debug, Default)]
struct Fingerprint {
    /// Without what an unlock adds: elements with a time, rules that let answers in and a program out.
    looks: Looks,
    /// Rules that let answers in.
    answering: usize,
}

impl Fingerprint {
    fn read() -> Result<Self, HostError> {
        let mut all = Self::default();
        let answers = render::answers().map(Value::Array);
        for family in FAMILIES {
            all.looks.add(family, TABLE, |object| {
                forget_unlock(object);
                // Exactly these and nothing else: any other rule in that chain is somebody's.
                let rule = object.get("rule").filter(|rule| rule.get("chain") == Some(&json!(ANSWERS)));
                let answers =
                    rule.and_then(|rule| rule.get("expr")).is_some_and(|expr| answers.contains(expr));
                all.answering += usize::from(answers);
                !answers && portal::admitted(object).is_none()
            })?;
        }
        Ok(all)
    }
}

/// Takes an unlock's elements away; what only looks like one stays, and is seen: for good, for too long, for something else.
fn forget_unlock(object: &mut Value) {
    let Some(set) = object.get_mut("set").and_then(Value::as_object_mut) else { return };
    let Some(name) = set.get("name").and_then(Value::as_str).map(str::to_owned) else { return };
    let Some(elements) = set.get_mut("elem").and_then(Value::as_array_mut) else { return };
    if ![PORTAL_TCP, PORTAL_UDP, EVERYTHING].contains(&name.as_str()) {
        return;
    }
    elements.retain(|element| !is_unlock(&name, element));
    if elements.is_empty() {
        set.remove("elem");
    }
}

/// Whether an element is one that [`unlock`] adds.
fn is_unlock(set: &str, element: &Value) -> bool {
    let Some(element) = element.get("elem") else { return false };
    let time = element.get("timeout").and_then(Value::as_u64);
    let ours = |value: &Value| {
        set == EVERYTHING || PORTAL_PORTS.iter().any(|(of, port)| *of == set && *value == json!(port))
    };
    element.get("val").is_some_and(ours) && time.is_some_and(|time| time <= MAX_UNLOCK.as_secs())
}
