//! Seals what headquarters has not acknowledged, and knows what waits of each file.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::Arc;

use hanare_model::{CompanyId, NodeName, PersonId, Secret, Timestamp};
use serde::{Deserialize, Serialize};

use super::due::Ready;
use super::journal::Journal;
use super::known::{Gist, Held, Known};
use super::posting::{Posted, post_all};
use super::snapshot::{IsOver, Timed, digest, has_changed};
use super::stamp::{Kind, stamp};
use super::sweep::sweep_by;
use super::transport::{Post, TransportError};
use super::tree::Tree;
use crate::path::WorkPath;
use crate::protocol::{Became, Mark, VersionId};
use crate::seal::{self, ItemId, Note, Sealing, Spool, Waiting, What};

/// Whose work is sealed, and where.
#[derive(Debug, Clone)]
pub struct Origin {
    /// The company.
    pub company: CompanyId,
    /// This node.
    pub node: NodeName,
    /// Who works here, or says so.
    pub person: PersonId,
    /// The session in which headquarters has proven them; `None` if it could not be asked.
    pub session: Option<Secret>,
}

/// The newest item of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Newest {
    sequence: u64,
    id: ItemId,
    bytes: u64,
    gist: Gist,
    torn: bool,
    /// The item that it follows.
    after: Option<ItemId>,
    /// A version that was acknowledged after this was sealed and is older than it.
    parent: Option<VersionId>,
}

impl Newest {
    const fn waiting(&self) -> Waiting {
        Waiting { sequence: self.sequence, id: self.id, bytes: self.bytes }
    }
}

/// What became of sealing a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sealed {
    /// It is on the disk as it is now.
    New,
    /// It was sealed before, headquarters has it, or it is not there.
    Nothing,
    /// It changed while it was read: once more.
    Moving,
}

/// Seals one person's work in one folder.
#[derive(Debug)]
pub struct Sealer {
    spool: Arc<Spool>,
    sealing: Sealing,
    origin: Origin,
    newest: Journal<Newest>,
}

/// The journal's name.
const JOURNAL: &str = "sealed";

impl Sealer {
    /// Goes on where an earlier one in this folder was.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn new(tree: &Tree, spool: Arc<Spool>, sealing: Sealing, origin: Origin) -> io::Result<Self> {
        let newest: Journal<Newest> = Journal::load(tree, JOURNAL);
        let there: BTreeSet<ItemId> = spool.waiting()?.into_iter().map(|item| item.id).collect();
        for (path, entry) in newest.all() {
            if !there.contains(&entry.id) {
                newest.forget(&path);
            }
        }
        Ok(Self { spool, sealing, origin, newest })
    }

    /// Where items wait.
    #[must_use]
    pub fn spool(&self) -> &Spool {
        &self.spool
    }

    /// Seals a file as it is now. When this says [`Sealed::New`], it is on the disk. Reads and writes: not for a task that
    /// must not wait.
    ///
    /// # Errors
    /// What the kernel says; [`io::ErrorKind::QuotaExceeded`] over the reserve's hard limit.
    pub fn seal(&self, tree: &Tree, known: &Known, ready: &Ready, now: Timestamp) -> io::Result<Sealed> {
        self.seal_in_time(tree, known, ready, now, &|| false)
    }

    /// The same, given up with [`io::ErrorKind::TimedOut`] when there is no more time.
    pub(super) fn seal_in_time(
        &self,
        tree: &Tree,
        known: &Known,
        ready: &Ready,
        now: Timestamp,
        is_over: IsOver<'_>,
    ) -> io::Result<Sealed> {
        let Some(found) = tree.look(&ready.path)? else { return Ok(Sealed::Nothing) };
        match found.kind {
            Kind::Folder | Kind::Other => Ok(Sealed::Nothing),
            Kind::Link => {
                let target = tree.target(&ready.path)?;
                let gist = Gist { digest: crate::Digest::of(&target), mode: Gist::LINK };
                if self.is_kept(known, &ready.path, gist) {
                    return Ok(Sealed::Nothing);
                }
                let what = What::Link { target };
                self.write(tree, known, (ready, what, now), |note, out| {
                    seal::write(&self.sealing, note, &mut io::empty(), out).map(|_| Some(gist))
                })
            }
            Kind::File => {
                let file = match tree.read(&ready.path) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Sealed::Nothing),
                    other => other?,
                };
                self.seal_file(tree, &file, known, (ready, now), is_over)
            }
        }
    }

    fn seal_file(
        &self,
        tree: &Tree,
        file: &File,
        known: &Known,
        (ready, now): (&Ready, Timestamp),
        is_over: IsOver<'_>,
    ) -> io::Result<Sealed> {
        // What cannot fit is not begun: it would fill the disk, be taken back, and keep the others waiting.
        if stamp(file)?.size > self.spool.room() {
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
        // Something is known of it: perhaps it is just this.
        if known.held(&ready.path).is_some() || self.newest.entry(&ready.path).is_some() {
            let (digest, found) = digest(tree, &ready.path, &mut Vec::new(), is_over)?;
            if self.is_kept(known, &ready.path, Gist { digest, mode: found.mode }) {
                return Ok(Sealed::Nothing);
            }
        }
        let before = stamp(file)?;
        let modified = Timestamp::from_seconds(before.modified.0);
        let what = What::File { mode: before.mode, modified, torn: ready.open };
        self.write(tree, known, (ready, what, now), |note, out| {
            let (size, digest) =
                seal::write(&self.sealing, note, &mut Timed(file, is_over).take(before.size), out)?;
            let moved = has_changed(&before, &stamp(file)?) || size != before.size;
            Ok((ready.open || !moved).then_some(Gist { digest, mode: before.mode }))
        })
    }

    fn write(
        &self,
        tree: &Tree,
        known: &Known,
        (ready, what, now): (&Ready, What, Timestamp),
        write: impl FnOnce(&Note, &mut dyn io::Write) -> io::Result<Option<Gist>>,
    ) -> io::Result<Sealed> {
        let before = self.newest.entry(&ready.path);
        // A torn version is of use only until there is a newer one: that takes its place.
        let replaced = before.filter(|before| before.torn);
        let after = before.and_then(|before| if before.torn { before.after } else { Some(before.id) });
        let id = Spool::draw()?;
        let held = known.held(&ready.path);
        let note = Note {
            id,
            company: self.origin.company.clone(),
            node: self.origin.node.clone(),
            person: self.origin.person.clone(),
            session: self.origin.session.clone(),
            path: ready.path.clone(),
            parent: held.map(|held| held.version),
            again: held.is_some_and(|held| held.is_forgotten()),
            after,
            class: tree.class(&ready.path).unwrap_or_default(),
            what,
            at: now,
        };
        let put = self.spool.put(id, |out| write(&note, out), |gist| Ok(gist.is_some()))?;
        let Some((Waiting { sequence, id, bytes }, Some(gist))) = put else { return Ok(Sealed::Moving) };
        let newest = Newest { sequence, id, bytes, gist, torn: ready.open, after, parent: None };
        self.newest.put(ready.path.clone(), newest);
        if let Some(replaced) = replaced {
            self.spool.remove(&replaced.waiting())?;
        }
        Ok(Sealed::New)
    }

    /// What the disk has of a file, sealed and whole.
    pub(super) fn newest_gist(&self, path: &WorkPath) -> Option<Gist> {
        self.newest.entry(path).filter(|newest| !newest.torn).map(|newest| newest.gist)
    }

    /// Whether headquarters or the disk has just this as the newest. What headquarters has is not enough while something newer
    /// waits sealed: that will take its place there.
    pub(super) fn is_kept(&self, known: &Known, path: &WorkPath, gist: Gist) -> bool {
        let is_held = || known.held(path).is_some_and(|held| held.gist == gist);
        self.newest_gist(path) == Some(gist) || (!self.is_ahead(path, gist) && is_held())
    }

    /// Whether something else of a file waits sealed: that is older and goes first.
    #[must_use]
    pub fn is_ahead(&self, path: &WorkPath, gist: Gist) -> bool {
        let newest = self.newest.entry(path).filter(|newest| !self.spool.is_left(&newest.id));
        newest.is_some_and(|newest| newest.gist != gist)
    }

    /// Headquarters has acknowledged this of a file: what is sealed of it need not wait any longer.
    pub fn acknowledged(&self, path: &WorkPath, held: Held) {
        let Some(newest) = self.newest.entry(path) else { return };
        if newest.gist == held.gist {
            self.newest.forget(path);
            if let Err(error) = self.spool.remove(&newest.waiting()) {
                tracing::warn!(%error, "a sealed item that headquarters has");
            }
        } else if !self.spool.was_left(&newest.id) {
            // It was on its way when a newer one was sealed, which follows it. One that was left is the older of the two.
            self.newest.put(path.clone(), Newest { parent: Some(held.version), ..newest });
        }
    }

    /// Delivers what waits, oldest first. An item that is not taken is left where it is.
    ///
    /// # Errors
    /// [`TransportError`]: what came is gone from here, the rest waits.
    pub async fn deliver(&self, post: &impl Post, known: &Known) -> Result<Posted, TransportError> {
        let paths: BTreeMap<ItemId, WorkPath> =
            self.newest.all().into_iter().map(|(path, newest)| (newest.id, path)).collect();
        let heard = |item: &Waiting, became: &Became, mark: Option<Mark>| {
            if let Some(mark) = mark {
                known.stood_at(mark);
            }
            let Some(path) = paths.get(&item.id) else { return };
            // It may have been sealed anew meanwhile.
            let Some(newest) = self.newest.entry(path).filter(|newest| newest.id == item.id) else { return };
            if let Became::Kept { version } | Became::Known { version } = became {
                known.put(path.clone(), Held { version: *version, gist: newest.gist });
            }
            self.newest.forget(path);
        };
        let parent = |item: &Waiting| {
            let newest = self.newest.entry(paths.get(&item.id)?)?;
            newest.parent.filter(|_| newest.id == item.id)
        };
        post_all(&self.spool, post, parent, heard).await
    }
}

/// How many files of a folder are neither at headquarters nor sealed in `items` as they are, by content and by what the journals
/// there tell. For who ends it without having watched it.
///
/// # Errors
/// What the kernel says.
pub fn left_in(tree: &Tree, items: &Path, threads: usize) -> io::Result<u64> {
    let known = Known::load(tree);
    let newest: Journal<Newest> = Journal::load(tree, JOURNAL);
    let there: BTreeSet<ItemId> = Spool::look(items)?.into_iter().map(|item| item.id).collect();
    let swept = sweep_by(tree, threads, &|| false, |path, gist| {
        // What waits sealed is newer than what headquarters holds.
        match newest.entry(path).filter(|newest| there.contains(&newest.id)) {
            Some(newest) => !newest.torn && Some(newest.gist) == gist,
            None => gist.is_some() && known.held(path).map(|held| held.gist) == gist,
        }
    });
    Ok((swept.changed.len() as u64).saturating_add(swept.unread))
}
