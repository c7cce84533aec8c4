//! The kind `fscrypt`, for kernels without dm-crypt: ext4 encrypts names and data itself. Attributes stay clear, so that what
//! was written is overwritten once the key is gone.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use hanare_host::fscrypt::{self as keys, KeyStatus};
use hanare_host::{Deed, HostError, files, loops, mounts};
use ring::rand::{SecureRandom as _, SystemRandom};
use rustix::fs::{SeekFrom, seek};
use zeroize::Zeroizing;

use super::backing;
use super::definition::{Definition, is_device, length};
use super::error::VolumeError;
use super::holders::Holders;
use super::medium::{KeyState, Medium, attach, detach, is_claimed, make_ext4};
use super::opening::Opening;
use crate::outcome::{Method, Tally, Verified};

/// The encrypted directory: the top of an ext4 cannot be.
const WORK: &str = "work";
/// The udev daemon looks at a device that changed.
const LETTING_GO: Duration = Duration::from_secs(2);
/// Written at once while overwriting.
const STEP: usize = 4 << 20;

/// A directory that its file system encrypts.
pub(super) struct Fscrypt {
    pub(super) backing: PathBuf,
    pub(super) definition: Definition,
    pub(super) runtime: PathBuf,
}

impl Medium for Fscrypt {
    fn make(&self, opening: &Opening) -> Result<(), VolumeError> {
        self.definition.check()?;
        // One that was made there before, and that somebody still has, would go on writing to it. Who only looks lets go by itself.
        let until = Instant::now() + LETTING_GO;
        while is_claimed(&self.backing)? {
            if Instant::now() >= until {
                return Err(VolumeError::InUse { path: self.backing.clone() });
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let device = attach(&self.backing)?;
        make_ext4(&device, ",encrypt", self.definition.room())?;
        let below = opening.below(&self.runtime);
        files::create_private_directory(&below).map_err(VolumeError::io(Deed::Create, &below))?;
        mounts::mount(&device, &below, "ext4", "noinit_itable")?;
        let mut secret = Zeroizing::new([0u8; 64]);
        SystemRandom::new()
            .fill(secret.as_mut_slice())
            .map_err(|_| HostError::io(Deed::Random, &io::Error::other("no random bytes")))?;
        let key = keys::add_key(&below, &secret)?;
        drop(secret);
        let work = below.join(WORK);
        fs::create_dir(&work).map_err(VolumeError::io(Deed::Create, &work))?;
        keys::encrypt(&work, key)?;
        Ok(mounts::bind(&work, &opening.mountpoint)?)
    }

    fn destroy(&self, opening: &Opening, _: &Holders, _: &mut Tally) -> Result<Verified, VolumeError> {
        let below = opening.below(&self.runtime);
        if let Some(key) = Self::identifier(&below)? {
            keys::remove_key(&below, key)?;
        }
        Ok(Verified::default())
    }

    fn key(&self, opening: &Opening) -> Result<KeyState, VolumeError> {
        let below = opening.below(&self.runtime);
        let Some(key) = Self::identifier(&below)? else {
            // A key lives in its file system and nowhere else; one that was unmounted lives on while anybody holds anything of it.
            return Ok(if is_claimed(&self.backing)? { KeyState::Busy } else { KeyState::Gone });
        };
        Ok(match keys::key_status(&below, key)? {
            KeyStatus::Present => KeyState::Present,
            KeyStatus::FilesBusy => KeyState::Busy,
            KeyStatus::Absent => KeyState::Gone,
        })
    }

    fn release(&self, _: &Opening) -> Result<(), VolumeError> {
        Ok(())
    }

    fn is_ours(&self, opening: &Opening) -> Result<bool, VolumeError> {
        // The disk itself is not asked: it could stall.
        let devices = if is_device(&self.backing) {
            vec![self.backing.clone()]
        } else {
            let Ok(real) = self.backing.canonicalize() else { return Ok(false) };
            loops::of(&real)?
        };
        let numbers = devices.iter().filter_map(|device| fs::metadata(device).ok()).map(|seen| seen.rdev());
        Ok(opening.device.is_some_and(|device| numbers.into_iter().any(|number| number == device)))
    }

    fn dismantle(&self, opening: &Opening) -> Result<bool, VolumeError> {
        let below = opening.below(&self.runtime);
        let mut clean = true;
        while mounts::at(&below)?.is_some() {
            clean &= mounts::unmount(&below)? != mounts::Unmounted::Lazily;
        }
        // It may be there or not; what counts is that nothing is mounted on it.
        let _ = fs::remove_dir(&below);
        // A file system that somebody still has in sight would write over what is overwritten here.
        let device = opening.device.filter(|_| self.is_ours(opening).unwrap_or(true));
        let unused = device.is_none_or(|device| super::holders::mounts_left(device) == 0);
        detach(&self.backing)?;
        let unused = unused && !is_claimed(&self.backing)?;
        if clean && unused {
            self.overwrite()?;
        }
        Ok(clean && unused)
    }

    fn raw(&self) -> Option<&Path> {
        Some(&self.backing)
    }

    fn method(&self) -> Method {
        Method::CryptographicErase
    }

    /// Attributes and access lists lie on the backing in the clear, and are only overwritten.
    fn limits(&self) -> Tally {
        backing::limits(&self.backing)
    }
}

impl Fscrypt {
    fn identifier(below: &Path) -> Result<Option<keys::Identifier>, VolumeError> {
        let work = below.join(WORK);
        let is_there = || work.try_exists().map_err(VolumeError::io(Deed::Read, &work));
        if mounts::at(below)?.is_none() || !is_there()? {
            return Ok(None);
        }
        Ok(keys::key_of(&work)?)
    }

    /// Overwrites everything that was ever written to the backing: attributes, access lists and times lie there in the clear.
    fn overwrite(&self) -> Result<(), VolumeError> {
        self.definition.check()?;
        let failed = || VolumeError::io(Deed::Overwrite, &self.backing);
        let file = match OpenOptions::new().write(true).open(&self.backing) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(failed()(error)),
        };
        let end = self.definition.room().map_or_else(|| length(&self.backing), Ok)?;
        let zeros = vec![0; STEP];
        let mut at = 0;
        while at < end {
            // A device has no holes that it could tell of.
            let (data, hole) = if is_device(&self.backing) {
                (at, end)
            } else {
                let Ok(data) = seek(&file, SeekFrom::Data(at)) else { break };
                (data, seek(&file, SeekFrom::Hole(data)).unwrap_or(end))
            };
            at = data;
            while at < hole {
                let length = usize::try_from(hole - at).unwrap_or(STEP).min(STEP);
                file.write_all_at(zeros.get(..length).unwrap_or_default(), at).map_err(failed())?;
                at += length as u64;
            }
        }
        file.sync_all().map_err(failed())
    }
}
