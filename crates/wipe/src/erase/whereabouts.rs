//! Where on its file system something lies that a process holds: by what mount it is held, in whatever mount namespace. A path as
//! the process sees it says little, since everybody may mount what they see under another name.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use hanare_host::mounts::{self, Mount};

use crate::root::Root;

/// What the kernel writes behind the last path of a file without a name.
pub(super) const DELETED: &[u8] = b" (deleted)";

/// A tree, as its file system names it.
#[derive(Debug)]
pub(super) struct Below {
    /// The number of the device, as mounts are listed.
    device: u64,
    path: PathBuf,
    /// The mounts that this process sees.
    mounts: Vec<Mount>,
}

/// Whether a file without a name was below a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Was {
    /// It was.
    Below,
    /// It was somewhere else.
    Elsewhere,
    /// Nobody can tell: it is held by a mount that is in no list.
    Unknown,
}

impl Below {
    pub(super) fn of(root: &Root) -> Self {
        let mounts = mounts::list().unwrap_or_default();
        let path = root.mount.on_it(&root.path).unwrap_or_else(|| root.path.clone());
        Self { device: root.mount.device, path, mounts }
    }

    /// Whether what a link in `/proc/PID` leads to was below the tree and has no name any more. Looking at paths and mounts asks no
    /// file system: one that hangs is not waited for.
    pub(super) fn was(&self, process: &Process, link: &Path) -> Was {
        let Ok(target) = fs::read_link(link) else { return Was::Elsewhere };
        let Some(path) = target.as_os_str().as_bytes().strip_suffix(DELETED) else { return Was::Elsewhere };
        let path = Path::new(OsStr::from_bytes(path));
        let mounts = || self.mounts.iter().chain(process.mounts());
        let mount = match mount_of(link) {
            Some(id) => mounts().find(|mount| mount.id == id),
            // What is mapped or runs is not told with its mount: the nearest one that its path leads through.
            None => mounts()
                .filter(|mount| path.starts_with(&mount.point))
                .max_by_key(|mount| mount.point.as_os_str().len()),
        };
        match mount.map(|mount| (mount.device == self.device, mount.on_it(path))) {
            Some((true, Some(path))) if path.starts_with(&self.path) => Was::Below,
            Some((true, Some(_))) => Was::Elsewhere,
            Some((false, _)) if link.starts_with(process.path.join("fd")) => Was::Elsewhere,
            Some(_) | None => Was::Unknown,
        }
    }
}

/// A process, and the mounts that it sees once they are wanted.
#[derive(Debug)]
pub(super) struct Process {
    number: String,
    path: PathBuf,
    mounts: std::cell::OnceCell<Vec<Mount>>,
}

impl Process {
    pub(super) fn new(number: String) -> Self {
        Self { path: Path::new("/proc").join(&number), number, mounts: std::cell::OnceCell::new() }
    }

    /// Everything that it holds: its open files, what it has mapped, its program.
    pub(super) fn links(&self) -> Vec<PathBuf> {
        let mut links = vec![self.path.join("exe")];
        for folder in ["fd", "map_files"] {
            let entries = fs::read_dir(self.path.join(folder)).into_iter().flatten().flatten();
            links.extend(entries.map(|entry| entry.path()));
        }
        links
    }

    fn mounts(&self) -> &[Mount] {
        self.mounts.get_or_init(|| mounts::seen_by(&self.number).unwrap_or_default())
    }
}

/// The number of the mount that an open file is held by.
fn mount_of(link: &Path) -> Option<u64> {
    let folder = link.parent()?;
    if folder.file_name()? != "fd" {
        return None;
    }
    let told = fs::read_to_string(folder.with_file_name("fdinfo").join(link.file_name()?)).ok()?;
    told.lines().find_map(|line| line.strip_prefix("mnt_id:")?.trim().parse().ok())
}
