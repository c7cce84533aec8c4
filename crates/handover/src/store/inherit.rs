//! A person's work passes to another one: what is there now, in a folder of its own, without a byte being copied.

use std::collections::{BTreeMap, BTreeSet};

use hanare_model::{NodeName, Timestamp};

use super::error::StoreError;
use super::writer::{Done, Job, Versions};
use super::{Owner, Store, pack, rows_many};
use crate::path::WorkPath;
use crate::protocol::{Browse, Content, Entry, NewVersion, Placed};

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
    /// is: it may be asked again. What came at `since` or later is newer than what passed before: it takes the place of that,
    /// or lies beside what the heir has made of it.
    ///
    /// # Errors
    /// [`StoreError`]: what passed stays, the rest passes when it is asked again.
    pub async fn inherit(
        &self,
        from: &Owner,
        heir: &Owner,
        folder: &WorkPath,
        since: Option<Timestamp>,
        (node, now): (&NodeName, Timestamp),
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
                let (mut new, mut named) = (Vec::new(), BTreeSet::new());
                for entry in entries {
                    let path = WorkPath::new([folder.as_bytes(), b"/", entry.path.as_bytes()].concat());
                    let Ok(path) = path else {
                        inherited.left += 1;
                        continue;
                    };
                    let before = there.get(&path);
                    let is_news = since.is_some_and(|since| entry.at >= since);
                    if before.is_some_and(|before| !is_news || is_settled(before, entry)) {
                        continue;
                    }
                    let parent = before.filter(|before| before.node == *node).map(|before| before.version);
                    if let Content::File { chunks, .. } = &entry.content {
                        named.extend(chunks.iter().map(|digest| pack::name(&keys, digest)));
                    }
                    let (class, content) = (entry.class, entry.content.clone());
                    new.push(NewVersion { path, parent, class, again: false, moved: false, content });
                }
                let held = rows_many::held(&mut *self.reader.lock().await, from_row, &named).await;
                let known = held.map_err(|error| self.failed(&error))?.into_keys().collect();
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
                    vanishing: 0,
                    since: None,
                    new,
                    sealed: None,
                });
                let Done::Placed(placed, _) = self.writer.write(job).await? else { continue };
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
    /// What is at every path that a person ever had in a folder, as far as it is kept.
    async fn paths_in(
        &self,
        owner: &Owner,
        folder: &WorkPath,
    ) -> Result<BTreeMap<WorkPath, Entry>, StoreError> {
        let mut paths = BTreeMap::new();
        let mut after = None;
        loop {
            let browse = Browse { after, deleted: true, ..Browse::default() };
            let page = self.browse(owner, &browse).await?;
            let inside = page.entries.into_iter().filter(|entry| entry.path.is_in(folder));
            paths.extend(inside.map(|entry| (entry.path.clone(), entry)));
            after = page.next;
            if after.is_none() {
                return Ok(paths);
            }
        }
    }
}

/// Whether the heir has deleted it, or has just this.
fn is_settled(before: &Entry, entry: &Entry) -> bool {
    match (&before.content, &entry.content) {
        (Content::Deleted, _) => true,
        (Content::File { digest: one, .. }, Content::File { digest: other, .. }) => one == other,
        (one, other) => one == other,
    }
}

const fn size(version: &NewVersion) -> u64 {
    match version.content {
        Content::File { size, .. } => size,
        Content::Link { .. } | Content::Deleted => 0,
    }
}

#[cfg(test)]
mod tests {
    use crate::path::WorkPath;
    use crate::store::tests::{World, hanako, owner};

    #[tokio::test]
    async fn what_comes_after_somebody_s_work_has_passed_passes_too_and_replaces_nothing_of_the_heir_s() {
        let mut world = World::new().await;
        let taro = owner("acme", "taro");
        let (folder, node) =
            (WorkPath::new(b"from hanako".as_slice()).unwrap(), "headquarters".parse().unwrap());
        let mut versions = Vec::new();
        for name in ["as it was", "edited", "deleted"] {
            versions.push(world.kept(&hanako(), name, None, b"one").await);
        }
        let now = world.now();
        let passed = world.store.inherit(&hanako(), &taro, &folder, None, (&node, now)).await.unwrap();
        assert_eq!((passed.files, passed.left), (3, 0));
        world.clock += 10;
        let since = world.now();
        let has = |path: &'static str| format!("from hanako/{path}");
        let head = world.entry(&taro, &has("edited")).await;
        world.kept(&taro, &has("edited"), Some(head.version), b"his own").await;
        let head = world.entry(&taro, &has("deleted")).await;
        world.delete(&taro, &has("deleted"), head.version).await;
        for (name, parent) in ["as it was", "edited", "deleted"].into_iter().zip(versions) {
            let last = format!("her last {name}");
            world.kept(&hanako(), name, Some(parent), last.as_bytes()).await;
        }
        world.kept(&hanako(), "new", None, b"her last afternoon").await;
        for expected in [3, 1] {
            world.clock += 10;
            let now = world.now();
            let passed =
                world.store.inherit(&hanako(), &taro, &folder, Some(since), (&node, now)).await.unwrap();
            // What lies beside is found again as what it is.
            assert_eq!((passed.files, passed.left), (expected, 0));
        }
        assert_eq!(
            world.content(&taro, &has("as it was")).await.as_deref(),
            Some(&b"her last as it was"[..])
        );
        assert_eq!(world.content(&taro, &has("new")).await.as_deref(), Some(&b"her last afternoon"[..]));
        assert_eq!(world.content(&taro, &has("edited")).await, Some(b"his own".to_vec()));
        let all = world.list(&taro).await;
        let beside =
            all.iter().filter(|entry| entry.path.as_bytes().starts_with(b"from hanako/edited (conf"));
        assert_eq!((all.len(), beside.count()), (4, 1));
    }
}
