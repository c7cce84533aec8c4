//! The kind `dm-crypt`: a block device under a random key that is handed to the kernel once and that nobody can read back.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use hanare_host::device_mapper::Mapper;
use hanare_host::{HostError, kernel_keys, mounts};
use ring::rand::{SecureRandom as _, SystemRandom};
use zeroize::Zeroizing;

use super::definition::length;
use super::error::VolumeError;
use super::holders::Holders;
use super::medium::{KeyState, Medium, attach, detach, make_ext4};
use super::opening::Opening;
use crate::outcome::{Method, Verified};

/// Two keys of AES-256, as XTS wants them.
const KEY: usize = 64;
const SECTOR: u64 = 512;
/// The udev daemon looks at a device that changed, and lets go by itself.
const LETTING_GO: Duration = Duration::from_secs(5);

/// A device below the device mapper.
pub(super) struct DmCrypt {
    pub(super) backing: PathBuf,
}

impl Medium for DmCrypt {
    fn make(&self, opening: &Opening) -> Result<(), VolumeError> {
        let mapper = Mapper::open()?;
        let name = opening.name();
        let device = attach(&self.backing)?;
        // Whole pages, so that the cipher may work on 4 KiB at a time.
        let sectors = length(&device)? / 4096 * 4096 / SECTOR;
        let mut key = Zeroizing::new([0u8; KEY]);
        SystemRandom::new()
            .fill(key.as_mut_slice())
            .map_err(|_| HostError::io("drawing a key", &std::io::Error::other("no random bytes")))?;
        // The kernel wants a prefix in the name of such a key.
        let key_name = format!("hanare:{name}");
        let table =
            format!("aes-xts-plain64 :{KEY}:logon:{key_name} 0 {} 0 1 sector_size:4096", device.display());
        let made = kernel_keys::with_logon_key(&key_name, key.as_slice(), || {
            mapper.create(&name, sectors, "crypt", table.as_bytes())
        })
        .map_err(|error| HostError::io("giving the kernel a key", &error))??;
        drop(key);
        make_ext4(&made.path, "")?;
        mounts::mount(&made.path, &opening.mountpoint, "ext4", "noinit_itable,discard")
            .or_else(|_| mounts::mount(&made.path, &opening.mountpoint, "ext4", "noinit_itable"))?;
        Ok(())
    }

    /// What is dirty is not written: the device is held, then the key is wiped.
    fn destroy(&self, opening: &Opening, _: &Holders) -> Result<Verified, VolumeError> {
        let (mapper, name) = (Mapper::open()?, opening.name());
        if self.key(opening)? == KeyState::Present {
            mapper.suspend(&name)?;
            mapper.message(&name, "key wipe")?;
        }
        Ok(Verified::default())
    }

    /// From the kernel's own table: a key that was wiped is all zeros there, one that is in use is a name.
    fn key(&self, opening: &Opening) -> Result<KeyState, VolumeError> {
        let Some((kind, parameters)) = Mapper::open()?.table(&opening.name())? else {
            return Ok(KeyState::Gone);
        };
        if kind != "crypt" {
            return Ok(KeyState::Gone);
        }
        let key = parameters.split_ascii_whitespace().nth(1).unwrap_or_default();
        let wiped = key.len() == 2 * KEY && key.bytes().all(|byte| byte == b'0');
        Ok(if wiped { KeyState::Gone } else { KeyState::Present })
    }

    /// Every read and write ends with an error from now on, so that nobody waits for a device that never answers.
    fn release(&self, opening: &Opening) -> Result<(), VolumeError> {
        let (mapper, name) = (Mapper::open()?, opening.name());
        let Some((kind, _)) = mapper.table(&name)? else { return Ok(()) };
        if kind == "crypt" {
            let device = mapper.find(&name)?.map(|found| found.path).unwrap_or_default();
            let sectors = length(&device)? / SECTOR;
            mapper.load(&name, sectors, "error", b"")?;
        }
        Ok(mapper.resume(&name)?)
    }

    fn dismantle(&self, opening: &Opening) -> Result<bool, VolumeError> {
        let (mapper, name) = (Mapper::open()?, opening.name());
        let until = Instant::now() + LETTING_GO;
        let mut clean = true;
        while mapper.find(&name)?.is_some() {
            match mapper.remove(&name) {
                Ok(()) => break,
                Err(_) if Instant::now() < until => thread::sleep(Duration::from_millis(50)),
                Err(_) => {
                    mapper.remove_later(&name)?;
                    clean = false;
                    break;
                }
            }
        }
        detach(&self.backing)?;
        Ok(clean)
    }

    fn raw(&self) -> Option<&Path> {
        Some(&self.backing)
    }

    fn method(&self) -> Method {
        Method::CryptographicErase
    }
}
