//! Writing back while overwriting goes on: the disk works while the processor does, and little is left to wait for.

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};

use crate::outcome::Tally;

/// Overwritten bytes in the page cache from which on a write-back is worth a flush of the device.
const MUCH: u64 = 32 << 20;

/// Counts what was overwritten in the page cache, and has it written back.
pub(super) struct Ahead {
    bytes: AtomicU64,
    wake: SyncSender<()>,
}

impl Ahead {
    /// Does `work`, and meanwhile writes back what it says to have overwritten. Failures are counted: the kernel tells each of
    /// them once only. The last write-back is the caller's.
    pub(super) fn of<T>(directory: &OwnedFd, tally: &mut Tally, work: impl FnOnce(&Self) -> T) -> T {
        let (wake, woken) = sync_channel(1);
        std::thread::scope(|scope| {
            let writer = scope.spawn(move || {
                let mut tally = Tally::default();
                while woken.recv().is_ok() {
                    super::write_back(directory, &mut tally);
                }
                tally
            });
            let ahead = Self { bytes: AtomicU64::new(0), wake };
            let done = work(&ahead);
            drop(ahead);
            // A thread that panicked has said so; the process ends with the status of a bug.
            if let Ok(told) = writer.join() {
                tally.merge(told);
            }
            done
        })
    }

    /// So many bytes more.
    pub(super) fn add(&self, bytes: u64) {
        let before = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        if before / MUCH != (before + bytes) / MUCH {
            // One that waits already is enough.
            let _ = self.wake.try_send(());
        }
    }
}
