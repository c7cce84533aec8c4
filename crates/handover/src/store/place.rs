//! Versions into their places, each judged by what is there.

use sqlx::sqlite::SqliteConnection;

use super::draft::{Draft, contradicts_itself, draft};
use super::error::StoreError;
use super::items;
use super::manifest::Manifest;
use super::marks::{self, Stands};
use super::rows::{self, Outcome};
use super::together::Together;
use super::vanishing;
use super::writer::Versions;
use crate::path::WorkPath;
use crate::protocol::{Class, Content, NewVersion, Placed, VersionId};

/// Versions of one person, in order: `None` if the store does not stand where it is said to.
pub(super) async fn place(
    db: &mut SqliteConnection,
    job: &Versions,
    fail: &impl Fn(sqlx::Error) -> StoreError,
) -> Result<Option<Vec<Placed>>, StoreError> {
    if let Some(mark) = job.since
        && marks::stands(db, mark).await.map_err(fail)? != Stands::Known
    {
        return Ok(None);
    }
    let holds = !job.confirmed && vanishing::is_to_be_asked(db, job).await.map_err(fail)?;
    let mut together = Together::begin(db, job, fail).await?;
    let mut placed = Vec::with_capacity(job.new.len());
    for version in &job.new {
        let is_held = holds && version.content == Content::Deleted && !version.moved;
        if !is_held && let Some(version) = together.take(db, version, fail).await? {
            placed.push(Placed::Kept { version });
            continue;
        }
        together.write(db).await.map_err(fail)?;
        let alone = if is_held {
            vanishing::hold(db, job, version).await.map_err(fail)?
        } else {
            place_one(db, job, version, fail).await?
        };
        together.has_changed(version, &alone);
        placed.push(alone);
    }
    together.write(db).await.map_err(fail)?;
    Ok(Some(placed))
}

/// The version of a sealed item, placed once: what it became is written together with it.
pub(super) async fn unsealed(
    db: &mut SqliteConnection,
    job: &Versions,
    fail: &impl Fn(sqlx::Error) -> StoreError,
) -> Result<Vec<Placed>, StoreError> {
    let (Some(came), [new]) = (&job.sealed, job.new.as_slice()) else { return Ok(Vec::new()) };
    if let Some((_, Some(version))) = items::item(db, came.id).await.map_err(fail)? {
        return Ok(vec![Placed::Known { version }]);
    }
    let after = match came.after {
        Some(after) => items::item(db, after).await.map_err(fail)?.and_then(|(_, version)| version),
        None => None,
    };
    let placed = if let Some(path) = &came.aside {
        aside(db, job, (new, after), path, fail).await?
    } else {
        let version = NewVersion { parent: came.parent.or(after).or(new.parent), ..new.clone() };
        place_one(db, job, &version, fail).await?
    };
    if let Placed::Kept { version } | Placed::Known { version } | Placed::Conflict { version, .. } = placed {
        items::put_item(db, job.owner, came, Some(version), job.now).await.map_err(fail)?;
    }
    Ok(vec![placed])
}

/// A version that nobody has proven, beside what its person has: it replaces nothing but another one of its kind, and is not
/// there twice.
async fn aside(
    db: &mut SqliteConnection,
    job: &Versions,
    (new, after): (&NewVersion, Option<VersionId>),
    path: &WorkPath,
    fail: &impl Fn(sqlx::Error) -> StoreError,
) -> Result<Placed, StoreError> {
    let named = draft(&job.keys, new, new)?;
    if let Some(version) = items::same(db, job.owner, &named).await.map_err(fail)? {
        return Ok(Placed::Known { version });
    }
    let version = NewVersion { path: path.clone(), parent: after, class: Class::Work, ..new.clone() };
    place_one(db, job, &version, fail).await
}

pub(super) async fn place_one(
    db: &mut SqliteConnection,
    job: &Versions,
    version: &NewVersion,
    fail: &impl Fn(sqlx::Error) -> StoreError,
) -> Result<Placed, StoreError> {
    if contradicts_itself(&version.content) {
        return Ok(Placed::Malformed);
    }
    let first = draft(&job.keys, version, version)?;
    let outcome = rows::put_version(db, job.owner, &first, &job.node, job.now).await.map_err(fail)?;
    let Outcome::Beside(head) = outcome else { return Ok(answer(outcome, &first)) };
    if let Some((id, sealed)) = rows::beside(db, job.owner, &first, &job.node).await.map_err(fail)?
        && let Some(manifest) = Manifest::open(&job.keys, &id, sealed)?
    {
        return Ok(Placed::Conflict { version: id, path: manifest.path, head });
    }
    let path = version.path.conflict(&job.person, &job.now.to_string());
    let moved = NewVersion { path, ..version.clone() };
    // At its new path it has no parent there, and remembers the one that it came from.
    let second = draft(&job.keys, &moved, version)?;
    let outcome = rows::put_version(db, job.owner, &second, &job.node, job.now).await.map_err(fail)?;
    Ok(if outcome == Outcome::Kept {
        Placed::Conflict { version: second.id, path: moved.path, head }
    } else {
        answer(outcome, &second)
    })
}

fn answer(outcome: Outcome, draft: &Draft) -> Placed {
    match outcome {
        Outcome::Kept => Placed::Kept { version: draft.id },
        // A third version within the same second: the next try has another second in its name.
        Outcome::Beside(_) | Outcome::Incomplete => Placed::Incomplete,
        Outcome::Known(version) => Placed::Known { version },
        Outcome::Stays(head) => Placed::Stays { head },
        Outcome::Malformed => Placed::Malformed,
        Outcome::Full { quota, used } => Placed::Full { quota, used },
    }
}
