//! Rows of lists become entries again; a damaged one takes no other along.

use hanare_model::{CompanyId, NodeName, PersonId, Timestamp};

use super::error::StoreError;
use super::keys::Keys;
use super::manifest::Manifest;
use super::pack::{self, Packed};
use super::rows::{self, Listed};
use super::{Owner, Store};
use crate::digest::Digest;
use crate::protocol::{Class, Entry, MAX_DOCUMENT, MAX_PAGE, VersionId};

impl Store {
    /// One version of a person's; `None` if they have none of this name.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn version(&self, owner: &Owner, version: &VersionId) -> Result<Option<Entry>, StoreError> {
        let Some((row, keys)) = self.known(owner).await? else { return Ok(None) };
        let found = {
            let mut reader = self.reader.lock().await;
            rows::version(&mut reader, row, version).await.map_err(|error| self.failed(&error))?
        };
        found.map(|listed| self.entry(&keys, listed)).transpose()
    }

    /// What came from a node of a company and is the newest of its file, newest first, with whose it is; now, or at a time.
    /// Damaged ones are left out.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn browse_node(
        &self,
        company: &CompanyId,
        node: &NodeName,
        at: Option<Timestamp>,
        after: Option<i64>,
    ) -> Result<(Vec<(PersonId, Entry)>, Option<i64>), StoreError> {
        let at = at.unwrap_or(Timestamp::from_seconds(i64::MAX));
        let before = after.unwrap_or(i64::MAX);
        let listed = {
            let mut reader = self.reader.lock().await;
            rows::browse_node(&mut reader, company.as_str(), node.as_str(), at, before, MAX_PAGE)
                .await
                .map_err(|error| self.failed(&error))?
        };
        if listed.is_empty() {
            return Ok((Vec::new(), None));
        }
        let keys = self.company(company).await?;
        let next = listed.last().filter(|_| listed.len() == MAX_PAGE as usize).map(|(_, last)| last.row);
        let mut entries = Vec::with_capacity(listed.len());
        for (person, listed) in listed {
            let person = person.parse().map_err(|_| self.damaged("a person's id is not one"))?;
            entries.extend(self.entry_unless_damaged(&keys, listed)?.map(|entry| (person, entry)));
        }
        Ok((entries, next))
    }

    /// One of a list; `None` for a damaged one, which must not take the others along.
    pub(super) fn entry_unless_damaged(
        &self,
        keys: &Keys,
        listed: Listed,
    ) -> Result<Option<Entry>, StoreError> {
        let (version, row) = (listed.version, listed.row);
        match self.entry(keys, listed) {
            Ok(entry) => Ok(Some(entry)),
            Err(error @ StoreError::Damaged { .. }) => {
                tracing::error!(%version, row, %error, "a version is left out");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    pub(super) fn entry(&self, keys: &Keys, listed: Listed) -> Result<Entry, StoreError> {
        let damaged = || self.damaged("a manifest is not what was sealed");
        let manifest = Manifest::open(keys, &listed.version, listed.manifest)?.ok_or_else(damaged)?;
        Ok(Entry {
            path: manifest.path,
            version: listed.version,
            parent: listed.parent,
            at: listed.at,
            node: listed.node.parse().map_err(|_| damaged())?,
            class: if listed.class == "settings" { Class::Settings } else { Class::Work },
            content: manifest.content,
        })
    }

    /// One chunk as it was before it was sealed.
    pub(super) async fn chunk(
        &self,
        keys: &Keys,
        object: &VersionId,
        packed: &Packed,
        digest: &Digest,
    ) -> Result<Vec<u8>, StoreError> {
        let sealed = self.objects.read(object, pack::extent(packed)).await?;
        let opened = pack::open(keys, object, packed, digest, sealed)?;
        opened.ok_or_else(|| self.damaged("a chunk is not what was stored"))
    }

    /// As many of a page's rows as fit a document, at least one.
    pub(super) fn fitting(listed: &mut Vec<Listed>) {
        let mut len = 0;
        // A manifest is the sealed document itself.
        let mut fits = |listed: &Listed| {
            len += listed.manifest.len() + 1024;
            len <= MAX_DOCUMENT
        };
        let keep = listed.iter().take_while(|listed| fits(listed)).count();
        listed.truncate(keep.max(1));
    }
}

#[cfg(test)]
mod tests {
    use crate::path::{MAX_PATH_LEN, WorkPath};
    use crate::protocol::{Browse, Content, NewVersion, Placed};
    use crate::store::index;
    use crate::store::tests::{World, file, hanako, owner, version};

    #[tokio::test]
    async fn a_conflict_at_the_longest_path_leaves_the_store_readable() {
        let mut world = World::new().await;
        let long = "d/".repeat(MAX_PATH_LEN / 2) + "f";
        let first = world.kept(&hanako(), &long, None, b"one").await;
        world.kept(&hanako(), &long, Some(first), b"left").await;
        let right = world.hand_over(&hanako(), &long, Some(first), b"right").await;
        let Placed::Conflict { path, .. } = &right else { panic!("{right:?}") };
        assert!(WorkPath::new(path.as_bytes()).is_ok(), "the endpoint can read it");
        world.clock += 100;
        assert_eq!(world.hand_over(&hanako(), &long, Some(first), b"right").await, right, "no third one");
        let page = world.store.browse(&hanako(), &Browse::default()).await.unwrap();
        assert_eq!((page.entries.len(), page.damaged), (2, 0));
    }

    #[tokio::test]
    async fn a_damaged_version_leaves_the_others_listed() {
        let mut world = World::new().await;
        for name in ["a", "b", "c"] {
            world.kept(&hanako(), name, None, name.as_bytes()).await;
        }
        let damaged = world.store.browse(&hanako(), &Browse::default()).await.unwrap().entries.remove(1);
        let mut index = index::connect(&world.root().join(index::FILE_NAME)).await.unwrap();
        sqlx::query("UPDATE version SET manifest = $2 WHERE public = $1")
            .bind(&damaged.version.as_bytes()[..])
            .bind(&b"not what was sealed"[..])
            .execute(&mut index)
            .await
            .unwrap();
        let page = world.store.browse(&hanako(), &Browse::default()).await.unwrap();
        let paths: Vec<&[u8]> = page.entries.iter().map(|entry| entry.path.as_bytes()).collect();
        assert_eq!((paths, page.damaged), (vec![&b"c"[..], b"a"], 1));
        let (acme, node) = ("acme".parse().unwrap(), "pc-1".parse().unwrap());
        assert_eq!(world.store.browse_node(&acme, &node, None, None).await.unwrap().0.len(), 2);
        let heir = owner("acme", "taro");
        let folder = WorkPath::new(b"from hanako".as_slice()).unwrap();
        let now = world.now();
        let inherited = world.store.inherit(&hanako(), &heir, &folder, None, (&node, now)).await.unwrap();
        assert_eq!((inherited.files, inherited.left), (2, 1));
        // Its path can be written to again.
        let (content, chunks) = file(b"anew");
        world.send(&hanako(), chunks).await;
        let anew: NewVersion = version("b", Some(damaged.version), content);
        assert!(matches!(world.place(&hanako(), vec![anew]).await[..], [Placed::Kept { .. }]));
        let entries = world.store.browse(&hanako(), &Browse::default()).await.unwrap().entries;
        assert!(entries.iter().all(|entry| !matches!(entry.content, Content::Deleted)) && entries.len() == 3);
    }
}
