//! The worker's one task: everything that happens is a message to it, and it alone changes what the daemon knows.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use hanare_host::hands::{AsyncNotices, Client, Notice};
use hanare_host::udp::Udp;
use hanare_ledger::carried::RecordsTaken;
use hanare_model::api::Granted;
use hanare_model::{Lease, SigningKey, Timestamp, Tombstone};
use tokio::sync::mpsc;

use super::agenda::{Act, Agenda, Situation};
use super::candidates::Candidates;
use super::gap::Gap;
use super::health::Health;
use super::inside::{Inside, News};
use super::permitted::Permitted;
use super::resolve::{self, Resolved};
use super::term::{HqClock, Term};
use super::unwritten::Unwritten;
use super::watch::Watch;
use super::worker::WorkerError;
use super::{apply, obey, outside, records, work};
use crate::api::{ApiError, Identity};
use crate::control::WarningCode;
use crate::control::server::Command;
use crate::plane::{self, PlaneHandle};
use crate::state::journal::Journal;
use crate::state::{Enrolment, NodeState};
use crate::uapi;

/// How often silence and the lease's age are looked at.
const TICK: Duration = Duration::from_secs(1);
/// A node speaks first: its addresses and its port do not matter.
pub(super) const ANYWHERE: SocketAddr = SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), 0);

/// What a task that the daemon started brought back.
#[derive(Debug)]
pub(super) enum Outcome {
    Resolved(Resolved),
    /// The lease, and headquarters' clock if it was asked past the tunnel.
    Asked(Result<(Granted, Option<Timestamp>), ApiError>),
    /// Where headquarters stands in this node's own ledger.
    Recorded(Result<RecordsTaken, ApiError>),
    /// What became of a person's proof.
    Work(Box<work::Answered>),
}

/// A running node.
pub(super) struct Daemon {
    pub(super) state: NodeState,
    pub(super) hands: Client,
    pub(super) plane: PlaneHandle,
    pub(super) identity: Identity,
    pub(super) enrolment: Enrolment,
    pub(super) lease: Lease,
    pub(super) interface: String,
    /// The host process, which is what `hanare up` is to whoever started it.
    pub(super) host_process: Option<u32>,
    pub(super) lan: bool,
    pub(super) revoked: Option<Tombstone>,
    /// What `health`, `candidates` and `agenda` count by.
    pub(super) watch: Watch,
    pub(super) health: Health,
    pub(super) candidates: Candidates,
    pub(super) api: Vec<SocketAddr>,
    pub(super) clock: HqClock,
    pub(super) warnings: BTreeSet<WarningCode>,
    pub(super) inside: Option<Inside>,
    pub(super) news: mpsc::Sender<News>,
    pub(super) journal: Journal,
    pub(super) records: records::Records,
    pub(super) signing: SigningKey,
    pub(super) agenda: Agenda,
    pub(super) name_missing: bool,
    pub(super) work: work::Work,
    /// Whether the kill switch has taken headquarters' newest addresses.
    pub(super) permitted: Permitted,
    /// What headquarters said that is not on the disk.
    pub(super) unwritten: Unwritten,
    /// Whether a lease's addresses and routes could not be made yet.
    pub(super) machine_waits: bool,
    pub(super) unlock_gap: Gap,
    pub(super) outcomes: mpsc::Sender<Outcome>,
    pub(super) inbox: Inbox,
    /// For `wg show`.
    pub(super) uapi: Option<uapi::Listener>,
}

/// Where everything that happens arrives.
pub(super) struct Inbox {
    pub(super) news: mpsc::Receiver<News>,
    pub(super) outcomes: mpsc::Receiver<Outcome>,
    pub(super) commands: mpsc::Receiver<Command>,
    pub(super) notices: AsyncNotices,
}

/// Whether the daemon goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Go,
    End,
}

impl Daemon {
    /// Runs until somebody asks for the end, or the host process or the data plane is gone.
    pub(super) async fn run(mut self) -> Result<(), WorkerError> {
        if let Err(error) = self.follow().await {
            // Whatever noticed it first.
            let lost = self.plane.end() == Some(plane::End::InterfaceRemoved);
            return Err(if lost { WorkerError::InterfaceLost(self.interface) } else { error });
        }
        work::goodbye(&mut self).await;
        self.inside = None;
        if let Some(listener) = &self.uapi {
            listener.remove();
        }
        self.plane.shutdown();
        let _ = tokio::time::timeout(Duration::from_secs(1), self.plane.ended()).await;
        Ok(())
    }

    async fn follow(&mut self) -> Result<(), WorkerError> {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let plane = self.plane.clone();
        let mut plane_ended = std::pin::pin!(plane.ended());
        loop {
            let next = tokio::select! {
                end = &mut plane_ended => return Err(WorkerError::Plane(format!("{end:?}"))),
                notice = self.inbox.notices.next() => self.notice(notice?).await?,
                Some(command) = self.inbox.commands.recv() => obey::obey(self, command).await,
                Some(news) = self.inbox.news.recv() => self.hear(news).await?,
                Some(outcome) = self.inbox.outcomes.recv() => self.outcome(outcome).await?,
                _ = tick.tick() => self.tick().await?,
            };
            if next == Next::End {
                return Ok(());
            }
        }
    }

    async fn notice(&mut self, notice: Notice) -> Result<Next, WorkerError> {
        tracing::info!(?notice, "the machine changed");
        match notice {
            Notice::Stop => return Ok(Next::End),
            Notice::InterfaceLost => {
                return Err(WorkerError::InterfaceLost(self.interface.clone()));
            }
            Notice::FirewallRestored { what } => {
                tracing::warn!(what, "the kill switch was restored");
                self.warnings.remove(&WarningCode::FirewallLost);
                if !what.is_empty() {
                    self.warnings.insert(WarningCode::FirewallRestored);
                }
            }
            Notice::FirewallLost { why } => {
                tracing::error!(why, "the kill switch cannot be restored");
                self.warnings.insert(WarningCode::FirewallLost);
            }
            Notice::Locked => {}
            Notice::UnderlayChanged => self.move_underlay().await?,
        }
        Ok(Next::Go)
    }

    /// New sockets, a handshake at once, and names looked up again: the old network's answers are void.
    async fn move_underlay(&mut self) -> Result<(), WorkerError> {
        match self.hands.run(|hands| hands.udp(ANYWHERE)).await {
            Ok(sockets) => match Udp::from_fds(sockets.fds) {
                Ok(udp) => ordered(self.plane.replace_udp(udp))?,
                Err(error) => tracing::warn!(%error, "the tunnel keeps its old sockets"),
            },
            Err(error) => tracing::warn!(%error, "the tunnel keeps its old sockets"),
        }
        ordered(self.plane.underlay_changed())?;
        self.agenda.underlay_changed();
        if self.has_names() {
            self.name_missing = true;
        }
        if let Some(inside) = &self.inside {
            inside.probe_now();
        }
        Ok(())
    }

    async fn hear(&mut self, news: News) -> Result<Next, WorkerError> {
        match news {
            News::Answered { rtt, clock } => {
                let now = self.watch.now();
                if !self.health.is_up(now) {
                    tracing::info!(rtt_us = rtt.map(|rtt| rtt.as_micros()), "headquarters answers");
                }
                self.health.answered(now, rtt);
                self.warnings.remove(&WarningCode::HqSilent);
                self.warnings.remove(&WarningCode::NotEnrolled);
                if let Some(clock) = clock {
                    self.clock.learn(clock, own_clock());
                }
            }
            News::Lease(granted) => apply::granted(self, &granted).await?,
            News::Revoked(tombstone) => apply::revoked(self, &tombstone).await?,
            News::WorkClosed { session, reason } => work::ended(self, session, reason),
            News::Notices { session, notices } => work::noticed(self, &session, notices),
            News::Refused(error) => apply::refused(self, &error).await?,
        }
        Ok(Next::Go)
    }

    async fn outcome(&mut self, outcome: Outcome) -> Result<Next, WorkerError> {
        match outcome {
            Outcome::Resolved(resolved) => {
                self.name_missing = resolved.missing;
                if resolved.missing {
                    self.warnings.insert(WarningCode::NameNotFound);
                } else {
                    self.warnings.remove(&WarningCode::NameNotFound);
                }
                self.take_addresses(resolved).await?;
            }
            Outcome::Recorded(taken) => records::taken(self, taken),
            Outcome::Work(answered) => {
                if let Some(error) = work::answered(self, *answered) {
                    apply::refused(self, &error).await?;
                }
            }
            Outcome::Asked(Ok((granted, clock))) => {
                if let Some(clock) = clock {
                    self.clock.learn(clock, own_clock());
                }
                apply::granted(self, &granted).await?;
            }
            Outcome::Asked(Err(error)) => {
                tracing::debug!(?error, "headquarters' API");
                apply::refused(self, &error).await?;
            }
        }
        Ok(Next::Go)
    }

    async fn tick(&mut self) -> Result<Next, WorkerError> {
        if self.permitted.is_due() {
            apply::permit(self).await?;
        }
        if !self.unwritten.is_empty() {
            apply::write(self);
        }
        if self.machine_waits {
            apply::change_machine(self).await?;
        }
        work::tick(self);
        records::tick(self);
        if self.revoked.is_some() {
            return Ok(Next::Go);
        }
        let now = self.watch.now();
        let silence = self.health.silence(now);
        let term = self.term();
        apply::term(self, term)?;
        if !self.health.is_up(now) && silence >= super::health::STALE {
            self.warnings.insert(WarningCode::HqSilent);
        }
        if self.candidates.is_spent(silence, self.health.patience(), now) && self.candidates.advance(now) {
            tracing::info!(to = ?self.candidates.address(), "the next endpoint of headquarters");
            apply::peer(self)?;
        }
        let situation = Situation { silence, term, name_missing: self.name_missing };
        for act in self.agenda.due(situation, now) {
            self.act(act, now);
        }
        Ok(Next::Go)
    }

    pub(super) fn term(&self) -> Term {
        Term::of(&self.lease, self.clock.now(own_clock()))
    }

    fn act(&self, act: Act, now: Instant) {
        let outcomes = self.outcomes.clone();
        let hands = self.hands.clone();
        let (api, identity) = (self.api.clone(), self.identity.clone());
        match act {
            Act::Resolve => {
                let (wireguard, apis) = (self.lease.hq.endpoints.clone(), self.lease.hq.api.clone());
                tokio::spawn(async move {
                    let resolved = resolve::resolve(hands, wireguard, apis).await;
                    let _ = outcomes.send(Outcome::Resolved(resolved)).await;
                });
            }
            Act::Ask => {
                tokio::spawn(async move {
                    let asked = outside::lease(&hands, &api, &identity).await;
                    if asked.is_ok()
                        && let Err(error) = outside::rebuild(&hands, &api, &identity).await
                    {
                        tracing::debug!(?error, "headquarters was not asked to rebuild");
                    }
                    let _ = outcomes.send(Outcome::Asked(asked)).await;
                });
            }
            Act::Renew => {
                let inside = self.inside.as_ref().filter(|_| self.health.is_up(now));
                let inside = inside.map(|inside| inside.addresses().to_vec());
                tokio::spawn(async move {
                    let through = match inside {
                        Some(addresses) => Inside::renew(&hands, addresses, identity.clone()).await,
                        None => Err(ApiError::Timeout { what: "the tunnel" }),
                    };
                    let asked = match through {
                        Err(error) if error.is_transient() => outside::lease(&hands, &api, &identity).await,
                        answer => answer.map(|granted| (granted, None)),
                    };
                    let _ = outcomes.send(Outcome::Asked(asked)).await;
                });
            }
        }
    }

    /// Takes what look-ups found: lets the tunnel talk to it first, then makes it talk.
    pub(super) async fn take_addresses(&mut self, resolved: Resolved) -> Result<(), WorkerError> {
        let Resolved { wireguard, api, .. } = resolved;
        if wireguard.is_empty() && !self.candidates.is_empty() {
            // Nothing found is no reason to forget what was.
            return Ok(());
        }
        self.candidates.replace(wireguard, self.watch.now());
        self.api = api;
        apply::permit(self).await?;
        apply::peer(self)
    }

    pub(super) fn has_names(&self) -> bool {
        let mut all = self.lease.hq.endpoints.iter().chain(&self.lease.hq.api);
        all.any(|endpoint| endpoint.address().is_none())
    }

    /// Starts, or starts over, talking through the tunnel.
    pub(super) fn talk_inside(&mut self) {
        let hq = &self.lease.hq;
        self.inside =
            Some(Inside::start(&self.hands, &hq.addresses, hq.api_port, &self.identity, &self.news));
    }

    /// Names that a new lease brought must be looked up.
    pub(super) fn names_changed(&mut self) {
        self.agenda.underlay_changed();
        self.name_missing = self.has_names();
    }
}

/// An order that the data plane did not take because it is gone.
pub(super) fn ordered(taken: Result<(), plane::Gone>) -> Result<(), WorkerError> {
    taken.map_err(|gone| WorkerError::Plane(gone.to_string()))
}

/// The machine's own clock.
pub(super) fn own_clock() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_seconds(i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}
