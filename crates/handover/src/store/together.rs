//! The ordinary versions of a commit, written together: those that replace what is there, or are the first at their path. All
//! others are placed one by one.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::Error;
use sqlx::sqlite::SqliteConnection;

use super::draft::{Draft, contradicts_itself, draft};
use super::error::StoreError;
use super::judge::{Change, Head, Judgement, judge};
use super::keys::{Kind, Name};
use super::rows_many::{self, Row, There};
use super::space::{self, Space};
use super::writer::Versions;
use crate::path::WorkPath;
use crate::protocol::{Content, NewVersion, Placed, VersionId};

/// A version of more chunks is placed alone: its manifest is long, and there are not many of them.
const MOST_CHUNKS: usize = 64;
/// So many are written at once, for the memory that it takes.
const AT_ONCE: usize = if cfg!(test) { 3 } else { 256 };

/// What waits to be written, beside what was there when it began.
pub(super) struct Together<'a> {
    job: &'a Versions,
    there: BTreeMap<Name, There>,
    held: BTreeMap<Name, (i64, u64)>,
    /// Paths that have changed since: what is there is to be asked again.
    changed: BTreeSet<Name>,
    /// `None`: to be asked again.
    spaces: Option<[Space; 2]>,
    waiting: Vec<Row>,
}

impl<'a> Together<'a> {
    /// Looks up all that a commit names.
    pub(super) async fn begin(
        db: &mut SqliteConnection,
        job: &'a Versions,
        fail: &impl Fn(Error) -> StoreError,
    ) -> Result<Self, StoreError> {
        let paths: BTreeSet<Name> = job.new.iter().map(|version| path(job, &version.path)).collect();
        let chunks: BTreeSet<Name> = job
            .new
            .iter()
            .filter_map(|version| match &version.content {
                Content::File { chunks, .. } if chunks.len() <= MOST_CHUNKS => Some(chunks),
                Content::File { .. } | Content::Link { .. } | Content::Deleted => None,
            })
            .flatten()
            .map(|digest| super::pack::name(&job.keys, digest))
            .collect();
        let there = rows_many::there(db, job.owner, &paths).await.map_err(fail)?;
        let held = rows_many::held(db, job.owner, &chunks).await.map_err(fail)?;
        let (changed, spaces, waiting) = (BTreeSet::new(), None, Vec::new());
        Ok(Self { job, there, held, changed, spaces, waiting })
    }

    /// Takes a version, if it is an ordinary one.
    pub(super) async fn take(
        &mut self,
        db: &mut SqliteConnection,
        version: &NewVersion,
        fail: &impl Fn(Error) -> StoreError,
    ) -> Result<Option<VersionId>, StoreError> {
        if contradicts_itself(&version.content) {
            return Ok(None);
        }
        // Sealing is for who will be written.
        let is_long = matches!(&version.content, Content::File { chunks, .. } if chunks.len() > MOST_CHUNKS);
        if is_long || self.changed.contains(&path(self.job, &version.path)) {
            return Ok(None);
        }
        let draft = draft(&self.job.keys, version, version)?;
        let Some((file, chunks)) = self.is_ordinary(&draft) else { return Ok(None) };
        let spaces = match &mut self.spaces {
            Some(spaces) => spaces,
            none @ None => none.insert(space::of(db, self.job.owner).await.map_err(fail)?),
        };
        if spaces.iter().any(|space| space.is_full_for(draft.size).is_some()) {
            return Ok(None);
        }
        for space in spaces {
            space.used = space.used.saturating_add(draft.size);
        }
        let id = draft.id;
        self.changed.insert(draft.path);
        self.waiting.push(Row { draft, file, chunks });
        if self.waiting.len() == AT_ONCE {
            self.write(db).await.map_err(fail)?;
        }
        Ok(Some(id))
    }

    /// The file's row, if it is there, and those of its chunks.
    fn is_ordinary(&self, draft: &Draft) -> Option<(Option<i64>, Vec<i64>)> {
        let there = self.there.get(&draft.path);
        let head: Option<&Head<Vec<u8>>> = there.and_then(|there| there.head.as_ref());
        if draft.again && head.is_some_and(|head| Some(head.version) != draft.parent) {
            return None;
        }
        let change = match &draft.content {
            Some(content) => Change::Content(content.to_vec()),
            None => Change::Deleted,
        };
        if judge(head, draft.parent, &change) != Judgement::Replace {
            return None;
        }
        let found: Option<Vec<(i64, u64)>> =
            draft.chunks.iter().map(|name| self.held.get(name).copied()).collect();
        let (chunks, lens): (Vec<i64>, Vec<u64>) = found?.into_iter().unzip();
        let size = lens.into_iter().fold(0, u64::saturating_add);
        (size == draft.size).then_some((there.map(|there| there.file), chunks))
    }

    /// One that was placed alone has changed what is there.
    pub(super) fn has_changed(&mut self, version: &NewVersion, placed: &Placed) {
        self.changed.insert(path(self.job, &version.path));
        if let Placed::Conflict { path: beside, .. } = placed {
            self.changed.insert(path(self.job, beside));
        }
        self.spaces = None;
    }

    /// Writes what waits.
    pub(super) async fn write(&mut self, db: &mut SqliteConnection) -> Result<(), Error> {
        let waiting = std::mem::take(&mut self.waiting);
        rows_many::put_versions(db, self.job.owner, &waiting, (&self.job.node, self.job.now)).await
    }
}

fn path(job: &Versions, path: &WorkPath) -> Name {
    job.keys.name(Kind::Path, &[path.as_bytes()])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::{World, file, hanako, version};
    use super::*;
    use crate::protocol::{Commit, Entry};

    /// A version as it is said before anybody knows ids: which path, what it follows, what it is.
    type Said = (usize, Option<usize>, Option<usize>, bool);
    /// A parent that was acknowledged by a headquarters that has forgotten it.
    const FORGOTTEN: usize = 12;

    const CONTENTS: [&[u8]; 4] = [b"", b"one", b"another", b"a third one"];

    fn paths() -> Vec<String> {
        // The last two are where versions come to lie that are put beside the first.
        let now = super::super::Timestamp::from_seconds(1_000_000);
        let beside = WorkPath::new(&b"a"[..]).unwrap().conflict("hanako", &now.to_string());
        let beside = String::from_utf8(beside.as_bytes().to_vec()).unwrap();
        vec!["a".to_owned(), "b".to_owned(), "c/d".to_owned(), beside]
    }

    /// What became of each, without the ids, and all that is there afterwards.
    async fn placed(rounds: &[Vec<Said>], is_together: bool, quota: Option<u64>) -> Vec<String> {
        let world = World::new().await;
        world.store.limit(&hanako(), quota).await.unwrap();
        for contents in CONTENTS.iter().skip(1) {
            world.send(&hanako(), file(contents).1).await;
        }
        let (paths, mut known, mut said) = (paths(), Vec::new(), Vec::new());
        for round in rounds {
            let versions: Vec<NewVersion> = round
                .iter()
                .map(|(path, parent, content, moved)| {
                    let again = *parent == Some(FORGOTTEN);
                    let parent = parent.and_then(|parent| known.get(parent).copied());
                    let parent = if again { Some(VersionId::from_bytes([9; 16])) } else { parent };
                    let content = content.map_or(Content::Deleted, |content| file(CONTENTS[content]).0);
                    let moved = *moved && content == Content::Deleted;
                    NewVersion { again, moved, ..version(&paths[*path], parent, content) }
                })
                .collect();
            let commits = if is_together {
                vec![versions]
            } else {
                versions.into_iter().map(|one| vec![one]).collect()
            };
            for versions in commits {
                // Of deletions somebody would be asked otherwise, of all together or of each.
                let commit = Commit { versions, confirmed: true, ..Commit::default() };
                let node = "pc-1".parse().unwrap();
                let committed = world.store.commit(&hanako(), &node, commit, world.now()).await.unwrap();
                for placed in committed.placed {
                    let (said_of_it, version) = match &placed {
                        Placed::Kept { version } => ("kept", Some(*version)),
                        Placed::Known { version } => ("known", Some(*version)),
                        Placed::Conflict { version, .. } => ("conflict", Some(*version)),
                        Placed::Stays { head } => ("stays", *head),
                        Placed::Full { .. } => ("full", None),
                        Placed::Incomplete => ("incomplete", None),
                        Placed::Malformed => ("malformed", None),
                        Placed::Held => ("held", None),
                    };
                    known.extend(version);
                    said.push(format!(
                        "{said_of_it} {:?}",
                        known.iter().position(|known| Some(*known) == version)
                    ));
                }
            }
        }
        let browse = crate::protocol::Browse { deleted: true, ..Default::default() };
        let page = world.store.browse(&hanako(), &browse).await.unwrap();
        said.extend(page.entries.iter().map(|entry| {
            let parent = entry.parent.map(|parent| known.iter().position(|known| *known == parent));
            let Entry { path, content, class, node, at, .. } = entry;
            format!("{:?} {content:?} {parent:?} {class:?} {node} {at}", path.as_bytes())
        }));
        let mut reader = world.store.reader.lock().await;
        let rows = "SELECT (SELECT count(*) FROM used) * 1000000 + (SELECT count(*) FROM version) * 1000 \
                    + (SELECT count(*) FROM version WHERE moved)";
        let rows: i64 = sqlx::query_scalar(rows).fetch_one(&mut *reader).await.unwrap();
        drop(reader);
        said.push(rows.to_string());
        said.push(format!("{:?}", world.store.space(&hanako()).await.unwrap()));
        said
    }

    #[tokio::test]
    async fn one_that_was_placed_alone_counts_for_those_after_it() {
        // Three bytes, seven beside them, and no room for three more.
        let rounds = [[(0, Some(1)), (0, Some(2)), (1, Some(1))]
            .map(|(path, content)| (path, None, content, false))
            .into()];
        let said = placed(&rounds, true, Some(12)).await;
        assert_eq!(said[..3], ["kept Some(0)", "conflict Some(1)", "full None"]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn a_commit_of_many_places_each_as_if_it_came_alone(
            rounds in prop::collection::vec(
                prop::collection::vec(
                    (
                        0..4usize,
                        prop::option::of(0..=FORGOTTEN),
                        prop::option::weighted(0.8, 0..CONTENTS.len()),
                        any::<bool>(),
                    ),
                    1..8,
                ),
                1..5,
            ),
            quota in prop::option::of(5..40u64),
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let [together, alone] =
                [true, false].map(|is_together| runtime.block_on(placed(&rounds, is_together, quota)));
            prop_assert_eq!(together, alone);
        }
    }
}
