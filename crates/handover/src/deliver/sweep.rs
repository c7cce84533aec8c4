//! A sweep: every file by its content, since a time stamp can be put back and a watch can miss what is written through a
//! mapping.

use std::io::ErrorKind::TimedOut;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::due::Ready;
use super::known::{Gist, Known};
use super::sealer::Sealer;
use super::snapshot::{IsOver, digest};
use super::stamp::Kind;
use super::tree::{Found, Tree};
use crate::digest::Digest;
use crate::path::WorkPath;

/// What a sweep found.
#[derive(Debug, Default)]
pub struct Swept {
    /// Files that headquarters does not hold as they are.
    pub changed: Vec<Ready>,
    /// Files that it does.
    pub unchanged: u64,
    /// Bytes that were read.
    pub bytes: u64,
    /// Files and folders that could not be read.
    pub unread: u64,
}

/// Looks at everything with `threads` threads. What is absent is only absent: a sweep sees no deletions.
/// What headquarters holds is not what it will hold, if something else of a file waits sealed.
#[must_use]
pub(super) fn sweep(
    tree: &Tree,
    (known, sealer): (&Known, Option<&Sealer>),
    threads: usize,
    is_over: IsOver<'_>,
) -> Swept {
    sweep_by(tree, threads, is_over, |path, gist| {
        let is_ahead = |gist| sealer.is_some_and(|sealer| sealer.is_ahead(path, gist));
        let is_held = |gist| known.held(path).is_some_and(|held| held.gist == gist);
        gist.is_some_and(|gist| is_held(gist) && !is_ahead(gist))
    })
}

/// The same for who decides in another way what is unchanged, and has not all the time: `None` is what there was none for.
pub(super) fn sweep_by(
    tree: &Tree,
    threads: usize,
    is_over: IsOver<'_>,
    is_kept: impl Fn(&WorkPath, Option<Gist>) -> bool + Sync,
) -> Swept {
    let (paths, queue) = std::sync::mpsc::sync_channel::<WorkPath>(1024);
    let queue = Mutex::new(queue);
    let changed = Mutex::new(Vec::new());
    let [unchanged, bytes, unread] = [const { AtomicU64::new(0) }; 3];
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                let mut buffer = Vec::new();
                while let Some(path) = queue.lock().ok().and_then(|queue| queue.recv().ok()) {
                    match gist(tree, &path, &mut buffer, is_over) {
                        Ok(Some((gist, size))) => {
                            bytes.fetch_add(size, Ordering::Relaxed);
                            if is_kept(&path, Some(gist)) {
                                unchanged.fetch_add(1, Ordering::Relaxed);
                            } else if let Ok(mut changed) = changed.lock() {
                                changed.push(Ready { path, open: false });
                            }
                        }
                        Ok(None) => {}
                        Err(error) if error.kind() == TimedOut && is_kept(&path, None) => {
                            unchanged.fetch_add(1, Ordering::Relaxed);
                        }
                        Err(_) => {
                            unread.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                }
            });
        }
        tree.walk(None, |found| match found {
            Found::File(path) => {
                // The threads are there as long as this.
                let _ = paths.send(path);
            }
            Found::Unread => {
                unread.fetch_add(1, Ordering::Relaxed);
            }
        });
        drop(paths);
    });
    let mut changed = changed.into_inner().unwrap_or_default();
    changed.sort_by(|a, b| a.path.cmp(&b.path));
    Swept {
        changed,
        unchanged: unchanged.into_inner(),
        bytes: bytes.into_inner(),
        unread: unread.into_inner(),
    }
}

fn gist(
    tree: &Tree,
    path: &WorkPath,
    buffer: &mut Vec<u8>,
    is_over: IsOver<'_>,
) -> std::io::Result<Option<(Gist, u64)>> {
    if is_over() {
        return Err(TimedOut.into());
    }
    let Some(found) = tree.look(path)? else { return Ok(None) };
    Ok(match found.kind {
        Kind::File => {
            let (digest, stamp) = match digest(tree, path, buffer, is_over) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
                other => other?,
            };
            Some((Gist { digest, mode: stamp.mode }, stamp.size))
        }
        Kind::Link => Some((Gist { digest: Digest::of(&tree.target(path)?), mode: Gist::LINK }, 0)),
        Kind::Folder | Kind::Other => None,
    })
}
