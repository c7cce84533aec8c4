//! What lies in a volume of nobody knows whom, which is about to end: counted for its receipt.

use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
use std::time::Duration;

use hanare_handover::deliver::{Tree, left_in};
use hanare_handover::seal::Spool;
use hanare_wipe::receipt::Cause;
use hanare_wipe::volume::{self, Announced, Places};

use super::sealing;

/// How long counting may hold up the person who waits for a volume of their own.
const LIMIT: Duration = Duration::from_secs(20);

/// Writes down how much of it is neither at headquarters nor sealed, unless whoever began this end has done it.
pub(super) fn announce(places: Places<'_>, mountpoint: Option<PathBuf>, state: &Path) {
    let Some(mountpoint) = mountpoint.filter(|_| !volume::is_announced(places).unwrap_or(true)) else {
        return;
    };
    let items = state.join(sealing::FOLDER);
    let sealed = Spool::look(&items).map_or(0, |items| items.len() as u64);
    let classes = crate::classes::of(&volume::classes(places).unwrap_or_default());
    let (tell, told) = channel();
    std::thread::spawn(move || {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let tree = Tree::open(&mountpoint).map(|tree| tree.with_classes(classes));
        let _ = tell.send(tree.and_then(|tree| left_in(&tree, &items, threads)));
    });
    // Nobody can say how much it is: not nothing.
    let lost = told.recv_timeout(LIMIT).ok().and_then(Result::ok).unwrap_or(1);
    tracing::warn!(lost, "what nobody's volume holds and headquarters does not");
    let announced = Announced { cause: Cause::Command, lost, sealed };
    if let Err(error) = volume::announce(places, &announced) {
        tracing::warn!(error = &error as &dyn std::error::Error, "the receipt will not tell what was lost");
    }
}
