//! The work volume: where work data may live, under a key that exists only in the kernel's memory.
//!
//! `create` decides what it is ([`Definition`]); every [`open`] makes it anew with a new key and writes an [`Opening`] down
//! first; [`end`] and [`settle`] see to it that every opening has exactly one receipt. `STATE/wipe/` holds both records.

mod backing;
mod canary;
mod confine;
mod definition;
mod device;
mod dm_crypt;
mod ending;
mod error;
mod fscrypt;
mod holders;
mod medium;
mod opening;
mod owed;
mod owners;
mod people;
mod probe;
mod ram;
mod read_only;
mod tear_down;
mod twin;

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use hanare_host::swap::{self, SwapKind};
use hanare_host::{Deed, files, mounts};
use hanare_model::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use confine::Confinement;
pub(crate) use confine::place_of_home;
pub(crate) use confine::{dumps_core, escapes};
pub use definition::Definition;
pub use ending::{Ended, Last, can_still_be_read, end, end_by, end_last, is_unsettled, settle};
pub use error::VolumeError;
pub use opening::{Announced, End, Opening};
pub use people::{People, Standstill};
pub use probe::first_possible;
pub use read_only::{Writing, let_write, stop_writing};

use crate::boot::BootId;
use crate::policy::{Policy, Rule};
use crate::receipt::WipeId;
use crate::records;
use crate::volume_kind::VolumeKind;

const DEFINITION: &str = "volume.json";
const LOCK: &str = "volume.lock";

/// Where the records of one node are: its state directory, and the runtime directory that a reboot empties.
#[derive(Debug, Clone, Copy)]
pub struct Places<'a> {
    /// `--state`.
    pub state: &'a Path,
    /// `--runtime`.
    pub runtime: &'a Path,
}

/// Whether there is a volume and whether it is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// None was created.
    Absent,
    /// It can be opened.
    Locked,
    /// It is in use.
    Open,
}

/// The work volume as it is now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    /// Whether there is one and whether it is open.
    pub state: State,
    /// Which opening this is; `None` unless it is open.
    pub opening: Option<WipeId>,
    /// Where; `None` unless it is open.
    pub mountpoint: Option<PathBuf>,
    /// The file or device that it lies on.
    pub backing: Option<PathBuf>,
    /// Its kind.
    pub kind: Option<VolumeKind>,
    /// Bytes.
    pub size: Option<u64>,
    /// What is bound onto it.
    pub confined: Vec<PathBuf>,
    /// Where memory may be written to.
    pub swap: SwapKind,
    /// Whether the last one that ended can still be read.
    pub still_readable: bool,
}

/// Makes room for a volume and writes down what it is. The same one again is good.
///
/// # Errors
/// [`VolumeError::Exists`] for another one, [`VolumeError::Open`], or what making room meets.
pub fn create(places: Places<'_>, definition: &Definition) -> Result<(), VolumeError> {
    let _held = hold(places.state)?;
    let path = place(places.state).join(DEFINITION);
    match known(places.state)? {
        None => {}
        Some(known) if !known.is_same(definition) => return Err(VolumeError::Exists { kind: known.kind }),
        Some(known) if known.has_room() => return Ok(()),
        // Which disk it is to be on is nobody's to guess.
        Some(known) if known.is_device() => return known.check(),
        // Whoever died between both has written it down and made no room yet.
        Some(known) => return known.make_room(|_| Ok(())),
    }
    if definition.kind == VolumeKind::Ram && definition::memory_may_leak()? && !probe::can_noswap() {
        return Err(VolumeError::PlainSwap);
    }
    create_anew(&path, definition)
}

fn create_anew(path: &Path, definition: &Definition) -> Result<(), VolumeError> {
    let made = definition.make_room(|definition| {
        let text = serde_json::to_vec(definition)
            .map_err(|source| VolumeError::Damaged { path: path.to_owned(), source })?;
        files::create_exclusive(path, &text).map_err(VolumeError::io(Deed::Write, path))
    });
    made.inspect_err(|_| {
        // The first error is the one worth reporting.
        let _ = files::remove(path);
    })
}

/// What `create` wrote down.
///
/// # Errors
/// [`VolumeError::Damaged`], [`VolumeError::Io`].
pub fn known(state: &Path) -> Result<Option<Definition>, VolumeError> {
    read_json(&place(state).join(DEFINITION))
}

/// Makes the volume anew with a new key and shows it at `mountpoint`. One that is open there already, with all
/// that `confinement` asks for, is left as it is.
///
/// The policy that it is opened by is written down: if the power ends it, its leftovers are erased at the next boot.
///
/// An opening that has not ended must be settled first: see [`settle`].
///
/// # Errors
/// [`VolumeError::Absent`], [`VolumeError::Open`] elsewhere, [`VolumeError::OpenWithout`], or what the machine says; nothing stays behind then but the
/// record that [`settle`] ends.
pub fn open(
    places: Places<'_>,
    mountpoint: &Path,
    confinement: Option<&Confinement>,
    policy: Option<&Policy>,
    now: Timestamp,
) -> Result<Opening, VolumeError> {
    let held = hold(places.state)?;
    let definition = known(places.state)?.ok_or(VolumeError::Absent)?;
    let text = policy.map(|policy| policy.text.clone());
    if let Some(mut opening) = Opening::load(places)? {
        if ending::is_readable(&opening) {
            return Err(VolumeError::StillReadable { mountpoint: opening.mountpoint });
        }
        if opening.mountpoint != mountpoint || !opening.ready || !is_open(&opening) {
            return Err(VolumeError::Open { mountpoint: opening.mountpoint });
        }
        let missing = confinement.map(|wanted| confine::missing(&opening, wanted)).transpose()?.flatten();
        return match missing {
            None => {
                if text.is_some() && opening.policy != text {
                    opening.policy = text;
                    opening.save(places)?;
                }
                Ok(opening)
            }
            Some(path) => Err(VolumeError::OpenWithout { mountpoint: opening.mountpoint, path }),
        };
    }
    prepare(mountpoint)?;
    let boot = BootId::current().map_err(VolumeError::io(Deed::Read, Path::new("/proc")))?;
    let id = WipeId::random().map_err(VolumeError::io(Deed::Random, mountpoint))?;
    let mut opening = Opening::new(id, boot, now, definition, mountpoint);
    opening.policy = text;
    let below = opening.below(places.runtime);
    let folder = below.parent().unwrap_or(places.runtime);
    files::create_private_directory(folder).map_err(VolumeError::io(Deed::Create, folder))?;
    records::stock(places.state);
    // Before the key exists: from here on a receipt is owed.
    opening.save(places)?;
    if let Some(confinement) = confinement {
        say_swap_comes_back(&held, true);
        let replaced = confine::replace_swap(&mut opening, confinement, places);
        say_swap_comes_back(&held, false);
        replaced?;
    }
    let medium = medium::of(&opening.definition, places.runtime);
    medium.make(&opening)?;
    opening.device = mounts::at(mountpoint)?.map(|mount| mount.device);
    opening.save(places)?;
    let mut canaries = canary::plant(mountpoint).map_err(VolumeError::io(Deed::Write, mountpoint))?;
    if let Some(confinement) = confinement {
        confine::confine(&mut opening, confinement, places)?;
    }
    // What lies in memory has no raw blocks to look at.
    if let Some(device) = opening.device.filter(|_| medium.raw().is_some()) {
        canaries.plant_beside(&opening.confined, device).map_err(|path| VolumeError::Escapes { path })?;
    }
    let path = opening.canaries(places.runtime);
    canaries.remember(&path).map_err(VolumeError::io(Deed::Write, &path))?;
    opening.ready = true;
    opening.save(places)?;
    Ok(opening)
}

/// The volume as it is now; changes nothing.
///
/// # Errors
/// [`VolumeError::Damaged`], [`VolumeError::Io`].
pub fn status(places: Places<'_>) -> Result<Status, VolumeError> {
    let definition = known(places.state)?;
    let opening = Opening::load(places)?;
    let still_readable = opening.as_ref().is_some_and(ending::is_readable);
    let opening = opening.filter(is_open);
    let state = match (&definition, &opening) {
        (_, Some(_)) => State::Open,
        (Some(_), None) => State::Locked,
        (None, None) => State::Absent,
    };
    let shown = opening.as_ref().map(|opening| &opening.definition).or(definition.as_ref());
    Ok(Status {
        state,
        backing: shown.and_then(|definition| definition.backing.clone()),
        kind: shown.map(|definition| definition.kind),
        size: shown.map(|definition| definition.size),
        confined: opening.as_ref().map(confine::in_force).transpose()?.unwrap_or_default(),
        opening: opening.as_ref().map(|opening| opening.id),
        mountpoint: opening.map(|opening| opening.mountpoint),
        swap: swap::worst()?,
        still_readable,
    })
}

/// Whether the volume is open, and no more of [`status`] than that, for who looks all day; `None` where there is none.
///
/// # Errors
/// [`VolumeError::Damaged`], [`VolumeError::Io`].
pub fn is_in_use(places: Places<'_>) -> Result<Option<bool>, VolumeError> {
    if Opening::load(places)?.is_some_and(|opening| is_open(&opening)) {
        return Ok(Some(true));
    }
    Ok(known(places.state)?.map(|_| false))
}

/// What becomes of what is in the volume, by the policy that it was opened by; without one all of it is handed over.
///
/// # Errors
/// [`VolumeError::Damaged`], [`VolumeError::Io`].
pub fn classes(places: Places<'_>) -> Result<Vec<Rule>, VolumeError> {
    let opening = Opening::load(places)?;
    let policy = opening.and_then(|opening| opening.policy?.parse::<Policy>().ok());
    Ok(policy.map(|policy| policy.classes).unwrap_or_default())
}

/// Says what an end is for and what will be missing, before it begins: an end that is interrupted has the same cause and counts
/// in its receipt, whoever finishes it. Nothing if no volume is open.
///
/// # Errors
/// [`VolumeError::Damaged`], [`VolumeError::Io`].
pub fn announce(places: Places<'_>, announced: &Announced) -> Result<(), VolumeError> {
    let Some(opening) = Opening::load(places)? else { return Ok(()) };
    opening.announce(places.runtime, announced).map_err(VolumeError::io(Deed::Write, places.runtime))
}

/// Whether it is said what an end is for, or one has begun: what is left then was counted by whoever began it.
///
/// # Errors
/// [`VolumeError::Damaged`], [`VolumeError::Io`].
pub fn is_announced(places: Places<'_>) -> Result<bool, VolumeError> {
    let opening = Opening::load(places)?;
    Ok(opening.is_some_and(|opening| {
        opening.announcement(places.runtime).is_some() || opening.is_ending(places.runtime)
    }))
}

/// Whether this opening's file system is what is seen at its place in this boot.
fn is_open(opening: &Opening) -> bool {
    let here = BootId::current().is_ok_and(|boot| boot == opening.boot_id);
    let mounted = mounts::at(&opening.mountpoint).ok().flatten();
    here && opening.device.is_some() && mounted.is_some_and(|mount| Some(mount.device) == opening.device)
}

/// An empty directory, made if it is not there.
fn prepare(mountpoint: &Path) -> Result<(), VolumeError> {
    let unfit = || VolumeError::MountPoint { path: mountpoint.to_owned() };
    if !mountpoint.is_absolute() || mountpoint.parent().is_none() {
        return Err(unfit());
    }
    owners::nobody_else_can_replace(mountpoint)?;
    fs::create_dir_all(mountpoint).map_err(VolumeError::io(Deed::Create, mountpoint))?;
    owners::nobody_else_can_replace(mountpoint)?;
    let real = mountpoint.canonicalize().map_err(VolumeError::io(Deed::Read, mountpoint))?;
    let mut entries = fs::read_dir(mountpoint).map_err(VolumeError::io(Deed::Read, mountpoint))?;
    if real != mountpoint || entries.next().is_some() || mounts::at(mountpoint)?.is_some() {
        return Err(unfit());
    }
    Ok(())
}

/// The folder of everything about wiping.
fn place(state: &Path) -> PathBuf {
    state.join("wipe")
}

fn hold(state: &Path) -> Result<File, VolumeError> {
    let folder = place(state);
    files::create_private_directory(&folder).map_err(VolumeError::io(Deed::Create, &folder))?;
    files::lock(&folder, LOCK).map_err(|error| {
        if error.kind() != io::ErrorKind::WouldBlock {
            return VolumeError::io(Deed::Lock, &folder)(error);
        }
        let path = folder.join(LOCK);
        match reads_swap_back(&path) {
            Some(process) => VolumeError::SwapComesBack { path, process },
            None => VolumeError::Held { path },
        }
    })
}

/// Writes into the lock that this process reads swap back, which can take minutes, for whoever meets it meanwhile; or no more.
fn say_swap_comes_back(held: &File, does: bool) {
    let said = if does { std::process::id().to_string() } else { String::new() };
    // Only words are missing then.
    let _ = held.set_len(0).and_then(|()| held.write_all_at(said.as_bytes(), 0));
}

/// The process that says so in the lock, if it lives.
fn reads_swap_back(lock: &Path) -> Option<u32> {
    let process = fs::read_to_string(lock).ok()?.parse().ok()?;
    Path::new(&format!("/proc/{process}")).exists().then_some(process)
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, VolumeError> {
    match fs::read(path) {
        Ok(text) => serde_json::from_slice(&text)
            .map(Some)
            .map_err(|source| VolumeError::Damaged { path: path.to_owned(), source }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(VolumeError::io(Deed::Read, path)(error)),
    }
}
