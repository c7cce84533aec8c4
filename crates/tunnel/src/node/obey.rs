//! What the control socket asks of the daemon.

use std::os::fd::{AsFd as _, OwnedFd};
use std::time::Duration;

use hanare_host::hands;
use hanare_ledger::Entry;
use hanare_model::{NodeName, PersonId, Timestamp};

use super::daemon::{Daemon, Next, own_clock};
use super::{farewell, work};
use crate::control::server::Command;
use crate::control::{Problem, Reply, Request};
use crate::state::StateError;

/// Does what is asked and answers.
pub(super) async fn obey(daemon: &mut Daemon, command: Command) -> Next {
    let Command { request, uid, is_admin, requester, reply } = command;
    let (answer, next) = match request {
        Request::Status => (Reply::Status { status: Box::new(daemon.report().await) }, Next::Go),
        Request::Down => (Reply::Done, Next::End),
        Request::Unlock { reason, seconds, all, program } => {
            let unlock = Unlock { uid, is_admin, reason, seconds, all, program };
            (answer(unlock.run(daemon, requester).await), Next::Go)
        }
        Request::Leave => leave(daemon, requester).await,
        // Headquarters answers these, and nothing waits for it meanwhile.
        Request::WorkOpen { claim } => {
            work::open(daemon, claim, uid, reply);
            return Next::Go;
        }
        Request::WorkClose => {
            work::close(daemon, uid, is_admin, reply);
            return Next::Go;
        }
        Request::WorkOvertime { person, seconds, grant, alone: true } => {
            (answer(overtime(daemon, &person, seconds, grant)), Next::Go)
        }
        Request::WorkOvertime { seconds, grant, alone: false, .. } => {
            work::overtime(daemon, seconds, grant, reply);
            return Next::Go;
        }
        Request::WorkStatus => (Reply::Work { work: work::report(daemon) }, Next::Go),
        Request::WorkToday => (Reply::WorkToday { today: Box::new(work::today(daemon)) }, Next::Go),
    };
    // Whoever asked may be gone; what they asked for is done all the same.
    let _ = reply.send(answer);
    if next == Next::End {
        // The answer leaves before the process does.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    next
}

fn answer(done: Result<(), Problem>) -> Reply {
    match done {
        Ok(()) => Reply::Done,
        Err(problem) => Reply::Failed { problem },
    }
}

pub(super) struct Unlock {
    pub(super) uid: u32,
    pub(super) is_admin: bool,
    pub(super) reason: String,
    pub(super) seconds: u64,
    pub(super) all: bool,
    pub(super) program: Option<String>,
}

impl Unlock {
    /// On the record first, then open: an unlock that cannot be recorded does not happen.
    async fn run(self, daemon: &mut Daemon, requester: OwnedFd) -> Result<(), Problem> {
        if !self.is_admin {
            let now = daemon.watch.now();
            let gap = Duration::from_secs(daemon.lease.unlock.gap_seconds);
            daemon
                .unlock_gap
                .ask(self.uid, now, gap)
                .map_err(|seconds| Problem::UnlockTooSoon { seconds })?;
        }
        self.record(daemon, "kill-switch.unlock")?;
        let unlock = daemon.hands.run(move |hands| hands.unlock(requester.as_fd()));
        if let Err(failure) = unlock.await {
            self.record(daemon, "kill-switch.unlock-refused")?;
            return Err(Problem::Host { failure });
        }
        Ok(())
    }

    /// What the node's ledger has of it.
    pub(super) fn entry(&self, at: Timestamp, node: &NodeName, kind: &str) -> Entry {
        Entry {
            at,
            actor: format!("uid {}", self.uid),
            kind: kind.to_owned(),
            subject: node.to_string(),
            data: serde_json::json!({
                "reason": self.reason, "seconds": self.seconds, "all": self.all, "program": self.program,
            }),
        }
    }

    fn record(&self, daemon: &mut Daemon, kind: &str) -> Result<(), Problem> {
        let entry = self.entry(daemon.clock.now(own_clock()), &daemon.lease.node, kind);
        daemon.journal.record(entry, &daemon.signing).map_err(|error| state_problem(&error))
    }
}

/// Overtime that headquarters does not hear of now.
fn overtime(daemon: &mut Daemon, person: &PersonId, seconds: u64, grant: Option<u32>) -> Result<(), Problem> {
    let entry = Entry {
        at: daemon.clock.now(own_clock()),
        actor: format!("node {}", daemon.lease.node),
        kind: "work.overtime-alone".to_owned(),
        subject: person.to_string(),
        data: serde_json::json!({ "seconds": seconds, "grant": grant }),
    };
    daemon.journal.record(entry, &daemon.signing).map_err(|error| state_problem(&error))
}

/// The control socket has seen that an admin asks; the host process sees it again before anybody hears of it, and gives the
/// machine back when headquarters has been told, while there was a way to it.
async fn leave(daemon: &mut Daemon, requester: OwnedFd) -> (Reply, Next) {
    let asked = daemon.hands.run(move |hands| hands.ask_to_leave(requester.as_fd())).await;
    if let Err(failure) = asked {
        return (answer(Err(Problem::Host { failure })), Next::Go);
    }
    let told = farewell::from_daemon(daemon).await;
    if let Err(failure) = daemon.hands.run(hands::Client::leave).await {
        return (answer(Err(Problem::Host { failure })), Next::Go);
    }
    let removed = daemon.state.remove().map_err(|error| state_problem(&error));
    let reply = match removed {
        Ok(()) => Reply::Left { told: told.left, records_missing: told.missing },
        Err(problem) => Reply::Failed { problem },
    };
    (reply, Next::End)
}

pub(super) fn state_problem(error: &StateError) -> Problem {
    let reason = std::error::Error::source(error).map(|source| format!(": {source}")).unwrap_or_default();
    Problem::State { text: format!("{error}{reason}") }
}
