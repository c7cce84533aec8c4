//! What others changed below and beside the tunnel: mended where it is ours, told to the worker where it matters.

use super::message::Notice;
use super::verbs::Hands;
use crate::error::HostError;
use crate::kill_switch::{Checked, Policy};
use crate::netlink::Netlink;
use crate::nft::Family;
use crate::underlay::Underlay;
use crate::{resolver, segmentation};

impl Hands {
    /// After links, addresses, routes or firewall tables changed: mends what is ours, and says what the worker must know.
    pub(super) fn look(&mut self) -> Vec<Notice> {
        let mut notices = Vec::new();
        if let Some(switch) = &mut self.switch {
            match switch.check() {
                Ok(Checked::Restored(what)) => notices.push(Notice::FirewallRestored { what }),
                Ok(Checked::Intact | Checked::DevicesChanged) => {}
                Err(error) => tracing::error!(%error, "the kill switch could not be checked"),
            }
        }
        match self.look_at_segmentation() {
            Ok(Some(notice)) => notices.push(notice),
            Ok(None) => {}
            Err(error) => tracing::error!(%error, "the segmentation could not be checked or restored"),
        }
        match Underlay::read(&self.interface) {
            Ok(now) if now != self.underlay => {
                self.underlay = now;
                self.refresh_resolvers();
                notices.push(Notice::UnderlayChanged);
            }
            Ok(_) => {}
            Err(error) => tracing::error!(%error, "the underlay cannot be read"),
        }
        if let Some(index) = self.index
            && Netlink::open()
                .and_then(|mut netlink| netlink.links())
                .is_ok_and(|links| links.iter().all(|link| link.index != index))
        {
            self.index = None;
            notices.push(Notice::InterfaceLost);
        }
        notices
    }

    /// Restores headquarters' firewall, and lets it follow what other tables need.
    fn look_at_segmentation(&mut self) -> Result<Option<Notice>, HostError> {
        let Some(segmentation) = &self.segmentation else { return Ok(None) };
        let is_gone = crate::nft::list(Family::Inet, segmentation::TABLE)?.is_none();
        let now = self.surroundings()?;
        if !is_gone && now.untracked == self.surroundings.untracked {
            return Ok(None);
        }
        segmentation::apply(segmentation, now)?;
        self.surroundings = now;
        Ok(is_gone.then(|| Notice::FirewallRestored { what: "the table was gone".to_owned() }))
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
