//! A person's work on this machine, reached by descriptors only: no symbolic link, mount or `..` that appears while it is
//! read or written leads outside.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, ResolveFlags, Timespec, Timestamps};
use rustix::io::Errno;
use rustix::mount::OpenTreeFlags;

use super::classes::Classes;
use super::stamp::{Kind, Stamp, stamp, times_are_kept};
use crate::path::WorkPath;
use crate::protocol::Class;

/// The work volume's own folder (its canaries), and what this program's own files begin with: they are nobody's work.
const FOLDER: &[u8] = b".hanare";
const OWN: &[u8] = b".hanare-";
/// What a file is called while it is written.
const PART: &[u8] = b".hanare-part-";

/// A folder with a person's work.
#[derive(Debug)]
pub struct Tree {
    root: OwnedFd,
    path: PathBuf,
    /// Whose files are work, if the folder is a person's and not root's.
    owner: Option<u32>,
    classes: Classes,
    /// Whether its file system gives every file that is written to another time, also through a mapping.
    times_are_kept: bool,
}

const BENEATH: ResolveFlags =
    ResolveFlags::BENEATH.union(ResolveFlags::NO_SYMLINKS).union(ResolveFlags::NO_XDEV);

impl Tree {
    /// Opens the folder.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn open(path: &Path) -> io::Result<Self> {
        // A view of our own: where people may not write for a while, this program still keeps its journals.
        let own = OpenTreeFlags::OPEN_TREE_CLONE
            | OpenTreeFlags::OPEN_TREE_CLOEXEC
            | OpenTreeFlags::AT_SYMLINK_NOFOLLOW;
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let root = match rustix::mount::open_tree(CWD, path, own) {
            Ok(view) => view,
            // Not root, or an old kernel.
            Err(_) => rustix::fs::open(path, flags, Mode::empty())?,
        };
        let owner = rustix::fs::fstat(&root)?.st_uid;
        let times_are_kept = times_are_kept(&root);
        let (path, owner) = (path.to_owned(), (owner != 0).then_some(owner));
        Ok(Self { root, path, owner, classes: Classes::default(), times_are_kept })
    }

    #[cfg(test)]
    pub(super) fn with_times_kept(self, times_are_kept: bool) -> Self {
        Self { times_are_kept, ..self }
    }

    /// Whether its file system gives every file that is written to another time.
    pub(super) const fn times_are_kept(&self) -> bool {
        self.times_are_kept
    }

    /// The same, of which not everything is work.
    #[must_use]
    pub fn with_classes(self, classes: Classes) -> Self {
        Self { classes, ..self }
    }

    /// Of which class a file in it is; `None` if it ends with the day.
    #[must_use]
    pub fn class(&self, path: &WorkPath) -> Option<Class> {
        self.classes.of(path)
    }

    /// Whether there is a class of settings in it.
    pub(super) fn has_settings(&self) -> bool {
        self.classes.has(Class::Settings)
    }

    /// The folder's path, for watching it.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes the path of a file in it apart; `None` for what is not below it, or is this program's own.
    #[must_use]
    pub fn relative(&self, path: &Path) -> Option<WorkPath> {
        let below = path.strip_prefix(&self.path).ok()?.as_os_str().as_bytes();
        let own = below.split(|byte| *byte == b'/').any(|name| name == FOLDER || name.starts_with(OWN));
        WorkPath::new(below).ok().filter(|_| !own)
    }

    fn at(&self, path: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
        let flags = flags | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        loop {
            match rustix::fs::openat2(&self.root, path, flags, Mode::empty(), BENEATH) {
                // A rename elsewhere while it was resolved.
                Err(Errno::AGAIN | Errno::INTR) => {}
                other => return other,
            }
        }
    }

    /// What is at a path; `None` if nothing is, or nothing that can be reached inside this folder.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn look(&self, path: &WorkPath) -> io::Result<Option<Stamp>> {
        match self.at(path.as_path(), OFlags::PATH) {
            Ok(file) => stamp(&file).map(Some),
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::XDEV) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Whose a file is.
    ///
    /// # Errors
    /// What the kernel says.
    pub(super) fn owner(&self, path: &WorkPath) -> io::Result<Owner> {
        let found = rustix::fs::fstat(self.at(path.as_path(), OFlags::PATH)?)?;
        Ok(Owner {
            uid: rustix::fs::Uid::from_raw(found.st_uid),
            gid: rustix::fs::Gid::from_raw(found.st_gid),
        })
    }

    /// Opens a regular file for reading. A pipe that was put in its place does not hold us.
    ///
    /// # Errors
    /// What the kernel says; [`io::ErrorKind::InvalidInput`] if it is no regular file, [`io::ErrorKind::PermissionDenied`] if
    /// it is somebody else's and not the work of whom the folder belongs to: tomorrow it would be theirs; [`io::ErrorKind::FileTooLarge`] if it says
    /// to be larger than the file system that it lies on: that is nothing but hole, and takes days to read.
    pub fn read(&self, path: &WorkPath) -> io::Result<File> {
        let file = self.at(path.as_path(), OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY)?;
        let found = stamp(&file)?;
        if found.kind != Kind::File {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        if !self.is_theirs(path, &found)? {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let here = rustix::fs::fstatvfs(&file)?;
        let most = here.f_blocks.saturating_mul(here.f_frsize);
        // A file system in memory may have no size.
        if most > 0 && found.size > most {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(File::from(file))
    }

    /// Whether a file is the work of whom the folder belongs to: their own, or one that somebody else has put into a folder of
    /// theirs for everybody to read.
    fn is_theirs(&self, path: &WorkPath, found: &Stamp) -> io::Result<bool> {
        let Some(owner) = self.owner.filter(|owner| *owner != found.owner) else { return Ok(true) };
        let is_for_all = Mode::from_raw_mode(found.mode).contains(Mode::ROTH);
        let above = path.as_path().parent().filter(|above| !above.as_os_str().is_empty());
        let Some(above) = above.filter(|_| is_for_all) else { return Ok(is_for_all) };
        let above = self.at(above, OFlags::PATH | OFlags::DIRECTORY)?;
        Ok(stamp(&above)?.owner == owner)
    }

    /// Where a symbolic link points.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn target(&self, path: &WorkPath) -> io::Result<Vec<u8>> {
        let link = self.at(path.as_path(), OFlags::PATH)?;
        Ok(rustix::fs::readlinkat(&link, "", Vec::new())?.into_bytes())
    }

    /// Every file and link below that is handed over, or below one folder of it. What vanishes meanwhile, or cannot be listed, is in the answer.
    pub fn walk(&self, below: Option<&WorkPath>, mut found: impl FnMut(Found)) {
        let start = below.map_or_else(|| self.path.clone(), |below| self.path.join(below.as_path()));
        let walk = walkdir::WalkDir::new(start).follow_links(false).same_file_system(true).min_depth(1);
        for entry in walk {
            match entry {
                Ok(entry) if entry.file_type().is_dir() => {}
                Ok(entry) => {
                    if let Some(path) = self.relative(entry.path()).filter(|path| self.class(path).is_some())
                    {
                        found(Found::File(path));
                    }
                }
                Err(error) => match error.io_error().map(io::Error::kind) {
                    Some(io::ErrorKind::NotFound) => {}
                    Some(_) | None => found(Found::Unread),
                },
            }
        }
    }

    /// Makes the folders above a path and opens the last one.
    fn parent(&self, path: &WorkPath, owner: Option<Owner>) -> io::Result<(OwnedFd, Vec<u8>)> {
        let bytes = path.as_bytes();
        let Some(slash) = bytes.iter().rposition(|byte| *byte == b'/') else {
            return Ok((self.root.try_clone()?, bytes.to_vec()));
        };
        let (folders, name) =
            (bytes.get(..slash).unwrap_or_default(), bytes.get(slash + 1..).unwrap_or_default());
        let mut at = 0;
        let mut folder = self.root.try_clone()?;
        for step in folders.split(|byte| *byte == b'/') {
            match rustix::fs::mkdirat(&folder, OsStr::from_bytes(step), Mode::from_raw_mode(0o700)) {
                Ok(()) => {
                    if let Some(owner) = owner {
                        let flags = AtFlags::SYMLINK_NOFOLLOW;
                        rustix::fs::chownat(
                            &folder,
                            OsStr::from_bytes(step),
                            Some(owner.uid),
                            Some(owner.gid),
                            flags,
                        )?;
                    }
                }
                Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
            at += step.len();
            let so_far = bytes.get(..at).unwrap_or_default();
            folder = self.at(Path::new(OsStr::from_bytes(so_far)), OFlags::PATH | OFlags::DIRECTORY)?;
            at += 1;
        }
        Ok((folder, name.to_vec()))
    }

    /// Puts a file at a path at once, whole: `write` writes it under another name first. Nothing is replaced that is not
    /// `replaces`.
    ///
    /// # Errors
    /// What the kernel or `write` says; [`io::ErrorKind::AlreadyExists`] if something else is there.
    pub fn put<T>(
        &self,
        path: &WorkPath,
        meta: Meta,
        replaces: Option<&Stamp>,
        write: impl FnOnce(&mut File) -> io::Result<T>,
    ) -> io::Result<T> {
        let (folder, name) = self.parent(path, meta.owner)?;
        // Drawn, and only if it is new: the folder is the person's, and a pipe that lies there would hold us for ever.
        let part = [PART, crate::seal::Spool::draw()?.to_string().as_bytes()].concat();
        let part = OsStr::from_bytes(&part);
        let name = OsStr::from_bytes(&name);
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let file = rustix::fs::openat(&folder, part, flags, Mode::from_raw_mode(0o600))?;
        let mut file = File::from(file);
        let written = write(&mut file).and_then(|written| {
            if let Some(owner) = meta.owner {
                rustix::fs::fchown(&file, Some(owner.uid), Some(owner.gid))?;
            }
            rustix::fs::fchmod(&file, Mode::from_raw_mode(meta.mode & 0o777))?;
            let time = Timespec { tv_sec: meta.modified, tv_nsec: 0 };
            rustix::fs::futimens(&file, &Timestamps { last_access: time, last_modification: time })?;
            match replaces {
                Some(before) if self.look(path)?.as_ref() == Some(before) => {
                    rustix::fs::renameat(&folder, part, &folder, name)?;
                }
                Some(_) | None => {
                    let only_new = rustix::fs::RenameFlags::NOREPLACE;
                    rustix::fs::renameat_with(&folder, part, &folder, name, only_new)?;
                }
            }
            Ok(written)
        });
        if written.is_err() {
            let _ = rustix::fs::unlinkat(&folder, part, AtFlags::empty());
        }
        written
    }

    /// This program's own file of this name in the folder, made if it is not there. What somebody else has put in its place
    /// is not believed.
    pub(super) fn own(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::APPEND | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let name = [OWN, name.as_bytes()].concat();
        let mode = Mode::from_raw_mode(0o600);
        let opened = rustix::fs::openat2(
            &self.root,
            OsStr::from_bytes(&name),
            flags | OFlags::NONBLOCK,
            mode,
            BENEATH,
        )?;
        let found = rustix::fs::fstat(&opened)?;
        let is_ours = found.st_uid == rustix::process::geteuid().as_raw() && found.st_nlink == 1;
        if stamp(&opened)?.kind != Kind::File || !is_ours {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        Ok(File::from(opened))
    }

    /// Takes away what stands in the place of [`Tree::own`].
    pub(super) fn disown(&self, name: &str) -> io::Result<()> {
        let name = [OWN, name.as_bytes()].concat();
        let name = OsStr::from_bytes(&name);
        match rustix::fs::unlinkat(&self.root, name, AtFlags::empty()) {
            Err(Errno::ISDIR) => rustix::fs::unlinkat(&self.root, name, AtFlags::REMOVEDIR),
            other => other,
        }
        .map_err(Into::into)
    }

    /// A file without a name, on this folder's own file system.
    pub(super) fn nameless(&self) -> io::Result<File> {
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        Ok(File::from(rustix::fs::openat(&self.root, ".", flags, Mode::from_raw_mode(0o600))?))
    }

    /// Puts a symbolic link at a path; something that is there stays.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn link(&self, path: &WorkPath, target: &[u8], owner: Option<Owner>) -> io::Result<()> {
        let (folder, name) = self.parent(path, owner)?;
        let name = OsStr::from_bytes(&name);
        rustix::fs::symlinkat(OsStr::from_bytes(target), &folder, name)?;
        if let Some(owner) = owner {
            rustix::fs::chownat(&folder, name, Some(owner.uid), Some(owner.gid), AtFlags::SYMLINK_NOFOLLOW)?;
        }
        Ok(())
    }

    /// Gives a file another name; nothing is replaced.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn rename(&self, from: &WorkPath, to: &WorkPath) -> io::Result<()> {
        let ((from, old), (to, new)) = (self.parent(from, None)?, self.parent(to, None)?);
        let only_new = rustix::fs::RenameFlags::NOREPLACE;
        let (old, new) = (OsStr::from_bytes(&old), OsStr::from_bytes(&new));
        rustix::fs::renameat_with(&from, old, &to, new, only_new)?;
        Ok(())
    }
}

/// What a walk met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A file or a link.
    File(WorkPath),
    /// A folder that could not be listed.
    Unread,
}

/// Whose a file becomes.
#[derive(Debug, Clone, Copy)]
pub struct Owner {
    /// User.
    pub uid: rustix::fs::Uid,
    /// Group.
    pub gid: rustix::fs::Gid,
}

/// What a file that is put gets.
#[derive(Debug, Clone, Copy)]
pub struct Meta {
    /// Permission bits; none but read, write and execute are given.
    pub mode: u32,
    /// Seconds since 1970.
    pub modified: i64,
    /// Whose it becomes; who runs this, if absent.
    pub owner: Option<Owner>,
}
