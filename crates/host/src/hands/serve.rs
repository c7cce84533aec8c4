//! The privileged loop: starts the worker, answers it, mends what others change, and undoes everything at the end.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tokio::signal::unix::{SignalKind, signal};
use tracing::{error, info, warn};

use super::bounds::{Bounds, HqBounds};
use super::look::Firewall;
use super::message::{Notice, Reply, Request};
use super::network::{self, NetworkHold};
use super::setup::{Ended, Role, Setup};
use super::verbs::{Hands, Leaving};
use super::{channel, routing};
use crate::deed::Deed;
use crate::error::HostError;
use crate::netlink::Netlink;
use crate::readiness::{readable, readable_watch};
use crate::underlay::{Underlay, Watch};
use crate::undo::UndoLog;
use crate::{files, kill_switch, memory, privileges, resolver};

/// The lock's name in the state directory.
const LOCK: &str = "host.lock";
/// How long a worker may say goodbye before it is killed.
const GOODBYE: Duration = Duration::from_secs(5);
/// Changes come in bursts: one look for all of them.
const SETTLE: Duration = Duration::from_millis(30);
/// Others' changes, however many, make us look twice a second at most.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);
/// The longest wait after a look at which something could not be mended; it begins with [`LOOK_INTERVAL`].
const MAX_RETRY: Duration = Duration::from_secs(4);

/// Runs as host process until the worker ends or a signal comes, then undoes every change but the kill switch.
///
/// # Errors
/// [`HostError::Busy`] if another host process holds the state directory; [`HostError::Collision`] before anything is
/// changed; whatever else prevents the start, or cannot be undone.
pub fn serve(mut setup: Setup) -> Result<Ended, HostError> {
    check_name(&setup.interface)?;
    if !privileges::has_net_admin() {
        return Err(HostError::NoNetAdmin { what: "the host process".to_owned() });
    }
    let _lock = hold(&setup.state)?;
    let network = match &setup.role {
        Role::Node(_) => Some(network::hold(&setup.state)?),
        Role::Hq { .. } => None,
    };
    let mut hands = prepare(&setup)?;
    let ended = work(&mut hands, &mut setup, network.as_ref());
    say_stopping(&mut setup);
    let undone = hands.log.undo_all();
    let ended = ended?;
    undone?;
    Ok(if hands.leaving == Leaving::Done { Ended::Left } else { ended })
}

/// Linux's rule for interface names, before a name is part of a path or a rule.
fn check_name(name: &str) -> Result<(), HostError> {
    let good = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'/' | b':' | b'"' | b'*' | b'%');
    if (1..=15).contains(&name.len())
        && name.bytes().all(good)
        && !matches!(name, "." | ".." | "all" | "default")
    {
        return Ok(());
    }
    Err(HostError::BadName { name: name.to_owned() })
}

/// Gives the machine back as it was, the kill switch included, when no host process runs. `before` comes before that, once it is
/// sure that none does; what it brings is returned.
///
/// # Errors
/// [`HostError::Busy`] if one runs: ask its worker then; [`HostError::OtherKillSwitch`]; what undoing meets.
pub fn leave<T>(state: &Path, before: impl FnOnce() -> T) -> Result<T, HostError> {
    let _lock = hold(state)?;
    let _network = network::hold(state)?;
    let brought = before();
    UndoLog::open(state)?;
    kill_switch::remove(state)?;
    Ok(brought)
}

/// Holds the state directory for one host process.
pub(crate) fn hold(state: &Path) -> Result<File, HostError> {
    files::lock(state, LOCK).map_err(|error| {
        let path = state.join(LOCK).display().to_string();
        if error.kind() == std::io::ErrorKind::WouldBlock {
            return HostError::Busy { path };
        }
        HostError::io(Deed::Lock.of(path), &error)
    })
}

/// Whether no process holds the state directory. Of one that this process may not look into nobody can tell, and it passes for free.
#[must_use]
pub fn is_free(state: &Path) -> bool {
    let Ok(file) = File::open(state.join(LOCK)) else { return true };
    let tried = rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockShared);
    tried != Err(rustix::io::Errno::WOULDBLOCK)
}

/// Everything before the worker: the old changes undone, collisions found, a node's kill switch closed.
fn prepare(setup: &Setup) -> Result<Hands, HostError> {
    let bounds = match &setup.role {
        Role::Hq { .. } => None,
        Role::Node(role) => Some(Bounds::new((**role).clone())?),
    };
    if let Role::Node(role) = &setup.role
        && let Some(lan) = &role.lan
    {
        check_name(lan)?;
        if lan == &setup.interface || Netlink::open()?.link(lan)?.is_none() {
            return Err(HostError::NoSuchInterface { name: lan.clone() });
        }
    }
    let log = UndoLog::open(&setup.state)?;
    let (prefixes, lan, room) = match (&setup.role, &bounds) {
        (Role::Hq { overlay, .. }, _) => (overlay.clone(), None, Vec::new()),
        (Role::Node(role), Some(bounds)) => {
            (bounds.lease().hq.allowed_ips.clone(), role.lan.clone(), bounds.room_lan())
        }
        (Role::Node(_), None) => (Vec::new(), None, Vec::new()),
    };
    let own: Vec<&str> = lan.iter().map(String::as_str).chain([setup.interface.as_str()]).collect();
    routing::check_collisions(&prefixes, &own, &room)?;
    let mut hands = Hands {
        state: setup.state.clone(),
        interface: setup.interface.clone(),
        bounds,
        hq: match &setup.role {
            Role::Hq { overlay, listen } => Some(HqBounds { overlay: overlay.clone(), listen: *listen }),
            Role::Node(_) => None,
        },
        log,
        switch: None,
        index: None,
        underlay: Underlay::read(&setup.interface)?,
        resolvers: resolver::underlay(),
        port: None,
        segmentation: None,
        firewall: Firewall::Held,
        unsettled: false,
        unlocked_until: None,
        unlocked_by_admin: true,
        told: None,
        leaving: Leaving::Unasked,
    };
    if hands.bounds.is_some() {
        hands.engage()?;
        // Killed after a lease was written down and before it was obeyed.
        hands.hold_to_terms();
    }
    Ok(hands)
}

fn work(hands: &mut Hands, setup: &mut Setup, network: Option<&NetworkHold>) -> Result<Ended, HostError> {
    let failed = |error: std::io::Error| HostError::io(Deed::HostProcess, &error);
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = memory::keep_small(builder.enable_all()).build().map_err(failed)?;
    let (ours, theirs) = channel::pair()?;
    rustix::io::ioctl_fionbio(&ours, true).map_err(|error| failed(error.into()))?;
    let mut worker = Worker::start(setup, theirs)?;
    let ended = runtime.block_on(async {
        network.map_or(Ok(()), NetworkHold::answer).map_err(failed)?;
        answer(hands, setup, ours, &mut worker).await
    });
    worker.kill();
    ended
}

/// When to look after a change: soon, also where a later look is due after a failure.
fn soon(due: Option<Instant>, looked: Instant) -> Instant {
    let soon = (Instant::now() + SETTLE).max(looked + LOOK_INTERVAL);
    due.map_or(soon, |due| due.min(soon))
}

struct Worker {
    child: Child,
}

impl Worker {
    fn start(setup: &Setup, stdin: OwnedFd) -> Result<Self, HostError> {
        let failed = |error: std::io::Error| HostError::io(Deed::Worker, &error);
        let child = Command::new("/proc/self/exe")
            .args(&setup.worker)
            .stdin(Stdio::from(stdin))
            // A terminal's ^C is for the host process, which tells the worker.
            .process_group(0)
            .spawn()
            .map_err(failed)?;
        Ok(Self { child })
    }

    /// Readable once the worker has ended.
    fn pidfd(&self) -> Result<OwnedFd, HostError> {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty())
            .map_err(|error| HostError::io(Deed::Worker, &error.into()))
    }

    fn kill(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    fn status(&mut self) -> Result<i32, HostError> {
        let status = self.child.wait().map_err(|error| HostError::io(Deed::Worker, &error))?;
        Ok(status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0)))
    }
}

async fn answer(
    hands: &mut Hands,
    setup: &mut Setup,
    control: OwnedFd,
    worker: &mut Worker,
) -> Result<Ended, HostError> {
    let failed = |error: std::io::Error| HostError::io(Deed::HostProcess, &error);
    let control = readable(control).map_err(failed)?;
    let gone = readable(worker.pidfd()?).map_err(failed)?;
    let network = readable_watch(Watch::network()?).map_err(failed)?;
    let firewall = readable_watch(Watch::firewall()?).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut hangup = signal(SignalKind::hangup()).map_err(failed)?;
    let mut notices: Option<OwnedFd> = None;
    let mut look: Option<Instant> = Some(Instant::now());
    let mut looked = Instant::now();
    let mut retry = Duration::ZERO;
    let mut stop: Option<Instant> = None;
    let mut deaf = false;
    loop {
        let asked = tokio::select! {
            biased;
            _ = gone.readable() => {
                let status = worker.status()?;
                info!(status, "the worker ended");
                return Ok(if stop.is_some() { Ended::Stopped } else { Ended::Worker(status) });
            }
            _ = terminate.recv() => true,
            _ = interrupt.recv() => true,
            _ = hangup.recv() => true,
            ready = control.readable(), if !deaf => {
                let mut guard = ready.map_err(failed)?;
                if !channel::waits(control.get_ref().as_fd())? {
                    guard.clear_ready();
                    continue;
                }
                match exchange(hands, setup, control.get_ref(), &mut notices) {
                    Ok(()) => {}
                    Err(HostError::Gone) => deaf = true,
                    Err(error) => {
                        error!(%error, "the worker does not speak our language; it is ended");
                        return Ok(Ended::Worker(70));
                    }
                }
                // The look tries again what could not be done.
                if hands.unsettled {
                    look = look.or(Some(Instant::now() + LOOK_INTERVAL));
                }
                hands.leaving == Leaving::Done && stop.is_none()
            }
            ready = network.readable() => {
                ready.map_err(failed)?.clear_ready();
                network.get_ref().drain();
                look = Some(soon(look, looked));
                false
            }
            ready = firewall.readable() => {
                ready.map_err(failed)?.clear_ready();
                firewall.get_ref().drain();
                look = Some(soon(look, looked));
                false
            }
            () = at(look) => {
                let found = hands.look();
                for notice in found.notices {
                    tell(notices.as_ref(), &notice);
                }
                looked = Instant::now();
                retry = if found.again { (retry * 2).clamp(LOOK_INTERVAL, MAX_RETRY) } else { Duration::ZERO };
                look = found.again.then(|| looked + retry);
                false
            }
            () = at(hands.unlocked_until) => {
                match hands.lock_again() {
                    Ok(Some(notice)) => tell(notices.as_ref(), &notice),
                    Ok(None) => {}
                    Err(error) => {
                        error!(%error, "the end of an unlock");
                        hands.unlocked_until = Some(Instant::now() + LOOK_INTERVAL);
                    }
                }
                false
            }
            () = at(stop) => {
                warn!("the worker does not say goodbye; it is killed");
                return Ok(Ended::Stopped);
            }
        };
        if asked {
            if stop.is_some() {
                return Ok(Ended::Stopped);
            }
            say_stopping(setup);
            tell(notices.as_ref(), &Notice::Stop);
            let patience = if notices.is_some() { GOODBYE } else { Duration::ZERO };
            stop = Some(Instant::now() + patience);
        }
    }
}

fn say_stopping(setup: &mut Setup) {
    if let Some(say) = setup.on_stopping.take() {
        say();
    }
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time.into()).await,
        None => std::future::pending().await,
    }
}

/// One request and its answer.
fn exchange(
    hands: &mut Hands,
    setup: &mut Setup,
    control: &OwnedFd,
    notices: &mut Option<OwnedFd>,
) -> Result<(), HostError> {
    let (request, fds): (Request, Vec<OwnedFd>) = channel::receive(control.as_fd())?;
    #[expect(clippy::wildcard_enum_match_arm, reason = "every other verb is answered by the hands")]
    let (reply, fds) = match request {
        Request::Notices => {
            let (ours, theirs) = channel::pair()?;
            *notices = Some(ours);
            (Reply::Done, vec![theirs])
        }
        Request::Ready { status } => {
            (setup.on_ready)(&status);
            (Reply::Done, Vec::new())
        }
        request => match hands.answer(request, &fds) {
            Ok(answer) => {
                hands.told = None;
                answer
            }
            Err(failure) => {
                if hands.told.as_ref() != Some(&failure) {
                    info!(%failure, "a request was not done");
                }
                hands.told = Some(failure.clone());
                (Reply::Failed { failure }, Vec::new())
            }
        },
    };
    channel::send(control.as_fd(), &reply, &channel::borrow(&fds))
}

fn tell(notices: Option<&OwnedFd>, notice: &Notice) {
    info!(?notice, "for the worker");
    if let Some(socket) = notices
        && let Err(error) = channel::offer(socket.as_fd(), notice)
    {
        warn!(%error, ?notice, "the worker does not listen");
    }
}
