//! What a person asks back: a file or a folder as it was at a time. Nothing that is here is replaced: an older version comes to
//! lie beside it.

use std::sync::Arc;

use hanare_model::Timestamp;
use tokio::task::spawn_blocking;

use super::courier::Courier;
use super::known::Gist;
use super::restore::NotRestored;
use super::snapshot::{GivenUp, IsOver, digest};
use super::stamp::Kind;
use super::transport::{Transport, TransportError};
use super::tree::{Owner, Tree};
use crate::digest::Digest;
use crate::path::WorkPath;
use crate::protocol::{Browse, Entry};

/// What is wanted back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedBack {
    /// A file, or a folder with all that is in it; everything, if absent.
    pub path: Option<WorkPath>,
    /// As it was at this time; as headquarters has it now, if absent.
    pub at: Option<Timestamp>,
}

/// What came back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Files and links that are at their places again.
    pub files: u64,
    /// Those that lie beside what is at their places now.
    pub beside: u64,
    /// Those that are here just as they were.
    pub same: u64,
    /// Files that could not be written here.
    pub failed: u64,
    /// Bytes of what came.
    pub bytes: u64,
}

impl<T: Transport> Courier<T> {
    /// Brings back one page of what is wanted, and says where the next begins. To be called until that is `None`.
    ///
    /// # Errors
    /// [`TransportError`]: what came is here.
    pub async fn recover(
        &self,
        tree: &Arc<Tree>,
        owner: Option<Owner>,
        wanted: &WantedBack,
        after: Option<i64>,
        recovered: &mut Recovered,
    ) -> Result<Option<i64>, TransportError> {
        let browse = Browse { at: wanted.at, after, ..Browse::default() };
        let page = self.transport().browse(&browse).await?;
        recovered.failed += page.damaged;
        let given_up = GivenUp::default();
        for entry in page.entries {
            if wanted.path.as_ref().is_some_and(|path| !entry.path.is_in(path)) {
                continue;
            }
            let looking = {
                let (tree, entry, is_over) = (Arc::clone(tree), entry.clone(), given_up.is_over());
                // A large file that is here is read, which takes longer than whoever else is on this thread may wait.
                spawn_blocking(move || place(&tree, &entry, &is_over))
            };
            let place = match looking.await {
                Ok(Some(place)) => place,
                Ok(None) => {
                    recovered.same += 1;
                    continue;
                }
                Err(_) => {
                    recovered.failed += 1;
                    continue;
                }
            };
            let is_beside = place != entry.path;
            match self.bring(tree, owner, &place, &entry.content).await {
                Ok(bytes) => {
                    recovered.bytes += bytes;
                    if is_beside { recovered.beside += 1 } else { recovered.files += 1 }
                }
                // One that is damaged there hides no other.
                Err(NotRestored::Transport(TransportError::Answer(why))) => {
                    tracing::warn!(why, "a file could not be brought back");
                    recovered.failed += 1;
                }
                Err(NotRestored::Transport(error)) => return Err(error),
                Err(NotRestored::Io(error)) => {
                    tracing::warn!(%error, "a file could not be brought back");
                    recovered.failed += 1;
                }
            }
        }
        Ok(page.next)
    }
}

/// Where it can be put; `None` if it is here already, in its place or beside it.
fn place(tree: &Tree, entry: &Entry, is_over: IsOver<'_>) -> Option<WorkPath> {
    let gist = Gist::of(&entry.content)?;
    let beside = entry.path.as_of(&entry.at.to_string());
    let mut free = None;
    for path in [&entry.path, &beside] {
        match tree.look(path) {
            Ok(None) => {
                free.get_or_insert_with(|| path.clone());
            }
            Ok(Some(found)) if is_it(tree, path, (found.kind, gist), is_over) => return None,
            // What is in the way, or cannot be looked at, is left alone.
            Ok(Some(_)) | Err(_) => {}
        }
    }
    // With both places taken, writing says so.
    Some(free.unwrap_or(beside))
}

/// Whether a file here has that content, whoever may read it now.
fn is_it(tree: &Tree, path: &WorkPath, (kind, gist): (Kind, Gist), is_over: IsOver<'_>) -> bool {
    match kind {
        Kind::File => {
            digest(tree, path, &mut Vec::new(), is_over).is_ok_and(|(found, _)| found == gist.digest)
        }
        Kind::Link => {
            gist.mode == Gist::LINK
                && tree.target(path).is_ok_and(|target| Digest::of(&target) == gist.digest)
        }
        Kind::Folder | Kind::Other => false,
    }
}
