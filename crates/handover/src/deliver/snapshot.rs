//! A file as it was at one moment, cut into chunks, in bounded memory: small ones are kept, large ones read again when it is
//! known which of their chunks are wanted.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hanare_model::Timestamp;

use super::stamp::{Kind, Stamp, stamp};
use super::tree::Tree;
use crate::chunk::{Chunk, cut};
use crate::digest::{Digest, Digester};
use crate::path::WorkPath;
use crate::protocol::Content;

/// Up to this size in bytes a file's content is kept while it is handed over with [`super::BATCH`] others.
const SMALL: u64 = 64 * 1024;
/// How much is read at once for a digest alone.
const PIECE: usize = 256 * 1024;

/// A file that was read.
#[derive(Debug)]
pub(super) struct Snapshot {
    pub content: Content,
    /// Chunks and where they begin.
    pub pieces: Vec<Piece>,
    /// What was known of the file before it was read.
    pub stamp: Option<Stamp>,
    /// The open file, for a large one.
    file: Option<File>,
}

/// One chunk of a snapshot.
#[derive(Debug)]
pub(super) struct Piece {
    pub digest: Digest,
    start: u64,
    pub len: usize,
    /// Of a small file.
    bytes: Option<Vec<u8>>,
}

/// Why there is no snapshot.
#[derive(Debug)]
pub(super) enum NoSnapshot {
    /// Nothing that could be handed over is there.
    Gone,
    /// It changed while it was read.
    Moving,
    Io(io::Error),
}

impl From<io::Error> for NoSnapshot {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Snapshot {
    /// Reads a file or a link. With `open` a file that changes while it is read is taken as it comes, and marked torn.
    pub(super) fn take(
        tree: &Tree,
        path: &WorkPath,
        open: bool,
        is_over: IsOver<'_>,
    ) -> Result<Self, NoSnapshot> {
        let Some(found) = tree.look(path)? else { return Err(NoSnapshot::Gone) };
        match found.kind {
            Kind::Link => {
                let target = tree.target(path)?;
                Ok(Self { content: Content::Link { target }, pieces: Vec::new(), stamp: None, file: None })
            }
            Kind::File => Self::file(tree, path, open, is_over),
            Kind::Folder | Kind::Other => Err(NoSnapshot::Gone),
        }
    }

    fn file(tree: &Tree, path: &WorkPath, open: bool, is_over: IsOver<'_>) -> Result<Self, NoSnapshot> {
        let file = match tree.read(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(NoSnapshot::Gone),
            Err(error) => return Err(error.into()),
        };
        let before = stamp(&file)?;
        let small = before.size <= SMALL;
        let (mut pieces, mut start) = (Vec::new(), 0);
        // Somebody may append faster than this reads: what came after the beginning is another version.
        let whole = cut::<io::Error>(Timed(&file, is_over).take(before.size), |Chunk { digest, bytes }| {
            let len = bytes.len();
            pieces.push(Piece { digest, start, len, bytes: small.then_some(bytes) });
            start += len as u64;
            Ok(())
        })?;
        let moved = has_changed(&before, &stamp(&file)?) || whole.size != before.size;
        if moved && !open {
            return Err(NoSnapshot::Moving);
        }
        let content = Content::File {
            digest: whole.digest,
            size: whole.size,
            chunks: pieces.iter().map(|piece| piece.digest).collect(),
            mode: before.mode,
            modified: Timestamp::from_seconds(before.modified.0),
            torn: open,
        };
        Ok(Self { content, pieces, stamp: Some(before), file: (!small).then_some(file) })
    }

    /// The bytes of one chunk; `None` if they are not there any more.
    pub(super) fn bytes(&self, piece: &Piece) -> io::Result<Option<Vec<u8>>> {
        if let Some(bytes) = &piece.bytes {
            return Ok(Some(bytes.clone()));
        }
        let Some(file) = &self.file else { return Ok(None) };
        let mut bytes = vec![0; piece.len];
        match file.read_exact_at(&mut bytes, piece.start) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error),
        }
        Ok((Digest::of(&bytes) == piece.digest).then_some(bytes))
    }
}

/// Whether there is no more time.
pub(super) type IsOver<'a> = &'a (dyn Fn() -> bool + Sync);

/// Says that there is no more time as soon as it is dropped: whoever reads in another thread stops then.
#[derive(Debug, Default)]
pub(super) struct GivenUp(Arc<AtomicBool>);

impl GivenUp {
    pub(super) fn is_over(&self) -> impl Fn() -> bool + Send + Sync + 'static {
        let given_up = Arc::clone(&self.0);
        move || given_up.load(Ordering::Relaxed)
    }
}

impl Drop for GivenUp {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A file that is read until there is no more time: then [`io::ErrorKind::TimedOut`]. One without an end, or that is mostly
/// hole, must not hold the end of a day.
pub(super) struct Timed<'a, R>(pub R, pub IsOver<'a>);

impl<R: io::Read> io::Read for Timed<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if (self.1)() { Err(io::ErrorKind::TimedOut.into()) } else { self.0.read(buffer) }
    }
}

/// Only the digest of what is there, for a sweep: by content, since time stamps can be put back.
pub(super) fn digest(
    tree: &Tree,
    path: &WorkPath,
    buffer: &mut Vec<u8>,
    is_over: IsOver<'_>,
) -> io::Result<(Digest, Stamp)> {
    let file = tree.read(path)?;
    let found = stamp(&file)?;
    let mut file = Timed(file, is_over);
    buffer.resize(PIECE, 0);
    let mut digester = Digester::default();
    loop {
        match file.read(buffer) {
            Ok(0) => return Ok((digester.finish(), found)),
            Ok(len) => digester.update(buffer.get(..len).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

pub(super) fn has_changed(before: &Stamp, after: &Stamp) -> bool {
    (before.size, before.modified, before.changed) != (after.size, after.modified, after.changed)
}
