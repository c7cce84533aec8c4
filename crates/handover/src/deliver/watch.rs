//! What the kernel tells about changes in a tree.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use notify::event::{AccessKind, AccessMode, CreateKind, EventKind, ModifyKind, RenameMode};
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;

/// Something happened. Paths are as the kernel gives them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// A file is being written.
    Changed(PathBuf),
    /// A file was closed after writing, or came as a whole.
    Closed(PathBuf),
    /// A folder came: nobody saw what was put into it before it was watched.
    Folder(PathBuf),
    /// A file or a folder was deleted or left.
    Gone(PathBuf),
    /// More happened than could be told: everything is to be looked at.
    Overflow,
}

/// How many may wait to be read; more is an overflow, which a sweep makes good.
const QUEUE: usize = 16 * 1024;

/// Watches a tree until it is dropped.
#[derive(Debug)]
pub struct Watch {
    _watcher: RecommendedWatcher,
    seen: mpsc::Receiver<Seen>,
    overflow: Arc<AtomicBool>,
}

impl Watch {
    /// Begins to watch.
    ///
    /// # Errors
    /// The kernel's limit of watches (`fs.inotify.max_user_watches`), or that the folder is not there.
    pub fn start(folder: &Path) -> notify::Result<Self> {
        let (tell, seen) = mpsc::channel(QUEUE);
        let overflow = Arc::new(AtomicBool::new(false));
        let overflown = Arc::clone(&overflow);
        let hear = move |event: notify::Result<notify::Event>| {
            let seen = match event {
                Ok(event) if !event.need_rescan() => read(event),
                Ok(_) | Err(_) => vec![Seen::Overflow],
            };
            for seen in seen {
                // A full queue wakes its reader by itself.
                if tell.try_send(seen).is_err() {
                    overflown.store(true, Ordering::Release);
                }
            }
        };
        let mut watcher = notify::recommended_watcher(hear)?;
        watcher.watch(folder, RecursiveMode::Recursive)?;
        Ok(Self { _watcher: watcher, seen, overflow })
    }

    /// The next thing that has happened already, if there is one.
    pub fn at_once(&mut self) -> Option<Seen> {
        self.seen.try_recv().ok()
    }

    /// Waits for the next thing that happens.
    pub async fn next(&mut self) -> Seen {
        if self.overflow.swap(false, Ordering::AcqRel) {
            return Seen::Overflow;
        }
        // The watcher holds the other end as long as this lives.
        self.seen.recv().await.unwrap_or(Seen::Overflow)
    }
}

fn read(event: notify::Event) -> Vec<Seen> {
    let make: fn(PathBuf) -> Seen = match event.kind {
        EventKind::Create(CreateKind::Folder) => Seen::Folder,
        EventKind::Create(_)
        | EventKind::Modify(ModifyKind::Name(RenameMode::To) | ModifyKind::Metadata(_)) => came,
        EventKind::Modify(ModifyKind::Name(RenameMode::From)) | EventKind::Remove(_) => Seen::Gone,
        // The kernel's two halves come one by one too, and this repeats them.
        EventKind::Modify(ModifyKind::Name(RenameMode::Both)) => return Vec::new(),
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => Seen::Closed,
        EventKind::Modify(_) => Seen::Changed,
        EventKind::Access(_) | EventKind::Any | EventKind::Other => return Vec::new(),
    };
    event.paths.into_iter().map(make).collect()
}

/// A name came or its permissions changed: what is there now, and whole as far as anybody knows.
fn came(path: PathBuf) -> Seen {
    if path.is_dir() && !path.is_symlink() { Seen::Folder(path) } else { Seen::Closed(path) }
}
