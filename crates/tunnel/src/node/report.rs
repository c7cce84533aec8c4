//! The daemon's answer to `status`.

use std::time::{Duration, Instant};

use hanare_host::hands::{Client, KillSwitchState};
use hanare_model::Timestamp;

use super::daemon::{Daemon, own_clock};
use super::term::Term;
use crate::control::{HqStatus, KillSwitch, State, Status, WarningCode};

/// How long the host process may take to say what the firewall holds.
const HOST_PATIENCE: Duration = Duration::from_secs(2);

impl Daemon {
    pub(super) async fn report(&self) -> Status {
        let now = self.watch.now();
        // A host process that hangs must not keep anybody from being told so, nor from ending it.
        let asked = tokio::time::timeout(HOST_PATIENCE, self.hands.run(Client::kill_switch_state));
        let kill_switch = asked.await.ok().and_then(Result::ok);
        let (kill_switch, unlocked_until) = kill_switch_status(kill_switch, own_clock());
        let unread = kill_switch.is_none().then_some(WarningCode::KillSwitchUnread);
        Status {
            state: self.one_word(now, unread.is_none()),
            pid: self.host_process,
            interface: Some(self.interface.clone()),
            addresses: self.lease.addresses.iter().map(ipnet::IpNet::addr).collect(),
            node: Some(self.lease.node.clone()),
            room: Some(self.lease.room.clone()),
            hq: self.endpoints(now).await,
            kill_switch,
            unlocked_until,
            lease_until: Some(self.lease.expires_at),
            warnings: self.warnings.iter().copied().chain(unread).map(WarningCode::warning).collect(),
        }
    }

    fn one_word(&self, now: Instant, is_kill_switch_read: bool) -> State {
        let lost = self.warnings.contains(&WarningCode::FirewallLost);
        let in_term = matches!(self.term(), Term::Fresh | Term::Due);
        if self.revoked.is_some() {
            State::Revoked
        } else if self.health.is_up(now) && in_term && is_kill_switch_read && !lost {
            State::Up
        } else {
            State::Degraded
        }
    }

    async fn endpoints(&self, now: Instant) -> Vec<HqStatus> {
        let snapshot = self.plane.snapshot().await.ok();
        let peer = snapshot.and_then(|snapshot| {
            snapshot.peers.into_iter().find(|state| state.peer.public_key == self.lease.hq.public_key)
        });
        let active = self.candidates.endpoint();
        let one = |endpoint: &hanare_model::Endpoint| {
            let is_active = peer.is_some() && active == Some(endpoint);
            let peer = peer.as_ref().filter(|_| is_active);
            HqStatus {
                endpoint: endpoint.to_string(),
                active: is_active,
                last_handshake_seconds: peer
                    .and_then(|peer| peer.last_handshake)
                    .map(|age| age.as_secs_f64()),
                rx_bytes: peer.map_or(0, |peer| peer.rx_bytes),
                tx_bytes: peer.map_or(0, |peer| peer.tx_bytes),
                rtt_seconds: peer.and_then(|_| self.health.rtt(now)).map(|rtt| rtt.as_secs_f64()),
            }
        };
        self.lease.hq.endpoints.iter().map(one).collect()
    }
}

/// The kill switch as status has it, and when an unlock ends.
pub(super) fn kill_switch_status(
    state: Option<KillSwitchState>,
    now: Timestamp,
) -> (Option<KillSwitch>, Option<Timestamp>) {
    match state {
        Some(KillSwitchState::Closed) => (Some(KillSwitch::Closed), None),
        Some(KillSwitchState::Open) => (Some(KillSwitch::Open), None),
        Some(KillSwitchState::Unlocked { seconds, .. }) => {
            (Some(KillSwitch::Unlocked), Some(now.after(Duration::from_secs(seconds))))
        }
        None => (None, None),
    }
}
