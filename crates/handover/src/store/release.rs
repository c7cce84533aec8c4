//! What waited for its person comes to them, marked as what it is: nobody's word but a node's.

use std::fs::File;

use hanare_model::{NodeName, Timestamp, VerifyKey};

use super::error::StoreError;
use super::items;
use super::sealed::{Came, Unsealed};
use super::{Owner, Store, work};
use crate::path::WorkPath;
use crate::seal::{self, CompanyKey, Refused};

impl Store {
    /// Stores what waited for a person who has proven themselves now; how many items that were. Nothing but a node's key has
    /// vouched for any of it: it goes into a folder that says so, `from NODE DATE`, and only if `may` says so of that key.
    /// What cannot be stored now waits on.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn release_sealed(
        &self,
        owner: &Owner,
        key: &CompanyKey,
        may: impl Fn(&VerifyKey) -> bool + Send + Sync,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let Some((row, _)) = self.known(owner).await? else { return Ok(0) };
        let waiting = {
            let mut reader = self.reader.lock().await;
            items::quarantined(&mut reader, row).await.map_err(|error| self.failed(&error))?
        };
        let mut released = 0;
        for (id, node, came_at) in waiting {
            let path = self.kept(id);
            let sealer = node.parse().map_err(|_| self.damaged("a node's name is not one"))?;
            let opened = {
                let (path, key) = (path.clone(), key.clone());
                work(move || {
                    let mut file = File::open(&path)?;
                    let bytes = file.metadata()?.len();
                    let signer = seal::peek(&mut file)?.signer;
                    let (note, contents) = seal::open(File::open(&path)?, &key)?;
                    let aside = Some(aside(&sealer, came_at, &note.path));
                    let came = Came { id, node: sealer, bytes, parent: None, after: note.after, aside };
                    Ok::<_, Refused>((signer, Unsealed { came, note, contents }))
                })
                .await?
            };
            let item = match opened {
                Ok((signer, item)) if may(&signer) => item,
                Ok(_) => continue,
                Err(error) => {
                    tracing::error!(item = %id, %error, "a sealed item that waited for its person");
                    continue;
                }
            };
            let became = self.store_sealed(&owner.company, item, now).await?;
            if became.is_safe() {
                let _ = std::fs::remove_file(&path);
                released += 1;
            }
        }
        Ok(released)
    }
}

/// Where an item lies that nobody has proven: with its whole path, if that fits, otherwise under its name alone.
fn aside(node: &NodeName, came: Timestamp, path: &WorkPath) -> WorkPath {
    let day: String = came.to_string().chars().take("2026-11-27".len()).collect();
    let folder = format!("from {node} {day}/");
    let below = |path: &WorkPath| WorkPath::new([folder.as_bytes(), path.as_bytes()].concat());
    below(path).or_else(|_| below(&path.name())).unwrap_or_else(|_| path.name())
}
