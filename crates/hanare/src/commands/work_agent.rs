//! The agent of this machine, for commands that open work: it is waited for where there has to be one.

use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use hanare_model::PersonId;

use crate::agent::{self, Asked, Standing, words};
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;

/// How long making and confining a volume may take: 32 GB on a slow disk, and a mount.
const OPENING: Duration = Duration::from_mins(1);
/// How long a log-in waits for settings: an input method's dictionary is some megabytes, on a line of 20 Mbit/s.
const SETTINGS: Duration = Duration::from_secs(10);
/// What was in the way of the last opening is not in the way of this one.
const GLANCE: Duration = Duration::from_secs(3);
const LOOK: Duration = Duration::from_millis(100);
/// An agent that was ended is back within a second (`hanare-wipe-agent.service`).
const BACK: Duration = Duration::from_secs(3);
/// Where `hanare-wipe-agent.service` has its policy, and runs by it.
const POLICY: &str = "etc/hanare/wipe.toml";
/// The runtime directory of that unit.
const RUNTIME: &str = "/run/hanare";

/// Whether there has to be an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Agent {
    /// A log-in screen is set up for one: without it people would work on the plain disk.
    Must,
    /// Only where one is installed that keeps the work volume. Elsewhere people work in a folder of theirs, which is handed over
    /// once an agent runs, or not at all.
    IfInstalled,
}

/// How the agent says that it stands; a question that is not answered is asked again. `None` where there is none and need not be.
pub(super) fn heard(context: &Context, agent: Agent) -> Result<Option<Standing>, Failure> {
    let begun = Instant::now();
    loop {
        if let Some(standing) = agent::ask(&context.runtime, &Asked::Status) {
            return Ok(Some(standing));
        }
        if agent == Agent::IfInstalled && !is_installed(Path::new("/"), &context.runtime) {
            return Ok(None);
        }
        if begun.elapsed() > OPENING {
            return Err(Failure::new(Exit::Unreachable, "agent-silent"));
        }
        sleep(LOOK);
    }
}

/// The same for who does not wait for one to come: only for one that is just being started again.
pub(super) fn heard_soon(context: &Context) -> Option<Standing> {
    let begun = Instant::now();
    let patience = if is_installed(Path::new("/"), &context.runtime) { BACK } else { LOOK };
    loop {
        let standing = agent::ask(&context.runtime, &Asked::Status);
        if standing.is_some() || begun.elapsed() > patience {
            return standing;
        }
        sleep(LOOK);
    }
}

/// Whether an agent that keeps the work volume belongs here: one has run since this machine started, or its unit will. A mark in the
/// runtime directory says the first, of this node and no other one on the same machine; the unit's policy the second.
fn is_installed(root: &Path, runtime: &Path) -> bool {
    agent::has_kept(runtime) || (runtime == Path::new(RUNTIME) && root.join(POLICY).exists())
}

/// Waits until this person's volume is there, where an agent opens it, with the settings that programs read when they start, and says
/// how the last day here ended. Work that comes without its settings is still work: nobody is kept from it for them.
///
/// Whoever has proven themselves is not welcome in a day that somebody has begun without a proof, before it is known to be theirs.
pub(super) fn welcome(
    context: &Context,
    person: &PersonId,
    agent: Agent,
    alone: bool,
) -> Result<(), Failure> {
    let begun = Instant::now();
    let Some(mut standing) = heard(context, agent)? else { return Ok(()) };
    if !standing.keeps_volume {
        return Ok(());
    }
    // Another person's day may still be ending, or an earlier one of theirs.
    while !is_theirs(&standing, person) || (standing.alone && !alone) {
        if let Some(trouble) = &standing.trouble
            && !standing.active
            && begun.elapsed() > GLANCE
        {
            return Err(Failure::new(Exit::Impossible, "work-no-volume").reported("cause-agent", trouble));
        }
        if begun.elapsed() > OPENING {
            return Err(Failure::new(Exit::Unreachable, "agent-silent"));
        }
        standing = ask_again(context)?;
    }
    let opened = Instant::now();
    while standing.awaits_settings && standing.trouble.is_none() && opened.elapsed() < SETTINGS {
        standing = ask_again(context)?;
    }
    if let Some(phrase) = standing.last.as_ref().and_then(words::last) {
        context.out.talk_text(&phrase.say(context.out.voice()));
    }
    Ok(())
}

fn ask_again(context: &Context) -> Result<Standing, Failure> {
    sleep(LOOK);
    heard(context, Agent::Must)?.ok_or(Failure::new(Exit::Unreachable, "agent-silent"))
}

/// An agent of the version before says nothing of whose it is.
fn is_theirs(standing: &Standing, person: &PersonId) -> bool {
    standing.active && !standing.closing && standing.person.as_ref().is_none_or(|theirs| theirs == person)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_is_waited_for_where_one_keeps_the_volume_and_nowhere_else() {
        let directory = tempfile::tempdir().unwrap();
        let (root, runtime) = (directory.path(), directory.path().join("run"));
        std::fs::create_dir_all(&runtime).unwrap();
        assert!(!is_installed(root, &runtime) && !is_installed(root, Path::new(RUNTIME)));
        std::fs::write(runtime.join("agent.keeps"), "").unwrap();
        assert!(is_installed(root, &runtime), "one has run here");
        std::fs::create_dir_all(root.join("etc/hanare")).unwrap();
        std::fs::write(root.join(POLICY), "").unwrap();
        assert!(is_installed(root, Path::new(RUNTIME)), "its unit is to run here");
        assert!(!is_installed(root, &root.join("another")), "another node of the same machine");
    }

    #[test]
    fn what_the_unit_reads_is_what_tells_that_there_is_one() {
        let unit = include_str!("../../units/hanare-wipe-agent.service");
        assert!(unit.contains(&format!("ConditionPathExists=/{POLICY}\n")));
    }

    #[test]
    fn another_persons_day_is_no_welcome() {
        let hanako: PersonId = "hanako".parse().unwrap();
        let day = |active, person: Option<&str>| Standing {
            active,
            person: person.map(|person| person.parse().unwrap()),
            ..Standing::default()
        };
        assert!(is_theirs(&day(true, Some("hanako")), &hanako));
        assert!(!is_theirs(&day(true, Some("taro")), &hanako));
        assert!(!is_theirs(&day(false, Some("hanako")), &hanako));
        let closing = Standing { closing: true, ..day(true, Some("hanako")) };
        assert!(!is_theirs(&closing, &hanako), "her own that is ending");
    }
}
