//! Where programs leave work besides: caches, trash, recent files, the print spool, mail, planned jobs, the journal, core dumps.
//!
//! A place that a tree, the volume or the confinement covers is told without its path: names inside trees are nobody's.

use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::policy::Policy;
use crate::root;

/// Kinds of place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// `/tmp`, `/var/tmp`.
    Temporary,
    /// Files in memory, there until the machine stops or the person logs out.
    Memory,
    /// Caches of programs, thumbnails among them.
    Cache,
    /// Deleted files that are still there.
    Trash,
    /// Lists of what was opened last.
    Recent,
    /// Profiles of browsers.
    Browser,
    /// Print jobs.
    PrintSpool,
    /// Mail that programs of this machine have delivered: what a failed job said, among others.
    Mail,
    /// Jobs that are planned (cron, at), with what they are to do.
    Schedule,
    /// The system's and the person's log.
    Journal,
    /// Memory of programs that crashed.
    CoreDump,
}

/// Whether something is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Found {
    /// Something.
    Found,
    /// Nothing.
    NotFound,
    /// It may not be looked at.
    Unknown,
}

/// What makes it go with the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cover {
    /// It lies in a tree that goes.
    Tree,
    /// It lies on the work volume.
    Volume,
    /// It is confined to the volume while that is open.
    Confined,
    /// Nothing does.
    Nothing,
}

/// A place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Spot {
    /// Of what kind.
    pub kind: Kind,
    /// Where; nothing is told for one that is covered.
    pub path: Option<PathBuf>,
    /// Whether something is there.
    pub found: Found,
    /// What makes it go.
    pub cover: Cover,
}

/// The system's own.
const SYSTEM: [(Kind, &str); 11] = [
    (Kind::Temporary, "/tmp"),
    (Kind::Temporary, "/var/tmp"),
    (Kind::Memory, "/dev/shm"),
    (Kind::PrintSpool, "/var/spool/cups"),
    (Kind::Mail, "/var/mail"),
    (Kind::Schedule, "/var/spool/cron/crontabs"),
    (Kind::Schedule, "/var/spool/cron/atjobs"),
    (Kind::Journal, "/var/log/journal"),
    (Kind::Journal, "/run/log/journal"),
    (Kind::CoreDump, "/var/lib/systemd/coredump"),
    (Kind::CoreDump, "/var/crash"),
];

/// In each person's home.
const PERSONAL: [(Kind, &str); 8] = [
    (Kind::Cache, ".cache"),
    (Kind::Cache, ".thumbnails"),
    (Kind::Trash, ".local/share/Trash"),
    (Kind::Recent, ".local/share/recently-used.xbel"),
    (Kind::Recent, ".recently-used"),
    (Kind::Browser, ".mozilla"),
    (Kind::Browser, ".config/chromium"),
    (Kind::Browser, ".config/google-chrome"),
];

/// Accounts of people: what Debian gives to those, `nobody` left out.
const PEOPLE: std::ops::Range<u32> = 1000..60000;

/// Looks at all places.
pub(super) fn look(policy: Option<&Policy>) -> Vec<Spot> {
    let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let system = SYSTEM.iter().map(|(kind, path)| (*kind, PathBuf::from(path)));
    let runtime =
        people(&accounts).map(|(number, _)| (Kind::Memory, PathBuf::from(format!("/run/user/{number}"))));
    let personal = homes(&accounts).into_iter().flat_map(|home| {
        PERSONAL.iter().map(move |(kind, name)| (*kind, home.join(name))).collect::<Vec<_>>()
    });
    system.chain(runtime).chain(personal).map(|(kind, path)| spot(kind, path, policy)).collect()
}

fn spot(kind: Kind, path: PathBuf, policy: Option<&Policy>) -> Spot {
    let cover = cover(&path, policy);
    let found = found(&path);
    let path = (cover == Cover::Nothing).then_some(path);
    Spot { kind, path, found, cover }
}

fn cover(path: &Path, policy: Option<&Policy>) -> Cover {
    let Some(policy) = policy else { return Cover::Nothing };
    let within = |places: &[crate::policy::Place]| places.iter().any(|place| path.starts_with(&place.path));
    if within(&policy.work.trees) {
        Cover::Tree
    } else if policy.volume.as_ref().is_some_and(|volume| path.starts_with(&volume.mount.path)) {
        Cover::Volume
    } else if policy.confine.paths.iter().any(|place| {
        // Only what is bound there now counts: a policy alone confines nothing.
        path.starts_with(&place.path) && root::is_mount_point(&place.path)
    }) {
        Cover::Confined
    } else {
        Cover::Nothing
    }
}

/// The homes of people in the text of `/etc/passwd`.
fn homes(accounts: &str) -> Vec<PathBuf> {
    let mut homes: Vec<PathBuf> = people(accounts).map(|(_, home)| home).collect();
    homes.sort();
    homes.dedup();
    homes
}

/// People's numbers and homes.
fn people(accounts: &str) -> impl Iterator<Item = (u32, PathBuf)> {
    accounts.lines().filter_map(|line| {
        let mut fields = line.split(':').skip(2);
        let number: u32 = fields.next()?.parse().ok()?;
        let home = fields.nth(2)?;
        (PEOPLE.contains(&number) && home.starts_with('/')).then(|| (number, PathBuf::from(home)))
    })
}

/// A directory counts if it holds something, a file if it is there; links are not followed.
fn found(path: &Path) -> Found {
    let told = std::fs::symlink_metadata(path).and_then(|metadata| {
        if metadata.is_dir() { Ok(std::fs::read_dir(path)?.next().transpose()?.is_some()) } else { Ok(true) }
    });
    match told {
        Ok(true) => Found::Found,
        Ok(false) => Found::NotFound,
        Err(error) if [io::ErrorKind::NotFound, io::ErrorKind::NotADirectory].contains(&error.kind()) => {
            Found::NotFound
        }
        Err(_) => Found::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn homes_are_those_of_people() {
        let accounts = "root:x:0:0:root:/root:/bin/sh\nsato:x:1000:1000::/home/sato:/bin/sh\n\
                        nobody:x:65534:65534::/nonexistent:/bin/false\nbroken\nito:x:1001:1001::/home/sato:/bin/sh\n";
        assert_eq!(homes(accounts), [PathBuf::from("/home/sato")]);
        assert_eq!(people(accounts).map(|(number, _)| number).collect::<Vec<_>>(), [1000, 1001]);
    }

    #[test]
    fn a_place_that_is_covered_is_told_without_its_path() {
        let policy: Policy =
            "version = 1\nname = \"x\"\n[volume]\nkinds = [\"ram\"]\nsize = 1\n[work]\ntrees = [\"/home/sato\"]\n\
             [confine]\npaths = [\"/tmp\"]\n"
                .parse()
                .unwrap();
        let spot = |path: &str| spot(Kind::Cache, PathBuf::from(path), Some(&policy));
        assert_eq!((spot("/home/sato/.cache").cover, spot("/home/sato/.cache").path), (Cover::Tree, None));
        assert_eq!(spot("/srv/work/x").cover, Cover::Volume);
        assert_eq!(spot("/home/satou/.cache").path, Some(PathBuf::from("/home/satou/.cache")));
        // `/proc` is mounted everywhere; `/var/tmp` is named by nobody here.
        assert_eq!(spot("/var/tmp").cover, Cover::Nothing);
    }

    #[test]
    fn an_empty_directory_holds_nothing() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(found(directory.path()), Found::NotFound);
        assert_eq!(found(&directory.path().join("none")), Found::NotFound);
        std::fs::write(directory.path().join("a"), "").unwrap();
        assert_eq!(found(directory.path()), Found::Found);
    }
}
