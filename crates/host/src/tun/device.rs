//! The ioctls of a TUN device that outlive its creation: what it is called, its MTU, its offloads.
#![expect(
    unsafe_code,
    reason = "ioctls have no safe form; each names the type that the kernel reads or fills"
)]

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::ioctl::{self, IntegerSetter, Setter, Updater, opcode};
use rustix::net::{AddressFamily, SocketType, socket};

use super::header;

/// `struct ifreq`: a name and a union.
#[repr(C)]
#[derive(Clone, Copy)]
struct Request {
    name: [u8; 16],
    value: [u8; 24],
}

const TUN: u8 = b'T';
const GET_INTERFACE: ioctl::Opcode = opcode::read::<u32>(TUN, 210);
const SET_OFFLOAD: ioctl::Opcode = opcode::write::<u32>(TUN, 208);
const SET_HEADER_SIZE: ioctl::Opcode = opcode::write::<i32>(TUN, 216);
const GET_MTU: ioctl::Opcode = 0x8921;
const SET_MTU: ioctl::Opcode = 0x8922;

const VNET_HEADER: u16 = 0x4000;
const OFFLOAD_CHECKSUM: usize = 0x01;
const OFFLOAD_TSO: usize = 0x02 | 0x04;
const OFFLOAD_USO: usize = 0x20 | 0x40;

/// What the kernel may hand over uncut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Offload {
    /// Single packets.
    None,
    /// TCP.
    Tcp,
    /// TCP and UDP (Linux 6.2).
    TcpUdp,
}

/// The device's present name, and whether packets carry a header.
pub(super) fn interface(fd: BorrowedFd<'_>) -> io::Result<(String, bool)> {
    let mut request = Request { name: [0; 16], value: [0; 24] };
    // SAFETY: TUNGETIFF fills a `struct ifreq`, which `Request` is in size and layout.
    unsafe { ioctl::ioctl(fd, Updater::<GET_INTERFACE, Request>::new(&mut request)) }?;
    let [low, high, ..] = request.value;
    Ok((text(&request.name), u16::from_ne_bytes([low, high]) & VNET_HEADER != 0))
}

/// Asks for the best offload the kernel has and says which it is.
pub(super) fn enable_offload(fd: BorrowedFd<'_>, wanted: Offload) -> io::Result<Offload> {
    let length = i32::try_from(header::LENGTH).unwrap_or(i32::MAX);
    // SAFETY: TUNSETVNETHDRSZ reads an int.
    unsafe { ioctl::ioctl(fd, Setter::<SET_HEADER_SIZE, i32>::new(length)) }?;
    if wanted == Offload::TcpUdp && set_offload(fd, OFFLOAD_CHECKSUM | OFFLOAD_TSO | OFFLOAD_USO).is_ok() {
        return Ok(Offload::TcpUdp);
    }
    if wanted >= Offload::Tcp && set_offload(fd, OFFLOAD_CHECKSUM | OFFLOAD_TSO).is_ok() {
        return Ok(Offload::Tcp);
    }
    set_offload(fd, 0)?;
    Ok(Offload::None)
}

fn set_offload(fd: BorrowedFd<'_>, mask: usize) -> io::Result<()> {
    // SAFETY: TUNSETOFFLOAD takes its mask by value and touches no memory of ours.
    unsafe { ioctl::ioctl(fd, IntegerSetter::<SET_OFFLOAD>::new_usize(mask)) }?;
    Ok(())
}

/// A socket to ask about interfaces with, in the network namespace of the calling thread.
pub(super) fn query() -> io::Result<OwnedFd> {
    Ok(socket(AddressFamily::INET, SocketType::DGRAM, None)?)
}

pub(super) fn mtu(query: impl AsFd, name: &str) -> io::Result<u16> {
    let mut request = named(name)?;
    // SAFETY: SIOCGIFMTU reads the name and fills the union of a `struct ifreq`, which `Request` is.
    unsafe { ioctl::ioctl(query, Updater::<GET_MTU, Request>::new(&mut request)) }?;
    let [a, b, c, d, ..] = request.value;
    Ok(u16::try_from(i32::from_ne_bytes([a, b, c, d])).unwrap_or(u16::MAX))
}

pub(super) fn set_mtu(query: impl AsFd, name: &str, mtu: u16) -> io::Result<()> {
    let mut request = named(name)?;
    if let Some(value) = request.value.first_chunk_mut() {
        *value = i32::from(mtu).to_ne_bytes();
    }
    // SAFETY: SIOCSIFMTU reads a `struct ifreq`, which `Request` is.
    unsafe { ioctl::ioctl(query, Updater::<SET_MTU, Request>::new(&mut request)) }?;
    Ok(())
}

fn named(name: &str) -> io::Result<Request> {
    let mut request = Request { name: [0; 16], value: [0; 24] };
    let bytes = name.as_bytes();
    let room = request.name.get_mut(..bytes.len()).filter(|_| bytes.len() < 16);
    room.ok_or(io::ErrorKind::InvalidInput)?.copy_from_slice(bytes);
    Ok(request)
}

fn text(name: &[u8]) -> String {
    String::from_utf8_lossy(name.split(|byte| *byte == 0).next().unwrap_or_default()).into_owned()
}
