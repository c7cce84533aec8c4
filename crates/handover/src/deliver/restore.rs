//! The morning: what a person has at headquarters comes back, recent files first. What is here already is never replaced.

use std::io::{self, Write as _};

use bytes::Bytes;

use super::courier::Courier;
use super::known::{Gist, Held, Known};
use super::transport::{Transport, TransportError};
use super::tree::{Meta, Owner, Tree};
use crate::digest::{Digest, Digester};
use crate::path::WorkPath;
use crate::protocol::{Browse, Content, Fetch, MAX_ASK, frames};

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
    /// Files that could not be written here.
    pub failed: u64,
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
        let page = self.transport().browse(browse).await?;
        for entry in page.entries {
            let Some(gist) = Gist::of(&entry.content) else { continue };
            if let Ok(Some(_)) = tree.look(&entry.path) {
                // Here already: known if it came by an earlier try, and otherwise somebody's work of this morning.
                restored.other += u64::from(known.held(&entry.path).map(|held| held.gist) != Some(gist));
                continue;
            }
            match self.bring(tree, owner, &entry.path, &entry.content).await {
                Ok(bytes) => {
                    restored.files += 1;
                    restored.bytes += bytes;
                    known.put(entry.path, Held { version: entry.version, gist });
                }
                Err(NotRestored::Transport(error)) => return Err(error),
                Err(NotRestored::Io(error)) => {
                    tracing::warn!(%error, "a file could not be brought back");
                    restored.failed += 1;
                }
            }
        }
        Ok(page.next)
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
