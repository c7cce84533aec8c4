//! What the agent seals while headquarters is away, and how it gets there afterwards, also without a person.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hanare_handover::deliver::{Day, Origin, Sealer, Tree, deliver_sealed};
use hanare_handover::seal::{Reserve, Sealing, Spool};
use hanare_model::{Lease, PersonId, Secret};
use hanare_tunnel::state::Keys;

use super::line::Carrier;

/// Where sealed items wait, in the state directory: on the plain part of the disk.
pub(crate) const FOLDER: &str = "sealed";
/// Work volumes that sealed items may fill.
const VOLUMES: u64 = 2;
/// At the end of a day: how long headquarters is waited for,
const HANDING_OVER: Duration = Duration::from_secs(45);
/// and how long what it did not get is sealed.
const SEALING: Duration = Duration::from_secs(45);
/// Between two tries to deliver what is sealed while nobody works here.
const TRIES: [Duration; 2] = [Duration::from_secs(2), Duration::from_mins(1)];

/// Opens the spool. Nothing is sealed before [`measure`]d.
pub(super) fn spool(state: &Path) -> io::Result<Arc<Spool>> {
    Spool::open(&state.join(FOLDER), Reserve(u64::MAX)).map(Arc::new)
}

/// How much may wait: what is asked for, or two times the file system on which work lies, which is there by now; and never more
/// than the disk has room for, whoever has filled it.
pub(super) fn measure(spool: &Spool, work: &Path, reserve: Option<u64>) -> io::Result<()> {
    let bytes = if let Some(bytes) = reserve {
        bytes
    } else {
        let found = rustix::fs::statvfs(work)?;
        found.f_blocks.saturating_mul(found.f_frsize).saturating_mul(VOLUMES)
    };
    let disk = rustix::fs::statvfs(spool.folder())?;
    // What is kept for root is for this, too.
    let room = disk.f_bfree.saturating_mul(disk.f_frsize).saturating_add(spool.used());
    spool.set_reserve(Reserve(bytes).within(room));
    Ok(())
}

/// What seals a person's work; `None` if headquarters has not given a key for it.
pub(super) fn sealer(
    tree: &Tree,
    spool: &Arc<Spool>,
    (keys, lease): (&Keys, &Lease),
    person: &PersonId,
    session: Option<&Secret>,
) -> Option<io::Result<Sealer>> {
    let sealing = Sealing { to: lease.sealing?, key: keys.signing.clone() };
    let origin = Origin {
        company: lease.company.clone(),
        node: lease.node.clone(),
        person: person.clone(),
        session: session.cloned(),
    };
    Some(Sealer::new(tree, Arc::clone(spool), sealing, origin))
}

/// How a day ended.
#[derive(Debug, Default)]
pub(super) struct Ended {
    /// Files that are neither at headquarters nor sealed.
    pub(super) lost: u64,
    /// Why not everything is at headquarters.
    pub(super) trouble: Option<String>,
}

/// Hands over all that is left, and seals what headquarters does not get, in the usual time.
pub(super) async fn finish(day: &mut Day<Carrier>) -> Ended {
    finish_within(day, HANDING_OVER, SEALING).await
}

/// The same with a policy's limits.
pub(super) async fn finish_within(
    day: &mut Day<Carrier>,
    handing_over: Duration,
    sealing: Duration,
) -> Ended {
    let trouble = match tokio::time::timeout(handing_over, day.finish()).await {
        Ok(Ok(swept)) if swept.changed.is_empty() && swept.unread == 0 => return Ended::default(),
        Ok(Ok(_)) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(_) => Some("headquarters takes too long".to_owned()),
    };
    let rest = day.seal_rest(Instant::now() + sealing).await;
    tracing::warn!(sealed = rest.sealed, lost = rest.lost, "not everything is handed over");
    Ended { lost: rest.lost, trouble }
}

/// Delivers what is sealed while nobody works here.
#[derive(Debug)]
pub(super) struct Deliveries {
    spool: Arc<Spool>,
    /// What headquarters knows to wait.
    told: Option<u64>,
    next: Instant,
    wait: Duration,
}

impl Deliveries {
    pub(super) fn new(spool: Arc<Spool>) -> Self {
        let [first, _] = TRIES;
        Self { spool, told: None, next: Instant::now(), wait: first }
    }

    /// Whether there is something to do now.
    pub(super) fn is_due(&self) -> bool {
        let waits = self.spool.count() > self.spool.left();
        (waits || self.told != Some(self.spool.count())) && self.next <= Instant::now()
    }

    pub(super) async fn deliver(&mut self, carrier: &Carrier) {
        let [first, last] = TRIES;
        match deliver_sealed(&self.spool, carrier).await {
            Ok(posted) => {
                if posted.items > 0 {
                    tracing::info!(
                        items = posted.items,
                        bytes = posted.bytes,
                        "sealed items are at headquarters"
                    );
                }
                (self.told, self.wait) = (Some(self.spool.count()), first);
            }
            Err(error) => {
                tracing::info!(%error, "sealed items wait");
                self.wait = (self.wait * 2).min(last);
            }
        }
        self.next = Instant::now() + self.wait;
    }
}
