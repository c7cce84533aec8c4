//! What tells the kinds of volume apart: how one is made, how its content becomes unreadable, what the kernel says of the key.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::definition::{Definition, is_device, open_alone};
use super::dm_crypt::DmCrypt;
use super::error::VolumeError;
use super::fscrypt::Fscrypt;
use super::holders::Holders;
use super::opening::Opening;
use super::ram::Ram;
use crate::outcome::{Method, Tally, Verified};
use crate::volume_kind::VolumeKind;
use hanare_host::{Deed, loops};

/// What the kernel says of a volume's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyState {
    /// Whoever may open a file reads it.
    Present,
    /// The key is gone, but what is open can still be read.
    Busy,
    /// Nothing can be read.
    Gone,
}

/// One kind of volume. What all kinds share, from freezing to the receipt, is in `tear_down`; every verb may be repeated, by
/// a process that knows nothing but the [`Opening`].
pub(crate) trait Medium {
    /// Makes the volume anew with a new key, and mounts it at `opening.mountpoint`.
    fn make(&self, opening: &Opening) -> Result<(), VolumeError>;

    /// Makes its content unreadable, whoever uses it: these holders are stopped. What was overwritten and read again is in the
    /// answer, what had to be left is counted.
    fn destroy(
        &self,
        opening: &Opening,
        holders: &Holders,
        tally: &mut Tally,
    ) -> Result<Verified, VolumeError>;

    /// What the kernel says now.
    fn key(&self, opening: &Opening) -> Result<KeyState, VolumeError>;

    /// Lets whoever waits for the volume's device go on, with errors: called once the content is unreadable.
    fn release(&self, opening: &Opening) -> Result<(), VolumeError>;

    /// Whether what has the number of the opening's device now is the opening's: the kernel gives numbers away again.
    fn is_ours(&self, opening: &Opening) -> Result<bool, VolumeError>;

    /// Takes apart what is left once it is unmounted. `false` if somebody still holds something that cannot be read.
    fn dismantle(&self, opening: &Opening) -> Result<bool, VolumeError>;

    /// Where its blocks can be read as they are: a file or device with the file system's own offsets.
    fn raw(&self) -> Option<&Path>;

    /// How its content becomes unreadable.
    fn method(&self) -> Method;

    /// What of it may stay readable, whatever is done: nothing where all that ever reached a disk was encrypted.
    fn limits(&self) -> Tally {
        Tally::default()
    }
}

/// The kind that a definition says.
pub(crate) fn of(definition: &Definition, runtime: &Path) -> Box<dyn Medium> {
    let (backing, definition) = (definition.backing.clone().unwrap_or_default(), definition.clone());
    match definition.kind {
        VolumeKind::Ram => Box::new(Ram { size: definition.size }),
        VolumeKind::DmCrypt => Box::new(DmCrypt { backing, definition }),
        VolumeKind::Fscrypt => Box::new(Fscrypt { backing, definition, runtime: runtime.to_owned() }),
    }
}

/// Requests of a volume in a file that are under way at once, and the KiB of each: the key waits for what is under way, which
/// is 4 MiB then instead of up to 160.
const UNDER_WAY: (u32, u32) = (16, 256);

/// The block device that a backing is, or that its file becomes: past the page cache, so that what the volume has written is on
/// the disk and no flush of it waits for more than what is under way.
pub(super) fn attach(backing: &Path) -> Result<PathBuf, VolumeError> {
    if is_device(backing) {
        return Ok(backing.to_owned());
    }
    let device = loops::attach(backing, true)?;
    let (requests, kibibytes) = UNDER_WAY;
    if let Err(error) = loops::bound(&device, requests, kibibytes) {
        tracing::warn!(error = &error as &dyn std::error::Error, "a volume's requests are not bounded");
    }
    Ok(device)
}

/// Gives a file's loop devices back.
pub(super) fn detach(backing: &Path) -> Result<(), VolumeError> {
    if is_device(backing) {
        return Ok(());
    }
    let Ok(real) = backing.canonicalize() else { return Ok(()) };
    for device in loops::of(&real)? {
        loops::detach(&device)?;
    }
    Ok(())
}

/// Whether a file system that lies on it lives, mounted anywhere or not: the kernel lets nobody else have the device alone then.
pub(super) fn is_claimed(backing: &Path) -> Result<bool, VolumeError> {
    let devices = if is_device(backing) {
        vec![backing.to_owned()]
    } else {
        let Ok(real) = backing.canonicalize() else { return Ok(false) };
        loops::of(&real)?
    };
    for device in devices {
        match open_alone(&device) {
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy => return Ok(true),
            // A loop device can be gone by now.
            Err(error) if matches!(error.raw_os_error(), Some(GONE | NO_DEVICE)) => {}
            other => drop(other.map_err(VolumeError::io(Deed::Open, &device))?),
        }
    }
    Ok(false)
}

const GONE: i32 = rustix::io::Errno::NOENT.raw_os_error();
const NO_DEVICE: i32 = rustix::io::Errno::NXIO.raw_os_error();

/// Makes an ext4 for one day: no journal, because nothing is recovered after a crash, no reserve, no wait for empty tables. It takes
/// up the whole device, or these bytes of it.
pub(super) fn make_ext4(device: &Path, features: &str, room: Option<u64>) -> Result<(), VolumeError> {
    const PROGRAM: &str = "mke2fs";
    let features = format!("^has_journal{features}");
    let mut command = Command::new(PROGRAM);
    command.args(["-q", "-F", "-t", "ext4", "-m", "0", "-b", "4096", "-O", &features]);
    command.args(["-E", "nodiscard,lazy_itable_init=1,root_owner=0:0"]).arg(device);
    command.args(room.map(|bytes| (bytes / 4096).to_string()));
    // An administrator's programs are not in everybody's path.
    command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("LC_ALL", "C");
    let failed = |text: String| VolumeError::Program { program: PROGRAM, text };
    let output = command.output().map_err(|error| failed(error.to_string()))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(failed(said.trim().lines().last().unwrap_or_default().to_owned()))
}
