//! Files that were read for handing over.

use std::sync::Arc;

use hanare_model::Timestamp;
use tokio::task::spawn_blocking;

use super::courier::{Courier, Delivered};
use super::due::Ready;
use super::known::{Gist, Known};
use super::snapshot::{GivenUp, NoSnapshot, Snapshot};
use super::transport::Transport;
use super::tree::Tree;
use crate::clock::now;
use crate::protocol::VersionId;

/// Files that are read before it is looked whether they are held: each of them is open, or in memory.
const AT_ONCE: usize = 32;

/// One file on its way.
pub(super) struct Parcel {
    pub ready: Ready,
    pub parent: Option<VersionId>,
    pub again: bool,
    pub snapshot: Snapshot,
}

impl<T: Transport> Courier<T> {
    /// Reads files, and leaves out those that headquarters holds as they are.
    pub(super) async fn parcels(
        &self,
        tree: &Arc<Tree>,
        known: &Known,
        ready: Vec<Ready>,
        delivered: &mut Delivered,
    ) -> Vec<Parcel> {
        let given_up = GivenUp::default();
        let mut parcels = Vec::new();
        for part in ready.chunks(AT_ONCE) {
            for (ready, at, snapshot) in read(tree, part.to_vec(), &given_up).await {
                match snapshot {
                    Ok(snapshot) => {
                        let held = known.held(&ready.path);
                        let Some(gist) = Gist::of(&snapshot.content) else { continue };
                        // What was sealed before it goes before it.
                        if self.sealer.as_ref().is_some_and(|sealer| sealer.is_ahead(&ready.path, gist)) {
                            delivered.again.push(ready);
                            continue;
                        }
                        if let Some(held) = held.filter(|held| held.gist == gist) {
                            let rested = snapshot.stamp.filter(|_| !ready.open);
                            rested.inspect(|stamp| known.read().note(tree, &ready.path, (&held, stamp), at));
                            self.acknowledged(&ready.path, held);
                            continue;
                        }
                        let again = held.is_some_and(|held| held.is_forgotten());
                        let parent = held.map(|held| held.version);
                        parcels.push(Parcel { ready, parent, again, snapshot });
                    }
                    Err(NoSnapshot::Gone) => {}
                    Err(NoSnapshot::Moving) => delivered.again.push(Ready { open: true, ..ready }),
                    Err(NoSnapshot::Io(error)) => {
                        tracing::debug!(%error, "a file could not be read");
                        delivered.again.push(ready);
                    }
                }
            }
        }
        parcels
    }
}

/// Each with the time before it was read: what is written through a mapping afterwards is not in it.
async fn read(
    tree: &Arc<Tree>,
    ready: Vec<Ready>,
    given_up: &GivenUp,
) -> Vec<(Ready, Timestamp, Result<Snapshot, NoSnapshot>)> {
    let (tree, is_over, left) = (Arc::clone(tree), given_up.is_over(), ready.clone());
    // A large file takes longer to read than whoever else is on this thread may wait.
    let read = spawn_blocking(move || {
        let take = |ready: Ready| {
            let at = now();
            let snapshot = Snapshot::take(&tree, &ready.path, ready.open, &is_over);
            (ready, at, snapshot)
        };
        ready.into_iter().map(take).collect()
    });
    // The runtime ends.
    let none = |ready| (ready, now(), Err(NoSnapshot::Io(std::io::ErrorKind::Interrupted.into())));
    read.await.unwrap_or_else(|_| left.into_iter().map(none).collect())
}
