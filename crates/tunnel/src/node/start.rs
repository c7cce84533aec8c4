//! The daemon's beginning: kill switch, interface, data plane, control socket, in an order in which nothing leaks.

use std::collections::BTreeSet;

use hanare_host::Deed;
use hanare_host::confine::{self, Confinement};
use hanare_host::hands::Client;
use hanare_host::tun::Tun;
use hanare_host::udp::Udp;
use hanare_model::{PeerSet, PrivateKey};
use tokio::sync::mpsc;

use super::agenda::Agenda;
use super::apply;
use super::candidates::Candidates;
use super::daemon::{ANYWHERE, Daemon, Inbox};
use super::gap::Gap;
use super::health::Health;
use super::permitted::Permitted;
use super::records::Records;
use super::resolve::Resolved;
use super::term::HqClock;
use super::unwritten::Unwritten;
use super::watch::Watch;
use super::work::Work;
use super::worker::{WorkerError, WorkerOptions};
use crate::api::Identity;
use crate::control::{WarningCode, server};
use crate::plane::{self, PlaneConfig, PlaneHandle};
use crate::state::journal::Journal;
use crate::state::{NodeState, random_seed};
use crate::uapi;

impl Daemon {
    /// Builds everything up to a tunnel that tries to reach headquarters. The kill switch is closed before anything else.
    pub(super) async fn start(
        options: &WorkerOptions,
        state: NodeState,
        hands: Client,
        confinement: Confinement,
    ) -> Result<Self, WorkerError> {
        let keys = state.keys()?.ok_or(WorkerError::NotJoined)?;
        let enrolment = state.enrolment()?.ok_or(WorkerError::NotJoined)?;
        let lease = state.lease()?.ok_or(WorkerError::NotJoined)?.lease;
        let identity = Identity::new(&keys.signing, enrolment.pin)?;
        let journal = Journal::open(&state)?;
        let notices = hands.run(Client::notices).await?.into_async()?;
        let control = server::listen(&options.runtime)
            .map_err(|source| WorkerError::Control { path: options.runtime.clone(), source })?;

        let host_process =
            rustix::process::getppid().and_then(|pid| u32::try_from(pid.as_raw_nonzero().get()).ok());
        let mtu = lease.mtu;
        let tunnel = hands.run(move |hands| hands.tunnel(mtu, ANYWHERE, true)).await?;
        let system = |what| move |source| WorkerError::System { what, source };
        let tun =
            Tun::from_fds(tunnel.tun, tunnel.query).map_err(|error| WorkerError::Plane(error.to_string()))?;
        let udp = Udp::from_fds(tunnel.udp.fds).map_err(|error| WorkerError::Plane(error.to_string()))?;
        let shown = bind_for_wg(&tunnel.interface);
        // From here on everything that this process reads may come from a network.
        let confined = confine::close_doors()? && confinement.is_whole();
        let private_key = keys.wireguard.clone();
        let seed = random_seed().map_err(system(Deed::Random))?;
        let config = PlaneConfig { tun, udp, private_key: keys.wireguard, peers: PeerSet::default(), seed };
        let plane = plane::spawn(config).map_err(system(Deed::DataPlane))?;

        let uapi = shown.and_then(|listener| show_to_wg(listener, &plane, private_key));
        let watch = Watch::new();
        let now = watch.now();
        let (news, news_inbox) = mpsc::channel(16);
        let (outcomes, outcomes_inbox) = mpsc::channel(16);
        let (commands, commands_inbox) = mpsc::channel(16);
        let literals = Resolved::literals(&lease.hq.endpoints, &lease.hq.api);
        let mut daemon = Self {
            state,
            hands,
            plane,
            identity,
            enrolment,
            lease,
            interface: tunnel.interface,
            host_process,
            lan: options.lan,
            revoked: None,
            watch,
            health: Health::new(now),
            candidates: Candidates::new(now),
            api: Vec::new(),
            clock: HqClock::default(),
            warnings: if confined { BTreeSet::new() } else { BTreeSet::from([WarningCode::NotConfined]) },
            inside: None,
            news,
            agenda: Agenda::default(),
            name_missing: false,
            work: Work::default(),
            permitted: Permitted::default(),
            unwritten: Unwritten::default(),
            machine_waits: false,
            unlock_gap: Gap::default(),
            outcomes,
            inbox: Inbox { news: news_inbox, outcomes: outcomes_inbox, commands: commands_inbox, notices },
            uapi,
            journal,
            records: Records::default(),
            signing: keys.signing,
        };
        apply::machine(&mut daemon).await?;
        daemon.take_addresses(literals).await?;
        daemon.name_missing = daemon.has_names();
        daemon.talk_inside();
        tokio::spawn(server::serve(control, commands));
        let line = daemon.line();
        daemon.hands.run(move |hands| hands.ready(&line)).await?;
        hanare_host::memory::forget_start();
        Ok(daemon)
    }

    fn line(&self) -> String {
        let addresses: Vec<_> = self.lease.addresses.iter().map(|net| net.addr().to_string()).collect();
        format!("{} {} {}", self.interface, self.lease.node, addresses.join(" "))
    }
}

/// The socket that `wg show` looks for. Without its directory there is nothing to see, and the tunnel works all the same.
fn bind_for_wg(interface: &str) -> Option<uapi::Listener> {
    uapi::Listener::bind(interface)
        .inspect_err(|error| tracing::warn!(%error, "`wg show` will not see the interface"))
        .ok()
}

/// Lets `wg show` see the interface, and nobody change it: headquarters' lease says what it is.
fn show_to_wg(listener: uapi::Listener, plane: &PlaneHandle, key: PrivateKey) -> Option<uapi::Listener> {
    let service = uapi::Service::new(plane.clone(), uapi::Access::ReadOnly, Some(key), hanare_host::MARK);
    if let Err(error) = uapi::spawn(&listener, service) {
        tracing::warn!(%error, "`wg show` will not see the interface");
        listener.remove();
        return None;
    }
    Some(listener)
}
