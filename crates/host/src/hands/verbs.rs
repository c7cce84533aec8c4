//! Each verb: checked against the bounds, recorded, done.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::Instant;

use hanare_model::Segmentation;
use hanare_model::lease::MIN_MTU;
use ipnet::IpNet;

use super::asked::{self, Asked};
use super::bounds::{Bounds, HqBounds, node_listen};
use super::look::Firewall;
use super::message::{Permit, Reply, Request};
use super::routing;
use crate::deed::Deed;
use crate::error::{HostError, reason};
use crate::kill_switch::{self, KillSwitch, Lan, Policy};
use crate::netlink::{Netlink, Route};
use crate::nft::Family;
use crate::segmentation::{self, Enforced, Surroundings};
use crate::tun::{Offload, Tun, TunError};
use crate::udp::{RECEIVE_BUFFER, Udp, UdpError};
use crate::underlay::Underlay;
use crate::undo::{Change, UndoLog};
use crate::{MARK, marked, resolver, sysctl};

/// The largest inner MTU: an Ethernet frame of 9,000 bytes less `WireGuard`'s own.
const MAX_MTU: u16 = 8920;

/// From an admin's wish to leave until the machine is given back: headquarters is told in six seconds. A worker that keeps the
/// wish back must not have it when nobody expects it any more.
const LEAVE_PATIENCE: std::time::Duration = std::time::Duration::from_secs(15);

/// The privileged state of one host process.
pub(super) struct Hands {
    pub(super) state: PathBuf,
    pub(super) interface: String,
    /// `None` at headquarters …
    pub(super) bounds: Option<Bounds>,
    /// … which has these.
    pub(super) hq: Option<HqBounds>,
    pub(super) log: UndoLog,
    pub(super) switch: Option<KillSwitch>,
    /// The tunnel interface's index once it is made.
    pub(super) index: Option<u32>,
    pub(super) underlay: Underlay,
    /// The underlay's resolvers, remembered from before ours were set.
    pub(super) resolvers: Vec<IpAddr>,
    /// The tunnel's UDP port once its sockets are made.
    pub(super) port: Option<u16>,
    pub(super) segmentation: Option<Enforced>,
    /// How the last look at the firewall went.
    pub(super) firewall: Firewall,
    /// Something was not done that a look will do.
    pub(super) unsettled: bool,
    pub(super) unlocked_until: Option<Instant>,
    /// Whether an admin asked for what is open; of what was open before this process it is taken for granted.
    pub(super) unlocked_by_admin: bool,
    /// What was not done when something was last asked, so that it is told once however often it is asked again.
    pub(super) told: Option<HostError>,
    pub(super) leaving: Leaving,
}

/// How far `leave` has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leaving {
    Unasked,
    /// By an admin, who waits for it until then.
    Asked(Instant),
    Done,
}

impl Hands {
    /// Does what is asked.
    pub(super) fn answer(
        &mut self,
        request: Request,
        fds: &[OwnedFd],
    ) -> Result<(Reply, Vec<OwnedFd>), HostError> {
        match request {
            Request::Tunnel { mtu, listen, offload } => return self.tunnel(mtu, listen, offload),
            Request::Udp { listen } => {
                self.listen("udp", listen)?;
                let (port, sockets) = udp(listen)?;
                self.port = Some(port);
                return Ok((Reply::Udp { port }, sockets));
            }
            Request::Addresses { addresses } => self.addresses(&addresses)?,
            Request::Routes { prefixes } => self.routes(&prefixes)?,
            Request::Lan { addresses } => self.lan(&addresses)?,
            Request::Mtu { mtu } => self.mtu(mtu)?,
            Request::KillSwitch { permit } => self.kill_switch(&permit)?,
            Request::KillSwitchState => {
                let state = kill_switch::state()?;
                return Ok((Reply::KillSwitch { state }, Vec::new()));
            }
            Request::Unlock => self.unlock(fds)?,
            Request::Segment { segmentation } => self.segment(&segmentation)?,
            Request::Dns { servers } => self.dns(&servers)?,
            Request::ApiSocket { to } => return self.api_socket(to),
            Request::NameSockets => return self.name_sockets(),
            Request::Lease { lease } => {
                self.node("lease")?.renew(&lease)?;
                self.refresh_switch();
                self.hold_to_terms();
            }
            Request::AskToLeave => self.ask_to_leave(fds)?,
            Request::Leave => self.leave()?,
            // Answered by the loop, which holds what they are about.
            Request::Notices | Request::Ready { .. } => {}
        }
        Ok((Reply::Done, Vec::new()))
    }

    pub(super) fn node(&mut self, verb: &str) -> Result<&mut Bounds, HostError> {
        self.bounds.as_mut().ok_or_else(|| HostError::refused(verb, "headquarters has no lease"))
    }

    fn listen(&self, verb: &str, asked: SocketAddr) -> Result<(), HostError> {
        match (&self.bounds, &self.hq) {
            (Some(_), _) => node_listen(verb, asked),
            (None, Some(hq)) => hq.listen(verb, asked),
            (None, None) => Err(HostError::refused(verb, "nothing is known of this role")),
        }
    }

    /// Whether a node's lease or headquarters' overlay holds these addresses or routes.
    fn within(
        &self,
        verb: &str,
        asked: &[IpNet],
        node: impl FnOnce(&Bounds) -> Result<(), HostError>,
    ) -> Result<(), HostError> {
        match (&self.bounds, &self.hq) {
            (Some(bounds), _) => node(bounds),
            (None, Some(hq)) => hq.addresses_or_routes(verb, asked),
            (None, None) => Err(HostError::refused(verb, "nothing is known of this role")),
        }
    }

    fn index(&self) -> Result<u32, HostError> {
        self.index.ok_or_else(|| HostError::NoSuchInterface { name: self.interface.clone() })
    }

    fn tunnel(
        &mut self,
        mtu: u16,
        listen: SocketAddr,
        offload: bool,
    ) -> Result<(Reply, Vec<OwnedFd>), HostError> {
        check_mtu(mtu)?;
        self.listen("tunnel", listen)?;
        let (port, sockets) = udp(listen)?;
        let wanted = if offload { Offload::TcpUdp } else { Offload::None };
        let tun = Tun::create(&self.interface, mtu, wanted).map_err(tun_error)?;
        let index = tun.index().map_err(|error| HostError::io(Deed::Interface.of("tun"), &error))?;
        (self.index, self.port) = (Some(index), Some(port));
        own_settings(&self.interface);
        let offload = tun.offload() != Offload::None;
        let mut fds = Vec::from(tun.into_fds());
        fds.extend(sockets);
        Ok((Reply::Tunnel { interface: self.interface.clone(), index, offload, port }, fds))
    }

    fn addresses(&mut self, wanted: &[IpNet]) -> Result<(), HostError> {
        self.index()?;
        self.within("addresses", wanted, |bounds| bounds.addresses(wanted))?;
        let wanted: Vec<IpNet> =
            wanted.iter().copied().filter(|net| net.addr().is_ipv4() || routing::has_v6()).collect();
        routing::set_addresses(&mut self.log, &self.interface, &wanted)
    }

    fn routes(&mut self, wanted: &[IpNet]) -> Result<(), HostError> {
        let index = self.index()?;
        let lan = self.lan_interface();
        let own: Vec<&str> = lan.iter().map(String::as_str).chain([self.interface.as_str()]).collect();
        let wanted: Vec<IpNet> =
            wanted.iter().copied().filter(|net| net.addr().is_ipv4() || routing::has_v6()).collect();
        self.within("routes", &wanted, |bounds| bounds.routes(&wanted))?;
        let table = if self.bounds.is_some() { routing::table(index) } else { Route::MAIN };
        routing::check_collisions(&wanted, &own, &self.room_lan())?;
        routing::set_routes(&mut self.log, &self.interface, &wanted, table)?;
        if self.bounds.is_some() {
            sysctl::set(&mut self.log, &sysctl::marked_reverse_path())?;
            routing::set_rules(&mut self.log, index)?;
        }
        Ok(())
    }

    fn lan_interface(&self) -> Option<String> {
        self.bounds.as_ref().and_then(|bounds| bounds.role().lan.clone())
    }

    /// The LAN that this node may stand in; a gateway's own is its LAN interface's alone.
    fn room_lan(&self) -> Vec<IpNet> {
        self.bounds.as_ref().map_or_else(Vec::new, Bounds::room_lan)
    }

    fn lan(&mut self, addresses: &[IpNet]) -> Result<(), HostError> {
        let lan =
            self.lan_interface().ok_or_else(|| HostError::refused("lan", "`up` was called without --lan"))?;
        self.node("lan")?.lan(addresses)?;
        let prefixes: Vec<IpNet> = addresses.iter().map(IpNet::trunc).collect();
        routing::check_collisions(&prefixes, &[&lan, &self.interface], &[])?;
        if let Some(switch) = &mut self.switch {
            let mut policy = switch.policy().clone();
            policy.lan = Some(Lan { interface: lan.clone(), prefixes });
            switch.set_policy(policy)?;
        }
        // Nothing is forwarded before the rules that bound it.
        sysctl::set(&mut self.log, &sysctl::forwarding())?;
        // Last: while an address is new, the kernel's switch to forwarding and the end of its duplicate detection each join
        // the subnet's anycast address, and the undoing leaves it once.
        routing::set_addresses(&mut self.log, &lan, addresses)
    }

    fn mtu(&mut self, mtu: u16) -> Result<(), HostError> {
        check_mtu(mtu)?;
        let index = self.index()?;
        Netlink::open()?.set_mtu(index, u32::from(mtu))
    }

    /// Closes the kill switch before a worker runs, for what the lease names without a look-up.
    pub(super) fn engage(&mut self) -> Result<(), HostError> {
        self.kill_switch(&Permit::default())
    }

    fn kill_switch(&mut self, permit: &Permit) -> Result<(), HostError> {
        let lan = self.lan_interface();
        let (interface, resolvers) = (self.interface.clone(), self.resolvers.clone());
        let connected = self.underlay.addresses().to_vec();
        let bounds = self.node("kill-switch")?;
        let lan = lan.map(|interface| Lan { interface, prefixes: bounds.lease().lan.clone() });
        let (resolvers, devices) = (bounds.resolvers(&resolvers), bounds.devices(&connected));
        let base = Policy { interface, resolvers, lan, devices, ..Policy::default() };
        let policy = bounds.policy(permit, base)?;
        if let Some(switch) = &mut self.switch {
            return switch.set_policy(policy);
        }
        self.switch = Some(KillSwitch::engage(&self.state, policy)?);
        Ok(())
    }

    fn segment(&mut self, segmentation: &Segmentation) -> Result<(), HostError> {
        if self.bounds.is_some() {
            return Err(HostError::refused("segment", "this is a node"));
        }
        if segmentation.interface != self.interface {
            return Err(HostError::refused("segment", "it is about another interface"));
        }
        if let Some(hq) = &self.hq {
            hq.segmentation(segmentation)?;
        }
        let is_table = |change: &Change| matches!(change, Change::Table { .. });
        if !self.log.has(is_table) {
            self.log.record(Change::Table { family: Family::Inet, name: segmentation::TABLE.to_owned() })?;
        }
        self.segmentation = Some(segmentation::apply(segmentation, self.surroundings())?);
        sysctl::set(&mut self.log, &sysctl::forwarding())
    }

    /// What the machine adds to headquarters' firewall, as it is now.
    pub(super) fn surroundings(&self) -> Surroundings {
        let by_us = self.log.has(|change| matches!(change, Change::Sysctl { .. }));
        let untracked = segmentation::untracked(self.port);
        Surroundings { router_by_us: by_us || !sysctl::forwards(), untracked }
    }

    fn dns(&mut self, servers: &[IpAddr]) -> Result<(), HostError> {
        self.node("dns")?.dns(servers)?;
        self.index()?;
        self.log.undo_where(|change| matches!(change, Change::Resolver { .. }))?;
        if servers.is_empty() {
            return Ok(());
        }
        resolver::set(&mut self.log, &self.state, &self.interface, servers)
    }

    fn api_socket(&mut self, to: SocketAddr) -> Result<(Reply, Vec<OwnedFd>), HostError> {
        let past_the_tunnel = self.node("api-socket")?.api(to)?;
        Ok((Reply::Done, vec![marked::tcp_towards(to, past_the_tunnel)?]))
    }

    fn name_sockets(&mut self) -> Result<(Reply, Vec<OwnedFd>), HostError> {
        let mut servers = Vec::new();
        let mut sockets = Vec::new();
        for server in self.resolvers.iter().take(super::channel::MAX_FDS) {
            // A resolver without a way (no IPv6 here) must not hide the others.
            if let Ok(socket) = marked::udp_to_resolver(*server) {
                servers.push(*server);
                sockets.push(socket);
            }
        }
        if sockets.is_empty() {
            let text = "this machine knows no resolver that it can reach".to_owned();
            return Err(HostError::Resolver { text });
        }
        Ok((Reply::Resolvers { servers }, sockets))
    }

    /// An admin has asked for it: from now on the worker may say when.
    fn ask_to_leave(&mut self, fds: &[OwnedFd]) -> Result<(), HostError> {
        self.node("leave")?;
        let (peer, Asked::Leave) = asked::take("leave", fds)? else {
            return Err(HostError::refused("leave", "its sender asked for something else"));
        };
        if !peer.is_admin() {
            return Err(HostError::refused("leave", reason::ADMINS_ONLY));
        }
        self.leaving = Leaving::Asked(Instant::now() + LEAVE_PATIENCE);
        Ok(())
    }

    fn leave(&mut self) -> Result<(), HostError> {
        if self.leaving == Leaving::Done {
            return Ok(());
        }
        let asked = std::mem::replace(&mut self.leaving, Leaving::Unasked);
        if !matches!(asked, Leaving::Asked(until) if Instant::now() <= until) {
            return Err(HostError::refused("leave", "nobody has asked for it"));
        }
        self.log.undo_all()?;
        kill_switch::remove(&self.state)?;
        self.switch = None;
        self.leaving = Leaving::Done;
        Ok(())
    }
}

fn check_mtu(mtu: u16) -> Result<(), HostError> {
    if (MIN_MTU..=MAX_MTU).contains(&mtu) {
        return Ok(());
    }
    Err(HostError::refused("mtu", format!("{mtu} is not between {MIN_MTU} and {MAX_MTU}")))
}

fn udp(listen: SocketAddr) -> Result<(u16, Vec<OwnedFd>), HostError> {
    let udp = Udp::bind_to(listen, Some(MARK)).map_err(|error| match error {
        UdpError::PortInUse(port) => HostError::PortInUse { port },
        UdpError::Permission => HostError::NoNetAdmin { what: "marking the tunnel's packets".to_owned() },
        UdpError::Socket(error) => HostError::io(Deed::Socket.of(listen), &error),
    })?;
    // The worker may not go beyond the system's maximum, which on Debian holds 150 datagrams.
    udp.set_receive_buffer(RECEIVE_BUFFER).map_err(|error| HostError::io(Deed::Socket.of(listen), &error))?;
    Ok((udp.port(), udp.into_fds().collect()))
}

fn tun_error(error: TunError) -> HostError {
    match error {
        TunError::Name(name) => HostError::BadName { name },
        TunError::Taken(name) => HostError::NameTaken { name },
        TunError::Unavailable(error) => HostError::NoTunDevice { text: error.to_string() },
        TunError::Permission(name) => HostError::NoNetAdmin { what: format!("making the interface {name}") },
        TunError::Device { name, source } => HostError::io(Deed::Interface.of(name), &source),
    }
}

/// The tunnel speaks IPv6 even where it is off by default, and gives itself no link-local address, which nobody could
/// answer. These settings end with the interface.
fn own_settings(interface: &str) {
    for (name, value) in [("addr_gen_mode", "1"), ("disable_ipv6", "0"), ("accept_ra", "0")] {
        let path = format!("/proc/sys/net/ipv6/conf/{interface}/{name}");
        if let Err(error) = std::fs::write(&path, value) {
            tracing::debug!(path, %error, "not set");
        }
    }
}
