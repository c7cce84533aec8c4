//! Whether headquarters still knows what it acknowledged. One that was put back from a backup does not, and what it has
//! forgotten is handed over again while it is here.

use super::courier::Courier;
use super::known::Known;
use super::transport::{Post, Transport, TransportError};
use crate::path::WorkPath;
use crate::protocol::{Check, MAX_ASK, Since};

impl<T: Transport + Post> Courier<T> {
    /// Asks whether headquarters stands where it stood, in the name of the node alone: one that was put back may have forgotten
    /// the session, too.
    ///
    /// # Errors
    /// [`TransportError::Forgotten`] if not.
    pub(super) async fn stands(&self, known: &Known) -> Result<(), TransportError> {
        let memory = self.transport().since(&Since { mark: known.mark() }).await?;
        known.stands(memory)
    }

    /// The same, and if not, asks what headquarters holds of all that it acknowledged. What it has forgotten is no longer held,
    /// and in the answer.
    ///
    /// # Errors
    /// [`TransportError`]: to be asked again.
    pub async fn confirm(&self, known: &Known) -> Result<Vec<WorkPath>, TransportError> {
        let memory = self.transport().since(&Since { mark: known.mark() }).await?;
        if known.stands(memory).is_ok() && !known.is_in_doubt() {
            return Ok(Vec::new());
        }
        let mut forgotten = Vec::new();
        for part in known.all().chunks(MAX_ASK) {
            let check = Check { versions: part.iter().map(|(_, held)| held.version).collect() };
            let checked = self.transport().check(&check).await?;
            let places = checked.missing.iter().filter_map(|at| part.get(usize::try_from(*at).ok()?));
            for (path, held) in places {
                known.forgotten(path.clone(), held.version);
                forgotten.push(path.clone());
            }
        }
        // It stood there before it was asked: what it forgets from now on is noticed, too.
        known.believe(memory.mark);
        if !forgotten.is_empty() {
            tracing::warn!(files = forgotten.len(), "headquarters has forgotten what it had acknowledged");
        }
        Ok(forgotten)
    }
}
