//! How requests get to headquarters: somebody else's, so that this end knows no socket.

use std::future::Future;

use bytes::Bytes;

use crate::protocol::{
    Ask, Browse, Check, Checked, Commit, Committed, Fetch, Memory, Page, SealedAnswer, SealedCount,
    SealedPart, Since, Stored, Wanted,
};

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// Headquarters cannot be reached, or cannot write: later.
    #[error("headquarters does not answer: {0}")]
    Later(String),
    /// The person's session has ended.
    #[error("the session with headquarters has ended: {0}")]
    Ended(String),
    /// It answers what it should not.
    #[error("headquarters' answer makes no sense: {0}")]
    Answer(String),
    /// It has forgotten something that it acknowledged: it was put back to an older state, in whole or in part.
    #[error("headquarters was put back to an older state, and is told again what it has forgotten")]
    Forgotten,
}

impl TransportError {
    /// A word for the kind of it.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Later(_) => "silent",
            Self::Ended(_) => "ended",
            Self::Answer(_) => "answer",
            Self::Forgotten => "forgotten",
        }
    }
}

/// Carries requests in the name of the person who works here. Each answer comes after what it says is durable.
pub trait Transport: Send + Sync {
    /// Which chunks are wanted?
    fn ask(&self, ask: &Ask) -> impl Future<Output = Result<Wanted, TransportError>> + Send;
    /// Sends [`crate::protocol::frames`].
    fn chunks(&self, body: Bytes) -> impl Future<Output = Result<Stored, TransportError>> + Send;
    /// Puts versions in their places.
    fn commit(&self, commit: &Commit) -> impl Future<Output = Result<Committed, TransportError>> + Send;
    /// A page of what is there.
    fn browse(&self, browse: &Browse) -> impl Future<Output = Result<Page, TransportError>> + Send;
    /// Chunks as frames.
    fn fetch(&self, fetch: &Fetch) -> impl Future<Output = Result<Bytes, TransportError>> + Send;
}

/// Carries sealed items in the name of the node alone: no person needs to be there.
pub trait Post: Send + Sync {
    /// Sends a part of an item.
    fn sealed(&self, part: &SealedPart) -> impl Future<Output = Result<SealedAnswer, TransportError>> + Send;
    /// Does headquarters know where it stood?
    fn since(&self, since: &Since) -> impl Future<Output = Result<Memory, TransportError>> + Send;
    /// Which of these versions does it not hold?
    fn check(&self, check: &Check) -> impl Future<Output = Result<Checked, TransportError>> + Send;
    /// Says how much waits here.
    fn waiting(&self, count: SealedCount) -> impl Future<Output = Result<(), TransportError>> + Send;
}
