//! Headquarters' data plane: made from what the host process hands over, kept as published, reported once a second.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use hanare_host::HostError;
use hanare_host::hands::{Client, Notice};
use hanare_host::tun::Tun;
use hanare_host::udp::Udp;
use hanare_hq::{PeerReport, PlaneLink, PlaneReport, Published, Server};
use hanare_model::PeerSet;
use hanare_tunnel::plane::{self, Event, PeerState, PlaneConfig, PlaneHandle};
use ring::rand::{SecureRandom as _, SystemRandom};

use crate::exit::Exit;
use crate::failure::{Failure, Phrase};
use crate::foreign;
use crate::guards::Guards;

/// How often headquarters is told how the data plane is.
pub(super) const REPORT_INTERVAL: Duration = Duration::from_secs(1);
/// How long the data plane may take to end.
const END_PATIENCE: Duration = Duration::from_secs(2);

/// Why something published is not in force.
pub(super) enum NotApplied {
    /// The machine said no this time.
    Machine(HostError),
    /// The data plane or the host process is gone.
    Ended(Failure),
}

impl From<HostError> for NotApplied {
    fn from(error: HostError) -> Self {
        if error == HostError::Gone { Self::Ended(foreign::host_error(error)) } else { Self::Machine(error) }
    }
}

impl From<Failure> for NotApplied {
    fn from(failure: Failure) -> Self {
        Self::Ended(failure)
    }
}

/// A running data plane.
pub(super) struct DataPlane {
    handle: PlaneHandle,
    guards: Guards,
}

impl DataPlane {
    /// Makes interface, sockets, firewall and thread. The firewall stands before the interface is up: no packet passes
    /// between the two.
    pub(super) async fn start(
        hands: &Client,
        server: &Server,
        first: &Published,
        listen: SocketAddr,
        guards: Guards,
    ) -> Result<Self, Failure> {
        let mut seed = [0; 32];
        SystemRandom::new().fill(&mut seed).map_err(|_| {
            Failure::new(Exit::Impossible, "runtime").with_phrase("cause", Phrase::new("cause-random"))
        })?;
        let mtu = first.mtu;
        let tunnel =
            hands.run(move |hands| hands.tunnel(mtu, listen, true)).await.map_err(foreign::host_error)?;
        let tun = Tun::from_fds(tunnel.tun, tunnel.query).map_err(foreign::tun_error)?;
        let udp = Udp::from_fds(tunnel.udp.fds).map_err(foreign::udp_error)?;
        let (segmentation, addresses) = (first.segmentation.clone(), first.addresses.clone());
        hands
            .run(move |hands| {
                (guards.segment)(hands, &segmentation).and_then(|()| hands.addresses(&addresses))
            })
            .await
            .map_err(foreign::host_error)?;
        let config =
            PlaneConfig { tun, udp, private_key: server.private_key(), peers: first.peers.clone(), seed };
        let handle = plane::spawn_with(config, guards.source_check)
            .map_err(|error| Failure::new(Exit::Impossible, "runtime").because(&error))?;
        Ok(Self { handle, guards })
    }

    /// For orders and questions.
    pub(super) const fn handle(&self) -> &PlaneHandle {
        &self.handle
    }

    /// Makes interface, firewall and peers as published. What is taken away goes from the data plane first, what is
    /// granted comes to it last. `unsure`: an earlier try failed midway, and nobody knows how far it came.
    pub(super) async fn apply(
        &self,
        hands: &Client,
        from: &Published,
        to: &Published,
        unsure: bool,
    ) -> Result<(), NotApplied> {
        let stay = to.peers.peers.iter().filter(|(key, _)| from.peers.peers.contains_key(*key));
        self.set_peers(stay.map(|(_, peer)| peer.clone()).collect())?;
        if unsure || from.segmentation != to.segmentation {
            let segmentation = to.segmentation.clone();
            let segment = self.guards.segment;
            hands.run(move |hands| segment(hands, &segmentation)).await?;
        }
        if unsure || from.addresses != to.addresses {
            let addresses = to.addresses.clone();
            hands.run(move |hands| hands.addresses(&addresses)).await?;
        }
        Ok(self.set_peers(to.peers.clone())?)
    }

    /// Lets nobody in: what stands between the peers is gone.
    pub(super) fn isolate(&self) -> Result<(), Failure> {
        self.set_peers(PeerSet::default())
    }

    fn set_peers(&self, peers: PeerSet) -> Result<(), Failure> {
        let gone = |_| Failure::new(Exit::Bug, "bug").reported("cause-other", "the data plane has ended");
        self.handle.set_peers(peers).map_err(gone)
    }

    /// What the host process noticed below the tunnel.
    pub(super) fn notice(&self, notice: &Notice, interface: &str) -> Result<(), Failure> {
        match notice {
            Notice::UnderlayChanged => {
                // A data plane that has ended says so itself.
                let _ = self.handle.underlay_changed();
            }
            Notice::InterfaceLost => return Err(interface_lost(interface)),
            Notice::FirewallRestored { .. } | Notice::FirewallLost { .. } | Notice::Stop | Notice::Locked => {
            }
        }
        Ok(())
    }

    /// How it is, for `hq status` and `node list`.
    pub(super) async fn report(&self) -> PlaneReport {
        let Ok(snapshot) = self.handle.snapshot().await else { return PlaneReport::default() };
        let peers: BTreeMap<_, _> =
            snapshot.peers.iter().map(|state| (state.peer.public_key, peer_report(state))).collect();
        PlaneReport { forwarding: true, peers, ..PlaneReport::default() }
    }

    /// Ends it and waits for its end.
    pub(super) async fn stop(self) {
        self.handle.shutdown();
        if tokio::time::timeout(END_PATIENCE, self.handle.ended()).await.is_err() {
            tracing::warn!("the data plane did not end in time");
        }
    }
}

/// Somebody removed the tunnel interface.
pub(super) fn interface_lost(name: &str) -> Failure {
    Failure::new(Exit::Impossible, "interface-lost").with("name", name)
}

fn peer_report(state: &PeerState) -> PeerReport {
    PeerReport {
        endpoint: state.peer.endpoint,
        last_handshake_seconds: state.last_handshake.map(|age| age.as_secs()),
        rx_bytes: state.rx_bytes,
        tx_bytes: state.tx_bytes,
    }
}

/// Passes on what headquarters wants to know: where a peer is.
pub(super) fn tell(link: &PlaneLink, event: &Event) {
    match event {
        Event::Established { peer, endpoint, rekey: _ } | Event::Roamed { peer, endpoint } => {
            link.roamed(*peer, *endpoint);
        }
        Event::Expired { .. } | Event::ClockStepped(_) | Event::MtuChanged(_) => {}
    }
}
