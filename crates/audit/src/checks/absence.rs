//! Devices that the office states it does not have: not applicable only if a PC there uses none either.

use hanare_facts::{Facts, Nearby, Storage, Trust};
use hanare_model::Timestamp;

use super::{Judged, Look, listed, unknown};
use crate::checklist::DeviceClass;
use crate::status::{Evidence, Status};
use crate::why::{Reason, Why};

/// File systems of other machines.
const SHARED: [&str; 8] = ["afs", "ceph", "cifs", "fuse.glusterfs", "fuse.sshfs", "nfs", "nfs4", "smb3"];

/// The site file's statement as evidence: somebody's word.
pub(super) fn statement(class: DeviceClass, at: Timestamp) -> Evidence {
    Evidence {
        source: "site.toml".to_owned(),
        value: format!("[{}] none = true", class.as_str()),
        at,
        trust: Trust::Word,
    }
}

pub(super) fn absent(look: &mut Look<'_>, class: DeviceClass) -> Judged {
    let facts: &Facts = look.facts;
    let used: Vec<String> = match class {
        DeviceClass::Wifi => look
            .see(&facts.nearby, |nearby: &Nearby| format!("connected: {}", listed(&nearby.wireless)))?
            .wireless
            .clone(),
        DeviceClass::Printers => look
            .see(&facts.nearby, |nearby: &Nearby| format!("network queues: {}", listed(&nearby.printers)))?
            .printers
            .clone(),
        DeviceClass::Nas => shared(
            look.see(&facts.storage, |storage: &Storage| format!("shares: {}", listed(&shared(storage))))?,
        ),
    };
    if used.is_empty() {
        Ok((Status::NotApplicable, Reason::plain(Why::NoneHere)))
    } else {
        unknown(Why::NoneDoubted, listed(&used))
    }
}

/// Kinds of what is mounted from other machines; the places tell of people's work.
fn shared(storage: &Storage) -> Vec<String> {
    let kinds = storage.mounts.iter().map(|mount| mount.kind.clone());
    kinds.filter(|kind| SHARED.contains(&kind.as_str())).collect()
}
