//! What others changed below and beside the tunnel: mended where it is ours, told to the worker where it matters.

use super::message::Notice;
use super::verbs::Hands;
use crate::kill_switch::{Checked, Policy};
use crate::netlink::Netlink;
use crate::resolver;
use crate::underlay::Underlay;

/// How much of what nft said is passed on, in characters.
const MAX_WHY: usize = 300;

/// How the last look at the firewall went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Firewall {
    /// It is as we made it, or was made so.
    Held,
    /// nft failed: one run that failed says little about what is in force.
    Failed,
    /// It failed again, and the worker was told.
    Lost,
}

/// What was found and done.
#[derive(Debug, Default)]
pub(super) struct Looked {
    /// What the worker must know.
    pub(super) notices: Vec<Notice>,
    /// Something could not be seen to, and has to be looked at again soon.
    pub(super) again: bool,
}

impl Hands {
    /// After links, addresses, routes or firewall tables changed: mends what is ours.
    pub(super) fn look(&mut self) -> Looked {
        let mut looked = Looked::default();
        self.look_at_firewall(&mut looked);
        if std::mem::take(&mut self.unsettled) {
            self.refresh_switch();
            self.hold_to_terms();
        }
        match Underlay::read(&self.interface) {
            Ok(now) if now != self.underlay => {
                self.underlay = now;
                self.refresh_resolvers();
                self.refresh_switch();
                looked.notices.push(Notice::UnderlayChanged);
            }
            Ok(_) => {}
            Err(error) => {
                tracing::error!(%error, "the underlay cannot be read");
                looked.again = true;
            }
        }
        if let Some(index) = self.index
            && Netlink::open()
                .and_then(|mut netlink| netlink.links())
                .is_ok_and(|links| links.iter().all(|link| link.index != index))
        {
            self.index = None;
            looked.notices.push(Notice::InterfaceLost);
        }
        looked.again |= self.unsettled;
        looked
    }

    fn look_at_firewall(&mut self, looked: &mut Looked) {
        let checked = if let Some(switch) = &mut self.switch {
            switch.check().map(|checked| match checked {
                Checked::Restored(what) => Some(what),
                Checked::Intact | Checked::DevicesChanged => None,
            })
        } else {
            let now = self.surroundings();
            self.segmentation.as_mut().map_or(Ok(None), |enforced| enforced.check(now))
        };
        match checked {
            Ok(restored) => {
                let lost = std::mem::replace(&mut self.firewall, Firewall::Held) == Firewall::Lost;
                if let Some(what) = restored.or_else(|| lost.then(String::new)) {
                    looked.notices.push(Notice::FirewallRestored { what });
                }
            }
            Err(error) => {
                tracing::error!(%error, "the firewall could not be checked or restored");
                looked.again = true;
                self.firewall = match self.firewall {
                    Firewall::Held => Firewall::Failed,
                    // Told again each time: a worker whose queue was full has not heard of it.
                    Firewall::Failed | Firewall::Lost => {
                        let why = error.to_string().chars().take(MAX_WHY).collect();
                        looked.notices.push(Notice::FirewallLost { why });
                        Firewall::Lost
                    }
                };
            }
        }
    }

    /// Follows the underlay's resolvers (another network, another DHCP server), but never takes our own for them.
    fn refresh_resolvers(&mut self) {
        let Some(bounds) = &self.bounds else { return };
        let mut found = resolver::underlay();
        found.retain(|server| !bounds.lease().dns.contains(server));
        if !found.is_empty() {
            self.resolvers = found;
        }
    }

    /// Lets through what lease and underlay say now: resolvers, and devices of the network that this machine stands in.
    pub(super) fn refresh_switch(&mut self) {
        let (Some(bounds), Some(switch)) = (&self.bounds, &mut self.switch) else { return };
        let resolvers = bounds.resolvers(&self.resolvers);
        let devices = bounds.devices(self.underlay.addresses());
        let policy = Policy { resolvers, devices, ..switch.policy().clone() };
        if let Err(error) = switch.set_policy(policy) {
            tracing::error!(%error, "the kill switch did not follow");
            self.unsettled = true;
        }
    }
}
