//! The device mapper by its own ioctls: no program is started, so that no key passes through one.
#![expect(unsafe_code, reason = "the device mapper is controlled by ioctls")]

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsFd as _;
use std::path::PathBuf;

use zeroize::Zeroizing;

use crate::error::HostError;
use crate::ioctl;

/// `struct dm_ioctl` of `linux/dm-ioctl.h`: its size and where its members are.
const HEADER: usize = 312;
const FLAGS: usize = 28;
const NAME: usize = 48;
/// `struct dm_target_spec`: its size.
const TARGET: usize = 40;
/// Header, one target and its parameters, both ways.
const BUFFER: usize = 4096;
/// Names are 127 bytes at most.
const LONGEST_NAME: usize = 127;

const CREATE: u8 = 3;
const REMOVE: u8 = 4;
const SUSPEND: u8 = 6;
const STATUS: u8 = 7;
const TABLE_LOAD: u8 = 9;
const TABLE_STATUS: u8 = 12;
const MESSAGE: u8 = 14;

const SUSPENDED: u32 = 1 << 1;
const WANT_TABLE: u32 = 1 << 4;
const SKIP_LOCKFS: u32 = 1 << 10;
const NO_FLUSH: u32 = 1 << 11;
/// The kernel overwrites its copies of the request.
const SECURE: u32 = 1 << 15;
const DEFERRED: u32 = 1 << 17;

/// The open control device.
#[derive(Debug)]
pub struct Mapper(File);

/// One mapped device as the kernel describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapped {
    /// Its node.
    pub path: PathBuf,
    /// Whether input and output wait.
    pub suspended: bool,
    /// How many have it open.
    pub users: u32,
}

impl Mapper {
    /// Opens `/dev/mapper/control`; the kernel loads its module then, if it has one.
    ///
    /// # Errors
    /// [`HostError::Io`] on a kernel without device mapper, or without the right to use it.
    pub fn open() -> Result<Self, HostError> {
        let path = "/dev/mapper/control";
        OpenOptions::new()
            .read(true)
            .write(true)
            .open(path)
            .map(Self)
            .map_err(|error| HostError::io(format!("opening {path}"), &error))
    }

    /// Makes a device of one target, ready for use. `parameters` may hold secrets: every copy is overwritten.
    ///
    /// # Errors
    /// [`HostError::Io`]; nothing stays behind then.
    pub fn create(
        &self,
        name: &str,
        sectors: u64,
        target: &str,
        parameters: &[u8],
    ) -> Result<Mapped, HostError> {
        self.call(CREATE, name, 0, &[])?;
        let made = self.load(name, sectors, target, parameters).and_then(|()| self.resume(name));
        match made.and_then(|()| self.find(name)) {
            Ok(Some(device)) => Ok(device),
            Ok(None) => Err(HostError::io(format!("finding {name}"), &io::ErrorKind::NotFound.into())),
            Err(error) => {
                // The first error is the one worth reporting.
                let _ = self.remove(name);
                Err(error)
            }
        }
    }

    /// Loads a table that takes the place of the present one at the next [`Mapper::resume`].
    ///
    /// # Errors
    /// [`HostError::Io`].
    pub fn load(&self, name: &str, sectors: u64, target: &str, parameters: &[u8]) -> Result<(), HostError> {
        let mut payload = Zeroizing::new(Vec::with_capacity(BUFFER));
        payload.extend(0u64.to_ne_bytes());
        payload.extend(sectors.to_ne_bytes());
        payload.extend(0i32.to_ne_bytes());
        payload.extend(0u32.to_ne_bytes());
        let mut kind = [0u8; 16];
        for (to, from) in kind.iter_mut().zip(target.bytes()) {
            *to = from;
        }
        payload.extend(kind);
        payload.extend(parameters);
        payload.push(0);
        self.call(TABLE_LOAD, name, SECURE, &payload).map(drop)
    }

    /// Holds input and output back at once: what is dirty is not written, the file system is not asked.
    ///
    /// # Errors
    /// [`HostError::Io`].
    pub fn suspend(&self, name: &str) -> Result<(), HostError> {
        self.call(SUSPEND, name, SUSPENDED | NO_FLUSH | SKIP_LOCKFS, &[]).map(drop)
    }

    /// Puts the loaded table in place, if there is one, and lets input and output go on.
    ///
    /// # Errors
    /// [`HostError::Io`].
    pub fn resume(&self, name: &str) -> Result<(), HostError> {
        self.call(SUSPEND, name, NO_FLUSH | SKIP_LOCKFS, &[]).map(drop)
    }

    /// Sends the target a message, such as `key wipe`.
    ///
    /// # Errors
    /// [`HostError::Io`].
    pub fn message(&self, name: &str, text: &str) -> Result<(), HostError> {
        let mut payload = Zeroizing::new(0u64.to_ne_bytes().to_vec());
        payload.extend(text.bytes());
        payload.push(0);
        self.call(MESSAGE, name, SECURE, &payload).map(drop)
    }

    /// The target's name and parameters in force, as the kernel has them.
    ///
    /// # Errors
    /// [`HostError::Io`].
    pub fn table(&self, name: &str) -> Result<Option<(String, Zeroizing<String>)>, HostError> {
        let Some(answer) = self.find_with(TABLE_STATUS, name, WANT_TABLE | NO_FLUSH | SECURE)? else {
            return Ok(None);
        };
        let start = usize::try_from(word(&answer, 16)).unwrap_or(HEADER);
        let target = answer.get(start..).unwrap_or_default();
        let text = |bytes: &[u8]| {
            let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
            String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned()
        };
        if word(&answer, 20) == 0 {
            return Ok(Some((String::new(), Zeroizing::new(String::new()))));
        }
        let kind = text(target.get(24..TARGET).unwrap_or_default());
        let parameters = Zeroizing::new(text(target.get(TARGET..).unwrap_or_default()));
        Ok(Some((kind, parameters)))
    }

    /// The device of that name, if there is one.
    ///
    /// # Errors
    /// [`HostError::Io`].
    pub fn find(&self, name: &str) -> Result<Option<Mapped>, HostError> {
        Ok(self.find_with(STATUS, name, 0)?.map(|answer| {
            // The kernel's 64-bit form of a device number: the minor's upper bits lie above the major.
            let device = u64::from(word(&answer, 40)) | (u64::from(word(&answer, 44)) << 32);
            let minor = (device & 0xff) | ((device >> 12) & 0x000f_ff00);
            Mapped {
                path: PathBuf::from(format!("/dev/dm-{minor}")),
                suspended: word(&answer, FLAGS) & SUSPENDED != 0,
                users: word(&answer, 24),
            }
        }))
    }

    /// Removes the device.
    ///
    /// # Errors
    /// [`HostError::Io`] with `EBUSY` while somebody has it open.
    pub fn remove(&self, name: &str) -> Result<(), HostError> {
        self.call(REMOVE, name, 0, &[]).map(drop)
    }

    /// Removes the device as soon as nobody has it open.
    ///
    /// # Errors
    /// [`HostError::Io`].
    pub fn remove_later(&self, name: &str) -> Result<(), HostError> {
        self.call(REMOVE, name, DEFERRED, &[]).map(drop)
    }

    fn find_with(
        &self,
        command: u8,
        name: &str,
        flags: u32,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, HostError> {
        match self.call(command, name, flags, &[]) {
            Ok(answer) => Ok(Some(answer)),
            Err(HostError::Io { errno: Some(libc::ENXIO), .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn call(
        &self,
        command: u8,
        name: &str,
        flags: u32,
        payload: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, HostError> {
        let failed =
            |error: &io::Error| HostError::io(format!("device mapper, {} {name}", verb(command)), error);
        let mut buffer = request(name, flags, payload, command == TABLE_LOAD)
            .ok_or_else(|| failed(&io::ErrorKind::InvalidInput.into()))?;
        let request = ioctl::read_write(0xfd, command, 312);
        // SAFETY: the kernel reads and writes as many bytes as the header's second member says, which is the buffer's length.
        unsafe { ioctl::call(self.0.as_fd(), request, buffer.as_mut_ptr()) }
            .map_err(|error| failed(&error))?;
        Ok(buffer)
    }
}

/// The header of `struct dm_ioctl` with what follows it; `None` if that is too long.
fn request(name: &str, flags: u32, payload: &[u8], table: bool) -> Option<Zeroizing<Vec<u8>>> {
    if name.is_empty() || name.len() > LONGEST_NAME || HEADER + payload.len() > BUFFER {
        return None;
    }
    let mut buffer = Zeroizing::new(Vec::with_capacity(BUFFER));
    for number in
        [4u32, 0, 0, u32::try_from(BUFFER).ok()?, u32::try_from(HEADER).ok()?, u32::from(table), 0, flags]
    {
        buffer.extend(number.to_ne_bytes());
    }
    buffer.resize(NAME, 0);
    buffer.extend(name.bytes());
    buffer.resize(HEADER, 0);
    buffer.extend(payload);
    buffer.resize(BUFFER, 0);
    Some(buffer)
}

fn word(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_ne_bytes)
}

const fn verb(command: u8) -> &'static str {
    match command {
        CREATE => "creating",
        REMOVE => "removing",
        SUSPEND => "suspending or resuming",
        TABLE_LOAD => "loading a table for",
        MESSAGE => "sending a message to",
        _ => "asking about",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_laid_out_as_the_kernel_reads_it() {
        let request = request("hanare-work", SECURE, b"payload", true).unwrap();
        assert_eq!((word(&request, 0), word(&request, 12), word(&request, 16)), (4, 4096, 312));
        assert_eq!((word(&request, 20), word(&request, FLAGS)), (1, SECURE));
        assert_eq!(&request[NAME..NAME + 12], b"hanare-work\0");
        assert_eq!(&request[HEADER..HEADER + 7], b"payload");
        assert!(super::request(&"x".repeat(128), 0, &[], false).is_none());
        assert!(super::request("x", 0, &[0; BUFFER], false).is_none());
    }
}
