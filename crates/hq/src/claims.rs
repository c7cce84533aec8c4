//! The daily look at what came. What a file's bytes are is its endpoint's word until headquarters has put the chunks together:
//! a word that is wrong would be found out when somebody needs the file. Of each file that came since the last round the newest
//! version is read once; what is not what was said is on the ledger, without its name.

use std::collections::BTreeMap;
use std::io;
use std::time::Instant;

use bytes::Bytes;
use hanare_handover::Digest;
use hanare_handover::digest::Digester;
use hanare_handover::protocol::{Browse, Content, Fetch, frames};
use hanare_handover::store::{Owner, Store, StoreError};
use hanare_ledger::Entry;
use hanare_model::{NodeName, PersonId, Timestamp};
use serde_json::json;

use crate::random;
use crate::registry::Act;
use crate::round;
use crate::shared::Hq;

/// The file with the time up to which everything was looked at.
const FILE: &str = "checked";
/// Chunks in memory at a time: four of the largest size are 4 MiB.
const CHUNKS: usize = 4;

/// What a round found.
#[derive(Debug, Default)]
struct Checked {
    files: u64,
    bytes: u64,
    /// Files whose bytes are not what was said, or cannot be read.
    wrong: BTreeMap<(PersonId, Option<NodeName>), u64>,
}

/// Looks at what came since the last round, and writes down what is wrong.
pub(crate) async fn look(hq: &Hq) {
    if !hq.work.is_used() {
        return;
    }
    let (file, now) = (hq.work.beside(FILE), random::now());
    let checked = match round::read(&file) {
        // A clock that was set back: everything once more.
        Ok(last) => check(hq, last.filter(|last| *last <= now)).await.map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    let checked = match checked {
        Ok(checked) => checked,
        Err(error) => return tracing::warn!(error, "what was handed over was not looked at"),
    };
    tracing::info!(files = checked.files, bytes = checked.bytes, "what was handed over was looked at");
    let mut noted: io::Result<()> = Ok(());
    for ((person, node), files) in checked.wrong {
        tracing::error!(%person, node = node.as_ref().map(tracing::field::display), files, "files are not what was handed over");
        let (kind, subject) = ("handover.wrong".to_owned(), person.to_string());
        let data = json!({ "node": node, "files": files });
        let entry = Entry { at: random::now(), actor: "hq".to_owned(), kind, subject, data };
        if let Err(error) = hq.writer.act("hq", Act::Note(entry)).await {
            noted = Err(io::Error::other(error));
        }
    }
    // What is not on the ledger is looked at again.
    if let Err(error) = noted.and_then(|()| round::write(&file, now)) {
        tracing::warn!(%error, "the look at what was handed over was not written down");
    }
}

async fn check(hq: &Hq, since: Option<Timestamp>) -> Result<Checked, StoreError> {
    let store = hq.work.open().await?;
    let persons: Vec<_> = hq.writer.registry().persons.values().cloned().collect();
    let mut checked = Checked::default();
    for person in persons {
        let owner = Owner { company: person.company, person: person.id };
        let mut after = None;
        loop {
            let page = store.browse(&owner, &Browse { after, ..Browse::default() }).await?;
            if page.damaged > 0 {
                // Nobody can read where these came from.
                let wrong = checked.wrong.entry((owner.person.clone(), None)).or_default();
                *wrong = wrong.saturating_add(page.damaged);
            }
            for entry in page.entries.into_iter().filter(|entry| since.is_none_or(|since| entry.at >= since))
            {
                let Content::File { digest, size, chunks, .. } = &entry.content else { continue };
                checked.files = checked.files.saturating_add(1);
                checked.bytes = checked.bytes.saturating_add(*size);
                if !is_as_said(store, &owner, (digest, *size), chunks).await? {
                    let wrong = checked.wrong.entry((owner.person.clone(), Some(entry.node))).or_default();
                    *wrong = wrong.saturating_add(1);
                }
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    }
    Ok(checked)
}

/// Whether a file's chunks are there and make up what its endpoint said.
async fn is_as_said(
    store: &Store,
    owner: &Owner,
    (digest, size): (&Digest, u64),
    chunks: &[Digest],
) -> Result<bool, StoreError> {
    let (mut digester, mut length) = (Digester::default(), 0_u64);
    for some in chunks.chunks(CHUNKS) {
        let start = Instant::now();
        let body = match store.fetch(owner, &Fetch { chunks: some.to_vec() }).await {
            Ok(Some(body)) => body,
            Ok(None) | Err(StoreError::Damaged { .. } | StoreError::Access { .. }) => return Ok(false),
            Err(error) => return Err(error),
        };
        let Ok(pieces) = frames(Bytes::from(body)) else { return Ok(false) };
        for piece in pieces {
            length = length.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
            digester.update(&piece);
        }
        // Half of one core at most, and of the disk: people hand over meanwhile.
        tokio::time::sleep(start.elapsed()).await;
    }
    Ok(length == size && digester.finish() == *digest)
}
