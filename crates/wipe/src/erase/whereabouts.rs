//! Where on its file system something lies that a process holds: by what mount it is held, in whatever mount namespace. A path as
//! the process sees it says little, since everybody may mount what they see under another name.

use std::cell::OnceCell;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use hanare_host::mounts::{self, Mount};
use rustix::io::Errno;

use crate::root::Root;

/// What the kernel writes behind the last path of a file without a name.
const DELETED: &[u8] = b" (deleted)";

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
        let target = match fs::read_link(link) {
            Ok(target) => target,
            // It is closed by now, or the process is gone.
            Err(error) if is_gone(&error) => return Was::Elsewhere,
            Err(_) => return Was::Unknown,
        };
        let Some(path) = target.as_os_str().as_bytes().strip_suffix(DELETED) else { return Was::Elsewhere };
        let path = Path::new(OsStr::from_bytes(path));
        let number = mount_of(link);
        let ours = number.and_then(|id| self.mounts.iter().find(|mount| mount.id == id));
        // What is mapped or runs is not told with its mount: the nearest one that its path leads through.
        let nearest = || {
            let mounts = self.mounts.iter().chain(process.mounts());
            mounts
                .filter(|mount| path.starts_with(&mount.point))
                .max_by_key(|mount| mount.point.as_os_str().len())
        };
        let theirs = || process.mounts().iter().find(|mount| Some(mount.id) == number);
        let mount = ours.or_else(|| if number.is_some() { theirs() } else { nearest() });
        let told = mount.map(|mount| (mount.device == self.device, mount.on_it(path)));
        match told {
            Some((true, Some(path))) if path.starts_with(&self.path) => Was::Below,
            // Whoever can make mounts and roots of their own decides what such a path says.
            _ if ours.is_none() && process.makes_its_own_world() => Was::Unknown,
            Some((true, Some(_))) => Was::Elsewhere,
            Some((false, _)) if link.starts_with(process.path.join("fd")) => Was::Elsewhere,
            Some(_) | None => Was::Unknown,
        }
    }
}

fn is_gone(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw_os_error);
    matches!(errno, Some(Errno::NOENT | Errno::SRCH))
}

/// A process, or a thread with open files of its own, and the mounts that it sees once they are wanted.
#[derive(Debug)]
pub(super) struct Process {
    number: String,
    path: PathBuf,
    mounts: OnceCell<Vec<Mount>>,
    makes_its_own_world: OnceCell<bool>,
}

/// Accounts below this are the system's.
const PEOPLE: u32 = 1000;
/// And these: systemd gives them to services for as long as they run (`DynamicUser=`); nobody can log in as one.
const SERVICES: std::ops::RangeInclusive<u32> = 60_000..=65_535;

impl Process {
    pub(super) fn new(number: u32) -> Self {
        let number = number.to_string();
        let path = Path::new("/proc").join(&number);
        Self { path, number, mounts: OnceCell::new(), makes_its_own_world: OnceCell::new() }
    }

    /// Whether it sees other mounts than this process, or has another root, and is not one of the system's own.
    fn makes_its_own_world(&self) -> bool {
        *self.makes_its_own_world.get_or_init(|| {
            let is_people_s = |uid: &u32| *uid >= PEOPLE && !SERVICES.contains(uid);
            if accounts(&self.path).is_some_and(|all| !all.iter().any(is_people_s)) {
                return false;
            }
            let namespace = |path: &Path, name: &str| fs::read_link(path.join("ns").join(name)).ok();
            let own = Path::new("/proc/self");
            let is_apart = |thread: &Path| {
                ["mnt", "user"].iter().any(|name| namespace(thread, name) != namespace(own, name))
                    || fs::read_link(thread.join("root")).map_or(true, |root| root != Path::new("/"))
            };
            // Each of its threads can have seen the file in a world of its own.
            let threads = fs::read_dir(self.path.join("task")).into_iter().flatten().flatten();
            threads.map(|thread| thread.path()).chain([self.path.clone()]).any(|thread| is_apart(&thread))
        })
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

/// The accounts that a process acts as. Who its files in `/proc` belong to says less: whoever lets nobody look has them be root's.
fn accounts(process: &Path) -> Option<Vec<u32>> {
    let status = fs::read_to_string(process.join("status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    line.split_whitespace().map(|uid| uid.parse().ok()).collect()
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
