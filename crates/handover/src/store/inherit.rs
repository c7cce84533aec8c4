//! A person's work passes to another one: what is there now, in a folder of its own, without a byte being copied.

use std::collections::BTreeSet;

use hanare_model::{NodeName, Timestamp};

use super::error::StoreError;
use super::writer::{Done, Job, Versions};
use super::{Owner, Store, pack, rows};
use crate::path::WorkPath;
use crate::protocol::{Browse, Content, NewVersion, Placed};

/// Versions in one step: other work waits no longer than for that.
const STEP: usize = 200;

/// What passed on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Inherited {
    /// Files and links that the heir has now.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Files that the heir has no room for, whose path would be too long, or that are damaged.
    pub left: u64,
}

impl Store {
    /// Gives the heir, who is of the same company, all that a person has, in `folder`. What they have there already stays as it
    /// is: it may be asked again.
    ///
    /// # Errors
    /// [`StoreError`]: what passed stays, the rest passes when it is asked again.
    pub async fn inherit(
        &self,
        from: &Owner,
        heir: &Owner,
        folder: &WorkPath,
        node: &NodeName,
        now: Timestamp,
    ) -> Result<Inherited, StoreError> {
        let mut inherited = Inherited::default();
        let Some((from_row, _)) = self.known(from).await? else { return Ok(inherited) };
        let (heir_row, keys) = self.owner(heir).await?;
        let there = self.paths_in(heir, folder).await?;
        let mut after = None;
        loop {
            let page = self.browse(from, &Browse { after, ..Browse::default() }).await?;
            inherited.left += page.damaged;
            for entries in page.entries.chunks(STEP) {
                let (mut new, mut known) = (Vec::new(), Vec::new());
                let mut seen = BTreeSet::new();
                let mut reader = self.reader.lock().await;
                for entry in entries {
                    let path = WorkPath::new([folder.as_bytes(), b"/", entry.path.as_bytes()].concat());
                    let Ok(path) = path else {
                        inherited.left += 1;
                        continue;
                    };
                    if there.contains(&path) {
                        continue;
                    }
                    if let Content::File { chunks, .. } = &entry.content {
                        for name in chunks.iter().map(|digest| pack::name(&keys, digest)) {
                            if !seen.insert(name) {
                                continue;
                            }
                            let held = rows::held(&mut reader, from_row, &name).await;
                            let held = held.map_err(|error| self.failed(&error))?;
                            known.extend(held.map(|(chunk, _)| (chunk, name)));
                        }
                    }
                    let (class, content) = (entry.class, entry.content.clone());
                    new.push(NewVersion { path, parent: None, class, content });
                }
                drop(reader);
                // What the heir holds they may name, as if they had sent it.
                self.writer.write(Job::Chunks { owner: heir_row, pack: None, known, now }).await?;
                let sizes: Vec<u64> = new.iter().map(size).collect();
                let job = Job::Versions(Versions {
                    owner: heir_row,
                    keys: std::sync::Arc::clone(&keys),
                    person: heir.person.to_string(),
                    node: node.clone(),
                    now,
                    confirmed: false,
                    new,
                    sealed: None,
                });
                let Done::Placed(placed) = self.writer.write(job).await? else { continue };
                for (placed, size) in placed.iter().zip(sizes) {
                    match placed {
                        Placed::Kept { .. } | Placed::Known { .. } | Placed::Conflict { .. } => {
                            inherited.files += 1;
                            inherited.bytes = inherited.bytes.saturating_add(size);
                        }
                        Placed::Full { .. }
                        | Placed::Incomplete
                        | Placed::Malformed
                        | Placed::Stays { .. }
                        | Placed::Held => inherited.left += 1,
                    }
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(inherited);
            }
        }
    }
}

impl Store {
    /// Every path that a person ever had in a folder, as far as it is kept.
    async fn paths_in(&self, owner: &Owner, folder: &WorkPath) -> Result<BTreeSet<WorkPath>, StoreError> {
        let mut paths = BTreeSet::new();
        let mut after = None;
        loop {
            let browse = Browse { after, deleted: true, ..Browse::default() };
            let page = self.browse(owner, &browse).await?;
            paths.extend(page.entries.into_iter().map(|entry| entry.path).filter(|path| path.is_in(folder)));
            after = page.next;
            if after.is_none() {
                return Ok(paths);
            }
        }
    }
}

const fn size(version: &NewVersion) -> u64 {
    match version.content {
        Content::File { size, .. } => size,
        Content::Link { .. } | Content::Deleted => 0,
    }
}
