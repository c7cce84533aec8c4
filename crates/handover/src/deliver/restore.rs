//! The morning: what a person has at headquarters comes back, recent files first. What is here already is never replaced.

use std::io::{self, Write as _};

use bytes::Bytes;

use super::courier::Courier;
use super::gone::Gone;
use super::known::{Gist, Held, Known};
use super::transport::{Transport, TransportError};
use super::tree::{Meta, Owner, Tree};
use crate::digest::{Digest, Digester};
use crate::path::WorkPath;
use crate::protocol::{Browse, Content, Fetch, MAX_ASK, VersionId, frames};

/// Up to this size in bytes a file is written once all of it is here.
const SMALL: u64 = 512 * 1024;

/// What came back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Restored {
    /// Files and links.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Files that were here already, with another content: both will be kept.
    pub other: u64,
    /// Files that could not be written here, or that are damaged at headquarters.
    pub failed: u64,
}

/// What follows a page.
#[derive(Debug, Clone, Copy)]
pub(super) struct Paged {
    /// Where the next one begins.
    pub next: Option<i64>,
    /// Whether more is being put before all of them.
    pub coming: bool,
}

/// Why a file did not come back.
#[derive(Debug)]
pub(super) enum NotRestored {
    Transport(TransportError),
    Io(io::Error),
}

impl<T: Transport> Courier<T> {
    /// Brings back one page, and says where the next begins. To be called until that is `None`.
    ///
    /// # Errors
    /// [`TransportError`]: what came is here, the rest may be asked for again.
    pub async fn restore(
        &self,
        tree: &Tree,
        known: &Known,
        owner: Option<Owner>,
        browse: &Browse,
        restored: &mut Restored,
    ) -> Result<Option<i64>, TransportError> {
        let gone = Gone::load(tree);
        Ok(self.page(tree, (known, &gone), owner, browse, restored, false).await?.next)
    }

    /// The same; `again` if it is for what did not come before: what came and is not there now was deleted since.
    pub(super) async fn page(
        &self,
        tree: &Tree,
        (known, gone): (&Known, &Gone),
        owner: Option<Owner>,
        browse: &Browse,
        restored: &mut Restored,
        again: bool,
    ) -> Result<Paged, TransportError> {
        let page = self.transport().browse(&Browse { since: known.mark(), ..browse.clone() }).await?;
        known.stands(page.memory)?;
        restored.failed += page.damaged;
        for entry in page.entries {
            let Some(gist) = Gist::of(&entry.content) else { continue };
            // By today's policy it would end with the day, with whatever is made of it.
            if tree.class(&entry.path).is_none() {
                continue;
            }
            if let Ok(Some(_)) = tree.look(&entry.path) {
                // Here already: known if it came by an earlier try, and otherwise somebody's work of this morning.
                restored.other += u64::from(known.held(&entry.path).map(|held| held.gist) != Some(gist));
                continue;
            }
            // Headquarters is still to be told that it was deleted.
            if gone.has(&entry.path) {
                continue;
            }
            if again && known.held(&entry.path).is_some() {
                continue;
            }
            match self.bring(tree, owner, &entry.path, &entry.content).await {
                Ok(bytes) => {
                    restored.files += 1;
                    restored.bytes += bytes;
                    known.put(entry.path, Held { version: entry.version, gist });
                }
                // This one is damaged there, or is not what it should be: those that are older come all the same.
                Err(NotRestored::Transport(TransportError::Answer(why))) => {
                    tracing::warn!(why, version = %entry.version, "a file could not be brought back");
                    restored.failed += 1;
                }
                Err(NotRestored::Transport(error)) => return Err(error),
                Err(NotRestored::Io(error)) => {
                    tracing::warn!(%error, "a file could not be brought back");
                    restored.failed += 1;
                }
            }
        }
        Ok(Paged { next: page.next, coming: page.coming })
    }

    /// Brings what is at a path at headquarters, for whom what lies beside belongs to. What is there by now stays, as a change
    /// to it.
    pub(super) async fn bring_head(
        &self,
        tree: &Tree,
        known: &Known,
        (path, head): (&WorkPath, VersionId),
        beside: &WorkPath,
    ) -> Result<(), TransportError> {
        let mut browse = Browse::default();
        let entry = loop {
            browse.since = known.mark();
            let page = self.transport().browse(&browse).await?;
            known.stands(page.memory)?;
            let found = page.entries.into_iter().find(|entry| entry.version == head && entry.path == *path);
            browse.after = page.next;
            if found.is_some() || browse.after.is_none() {
                break found;
            }
        };
        // It was changed there meanwhile, or is damaged: what is saved here next lies beside it again.
        let Some((entry, gist)) = entry.and_then(|entry| Gist::of(&entry.content).map(|gist| (entry, gist)))
        else {
            return Ok(());
        };
        match self.bring(tree, tree.owner(beside).ok(), &entry.path, &entry.content).await {
            Err(NotRestored::Transport(error)) => return Err(error),
            Err(NotRestored::Io(error)) if error.kind() != io::ErrorKind::AlreadyExists => {
                tracing::warn!(%error, "what another machine wrote could not be brought here");
            }
            // Only of a file that is there: one that is not would be taken for a deletion.
            Ok(_) | Err(NotRestored::Io(_)) => known.put(path.clone(), Held { version: head, gist }),
        }
        Ok(())
    }

    /// Fetches a content and puts it at a path where nothing is.
    pub(super) async fn bring(
        &self,
        tree: &Tree,
        owner: Option<Owner>,
        path: &WorkPath,
        content: &Content,
    ) -> Result<u64, NotRestored> {
        let Content::File { digest, size, chunks, mode, modified, .. } = content else {
            if let Content::Link { target } = content {
                tree.link(path, target, owner).map_err(NotRestored::Io)?;
            }
            return Ok(0);
        };
        let meta = Meta { mode: *mode, modified: modified.seconds(), owner };
        if *size <= SMALL {
            let parts = self.collect(chunks).await.map_err(NotRestored::Transport)?;
            let written = tree.put(path, meta, None, |file| write(file, &parts, digest));
            return written.map(|()| *size).map_err(NotRestored::Io);
        }
        // A large one is fetched while it is written, piece by piece.
        let mut spool = tree.nameless().map_err(NotRestored::Io)?;
        let mut digester = Digester::default();
        let mut rest = chunks.as_slice();
        while !rest.is_empty() {
            let parts = self.some(rest).await.map_err(NotRestored::Transport)?;
            for part in &parts {
                digester.update(part);
                spool.write_all(part).map_err(NotRestored::Io)?;
            }
            rest = rest.get(parts.len()..).unwrap_or_default();
        }
        if digester.finish() != *digest {
            return Err(NotRestored::Transport(wrong()));
        }
        let written = tree.put(path, meta, None, |file| {
            io::Seek::rewind(&mut spool)?;
            io::copy(&mut spool, file)
        });
        written.map_err(NotRestored::Io)
    }

    async fn collect(&self, chunks: &[Digest]) -> Result<Vec<Bytes>, TransportError> {
        let (mut all, mut rest) = (Vec::new(), chunks);
        while !rest.is_empty() {
            let parts = self.some(rest).await?;
            rest = rest.get(parts.len()..).unwrap_or_default();
            all.extend(parts);
        }
        Ok(all)
    }

    /// As many of these chunks as come at once, at least one, each what it should be.
    async fn some(&self, chunks: &[Digest]) -> Result<Vec<Bytes>, TransportError> {
        let wanted = chunks.get(..chunks.len().min(MAX_ASK)).unwrap_or_default();
        let body = self.transport().fetch(&Fetch { chunks: wanted.to_vec() }).await?;
        let parts = frames(body).map_err(|error| TransportError::Answer(error.to_string()))?;
        let good = parts.iter().zip(wanted).all(|(part, digest)| Digest::of(part) == *digest);
        if parts.is_empty() || parts.len() > wanted.len() || !good {
            return Err(wrong());
        }
        Ok(parts)
    }
}

fn wrong() -> TransportError {
    TransportError::Answer("a chunk is not what was asked for".to_owned())
}

fn write(file: &mut std::fs::File, parts: &[Bytes], digest: &Digest) -> io::Result<()> {
    let mut digester = Digester::default();
    for part in parts {
        digester.update(part);
        file.write_all(part)?;
    }
    if digester.finish() == *digest { Ok(()) } else { Err(io::ErrorKind::InvalidData.into()) }
}
