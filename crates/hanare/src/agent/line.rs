//! Carries the handover's requests to headquarters, as JSON and frames over the node's own line.

use bytes::Bytes;
use hanare_handover::deliver::{Post, Transport, TransportError};
use hanare_handover::protocol::{
    Ask, Browse, Check, Checked, Commit, Committed, Fetch, MAX_CHUNKS_BODY, Memory, Page, SealedAnswer,
    SealedCount, SealedPart, Since, Stored, Wanted,
};
use hanare_model::api::Refusal;
use hanare_tunnel::{ApiError, Line};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The longest document that comes: a page of a list that names every chunk.
const MAX_DOCUMENT: usize = 32 * 1024 * 1024;

/// A [`Line`] that knows what travels on it.
#[derive(Debug)]
pub(crate) struct Carrier(pub(crate) Line);

impl Carrier {
    async fn ask<B: Serialize + Sync, T: DeserializeOwned>(
        &self,
        path: &'static str,
        body: &B,
    ) -> Result<T, TransportError> {
        self.send(path, json(body)?).await
    }

    async fn send<T: DeserializeOwned>(&self, path: &'static str, body: Bytes) -> Result<T, TransportError> {
        let answer = self.0.exchange(path, body, MAX_DOCUMENT).await.map_err(|error| because(&error))?;
        serde_json::from_slice(&answer).map_err(|error| TransportError::Answer(error.to_string()))
    }
}

impl Transport for Carrier {
    async fn ask(&self, ask: &Ask) -> Result<Wanted, TransportError> {
        Self::ask(self, "/v1/handover/ask", ask).await
    }

    async fn chunks(&self, body: Bytes) -> Result<Stored, TransportError> {
        self.send("/v1/handover/chunks", body).await
    }

    async fn commit(&self, commit: &Commit) -> Result<Committed, TransportError> {
        Self::ask(self, "/v1/handover/commit", commit).await
    }

    async fn browse(&self, browse: &Browse) -> Result<Page, TransportError> {
        Self::ask(self, "/v1/handover/browse", browse).await
    }

    async fn fetch(&self, fetch: &Fetch) -> Result<Bytes, TransportError> {
        let body = json(fetch)?;
        self.0.exchange("/v1/handover/fetch", body, MAX_CHUNKS_BODY).await.map_err(|error| because(&error))
    }
}

impl Post for Carrier {
    async fn sealed(&self, part: &SealedPart) -> Result<SealedAnswer, TransportError> {
        self.send("/v1/handover/sealed", Bytes::from(part.body())).await
    }

    async fn since(&self, since: &Since) -> Result<Memory, TransportError> {
        Self::ask(self, "/v1/handover/since", since).await
    }

    async fn check(&self, check: &Check) -> Result<Checked, TransportError> {
        Self::ask(self, "/v1/handover/check", check).await
    }

    async fn waiting(&self, count: SealedCount) -> Result<(), TransportError> {
        Self::ask(self, "/v1/handover/waiting", &count).await
    }
}

fn json<B: Serialize>(body: &B) -> Result<Bytes, TransportError> {
    serde_json::to_vec(body).map(Bytes::from).map_err(|error| TransportError::Answer(error.to_string()))
}

/// Headquarters that says no to the session ends it; everything else may get better.
fn because(error: &ApiError) -> TransportError {
    let text = crate::failure::chain(error);
    match error {
        ApiError::Refused(Refusal::TooMany { .. })
        | ApiError::Connection { .. }
        | ApiError::Timeout { .. }
        | ApiError::Unavailable { .. } => TransportError::Later(text),
        ApiError::Refused(_) => TransportError::Ended(text),
        ApiError::NotHeadquarters | ApiError::Answer { .. } | ApiError::Setup { .. } => {
            TransportError::Answer(text)
        }
    }
}
