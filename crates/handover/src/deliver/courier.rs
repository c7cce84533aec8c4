//! Hands versions over: asks what is wanted, sends it, commits, and only then counts it as held.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;

use super::due::Ready;
use super::gone::Moves;
use super::known::{Gist, Held, Known};
use super::parcel::Parcel;
use super::sealer::Sealer;
use super::snapshot::Piece;
use super::transport::{Transport, TransportError};
use super::tree::Tree;
use crate::path::WorkPath;
use crate::protocol::{
    Ask, Commit, Content, MAX_ASK, MAX_CHUNKS_BODY, MAX_DOCUMENT, NewVersion, Placed, Stored, framed,
    put_frame,
};

/// Files that are handed over together: a round trip costs more than a small file.
pub const BATCH: usize = 256;

/// What came of handing over.
#[derive(Debug, Default)]
pub struct Delivered {
    /// Files that headquarters holds now.
    pub files: u64,
    /// Bytes that were sent for them.
    pub sent_bytes: u64,
    /// Versions that lie beside another one, and their new paths.
    pub conflicts: Vec<WorkPath>,
    /// Files to be tried again: they changed meanwhile, or could not be read.
    pub again: Vec<Ready>,
    /// Deletions that somebody is to be asked about.
    pub held: Vec<WorkPath>,
    /// How many deletions somebody has said are not meant: what they deleted is to come back.
    pub stays: u64,
    /// Files for which there is no room at headquarters.
    pub full: Vec<WorkPath>,
    /// Files that it cannot take as they are.
    pub refused: Vec<WorkPath>,
}

impl Delivered {
    fn add(&mut self, more: Self) {
        self.files += more.files;
        self.sent_bytes += more.sent_bytes;
        self.conflicts.extend(more.conflicts);
        self.again.extend(more.again);
        self.held.extend(more.held);
        self.full.extend(more.full);
        self.refused.extend(more.refused);
        self.stays += more.stays;
    }
}

/// So many files with an answer that makes no sense, and none with another one: it is not the files.
const SUSPECTS: usize = 8;

/// Hands over what is in a tree.
#[derive(Debug)]
pub struct Courier<T> {
    transport: T,
    pub(super) sealer: Option<Arc<Sealer>>,
    /// The longest document that headquarters reads.
    pub(super) longest: usize,
}

impl<T: Transport> Courier<T> {
    /// Over this transport.
    pub const fn new(transport: T) -> Self {
        Self { transport, sealer: None, longest: MAX_DOCUMENT }
    }

    /// Beside this one, who is told what headquarters has.
    #[must_use]
    pub fn beside(self, sealer: Option<Arc<Sealer>>) -> Self {
        Self { sealer, ..self }
    }

    /// How requests travel.
    pub const fn transport(&self) -> &T {
        &self.transport
    }

    /// Hands over at most [`BATCH`] files as they are now. A file that is not there is left alone: absence is no deletion.
    /// Where headquarters' answer makes no sense, the files are halved until the one at fault is alone.
    ///
    /// # Errors
    /// [`TransportError`]: nothing is lost, all of it may be tried again.
    pub async fn deliver(
        &self,
        tree: &Arc<Tree>,
        known: &Known,
        ready: Vec<Ready>,
    ) -> Result<Delivered, TransportError> {
        let (mut all, mut batches) = (Delivered::default(), vec![ready]);
        let mut answered = false;
        while let Some(mut batch) = batches.pop() {
            match self.batch(tree, known, batch.clone()).await {
                Ok(delivered) => {
                    answered = true;
                    all.add(delivered);
                }
                Err(TransportError::Answer(_)) if batch.len() > 1 => {
                    let rest = batch.split_off(batch.len() / 2);
                    batches.extend([rest, batch]);
                }
                Err(TransportError::Answer(why)) if answered || all.refused.len() < SUSPECTS => {
                    tracing::warn!(why, "a file that headquarters cannot take");
                    all.refused.extend(batch.into_iter().map(|ready| ready.path));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(all)
    }

    async fn batch(
        &self,
        tree: &Arc<Tree>,
        known: &Known,
        ready: Vec<Ready>,
    ) -> Result<Delivered, TransportError> {
        let mut delivered = Delivered::default();
        let parcels = self.parcels(tree, known, ready, &mut delivered).await;
        let mut complete = vec![true; parcels.len()];
        let mut sending = Sending::new(&self.transport);
        let mut body = Vec::new();
        for (at, piece) in self.wanted(&parcels).await? {
            let bytes = parcels.get(at).map(|parcel| parcel.snapshot.bytes(piece));
            let Some(Ok(Some(bytes))) = bytes else {
                if let Some(complete) = complete.get_mut(at) {
                    *complete = false;
                }
                continue;
            };
            delivered.sent_bytes += bytes.len() as u64;
            if body.len() + framed(bytes.len()) > MAX_CHUNKS_BODY {
                sending.begin(std::mem::take(&mut body)).await?;
            }
            put_frame(&mut body, &bytes);
        }
        sending.begin(body).await?;
        sending.end().await?;
        let mut sent = Vec::new();
        for (parcel, complete) in parcels.into_iter().zip(complete) {
            // It changed since it was read.
            let moved = Ready { open: true, ..parcel.ready.clone() };
            if complete { sent.push(parcel) } else { delivered.again.push(moved) }
        }
        // Files of many chunks make long documents.
        let (mut parcels, mut len) = (Vec::new(), 0);
        for parcel in sent {
            let own = document(&parcel);
            if own > self.longest {
                tracing::warn!("a file has more chunks than one document can name");
                delivered.refused.push(parcel.ready.path);
                continue;
            }
            if len + own > self.longest {
                self.commit(tree, known, std::mem::take(&mut parcels), &mut delivered).await?;
                len = 0;
            }
            len += own;
            parcels.push(parcel);
        }
        self.commit(tree, known, parcels, &mut delivered).await?;
        Ok(delivered)
    }

    /// Says that files were deleted: each of `gone` was seen to go, as a file or with all in it, and is not there. Headquarters
    /// judges all of them together: what it has placed it counts by itself, and hears how many are left.
    ///
    /// # Errors
    /// [`TransportError`]
    pub(super) async fn delete(
        &self,
        tree: &Tree,
        known: &Known,
        (gone, moves): (&BTreeSet<WorkPath>, &Moves),
        confirmed: bool,
    ) -> Result<Delivered, TransportError> {
        let mut delivered = Delivered::default();
        let absent: BTreeMap<WorkPath, Held> = gone
            .iter()
            .flat_map(|gone| known.below(gone))
            // It may be back, or never have left.
            .filter(|(path, _)| matches!(tree.look(path), Ok(None)))
            .collect();
        let deleted = |(path, held): (WorkPath, Held)| NewVersion {
            class: tree.class(&path).unwrap_or_default(),
            moved: moves.is_of(tree, known, &path),
            path,
            parent: Some(held.version),
            again: held.is_forgotten(),
            content: Content::Deleted,
        };
        let versions: Vec<NewVersion> = absent.into_iter().map(deleted).collect();
        let mut left = versions.iter().filter(|version| !version.moved).count() as u64;
        for batch in versions.chunks(crate::protocol::MAX_COMMIT) {
            let vanishing = Some(left);
            let commit = Commit { versions: batch.to_vec(), confirmed, vanishing, since: known.mark() };
            let committed = self.transport.commit(&commit).await?;
            known.stands(committed.memory)?;
            for (version, placed) in commit.versions.into_iter().zip(committed.placed) {
                if placed == Placed::Held {
                    delivered.held.push(version.path);
                } else if matches!(placed, Placed::Stays { head } if head == version.parent) {
                    // Nobody has changed it, and it stays all the same.
                    delivered.stays += 1;
                } else {
                    left -= u64::from(!version.moved);
                    delivered.files += 1;
                    known.forget(&version.path);
                }
            }
        }
        Ok(delivered)
    }

    pub(super) fn acknowledged(&self, path: &WorkPath, held: Held) {
        if let Some(sealer) = &self.sealer {
            sealer.acknowledged(path, held);
        }
    }

    /// Those pieces that headquarters wants, each once and with the place of its parcel. One question for many files: a round
    /// trip costs more than a small file.
    async fn wanted<'a>(&self, parcels: &'a [Parcel]) -> Result<Vec<(usize, &'a Piece)>, TransportError> {
        let mut named = BTreeSet::new();
        let all = parcels.iter().enumerate();
        let all = all.flat_map(|(at, parcel)| parcel.snapshot.pieces.iter().map(move |piece| (at, piece)));
        let pieces: Vec<(usize, &Piece)> = all.filter(|(_, piece)| named.insert(piece.digest)).collect();
        let mut wanted = Vec::new();
        for pieces in pieces.chunks(MAX_ASK) {
            let ask = Ask { chunks: pieces.iter().map(|(_, piece)| piece.digest).collect() };
            let missing = self.transport.ask(&ask).await?.missing;
            wanted.extend(missing.iter().filter_map(|at| pieces.get(usize::try_from(*at).ok()?)));
        }
        Ok(wanted)
    }

    async fn commit(
        &self,
        tree: &Tree,
        known: &Known,
        parcels: Vec<Parcel>,
        delivered: &mut Delivered,
    ) -> Result<(), TransportError> {
        if parcels.is_empty() {
            return Ok(());
        }
        let version = |parcel: &Parcel| NewVersion {
            path: parcel.ready.path.clone(),
            parent: parcel.parent,
            class: tree.class(&parcel.ready.path).unwrap_or_default(),
            again: parcel.again,
            moved: false,
            content: parcel.snapshot.content.clone(),
        };
        let versions = parcels.iter().map(version).collect();
        let commit = Commit { versions, since: known.mark(), ..Commit::default() };
        let committed = self.transport.commit(&commit).await?;
        known.stands(committed.memory)?;
        if committed.placed.len() != parcels.len() {
            return Err(TransportError::Answer("not one answer for each version".to_owned()));
        }
        for (parcel, placed) in parcels.into_iter().zip(committed.placed) {
            let Some(gist) = Gist::of(&parcel.snapshot.content) else { continue };
            let path = parcel.ready.path.clone();
            match placed {
                Placed::Kept { version } | Placed::Known { version } => {
                    delivered.files += 1;
                    self.acknowledged(&path, Held { version, gist });
                    known.put(path, Held { version, gist });
                }
                Placed::Conflict { version, path: beside, head } => {
                    delivered.files += 1;
                    self.acknowledged(&path, Held { version, gist });
                    // Here too it lies beside, and what is at its path at headquarters comes: what is saved there next is a
                    // change to that, and no third version.
                    if tree.rename(&path, &beside).is_ok() {
                        known.forget(&path);
                        known.put(beside.clone(), Held { version, gist });
                        if let Err(error) = self.bring_head(tree, known, (&path, head), &beside).await {
                            tracing::warn!(%error, "what another machine wrote did not come here");
                        }
                    }
                    delivered.conflicts.push(beside);
                }
                Placed::Full { .. } => delivered.full.push(path),
                Placed::Incomplete | Placed::Malformed | Placed::Stays { .. } | Placed::Held => {
                    delivered.again.push(parcel.ready);
                }
            }
        }
        Ok(())
    }
}

/// How long a version is in a commit, in bytes, at most: a digest is 64 digits, a byte of a path a number or an escape.
fn document(parcel: &Parcel) -> usize {
    1024 + parcel.snapshot.pieces.len() * 67 + parcel.ready.path.as_bytes().len() * 6
}

/// Bodies on their way: while headquarters writes one to its disk, the next one travels.
const AT_ONCE: usize = 2;

type Sent<'a> = Pin<Box<dyn Future<Output = Result<Stored, TransportError>> + Send + 'a>>;

struct Sending<'a, T> {
    transport: &'a T,
    bodies: Vec<Sent<'a>>,
}

impl<'a, T: Transport> Sending<'a, T> {
    const fn new(transport: &'a T) -> Self {
        Self { transport, bodies: Vec::new() }
    }

    /// Begins to send a body, once there is room for it.
    async fn begin(&mut self, body: Vec<u8>) -> Result<(), TransportError> {
        if body.is_empty() {
            return Ok(());
        }
        while self.bodies.len() >= AT_ONCE {
            self.one().await?;
        }
        self.bodies.push(Box::pin(self.transport.chunks(Bytes::from(body))));
        Ok(())
    }

    /// Waits until all of it is durable at headquarters.
    async fn end(&mut self) -> Result<(), TransportError> {
        while !self.bodies.is_empty() {
            self.one().await?;
        }
        Ok(())
    }

    /// Goes on with all of them until one has arrived.
    async fn one(&mut self) -> Result<(), TransportError> {
        std::future::poll_fn(|context| {
            for at in 0..self.bodies.len() {
                let polled = self.bodies.get_mut(at).map(|body| body.as_mut().poll(context));
                if let Some(Poll::Ready(sent)) = polled {
                    drop(self.bodies.swap_remove(at));
                    return Poll::Ready(sent.map(drop));
                }
            }
            Poll::Pending
        })
        .await
    }
}
