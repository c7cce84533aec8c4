//! What the kernel tells about changes in a tree.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use notify::event::{AccessKind, AccessMode, CreateKind, EventKind, ModifyKind, RenameMode};
use notify::{ErrorKind, RecommendedWatcher, RecursiveMode, Watcher as _};
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
    /// What left the one place came to the other.
    Moved(PathBuf, PathBuf),
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
    /// Something here is not watched.
    blind: Arc<AtomicBool>,
}

impl Watch {
    /// Begins to watch.
    ///
    /// # Errors
    /// What kind of error, without the paths that it is about: the kernel's limit of watches (`fs.inotify.max_user_watches`), or
    /// that the folder is not there.
    pub fn start(folder: &Path) -> Result<Self, &'static str> {
        let (tell, seen) = mpsc::channel(QUEUE);
        let overflow = Arc::new(AtomicBool::new(false));
        let overflown = Arc::clone(&overflow);
        let blind = Arc::new(AtomicBool::new(false));
        let blinded = Arc::clone(&blind);
        let hear = move |event: notify::Result<notify::Event>| {
            let seen = match event {
                Ok(event) if !event.need_rescan() => read(event),
                Ok(_) => vec![Seen::Overflow],
                Err(error) => {
                    // A folder that came could not be watched.
                    if matches!(error.kind, ErrorKind::MaxFilesWatch) {
                        blinded.store(true, Ordering::Release);
                    }
                    vec![Seen::Overflow]
                }
            };
            for seen in seen {
                // A full queue wakes its reader by itself.
                if tell.try_send(seen).is_err() {
                    overflown.store(true, Ordering::Release);
                }
            }
        };
        let mut watcher = notify::recommended_watcher(hear).map_err(|error| kind(&error))?;
        watcher.watch(folder, RecursiveMode::Recursive).map_err(|error| kind(&error))?;
        Ok(Self { _watcher: watcher, seen, overflow, blind })
    }

    /// Whether something here is not watched, for good.
    #[must_use]
    pub fn is_blind(&self) -> bool {
        self.blind.load(Ordering::Acquire)
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

const fn kind(error: &notify::Error) -> &'static str {
    match &error.kind {
        ErrorKind::MaxFilesWatch => "the kernel has no more watches (fs.inotify.max_user_watches)",
        ErrorKind::PathNotFound => "a folder is not there",
        ErrorKind::Io(_) => "the kernel says no",
        ErrorKind::Generic(_) | ErrorKind::WatchNotFound | ErrorKind::InvalidConfig(_) => "the watch failed",
    }
}

fn read(event: notify::Event) -> Vec<Seen> {
    let make: fn(PathBuf) -> Seen = match event.kind {
        EventKind::Create(CreateKind::Folder) => Seen::Folder,
        EventKind::Create(_)
        | EventKind::Modify(ModifyKind::Name(RenameMode::To) | ModifyKind::Metadata(_)) => came,
        EventKind::Modify(ModifyKind::Name(RenameMode::From)) | EventKind::Remove(_) => Seen::Gone,
        // The kernel's two halves came one by one before, and this says that they belong together.
        EventKind::Modify(ModifyKind::Name(RenameMode::Both)) => {
            let both: Option<[PathBuf; 2]> = event.paths.try_into().ok();
            return both.map(|[from, to]| Seen::Moved(from, to)).into_iter().collect();
        }
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
