//! What is left in a volume that somebody ends by hand, for its receipt: how much of it headquarters does not have.

use std::path::PathBuf;
use std::sync::mpsc::channel;
use std::time::Duration;

use hanare_handover::deliver::{Classes, Tree, left_in};
use hanare_handover::seal::Spool;
use hanare_tunnel::state::NodeState;
use hanare_wipe::receipt::Cause;
use hanare_wipe::volume::{self, Announced, State};

use super::volume::places;
use crate::agent;
use crate::context::Context;

/// How long counting may hold up whoever wants the volume gone.
const LIMIT: Duration = Duration::from_secs(45);

/// Writes down what will be missing, unless whoever began this end has done it.
pub(super) fn announce(context: &Context) {
    let places = places(context);
    let open = volume::status(places).ok().filter(|status| status.state == State::Open);
    let Some(mountpoint) = open.and_then(|status| status.mountpoint) else { return };
    if volume::is_announced(places).unwrap_or(true) {
        return;
    }
    let items = context.state.join(agent::SEALED);
    let sealed = Spool::look(&items).map_or(0, |items| items.len() as u64);
    // Without a headquarters there is nothing that could be missing there.
    let is_enrolled = NodeState::new(&context.state).lease().is_ok_and(|lease| lease.is_some());
    let classes = crate::classes::of(&volume::classes(places).unwrap_or_default());
    let lost = if is_enrolled { count(mountpoint, classes, items) } else { 0 };
    let announced = Announced { cause: Cause::Command, lost, sealed };
    if let Err(error) = volume::announce(places, &announced) {
        tracing::warn!(error = &error as &dyn std::error::Error, "the receipt will not tell what was lost");
    }
}

fn count(mountpoint: PathBuf, classes: Classes, items: PathBuf) -> u64 {
    let (tell, told) = channel();
    std::thread::spawn(move || {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let tree = Tree::open(&mountpoint).map(|tree| tree.with_classes(classes));
        let left = tree.and_then(|tree| left_in(&tree, &items, threads));
        let _ = tell.send(left);
    });
    // Nobody can say how much it is: not nothing.
    told.recv_timeout(LIMIT).ok().and_then(Result::ok).unwrap_or(1)
}
