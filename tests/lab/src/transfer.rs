//! One stream of random-looking bytes over TCP, with a digest at both ends.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use ring::digest::{Context, Digest, SHA256};

use crate::{Error, Host, Result};

/// Longest time for one transfer.
const LIMIT: Duration = Duration::from_mins(1);

/// What one end of a transfer saw.
#[derive(Debug, Clone, Copy)]
pub struct Transferred {
    /// How many bytes.
    pub bytes: u64,
    /// Their SHA-256.
    pub digest: Digest,
    /// How long it took.
    pub took: Duration,
}

impl Transferred {
    /// Whether both ends saw the same bytes.
    #[must_use]
    pub fn same_as(&self, other: &Self) -> bool {
        self.bytes == other.bytes && self.digest.as_ref() == other.digest.as_ref()
    }
}

/// Listens on `address` of `host` for one connection and reads it to its end. The thread's result is what arrived.
///
/// # Errors
/// If the address cannot be bound.
pub fn receive_once(
    host: &Host,
    address: SocketAddr,
) -> Result<std::thread::JoinHandle<Result<Result<Transferred>>>> {
    let (bound, listening) = std::sync::mpsc::channel();
    let thread = host.thread(move || {
        let listener = match TcpListener::bind(address) {
            Ok(listener) => listener,
            Err(error) => {
                let _nobody = bound.send(());
                return Err(Error::system(format!("listening on {address}"))(error));
            }
        };
        let _nobody = bound.send(());
        accept(&listener, address)
    })?;
    let _bound_or_failed = listening.recv_timeout(LIMIT);
    Ok(thread)
}

fn accept(listener: &TcpListener, address: SocketAddr) -> Result<Transferred> {
    let failed = |what: &str| Error::system(format!("{what} on {address}"));
    listener.set_nonblocking(true).map_err(failed("waiting"))?;
    let mut stream =
        crate::until_some(&format!("a connection to {address}"), LIMIT, || listener.accept().ok())?.0;
    stream.set_nonblocking(false).map_err(failed("accepting"))?;
    stream.set_read_timeout(Some(LIMIT)).map_err(failed("accepting"))?;
    let start = Instant::now();
    let (mut context, mut bytes, mut buffer) = (Context::new(&SHA256), 0u64, vec![0u8; 1 << 16]);
    loop {
        let count = stream.read(&mut buffer).map_err(failed("reading"))?;
        if count == 0 {
            return Ok(Transferred { bytes, digest: context.finish(), took: start.elapsed() });
        }
        bytes += count as u64;
        context.update(buffer.get(..count).unwrap_or_default());
    }
}

/// Connects from `host` to `address` and sends `bytes` bytes that depend on `seed`.
///
/// # Errors
/// If it cannot connect or the connection breaks.
pub fn send(host: &Host, address: SocketAddr, bytes: u64, seed: u64) -> Result<Transferred> {
    host.within(move || {
        let failed = |what: &str| Error::system(format!("{what} {address}"));
        let start = Instant::now();
        let mut stream =
            TcpStream::connect_timeout(&address, Duration::from_secs(10)).map_err(failed("connecting to"))?;
        stream.set_write_timeout(Some(LIMIT)).map_err(failed("connecting to"))?;
        let (mut context, mut left, mut state) = (Context::new(&SHA256), bytes, seed | 1);
        let mut buffer = vec![0u8; 1 << 16];
        while left > 0 {
            for chunk in buffer.chunks_exact_mut(8) {
                // xorshift64: nothing on the way can compress or guess it.
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                chunk.copy_from_slice(&state.to_le_bytes());
            }
            let count = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
            let part = buffer.get(..count).unwrap_or_default();
            stream.write_all(part).map_err(failed("sending to"))?;
            context.update(part);
            left -= count as u64;
        }
        stream.shutdown(Shutdown::Write).map_err(failed("closing"))?;
        // Closed by the other side only when it has read everything.
        stream.set_read_timeout(Some(LIMIT)).map_err(failed("closing"))?;
        let _end = stream.read(&mut [0u8; 1]).map_err(failed("closing"))?;
        Ok(Transferred { bytes, digest: context.finish(), took: start.elapsed() })
    })?
}
