//! The device mapper by its own ioctls: no program is started, so that no key passes through one.
//!
//! A device is addressed by the uuid that it was made with: whoever is root may rename it, but nobody can give it another uuid.
#![expect(unsafe_code, reason = "the device mapper is controlled by ioctls")]

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsFd as _;
use std::path::PathBuf;

use zeroize::Zeroizing;

use crate::deed::Deed;
use crate::error::HostError;
use crate::ioctl;

/// `struct dm_ioctl` of `linux/dm-ioctl.h`: its size and where its members are.
const HEADER: usize = 312;
const FLAGS: usize = 28;
const NAME: usize = 48;
const UUID: usize = 176;
/// `struct dm_target_spec`: its size.
const TARGET: usize = 40;
/// `DM_BUFFER_FULL_FLAG`.
const BUFFER_FULL: u32 = 1 << 8;
/// Header, one target and its parameters, both ways.
const BUFFER: usize = 4096;
/// Names are 127 bytes at most; uuids might be one longer.
const LONGEST_NAME: usize = 127;

const CREATE: u8 = 3;
const REMOVE: u8 = 4;
const SUSPEND: u8 = 6;
const STATUS: u8 = 7;
const TABLE_LOAD: u8 = 9;
const TABLE_STATUS: u8 = 12;
const MESSAGE: u8 = 14;
const TARGET_VERSION: u8 = 17;

const SUSPENDED: u32 = 1 << 1;
const WANT_TABLE: u32 = 1 << 4;
const INACTIVE_TABLE: u32 = 1 << 6;
const SKIP_LOCKFS: u32 = 1 << 10;
const NO_FLUSH: u32 = 1 << 11;
/// The kernel overwrites its copies of the request.
const SECURE: u32 = 1 << 15;
const QUERY_INACTIVE: u32 = 1 << 12;
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

/// The tables of a device as the kernel has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// How many targets the table in force has; none before the first is in force.
    pub targets: u32,
    /// The first target's name.
    pub kind: String,
    /// The first target's parameters.
    pub parameters: Zeroizing<String>,
    /// The first target's name in the table that waits to be put in force.
    pub waiting: Option<String>,
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
            .map_err(|error| HostError::io(Deed::Open.of(path), &error))
    }

    /// Whether the kernel knows a target such as `crypt`: it loads the module, if it has one.
    #[must_use]
    pub fn has_target(&self, target: &str) -> bool {
        self.call(TARGET_VERSION, target, "", 0, &[]).is_ok()
    }

    /// Makes a device of one target, ready for use. `parameters` may hold secrets: every copy is overwritten.
    ///
    /// # Errors
    /// [`HostError::Io`]; nothing stays behind then.
    pub fn create(
        &self,
        name: &str,
        uuid: &str,
        sectors: u64,
        target: &str,
        parameters: &[u8],
    ) -> Result<Mapped, HostError> {
        if name.is_empty() || uuid.is_empty() {
            return Err(HostError::io(Deed::DeviceMapper, &io::ErrorKind::InvalidInput.into()));
        }
        self.call(CREATE, name, uuid, 0, &[])?;
        let made = self.load(uuid, sectors, target, parameters).and_then(|()| self.resume(uuid));
        match made.and_then(|()| self.find(uuid)) {
            Ok(Some(device)) => Ok(device),
            Ok(None) => Err(HostError::io(Deed::DeviceMapper.of(uuid), &io::ErrorKind::NotFound.into())),
            Err(error) => {
                // The first error is the one worth reporting.
                let _ = self.remove(uuid);
                Err(error)
            }
        }
    }

    /// Loads a table that takes the place of the present one at the next [`Mapper::resume`].
    ///
    /// # Errors
    /// [`HostError::Io`].
    pub fn load(&self, uuid: &str, sectors: u64, target: &str, parameters: &[u8]) -> Result<(), HostError> {
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
        self.call(TABLE_LOAD, "", uuid, SECURE, &payload).map(drop)
    }

    /// Holds input and output back at once: what is dirty is not written, the file system is not asked.
    ///
    /// # Errors
    /// [`HostError::Io`].
    pub fn suspend(&self, uuid: &str) -> Result<(), HostError> {
        self.call(SUSPEND, "", uuid, SUSPENDED | NO_FLUSH | SKIP_LOCKFS, &[]).map(drop)
    }

    /// Puts the loaded table in place, if there is one, and lets input and output go on.
    ///
    /// # Errors
    /// [`HostError::Io`].
    pub fn resume(&self, uuid: &str) -> Result<(), HostError> {
        self.call(SUSPEND, "", uuid, NO_FLUSH | SKIP_LOCKFS, &[]).map(drop)
    }

    /// Sends the target a message, such as `key wipe`.
    ///
    /// # Errors
    /// [`HostError::Io`].
    pub fn message(&self, uuid: &str, text: &str) -> Result<(), HostError> {
        let mut payload = Zeroizing::new(0u64.to_ne_bytes().to_vec());
        payload.extend(text.bytes());
        payload.push(0);
        self.call(MESSAGE, "", uuid, SECURE, &payload).map(drop)
    }

    /// The table in force, and whether another one waits; `None` if there is no such device.
    ///
    /// # Errors
    /// [`HostError::Io`].
    pub fn table(&self, uuid: &str) -> Result<Option<Table>, HostError> {
        let wanted = WANT_TABLE | NO_FLUSH | SECURE;
        let Some(answer) = self.find_with(TABLE_STATUS, uuid, wanted)? else { return Ok(None) };
        let (targets, kind, parameters) = first_target(&answer);
        let waits = word(&answer, FLAGS) & INACTIVE_TABLE != 0;
        let waiting = if waits { self.find_with(TABLE_STATUS, uuid, wanted | QUERY_INACTIVE)? } else { None };
        let waiting = waiting.map(|answer| first_target(&answer).1);
        Ok(Some(Table { targets, kind, parameters, waiting }))
    }

    /// The kinds of all targets of the mapping with that name; `None` if there is none, or more than are told at once (about 80).
    ///
    /// # Errors
    /// [`HostError::Io`].
    pub fn kinds(&self, name: &str) -> Result<Option<Vec<String>>, HostError> {
        match self.call(TABLE_STATUS, name, "", WANT_TABLE | NO_FLUSH | SECURE, &[]) {
            // There are more than fit.
            Ok(answer) if word(&answer, FLAGS) & BUFFER_FULL != 0 => Ok(None),
            Ok(answer) => Ok(Some(target_kinds(&answer))),
            Err(HostError::Io { errno: Some(libc::ENXIO), .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The device with that uuid, if there is one.
    ///
    /// # Errors
    /// [`HostError::Io`].
    pub fn find(&self, uuid: &str) -> Result<Option<Mapped>, HostError> {
        Ok(self.find_with(STATUS, uuid, 0)?.map(|answer| {
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
    pub fn remove(&self, uuid: &str) -> Result<(), HostError> {
        self.call(REMOVE, "", uuid, 0, &[]).map(drop)
    }

    /// Removes the device as soon as nobody has it open.
    ///
    /// # Errors
    /// [`HostError::Io`].
    pub fn remove_later(&self, uuid: &str) -> Result<(), HostError> {
        self.call(REMOVE, "", uuid, DEFERRED, &[]).map(drop)
    }

    fn find_with(
        &self,
        command: u8,
        uuid: &str,
        flags: u32,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, HostError> {
        match self.call(command, "", uuid, flags, &[]) {
            Ok(answer) => Ok(Some(answer)),
            Err(HostError::Io { errno: Some(libc::ENXIO), .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Only a device that is being made has a name here, and a target: the kernel finds none by both.
    fn call(
        &self,
        command: u8,
        name: &str,
        uuid: &str,
        flags: u32,
        payload: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, HostError> {
        let failed = |error: &io::Error| {
            HostError::io(Deed::DeviceMapper.of(format_args!("{uuid} ({})", verb(command))), error)
        };
        let mut buffer = request(name, uuid, flags, payload, command == TABLE_LOAD)
            .ok_or_else(|| failed(&io::ErrorKind::InvalidInput.into()))?;
        let request = ioctl::read_write(0xfd, command, 312);
        // SAFETY: the kernel reads and writes as many bytes as the header's second member says, which is the buffer's length.
        unsafe { ioctl::call(self.0.as_fd(), request, buffer.as_mut_ptr()) }
            .map_err(|error| failed(&error))?;
        Ok(buffer)
    }
}

/// The header of `struct dm_ioctl` with what follows it; `None` if that is too long, or names nothing.
fn request(name: &str, uuid: &str, flags: u32, payload: &[u8], table: bool) -> Option<Zeroizing<Vec<u8>>> {
    let too_long = name.len() > LONGEST_NAME || uuid.len() > LONGEST_NAME || HEADER + payload.len() > BUFFER;
    // Without both the kernel would take whatever device comes first.
    if (name.is_empty() && uuid.is_empty()) || too_long {
        return None;
    }
    let mut buffer = Zeroizing::new(Vec::with_capacity(BUFFER));
    for number in
        [4u32, 0, 0, u32::try_from(BUFFER).ok()?, u32::try_from(HEADER).ok()?, u32::from(table), 0, flags]
    {
        buffer.extend(number.to_ne_bytes());
    }
    for (start, text) in [(NAME, name), (UUID, uuid)] {
        buffer.resize(start, 0);
        buffer.extend(text.bytes());
    }
    buffer.resize(HEADER, 0);
    buffer.extend(payload);
    buffer.resize(BUFFER, 0);
    Some(buffer)
}

/// How many targets an answer has, and the first one's name and parameters.
fn first_target(answer: &[u8]) -> (u32, String, Zeroizing<String>) {
    let text = |bytes: &[u8]| {
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
        String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned()
    };
    let targets = word(answer, 20);
    let start = usize::try_from(word(answer, 16)).unwrap_or(HEADER);
    // Without a target the kernel leaves there what it was given.
    let target = if targets == 0 { &[] } else { answer.get(start..).unwrap_or_default() };
    let kind = text(target.get(24..TARGET).unwrap_or_default());
    (targets, kind, Zeroizing::new(text(target.get(TARGET..).unwrap_or_default())))
}

/// The kinds of all targets: each says where the next one is, from the first one on.
fn target_kinds(answer: &[u8]) -> Vec<String> {
    let start = usize::try_from(word(answer, 16)).unwrap_or(HEADER);
    let mut kinds = Vec::new();
    let mut at = start;
    for _ in 0..word(answer, 20) {
        let kind = answer.get(at + 24..at + TARGET).unwrap_or_default();
        kinds.push(String::from_utf8_lossy(kind).trim_end_matches('\0').to_owned());
        at = start.saturating_add(usize::try_from(word(answer, at + 20)).unwrap_or(0));
    }
    kinds
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
        let request = request("hanare-work", "hanare-1", SECURE, b"payload", true).unwrap();
        assert_eq!((word(&request, 0), word(&request, 12), word(&request, 16)), (4, 4096, 312));
        assert_eq!((word(&request, 20), word(&request, FLAGS)), (1, SECURE));
        assert_eq!(&request[NAME..NAME + 12], b"hanare-work\0");
        assert_eq!(&request[UUID..UUID + 9], b"hanare-1\0");
        assert_eq!(&request[HEADER..HEADER + 7], b"payload");
        assert!(super::request(&"x".repeat(128), "x", 0, &[], false).is_none());
        assert!(super::request("", &"x".repeat(128), 0, &[], false).is_none());
        assert!(super::request("", "x", 0, &[0; BUFFER], false).is_none());
        assert!(super::request("", "", 0, &[], false).is_none());
        // A target is asked for by name.
        assert!(super::request("crypt", "", 0, &[], false).is_some());
    }

    #[test]
    fn all_targets_are_told() {
        let mut answer = vec![0; HEADER];
        answer[16..20].copy_from_slice(&u32::try_from(HEADER).unwrap().to_ne_bytes());
        answer[20..24].copy_from_slice(&2_u32.to_ne_bytes());
        for (kind, next) in [(&b"linear"[..], 48_u32), (b"snapshot-origin", 96)] {
            let at = answer.len();
            answer.resize(at + 48, 0);
            answer[at + 20..at + 24].copy_from_slice(&next.to_ne_bytes());
            answer[at + 24..at + 24 + kind.len()].copy_from_slice(kind);
        }
        assert_eq!(target_kinds(&answer), ["linear", "snapshot-origin"]);
        // What is cut off is no kind that anybody knows.
        answer.truncate(HEADER + 48);
        assert_eq!(target_kinds(&answer), ["linear", ""]);
        assert!(target_kinds(&[]).is_empty());
    }
}
