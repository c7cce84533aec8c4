//! What one receive call brings: several buffers, each a train of datagrams from one sender.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};

use quinn_udp::RecvMeta;

use super::socket::Socket;

/// A GRO train is an IP packet at most.
const TRAIN: usize = 65_536;
/// Trains per call at most. Only what the kernel fills becomes resident, but a burst of full trains fills it all.
const TRAINS: usize = 16;

/// Room for one receive call; made once.
#[derive(Debug)]
pub struct ReceiveBuffer {
    memory: Box<[u8]>,
    meta: [RecvMeta; TRAINS],
}

impl Default for ReceiveBuffer {
    fn default() -> Self {
        Self { memory: vec![0; TRAIN * TRAINS].into_boxed_slice(), meta: [RecvMeta::default(); TRAINS] }
    }
}

impl ReceiveBuffer {
    pub(super) fn receive(&mut self, socket: &Socket, batches: usize) -> io::Result<Datagrams<'_>> {
        let mut chunks = self.memory.chunks_exact_mut(TRAIN);
        let mut slices: [IoSliceMut<'_>; TRAINS] =
            std::array::from_fn(|_| IoSliceMut::new(chunks.next().unwrap_or_default()));
        let wanted = batches.clamp(1, TRAINS);
        let slices = slices.get_mut(..wanted).unwrap_or_default();
        let trains = socket.receive(slices, &mut self.meta)?;
        Ok(Datagrams { buffer: self, trains, train: 0, at: 0 })
    }
}

/// The datagrams of one call, one by one.
#[derive(Debug)]
pub struct Datagrams<'b> {
    buffer: &'b mut ReceiveBuffer,
    trains: usize,
    train: usize,
    at: usize,
}

/// One datagram.
#[derive(Debug)]
pub struct Datagram<'b> {
    /// Who sent it.
    pub from: SocketAddr,
    /// To which of our addresses.
    pub to: Option<IpAddr>,
    /// What it says.
    pub bytes: &'b mut [u8],
}

impl Datagrams<'_> {
    /// Trains that came.
    #[must_use]
    pub fn trains(&self) -> usize {
        self.trains
    }

    /// The next one; `None` after the last.
    pub fn next_datagram(&mut self) -> Option<Datagram<'_>> {
        loop {
            if self.train >= self.trains {
                return None;
            }
            let meta = self.buffer.meta.get(self.train)?;
            if self.at >= meta.len {
                self.train += 1;
                self.at = 0;
                continue;
            }
            let start = self.train * TRAIN + self.at;
            let length = meta.stride.max(1).min(meta.len - self.at);
            self.at += length;
            let bytes = self.buffer.memory.get_mut(start..start + length)?;
            return Some(Datagram { from: meta.addr, to: meta.dst_ip, bytes });
        }
    }
}
