//! Confinement: what people and programs write beside their work goes onto the volume too, and memory reaches no disk in the
//! clear. Every change is written down in the opening before it is made, and undone when it ends.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::{Path, PathBuf};

use hanare_host::mounts::{Mount, Place};
use hanare_host::swap::{self, SwapKind};
use hanare_host::{Deed, HostError, files, mounts};
use rustix::io::Errno;

use super::Places;
use super::error::VolumeError;
use super::opening::{MadeSwap, Opening, Setting};
use super::owed::Owed;
use crate::policy::{Policy, Swap};

/// The directories for everybody's temporary files.
const TEMPORARY: [&str; 2] = ["/tmp", "/var/tmp"];
/// Where the confined directories are in the volume: work homes, and those for temporary files, everybody's, also root's. What
/// begins with `.hanare` is nobody's work: it ends with the day and is not handed over.
const FOLDERS: [&str; 2] = [HOMES, ".hanare-temporary"];
const HOMES: &str = ".confined";
/// Mounts on one another that are taken away.
const LAYERS: u32 = 8;
/// A program that dies leaves its memory nowhere.
const KERNEL: [(&str, &str); 2] =
    [("/proc/sys/kernel/core_pattern", "|/bin/false"), ("/proc/sys/fs/suid_dumpable", "0")];
/// Where systemd looks for what is forbidden until the next boot.
const SLEEP: &str = "/run/systemd/sleep.conf.d/10-hanare.conf";
const NO_HIBERNATION: &str =
    "[Sleep]\nAllowHibernation=no\nAllowHybridSleep=no\nAllowSuspendThenHibernate=no\n";
/// Compressed memory for as many bytes as half of the memory, as distributions do.
const SHARE: u64 = 2;

/// What is bound onto the volume.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Confinement {
    /// The work homes, beside the directories for temporary files.
    pub homes: Vec<PathBuf>,
    /// Leaves swap as it is.
    pub keeps_swap: bool,
}

impl Confinement {
    /// What a policy wants confined.
    #[must_use]
    pub fn of(policy: &Policy) -> Self {
        let homes = policy.confine.homes().map(Path::to_owned).collect();
        Self { homes, keeps_swap: policy.confine.swap == Swap::AsIs }
    }
}

/// Confines a volume that is open, and checks that everything named lies on it.
pub(super) fn confine(
    opening: &mut Opening,
    wanted: &Confinement,
    places: Places<'_>,
) -> Result<(), VolumeError> {
    let [homes, temporary] = FOLDERS.map(|name| opening.mountpoint.join(name));
    for folder in [&homes, &temporary] {
        files::create_private_directory(folder).map_err(VolumeError::io(Deed::Create, folder))?;
    }
    let everybodys = TEMPORARY.map(|path| (Path::new(path), &temporary));
    let wanted = wanted.homes.iter().map(|path| (path.as_path(), &homes));
    let ours = [places.state, places.runtime].map(fs::canonicalize);
    for (path, folder) in everybodys.into_iter().chain(wanted) {
        // Whoever ends the volume must find its record.
        let is_temporary = TEMPORARY.map(Path::new).contains(&path);
        if !is_temporary && ours.iter().flatten().any(|ours| ours.starts_with(path) || path.starts_with(ours))
        {
            return Err(VolumeError::Unconfinable { path: path.to_owned() });
        }
        let inside = folder.join(name_of(path));
        // Whoever owns the directory above could have put a link there, or could put one there now.
        let place = Place::open(path).map_err(|error| unfit(path, error))?;
        alike(&place, path, &inside)?;
        opening.confined.push(path.to_owned());
        opening.save(places)?;
        place.bind(&inside)?;
    }
    settings(opening, places)?;
    match escapes(opening)?.into_iter().next() {
        None => Ok(()),
        Some(path) => Err(VolumeError::Escapes { path }),
    }
}

/// Where a confined directory that is not for temporary files lies in the volume.
pub(crate) fn place_of_home(home: &Path) -> PathBuf {
    Path::new(HOMES).join(name_of(home))
}

/// The name of a confined directory in the volume: its path, so that what headquarters holds of a home comes back into the same
/// home, whatever else the policy names by then.
fn name_of(path: &Path) -> OsString {
    let mut name = Vec::new();
    for byte in path.as_os_str().as_bytes().iter().skip(1) {
        match byte {
            b'/' => name.extend(b"%2f"),
            b'%' => name.extend(b"%25"),
            byte => name.push(*byte),
        }
    }
    OsString::from_vec(name)
}

/// The first of what is wanted that a volume which is open does not confine.
pub(super) fn missing(opening: &Opening, wanted: &Confinement) -> Result<Option<PathBuf>, VolumeError> {
    let mut places = TEMPORARY.map(Path::new).into_iter().chain(wanted.homes.iter().map(PathBuf::as_path));
    if let Some(place) = places.find(|place| opening.confined.iter().all(|confined| confined != place)) {
        return Ok(Some(place.to_owned()));
    }
    if opening.keeps_swap && !wanted.keeps_swap {
        let plain = swap::areas()?.into_iter().find(|area| area.kind == SwapKind::Plain);
        if let Some(area) = plain {
            return Ok(Some(area.path));
        }
    }
    Ok(escapes(opening)?.into_iter().next())
}

/// What should lie on the volume and does not, by the kernel's list of mounts: no file system is asked, which could hang.
pub(crate) fn escapes(opening: &Opening) -> Result<Vec<PathBuf>, VolumeError> {
    let mut outside = Vec::new();
    for place in &opening.confined {
        let seen = mounts::at(place)?;
        if seen.is_none_or(|mount| Some(mount.device) != opening.device) {
            outside.push(place.clone());
        }
    }
    if !opening.confined.is_empty() && !opening.keeps_swap {
        let plain = swap::areas()?.into_iter().filter(|area| area.kind == SwapKind::Plain);
        outside.extend(plain.map(|area| area.path));
    }
    Ok(outside)
}

/// Whether the memory of a program that dies goes to a disk again: whoever sets what the kernel does with it, for the whole
/// machine, does not ask us.
pub(crate) fn dumps_core(opening: &Opening) -> bool {
    let is_ours =
        |(path, value): (&str, &str)| fs::read_to_string(path).is_ok_and(|now| now.trim_end() == value);
    !opening.confined.is_empty() && !KERNEL.into_iter().all(is_ours)
}

/// What lies on the volume now.
pub(super) fn in_force(opening: &Opening) -> Result<Vec<PathBuf>, VolumeError> {
    let outside = escapes(opening)?;
    Ok(opening.confined.iter().filter(|place| !outside.contains(place)).cloned().collect())
}

/// Undoes all of it; one part that cannot be undone does not keep the others from it.
pub(super) fn undo(opening: &Opening, runtime: &Path) -> Result<(), VolumeError> {
    let mut first = Ok(());
    let ours = |mount: &Mount| is_ours(mount, opening);
    let mut bound: Vec<PathBuf> = mounts::list()?.into_iter().filter(ours).map(|mount| mount.point).collect();
    bound.reverse();
    for place in bound {
        // Whatever somebody mounted over it goes with it; somebody who goes on mounting is not waited for.
        for _ in 0..LAYERS {
            if !mounts::list()?.iter().any(|mount| mount.point == place && ours(mount)) {
                break;
            }
            let opened = Place::open(&place).map_err(VolumeError::io(Deed::Read, &place));
            if let Err(error) = opened.and_then(|opened| Ok(opened.unmount()?)) {
                first = first.and(Err(error));
                break;
            }
        }
    }
    first.and(Owed::load(runtime).and_then(|owed| owed.and(opening).put_back(runtime)).map(drop))
}

/// Whether confinement made this mount: wherever it is seen now, as who owns a directory above it can move it.
fn is_ours(mount: &Mount, opening: &Opening) -> bool {
    // What lies in memory is emptied by now: the kernel shows a directory that is removed with more behind its name.
    let is_inside = || mount.root.iter().any(|name| FOLDERS.iter().any(|folder| name == *folder));
    Some(mount.device) == opening.device
        && !mount.point.starts_with(&opening.mountpoint)
        && (opening.confined.contains(&mount.point) || is_inside())
}

/// A directory with the owner and the mode of another one.
fn alike(original: &Place, path: &Path, copy: &Path) -> Result<(), VolumeError> {
    let seen = original.metadata().map_err(VolumeError::io(Deed::Read, path))?;
    fs::create_dir(copy)
        .and_then(|()| chown(copy, Some(seen.uid()), Some(seen.gid())))
        .and_then(|()| fs::set_permissions(copy, seen.permissions()))
        .map_err(VolumeError::io(Deed::Create, copy))
}

fn unfit(path: &Path, error: io::Error) -> VolumeError {
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::LOOP | Errno::NOTDIR) => VolumeError::Unconfinable { path: path.to_owned() },
        _ => VolumeError::io(Deed::Read, path)(error),
    }
}

fn settings(opening: &mut Opening, places: Places<'_>) -> Result<(), VolumeError> {
    let owed = Owed::load(places.runtime)?;
    for (path, value) in KERNEL {
        let path = Path::new(path);
        let before = || fs::read_to_string(path).map_err(VolumeError::io(Deed::Read, path));
        // Where an earlier end could not put it back, what is there now is ours.
        let setting = match owed.original(path) {
            Some(original) => original.clone(),
            None => Setting { path: path.to_owned(), before: Some(before()?) },
        };
        set(opening, places, setting, value)?;
    }
    let sleep = Path::new(SLEEP);
    if Path::new("/run/systemd/system").is_dir() && !sleep.exists() {
        let folder = sleep.parent().unwrap_or(sleep);
        fs::create_dir_all(folder).map_err(VolumeError::io(Deed::Create, folder))?;
        set(opening, places, Setting { path: sleep.to_owned(), before: None }, NO_HIBERNATION)?;
    }
    Ok(())
}

fn set(opening: &mut Opening, places: Places<'_>, setting: Setting, value: &str) -> Result<(), VolumeError> {
    let path = setting.path.clone();
    opening.settings.push(setting);
    opening.save(places)?;
    fs::write(&path, value).map_err(VolumeError::io(Deed::Write, &path))
}

/// Takes swap on disks out of use and compressed memory into use; what is encrypted or compressed already stays. Before there
/// is a key: reading swap back can take minutes, and nobody can end a volume meanwhile.
pub(super) fn replace_swap(
    opening: &mut Opening,
    wanted: &Confinement,
    places: Places<'_>,
) -> Result<(), VolumeError> {
    opening.keeps_swap = wanted.keeps_swap;
    if wanted.keeps_swap {
        return Ok(());
    }
    let plain: Vec<swap::Area> =
        swap::areas()?.into_iter().filter(|area| area.kind == SwapKind::Plain).collect();
    if plain.is_empty() {
        return Ok(());
    }
    let bytes = memory()? / SHARE;
    let device = swap::new_zram(bytes)?;
    opening.swap_made = Some(MadeSwap { path: device.clone(), kind: SwapKind::Zram });
    opening.save(places)?;
    swap::make(&device, bytes)?;
    swap::on(&device, None)?;
    for area in plain {
        opening.swap_before.push(area.path.clone());
        if let Some(priority) = area.priority {
            opening.swap_priorities.insert(area.path.clone(), priority);
        }
        opening.save(places)?;
        swap::off(&area.path)?;
    }
    Ok(())
}

fn memory() -> Result<u64, VolumeError> {
    let text = fs::read_to_string("/proc/meminfo")
        .map_err(VolumeError::io(Deed::Read, Path::new("/proc/meminfo")))?;
    let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix("kB"));
    let kibibytes: Option<u64> = total.and_then(|number| number.trim().parse().ok());
    let unknown = || HostError::io(Deed::Read.of("/proc/meminfo"), &io::ErrorKind::InvalidData.into());
    Ok(kibibytes.ok_or_else(unknown)?.saturating_mul(1024) / 4096 * 4096)
}
