//! One transfer with digests, from any machine to any other.

use std::net::SocketAddr;

use hanare_lab::{Error, Host, Result, receive_once, send};

/// Sends `bytes` bytes from one machine to `address` of the other and compares the digests of both ends.
///
/// # Errors
/// [`Error::Content`] if something else arrived; whatever breaks on the way.
pub fn carry(from: &Host, to: &Host, address: SocketAddr, bytes: u64) -> Result<()> {
    let incoming = receive_once(to, address)?;
    let sent = send(from, address, bytes, u64::from(address.port()) + bytes)?;
    let died = |_| Error::System { what: "a receiver".to_owned(), source: std::io::ErrorKind::Other.into() };
    let arrived = incoming.join().map_err(died)???;
    if arrived.same_as(&sent) && arrived.bytes == bytes {
        return Ok(());
    }
    let what = format!("{} -> {address}", from.name());
    Err(Error::Content { what, why: format!("{} of {bytes} bytes, or another digest", arrived.bytes) })
}
