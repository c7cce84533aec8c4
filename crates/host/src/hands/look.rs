//! What others changed below and beside the tunnel: mended where it is ours, told to the worker where it matters.

use super::message::Notice;
use super::verbs::Hands;
use crate::kill_switch::{Checked, Policy};
use crate::netlink::Netlink;
use crate::resolver;
use crate::underlay::Underlay;

/// How much of what nft said is passed on, in characters.
const MAX_WHY: usize = 300;

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
        let notices = &mut looked.notices;
        match Underlay::read(&self.interface) {
            Ok(now) if now != self.underlay => {
                self.underlay = now;
                self.refresh_resolvers();
                notices.push(Notice::UnderlayChanged);
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
            notices.push(Notice::InterfaceLost);
        }
        looked
    }

    fn look_at_firewall(&mut self, looked: &mut Looked) {
        let checked = if let Some(switch) = &mut self.switch {
            switch.check().map(|checked| match checked {
                Checked::Restored(what) => Some(what),
                Checked::Intact | Checked::DevicesChanged => None,
            })
        } else {
            self.surroundings().and_then(|now| match &mut self.segmentation {
                Some(enforced) => enforced.check(now),
                None => Ok(None),
            })
        };
        match checked {
            Ok(restored) => {
                if let Some(what) = restored.or_else(|| self.firewall_lost.then(String::new)) {
                    looked.notices.push(Notice::FirewallRestored { what });
                }
                (self.firewall_failed, self.firewall_lost) = (false, false);
            }
            Err(error) => {
                tracing::error!(%error, "the firewall could not be checked or restored");
                looked.again = true;
                // One run that failed says little about what is in force; two in a row are no accident.
                if std::mem::replace(&mut self.firewall_failed, true) && !self.firewall_lost {
                    let why = error.to_string().chars().take(MAX_WHY).collect();
                    looked.notices.push(Notice::FirewallLost { why });
                    self.firewall_lost = true;
                }
            }
        }
    }

    /// Follows the underlay's resolvers (another network, another DHCP server), but never takes our own for them.
    fn refresh_resolvers(&mut self) {
        let Some(bounds) = &self.bounds else { return };
        let mut found = resolver::underlay();
        found.retain(|server| !bounds.lease().dns.contains(server));
        if found.is_empty() || found == self.resolvers {
            return;
        }
        self.resolvers = found;
        let resolvers = bounds.resolvers(&self.resolvers);
        if let Some(switch) = &mut self.switch {
            let policy = Policy { resolvers, ..switch.policy().clone() };
            if let Err(error) = switch.set_policy(policy) {
                tracing::error!(%error, "the kill switch does not know the new resolvers");
            }
        }
    }
}
