//! A few threads that work on batches of names while the walk goes on.

use std::os::fd::OwnedFd;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use super::walk::{Entry, Visit, walk};
use crate::outcome::Tally;
use crate::root::Root;

/// Batches waiting: enough to keep the threads busy, few enough to hold memory and file descriptors down.
const WAITING: usize = 8;
/// Names in a batch: small enough that two threads share a directory of a few hundred files, and that all of them can be open.
const BATCH: usize = 64;
/// More threads than this wait for the same journal.
const MOST: usize = 4;

/// Names in an open directory.
pub(super) struct Batch {
    pub(super) directory: Arc<OwnedFd>,
    pub(super) entries: Vec<Entry>,
}

/// Walks through the tree; `each` gets the batches on a few threads, with what that thread keeps, `enter` every directory on
/// the walking thread.
pub(super) fn spread<T: Default + Send>(
    root: &Root,
    each: impl Fn(&mut T, Batch) + Sync,
    enter: impl FnMut(&Arc<OwnedFd>),
) -> (Vec<T>, Tally) {
    let threads = std::thread::available_parallelism().map_or(2, std::num::NonZero::get).clamp(2, MOST);
    let (sender, receiver) = sync_channel(WAITING);
    let receiver = Mutex::new(receiver);
    let work = || {
        let mut kept = T::default();
        while let Some(batch) = next(&receiver) {
            each(&mut kept, batch);
        }
        kept
    };
    std::thread::scope(|scope| {
        let crew: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let mut feed = Feed { sender, enter };
        let tally = walk(&root.top, root.bounds, &mut feed);
        drop(feed);
        // A thread that panicked has said so; the process ends with the status of a bug.
        let kept = crew.into_iter().filter_map(|thread| thread.join().ok()).collect();
        (kept, tally)
    })
}

fn next(receiver: &Mutex<Receiver<Batch>>) -> Option<Batch> {
    receiver.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

struct Feed<F> {
    sender: SyncSender<Batch>,
    enter: F,
}

impl<F: FnMut(&Arc<OwnedFd>)> Visit for Feed<F> {
    fn enter(&mut self, directory: &Arc<OwnedFd>) {
        (self.enter)(directory);
    }

    fn batch(&mut self, directory: &Arc<OwnedFd>, mut entries: Vec<Entry>) {
        while !entries.is_empty() {
            let rest = entries.split_off(entries.len().min(BATCH));
            // The crew ends only after the walk.
            let _ = self.sender.send(Batch { directory: Arc::clone(directory), entries });
            entries = rest;
        }
    }

    fn leave(&mut self, _: &Arc<OwnedFd>, _: &std::ffi::CString) {}
}
