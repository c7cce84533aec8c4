//! A TUN device that reads and writes super-packets: one system call carries up to 64 KiB of one flow.
//!
//! `tun-rs` opens the device; cutting and joining is done here, because its own copies every packet on both ways.

mod checksum;
mod coalesce;
mod device;
mod header;
mod packet;
mod split;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsFd, BorrowedFd, FromRawFd as _, IntoRawFd as _, OwnedFd};

pub use coalesce::{Batch, MAX_BATCH};
pub use device::Offload;
use header::Header;
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
pub use split::Segments;

/// Where TUN devices come from.
const NODE: &str = "/dev/net/tun";

/// Why a TUN device cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum TunError {
    /// A name is 1 to 15 bytes and no slash or white space.
    #[error("{0:?} cannot name an interface: 1 to 15 bytes, no slash, no white space")]
    Name(String),
    /// Another process holds it, or another kind of interface has the name.
    #[error("the interface {0} exists already")]
    Taken(String),
    /// `/dev/net/tun` is not there.
    #[error("this machine has no TUN devices: {0}")]
    Unavailable(#[source] io::Error),
    /// `CAP_NET_ADMIN` is missing.
    #[error("making the interface {0} needs the capability CAP_NET_ADMIN")]
    Permission(String),
    /// Everything else the kernel says.
    #[error("interface {name}: {source}")]
    Device {
        /// The interface.
        name: String,
        /// What the kernel said.
        source: io::Error,
    },
}

/// A TUN device. Closing it removes the interface, unless it was made persistent by somebody else.
#[derive(Debug)]
pub struct Tun {
    file: File,
    name: String,
    has_header: bool,
    offload: Offload,
    /// For questions about the interface, in the namespace where it lives.
    query: OwnedFd,
}

/// Room for one read: a header and a super-packet.
#[derive(Debug)]
pub struct ReadBuffer(Box<[u8]>);

impl Default for ReadBuffer {
    fn default() -> Self {
        Self(vec![0; header::LENGTH + 65_535].into_boxed_slice())
    }
}

impl Tun {
    /// Makes an interface, down and without addresses, with the best offload the kernel has up to `wanted`.
    ///
    /// # Errors
    /// [`TunError`], by cause.
    pub fn create(name: &str, mtu: u16, wanted: Offload) -> Result<Self, TunError> {
        // The last two stand for every interface in the kernel's settings.
        let fits = (1..=15).contains(&name.len()) && !matches!(name, "." | ".." | "all" | "default");
        if !fits || name.contains(|c: char| c == '/' || c.is_whitespace() || c == '\0' || c == '%') {
            return Err(TunError::Name(name.to_owned()));
        }
        // `tun-rs` would make the device node, a change to this machine that nobody records or undoes.
        std::fs::metadata(NODE).map_err(TunError::Unavailable)?;
        let device = tun_rs::DeviceBuilder::new()
            .name(name)
            .offload(wanted != Offload::None)
            .inherit_enable_state()
            .build_sync()
            .map_err(|error| refine(name, error))?;
        let raw = device.into_raw_fd();
        #[expect(unsafe_code, reason = "tun-rs gives its descriptor up only as a number")]
        // SAFETY: `into_raw_fd` gives up the only owner of this open descriptor.
        let fd = unsafe { OwnedFd::from_raw_fd(raw) };
        let query = device::query().map_err(|source| TunError::Device { name: name.to_owned(), source })?;
        let tun = Self::with(fd, query, wanted)?;
        tun.set_mtu(mtu).map_err(|source| TunError::Device { name: name.to_owned(), source })?;
        Ok(tun)
    }

    /// Takes an open device, as handed over by the process that made it, with a socket to ask about it: see
    /// [`Tun::into_fds`].
    ///
    /// # Errors
    /// [`TunError::Device`] if it is not a TUN device.
    pub fn from_fds(fd: OwnedFd, query: OwnedFd) -> Result<Self, TunError> {
        Self::with(fd, query, Offload::TcpUdp)
    }

    fn with(fd: OwnedFd, query: OwnedFd, wanted: Offload) -> Result<Self, TunError> {
        let failed = |name: &str| {
            let name = name.to_owned();
            move |source| TunError::Device { name, source }
        };
        let (name, has_header) = device::interface(fd.as_fd()).map_err(failed("?"))?;
        let offload = if has_header {
            device::enable_offload(fd.as_fd(), wanted).map_err(failed(&name))?
        } else {
            Offload::None
        };
        let flags = fcntl_getfl(&fd).map_err(|e| failed(&name)(e.into()))?;
        fcntl_setfl(&fd, flags | OFlags::NONBLOCK).map_err(|e| failed(&name)(e.into()))?;
        Ok(Self { file: File::from(fd), name, has_header, offload, query })
    }

    /// Gives up the device and the socket that belongs to it, to hand them to another process.
    #[must_use]
    pub fn into_fds(self) -> [OwnedFd; 2] {
        [self.file.into(), self.query]
    }

    /// The interface's name when it was opened.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the kernel hands over uncut.
    #[must_use]
    pub fn offload(&self) -> Offload {
        self.offload
    }

    /// The interface's index.
    ///
    /// # Errors
    /// As the kernel says: `ENODEV` once it is gone.
    pub fn index(&self) -> io::Result<u32> {
        Ok(rustix::net::netdevice::name_to_index(&self.query, &self.present_name()?)?)
    }

    /// The present MTU.
    ///
    /// # Errors
    /// As the kernel says: `EBADFD` or `ENODEV` once the interface is gone.
    pub fn mtu(&self) -> io::Result<u16> {
        device::mtu(&self.query, &self.present_name()?)
    }

    /// Changes the MTU.
    ///
    /// # Errors
    /// As the kernel says: `EPERM` without `CAP_NET_ADMIN`.
    pub fn set_mtu(&self, mtu: u16) -> io::Result<()> {
        device::set_mtu(&self.query, &self.present_name()?, mtu)
    }

    /// Somebody may have renamed it.
    fn present_name(&self) -> io::Result<String> {
        device::interface(self.file.as_fd()).map(|(name, _)| name)
    }

    /// Reads one packet or super-packet without waiting.
    ///
    /// # Errors
    /// `WouldBlock` if there is none; `EBADFD` once the interface is gone ([`is_gone`]).
    pub fn read<'b>(&self, buffer: &'b mut ReadBuffer) -> io::Result<Segments<'b>> {
        let length = (&self.file).read(&mut buffer.0)?;
        let bytes = buffer.0.get_mut(..length).unwrap_or_default();
        if !self.has_header {
            return Ok(Segments::single(bytes));
        }
        let Some((header, packet)) = bytes.split_first_chunk_mut::<{ header::LENGTH }>() else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        let header = Header::decode(header).ok_or(io::ErrorKind::InvalidData)?;
        Ok(Segments::new(header, packet))
    }

    /// Writes a batch, joining what belongs together, and empties it. Packets that the kernel refuses are dropped and counted.
    ///
    /// # Errors
    /// Only when the interface is gone ([`is_gone`]).
    pub fn write(&mut self, batch: &mut Batch) -> io::Result<usize> {
        batch.write(&self.file, self.has_header, &mut self.offload)
    }
}

impl AsFd for Tun {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// Whether an error says that the interface was removed.
#[must_use]
pub fn is_gone(error: &io::Error) -> bool {
    error
        .raw_os_error()
        .map(rustix::io::Errno::from_raw_os_error)
        .is_some_and(|errno| matches!(errno, rustix::io::Errno::BADFD | rustix::io::Errno::NODEV))
}

fn refine(name: &str, error: io::Error) -> TunError {
    use rustix::io::Errno;
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::BUSY | Errno::EXIST) => TunError::Taken(name.to_owned()),
        Some(Errno::PERM | Errno::ACCESS) => TunError::Permission(name.to_owned()),
        Some(Errno::NOENT | Errno::NODEV | Errno::NXIO) => TunError::Unavailable(error),
        Some(Errno::INVAL) => {
            // TUNSETIFF says so for a name that another kind of interface has.
            TunError::Taken(name.to_owned())
        }
        _ => TunError::Device { name: name.to_owned(), source: error },
    }
}
