//! Delivers sealed items to headquarters, in parts, from where headquarters has them.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::transport::{Post, TransportError};
use crate::protocol::{Became, MAX_CHUNKS_BODY, Mark, SealedAnswer, SealedCount, SealedPart, VersionId};
use crate::seal::{Refused, Spool, Waiting};

/// What came of delivering.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Posted {
    /// Items that headquarters has now.
    pub items: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Items that it does not take.
    pub refused: u64,
    /// Items that could not be read here, or of which its answer made no sense: later.
    pub skipped: u64,
}

/// What headquarters has no room for, or whose it does not know, is sent again after this,
const ROOM: Duration = Duration::from_hours(1);
/// and what could not be read, or had no answer that makes sense, after this.
const LATER: Duration = Duration::from_mins(10);

/// Delivers what waits in a spool, in the name of the node alone: nobody's work has to be open.
///
/// # Errors
/// [`TransportError`]: what came is gone from here, the rest waits.
pub async fn deliver_sealed(spool: &Spool, post: &impl Post) -> Result<Posted, TransportError> {
    post_all(spool, post, |_| None, |_, _, _| {}).await
}

/// Delivers what waits, oldest first, and says what became of each.
pub(super) async fn post_all(
    spool: &Spool,
    post: &impl Post,
    parent: impl Fn(&Waiting) -> Option<VersionId>,
    heard: impl Fn(&Waiting, &Became, Option<Mark>),
) -> Result<Posted, TransportError> {
    let read = |error: io::Error| TransportError::Answer(format!("sealed items cannot be listed: {error}"));
    let mut posted = Posted::default();
    for item in spool.waiting().map_err(read)? {
        if spool.is_left(&item.id) {
            continue;
        }
        let (became, mark) = match post_one(spool, &item, parent(&item), post).await {
            Ok(Some(done)) => done,
            // A newer one took its place.
            Ok(None) => continue,
            // One item must not hold all others, nor what people do now.
            Err(TransportError::Answer(why)) => {
                tracing::warn!(item = %item.id, why, "a sealed item is left for later");
                spool.leave(item.id, Some(Instant::now() + LATER));
                posted.skipped += 1;
                continue;
            }
            Err(error) => return Err(error),
        };
        if became.is_safe() {
            heard(&item, &became, mark);
            posted.items += 1;
            posted.bytes += item.bytes;
            if let Err(error) = spool.remove(&item) {
                tracing::warn!(item = %item.id, %error, "a sealed item that headquarters has");
                spool.leave(item.id, Some(Instant::now() + LATER));
            }
        } else {
            tracing::warn!(item = %item.id, ?became, "headquarters does not take a sealed item");
            // Room may be made, and somebody may get known there; what is refused for what it is stays so until somebody has
            // looked at it.
            let until = may_become_good(&became).then(|| Instant::now() + ROOM);
            spool.leave(item.id, until);
            posted.refused += 1;
        }
    }
    let count = SealedCount { items: spool.count(), bytes: spool.used() };
    post.waiting(count).await?;
    Ok(posted)
}

/// Whether headquarters may take it another time: it has room then, or knows by then whose it is.
fn may_become_good(became: &Became) -> bool {
    match became {
        Became::Full => true,
        Became::Refused { reason } => {
            [Refused::Stranger, Refused::Node, Refused::Key].iter().any(|why| why.code() == reason)
        }
        Became::Kept { .. } | Became::Conflict { .. } | Became::Known { .. } | Became::Quarantined => false,
    }
}

/// Sends one item; `None` if it is not there any more.
async fn post_one(
    spool: &Spool,
    item: &Waiting,
    parent: Option<VersionId>,
    post: &impl Post,
) -> Result<Option<(Became, Option<Mark>)>, TransportError> {
    match File::open(spool.path(item)) {
        Ok(file) => send(&file, item, parent, post).await.map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(TransportError::Answer(format!("a sealed item cannot be read: {error}"))),
    }
}

/// Sends one item in parts, from where headquarters has it.
async fn send(
    file: &File,
    item: &Waiting,
    parent: Option<VersionId>,
    post: &impl Post,
) -> Result<(Became, Option<Mark>), TransportError> {
    let room = (MAX_CHUNKS_BODY - SealedPart::HEAD) as u64;
    // A large one may have come in part before.
    let mut bytes = if item.bytes > room { Bytes::new() } else { piece(file, 0, item.bytes)? };
    let mut offset = 0;
    loop {
        let part = SealedPart { id: item.id, offset, total: item.bytes, parent, bytes };
        let was_question = part.bytes.is_empty();
        match post.sealed(&part).await? {
            SealedAnswer::Done { became, mark } => return Ok((became, mark)),
            SealedAnswer::More { have } if have >= item.bytes || (have == offset && !was_question) => {
                return Err(TransportError::Answer("a part was not taken".to_owned()));
            }
            SealedAnswer::More { have } => {
                offset = have;
                bytes = piece(file, have, (item.bytes - have).min(room))?;
            }
        }
    }
}

fn piece(file: &File, offset: u64, len: u64) -> Result<Bytes, TransportError> {
    let mut bytes = vec![0; usize::try_from(len).unwrap_or(usize::MAX)];
    file.read_exact_at(&mut bytes, offset)
        .map_err(|error| TransportError::Answer(format!("a sealed item cannot be read: {error}")))?;
    Ok(Bytes::from(bytes))
}
