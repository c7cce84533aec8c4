//! Deletions that are held because they are very many at once: who they are of, and what an admin decides about them.

use std::collections::BTreeMap;
use std::sync::Arc;

use hanare_model::{CompanyId, NodeName, PersonId, Timestamp};
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{Error, Row as _};

use super::error::StoreError;
use super::keys::{Keys, Kind};
use super::manifest::Manifest;
use super::place::place_one;
use super::rows::{self, OwnerRow, unsigned};
use super::writer::{Done, Job, Versions};
use super::{Owner, Store, sql};
use crate::protocol::{Class, Content, NewVersion, Placed, VersionId};

/// An endpoint asks about them again and again while they are held; one that has not for so long, in seconds, does not want
/// it any more.
const OPEN_SECONDS: i64 = 300;

/// Deletions of one person's files on one node that somebody is to be asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vanishing {
    /// The person's company.
    pub company: CompanyId,
    /// Whose files they are.
    pub person: PersonId,
    /// Where they were deleted.
    pub node: NodeName,
    /// How many files.
    pub files: u64,
    /// When they were last asked for.
    pub at: Timestamp,
}

/// What somebody has decided about a person's deletions.
pub(super) struct Decision {
    pub owner: OwnerRow,
    pub keys: Arc<Keys>,
    pub person: String,
    pub now: Timestamp,
    pub confirm: bool,
}

impl Store {
    /// All deletions that somebody is to be asked about.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn vanishing(&self, now: Timestamp) -> Result<Vec<Vanishing>, StoreError> {
        let query = sqlx::query(sql::SELECT_VANISHING).bind(now.seconds() - OPEN_SECONDS);
        let rows = query.fetch_all(&mut *self.reader.lock().await).await;
        let rows = rows.map_err(|error| self.failed(&error))?;
        rows.iter().map(read).collect::<Result<_, _>>().map_err(|error| self.failed(&error))
    }

    /// Deletes what a person's endpoints wish to delete, or tells them that it stays. How many files that concerned.
    ///
    /// # Errors
    /// [`StoreError`]; then nothing was decided.
    pub async fn decide(&self, owner: &Owner, confirm: bool, now: Timestamp) -> Result<u64, StoreError> {
        let Some((row, keys)) = self.known(owner).await? else { return Ok(0) };
        let person = owner.person.to_string();
        let decision = Decision { owner: row, keys, person, now, confirm };
        match self.writer.write(Job::Decide(decision)).await? {
            Done::Placed(placed, _) => Ok(placed.len() as u64),
            Done::Owner(_) | Done::Written | Done::Forgotten | Done::Noticed { .. } | Done::Swept(_) => Ok(0),
        }
    }
}

fn read(row: &SqliteRow) -> Result<Vanishing, Error> {
    let text = |column| row.try_get::<String, _>(column);
    let damaged = |error| Error::Decode(Box::new(error));
    Ok(Vanishing {
        company: text("company")?.parse().map_err(|error| Error::Decode(Box::new(error)))?,
        person: text("person")?.parse().map_err(|error| Error::Decode(Box::new(error)))?,
        node: text("node")?.parse().map_err(damaged)?,
        files: unsigned(row, "files")?,
        at: Timestamp::from_seconds(row.try_get("at")?),
    })
}

/// Whether so many of a person's files would vanish that somebody is to be asked. What has only moved does not count.
pub(super) async fn is_to_be_asked(db: &mut SqliteConnection, job: &Versions) -> Result<bool, Error> {
    let vanishes = |version: &&NewVersion| version.content == Content::Deleted && !version.moved;
    let here = job.new.iter().filter(vanishes).count() as u64;
    if here == 0 {
        return Ok(false);
    }
    rows::would_vanish(db, job.owner, here.max(job.vanishing), job.now).await
}

/// Notes a deletion that is held, unless it means nothing any more or somebody has decided by now.
pub(super) async fn hold(
    db: &mut SqliteConnection,
    job: &Versions,
    version: &NewVersion,
) -> Result<Placed, Error> {
    let name = job.keys.name(Kind::Path, &[version.path.as_bytes()]);
    let Some((file, Some(head))) = rows::head(db, job.owner, &name).await? else {
        return Ok(Placed::Stays { head: None });
    };
    if head.deleted {
        return Ok(Placed::Known { version: head.version });
    }
    if version.parent != Some(head.version) {
        return Ok(Placed::Stays { head: Some(head.version) });
    }
    let put = sqlx::query_scalar(sql::PUT_VANISHING).bind(file).bind(head.row);
    let stays: bool = put.bind(job.node.as_str()).bind(job.now.seconds()).fetch_one(&mut *db).await?;
    if stays {
        // Said once; who deletes it again means it.
        sqlx::query(sql::DELETE_VANISHING).bind(file).execute(db).await?;
        return Ok(Placed::Stays { head: Some(head.version) });
    }
    Ok(Placed::Held)
}

/// Carries a decision out; one answer for each file.
pub(super) async fn decide(
    db: &mut SqliteConnection,
    job: &Decision,
    fail: &impl Fn(Error) -> StoreError,
) -> Result<Vec<Placed>, StoreError> {
    let query = sqlx::query(sql::SELECT_VANISHING_OF).bind(job.owner.person);
    let rows = query.bind(job.now.seconds() - OPEN_SECONDS).fetch_all(&mut *db).await.map_err(fail)?;
    let mut placed = Vec::with_capacity(rows.len());
    let mut by_node: BTreeMap<NodeName, Vec<NewVersion>> = BTreeMap::new();
    for row in &rows {
        let (file, head, node, manifest) = fields(row).map_err(fail)?;
        if !job.confirm {
            sqlx::query(sql::UPDATE_VANISHING).bind(file).execute(&mut *db).await.map_err(fail)?;
            placed.push(Placed::Stays { head: Some(head) });
        } else if let Some(manifest) = Manifest::open(&job.keys, &head, manifest)? {
            let (path, parent) = (manifest.path, Some(head));
            let (class, content) = (Class::Work, Content::Deleted);
            let version = NewVersion { path, parent, class, again: false, moved: false, content };
            by_node.entry(node).or_default().push(version);
        }
    }
    for (node, new) in by_node {
        let (keys, person) = (Arc::clone(&job.keys), job.person.clone());
        let Decision { owner, now, .. } = *job;
        let versions = Versions {
            owner,
            keys,
            person,
            node,
            now,
            confirmed: true,
            vanishing: 0,
            since: None,
            new,
            sealed: None,
        };
        for version in &versions.new {
            placed.push(place_one(db, &versions, version, fail).await?);
        }
    }
    Ok(placed)
}

fn fields(row: &SqliteRow) -> Result<(i64, VersionId, NodeName, Vec<u8>), Error> {
    let node: String = row.try_get("node")?;
    let node = node.parse().map_err(|error| Error::Decode(Box::new(error)))?;
    Ok((row.try_get("file")?, rows::id(row, "public")?, node, row.try_get("manifest")?))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{World, hanako, owner, version};
    use super::*;

    /// 40 files, and deletions of 20 of them, which are held.
    async fn held(world: &mut World) -> Vec<NewVersion> {
        let mut deletions = Vec::new();
        for n in 0..40 {
            let kept = world.kept(&hanako(), &format!("f{n}"), None, b"x").await;
            if n < 20 {
                deletions.push(version(&format!("f{n}"), Some(kept), Content::Deleted));
            }
        }
        let placed = world.place(&hanako(), deletions.clone()).await;
        assert!(placed.iter().all(|placed| *placed == Placed::Held), "{placed:?}");
        deletions
    }

    async fn live(world: &World) -> u64 {
        world.store.totals().await.unwrap()["acme"].files
    }

    #[tokio::test]
    async fn deletions_that_are_held_go_once_an_admin_confirms_them() {
        let mut world = World::new().await;
        let deletions = held(&mut world).await;
        let asked = world.store.vanishing(world.now()).await.unwrap();
        let [asked] = asked.as_slice() else { panic!("{asked:?}") };
        assert_eq!((asked.person.as_str(), asked.files), ("hanako", 20));
        // Nobody else's are touched.
        assert_eq!(world.store.decide(&owner("acme", "taro"), true, world.now()).await.unwrap(), 0);
        assert_eq!(live(&world).await, 40);
        assert_eq!(world.store.decide(&hanako(), true, world.now()).await.unwrap(), 20);
        assert_eq!(live(&world).await, 20);
        // The endpoint hears of it when it asks again.
        let again = world.place(&hanako(), deletions).await;
        assert!(again.iter().all(|placed| matches!(placed, Placed::Known { .. })), "{again:?}");
        assert_eq!(world.store.vanishing(world.now()).await.unwrap(), []);
    }

    #[tokio::test]
    async fn deletions_that_an_admin_refuses_are_answered_once_and_edits_meanwhile_are_left_alone() {
        let mut world = World::new().await;
        let deletions = held(&mut world).await;
        let edited = world.kept(&hanako(), "f0", deletions[0].parent, b"edited").await;
        assert_eq!(world.store.decide(&hanako(), false, world.now()).await.unwrap(), 19);
        assert_eq!(world.store.vanishing(world.now()).await.unwrap(), []);
        let answers = world.place(&hanako(), deletions.clone()).await;
        assert!(answers.iter().all(|placed| matches!(placed, Placed::Stays { .. })), "{answers:?}");
        let head = |placed: &Placed| if let Placed::Stays { head } = placed { *head } else { None };
        let heads: Vec<_> = answers.iter().map(head).collect();
        let mut expected: Vec<_> = deletions.iter().map(|version| version.parent).collect();
        expected[0] = Some(edited);
        assert_eq!((heads, live(&world).await), (expected, 40));
        // Who deletes them again is asked again.
        let again = world.place(&hanako(), deletions[1..].to_vec()).await;
        assert!(again.iter().all(|placed| *placed == Placed::Held), "{again:?}");
    }

    #[tokio::test]
    async fn what_was_not_asked_for_again_lately_is_not_decided_any_more() {
        let mut world = World::new().await;
        held(&mut world).await;
        let late = Timestamp::from_seconds(world.now().seconds() + OPEN_SECONDS + 60);
        assert_eq!(world.store.vanishing(late).await.unwrap(), []);
        assert_eq!(world.store.decide(&hanako(), true, late).await.unwrap(), 0);
        assert_eq!(live(&world).await, 40);
    }
}
