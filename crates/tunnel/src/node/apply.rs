//! Makes the machine and the data plane what the lease says, when it comes, changes or ends.

use std::time::Duration;

use hanare_host::HostError;
use hanare_host::hands::Permit;
use hanare_model::api::{Ack, Granted, Refusal};
use hanare_model::{Lease, Peer, PeerSet, Signed, Tombstone};
use ipnet::IpNet;

use super::daemon::{Daemon, ordered};
use super::permitted::Turn;
use super::resolve::Resolved;
use super::term::Term;
use super::worker::WorkerError;
use crate::api::ApiError;
use crate::control::WarningCode;

/// Keeps NAT bindings open on home routers and shared buildings' firewalls (WireGuard's documentation: 25 s).
const KEEPALIVE: u16 = 25;
/// Headquarters waits about a second for the word that a tombstone was read.
const LAST_WORD: Duration = Duration::from_secs(1);

/// Addresses, routes, LAN and resolvers.
pub(super) async fn machine(daemon: &mut Daemon) -> Result<(), WorkerError> {
    let lease = daemon.lease.clone();
    let lan: Vec<IpNet> =
        if daemon.lan { lease.lan.iter().filter_map(first_host).collect() } else { Vec::new() };
    let with_lan = daemon.lan;
    daemon
        .hands
        .run(move |hands| {
            hands.mtu(lease.mtu)?;
            hands.addresses(&lease.addresses)?;
            hands.routes(&lease.hq.allowed_ips)?;
            if with_lan { hands.lan(&lan) } else { Ok(()) }
        })
        .await?;
    let servers = daemon.lease.dns.clone();
    // A room without name service still has its tunnel: said, not fatal.
    match daemon.hands.run(move |hands| hands.dns(&servers)).await {
        Ok(()) => {
            daemon.warnings.remove(&WarningCode::ResolverNotSet);
        }
        Err(error) => {
            tracing::warn!(%error, "headquarters' name servers are not in use");
            daemon.warnings.insert(WarningCode::ResolverNotSet);
        }
    }
    Ok(())
}

/// The same while the tunnel runs: where nothing can be written, hence nothing undone, the machine stays as it is, and this is
/// tried again.
pub(super) async fn change_machine(daemon: &mut Daemon) -> Result<(), WorkerError> {
    daemon.machine_waits = match machine(daemon).await {
        Err(WorkerError::Host(error @ HostError::Io { .. })) => {
            if daemon.warnings.insert(WarningCode::MachineUnchanged) {
                tracing::error!(%error, "the machine is not yet what the lease says; tried again");
            }
            true
        }
        changed => {
            changed?;
            daemon.warnings.remove(&WarningCode::MachineUnchanged);
            false
        }
    };
    Ok(())
}

/// The gateway's own address in a LAN prefix: the first host.
fn first_host(prefix: &IpNet) -> Option<IpNet> {
    // An IPv6 /64 has its first host right behind the subnet-router anycast address.
    let host = prefix.hosts().find(|host| *host != prefix.network())?;
    IpNet::new(host, prefix.prefix_len()).ok()
}

/// Lets the tunnel talk to headquarters as it was found.
pub(super) async fn permit(daemon: &mut Daemon) -> Result<(), WorkerError> {
    let permit = Permit { wireguard: daemon.candidates.addresses().collect(), api: daemon.api.clone() };
    let outcome = daemon.hands.run(move |hands| hands.kill_switch(&permit)).await;
    if let Err(error @ HostError::Gone) = outcome {
        return Err(error.into());
    }
    let reason = outcome.as_ref().err().map(ToString::to_string).unwrap_or_default();
    match daemon.permitted.note(outcome) {
        // The kill switch is as it was, or closer; the tunnel goes on, and this is tried again.
        Some(Turn::Failed) => {
            tracing::warn!(reason, "the kill switch did not take headquarters' addresses; tried again");
        }
        Some(Turn::Mended) => tracing::info!("the kill switch has taken headquarters' addresses"),
        None => {}
    }
    Ok(())
}

/// Headquarters as the data plane's only peer; none while nothing may travel.
pub(super) fn peer(daemon: &Daemon) -> Result<(), WorkerError> {
    let may_travel = daemon.revoked.is_none() && daemon.term() != Term::Over;
    let peers = if may_travel { PeerSet::from_iter([hq_peer(daemon)]) } else { PeerSet::default() };
    ordered(daemon.plane.set_peers(peers))
}

fn hq_peer(daemon: &Daemon) -> Peer {
    let hq = &daemon.lease.hq;
    Peer {
        public_key: hq.public_key,
        preshared_key: Some(hq.preshared_key.clone()),
        endpoint: daemon.candidates.address(),
        allowed_ips: hq.allowed_ips.clone(),
        keepalive: Some(KEEPALIVE),
        initiate: true,
    }
}

/// A lease came. An older one, or one that is not ours, changes nothing.
pub(super) async fn granted(daemon: &mut Daemon, granted: &Granted) -> Result<(), WorkerError> {
    if daemon.revoked.is_some() {
        return Ok(());
    }
    let lease: Lease = match granted.lease.open(&daemon.enrolment.signing_key) {
        Ok(lease) => lease,
        Err(error) => {
            tracing::warn!(%error, "a lease was not taken");
            return Ok(());
        }
    };
    let is_ours =
        lease.public_key == daemon.lease.public_key && lease.hq.public_key == daemon.enrolment.hq_public_key;
    if !is_ours || lease.serial < daemon.lease.serial {
        tracing::warn!(serial = lease.serial, "a lease for another node, or an old one, was not taken");
        return Ok(());
    }
    let serial = lease.serial;
    if serial > daemon.lease.serial {
        replace(daemon, lease, &granted.lease).await?;
    }
    if let Some(inside) = &daemon.inside {
        inside.acknowledge_later(Ack::Lease { serial });
    }
    Ok(())
}

/// Puts a newer lease in force; the session goes on wherever it can.
async fn replace(daemon: &mut Daemon, lease: Lease, signed: &Signed) -> Result<(), WorkerError> {
    tracing::info!(serial = lease.serial, until = %lease.expires_at, "a new lease");
    daemon.unwritten.lease(signed);
    write(daemon);
    let shown = signed.clone();
    daemon.hands.run(move |hands| hands.lease(&shown)).await?;
    let before = std::mem::replace(&mut daemon.lease, lease);
    let now = &daemon.lease;
    let machine_changed = before.addresses != now.addresses
        || before.hq.allowed_ips != now.hq.allowed_ips
        || before.lan != now.lan
        || before.dns != now.dns
        || before.mtu != now.mtu;
    let places_changed = before.hq.endpoints != now.hq.endpoints || before.hq.api != now.hq.api;
    let inside_changed = before.hq.addresses != now.hq.addresses || before.hq.api_port != now.hq.api_port;
    if machine_changed {
        change_machine(daemon).await?;
    }
    if places_changed {
        let literals = Resolved::literals(&daemon.lease.hq.endpoints, &daemon.lease.hq.api);
        daemon.candidates.replace(literals.wireguard, daemon.watch.now());
        daemon.api = literals.api;
        daemon.names_changed();
        permit(daemon).await?;
    }
    for code in [WarningCode::LeaseGrace, WarningCode::LeaseOver, WarningCode::NotEnrolled] {
        daemon.warnings.remove(&code);
    }
    peer(daemon)?;
    if inside_changed || machine_changed {
        daemon.talk_inside();
    }
    Ok(())
}

/// Puts on the disk what headquarters said. A disk that does not take it is a warning and no reason to end: what was said is in
/// force, and without the tunnel nobody at headquarters could see what is wrong here.
pub(super) fn write(daemon: &mut Daemon) {
    daemon.unwritten.write(&daemon.state);
    if daemon.unwritten.is_empty() {
        daemon.warnings.remove(&WarningCode::NotWritten);
    } else {
        daemon.warnings.insert(WarningCode::NotWritten);
    }
}

/// A tombstone came: stored first, so that a restart knows; acknowledged; then nothing travels any more.
pub(super) async fn revoked(daemon: &mut Daemon, signed: &Signed) -> Result<(), WorkerError> {
    if daemon.revoked.is_some() {
        return Ok(());
    }
    let tombstone: Tombstone = match signed.open(&daemon.enrolment.signing_key) {
        Ok(tombstone) => tombstone,
        Err(error) => {
            tracing::warn!(%error, "a tombstone was not taken");
            return Ok(());
        }
    };
    if tombstone.public_key != daemon.lease.public_key {
        tracing::warn!("a tombstone of another node was not taken");
        return Ok(());
    }
    tracing::warn!(at = %tombstone.revoked_at, "headquarters revoked this node");
    daemon.unwritten.tombstone(signed);
    daemon.warnings.clear();
    write(daemon);
    daemon.revoked = Some(tombstone);
    daemon.work.forget();
    if let Some(inside) = daemon.inside.take() {
        inside.acknowledge(Ack::Revoked, LAST_WORD).await;
    }
    peer(daemon)
}

/// Headquarters answered with an error; only a refusal says something about this node.
pub(super) async fn refused(daemon: &mut Daemon, error: &ApiError) -> Result<(), WorkerError> {
    match error {
        ApiError::Refused(Refusal::Revoked { tombstone }) => revoked(daemon, tombstone).await,
        ApiError::Refused(Refusal::NotEnrolled) => {
            daemon.warnings.insert(WarningCode::NotEnrolled);
            Ok(())
        }
        ApiError::Refused(_)
        | ApiError::Connection { .. }
        | ApiError::Timeout { .. }
        | ApiError::NotHeadquarters
        | ApiError::Unavailable { .. }
        | ApiError::Answer { .. }
        | ApiError::Setup { .. } => Ok(()),
    }
}

/// A lease that seemed to be over is not: a clock was set right, this machine's or what we know of headquarters'.
fn in_force(daemon: &mut Daemon) -> Result<(), WorkerError> {
    if !daemon.warnings.remove(&WarningCode::LeaseOver) {
        return Ok(());
    }
    tracing::info!("the lease is in force after all");
    peer(daemon)
}

/// The lease grew older: warns in the grace period, stops traffic when that is over too.
pub(super) fn term(daemon: &mut Daemon, term: Term) -> Result<(), WorkerError> {
    match term {
        Term::Fresh | Term::Due => in_force(daemon)?,
        Term::Grace => {
            daemon.warnings.insert(WarningCode::LeaseGrace);
            in_force(daemon)?;
        }
        Term::Over => {
            daemon.warnings.remove(&WarningCode::LeaseGrace);
            if daemon.warnings.insert(WarningCode::LeaseOver) {
                tracing::warn!("the lease and its grace period are over");
                peer(daemon)?;
            }
        }
    }
    if daemon.clock.is_far() {
        daemon.warnings.insert(WarningCode::ClockWrong);
    } else {
        daemon.warnings.remove(&WarningCode::ClockWrong);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gateway_takes_the_first_host_of_its_lan() {
        let first = |prefix: &str| first_host(&prefix.parse().unwrap()).unwrap().to_string();
        assert_eq!(first("10.88.1.128/25"), "10.88.1.129/25");
        assert_eq!(first("fd00:1:2:3::/64"), "fd00:1:2:3::1/64");
    }
}
