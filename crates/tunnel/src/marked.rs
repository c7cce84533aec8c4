//! Sockets that the kill switch lets through, for a process that may mark them itself.

use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpSocket, TcpStream};

/// Connects to headquarters' API. Without the capability to mark (an ordinary user, who has no kill switch of ours either)
/// the socket stays as it is.
pub(crate) async fn connect(to: SocketAddr) -> io::Result<TcpStream> {
    let socket = if to.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    if let Err(error) = socket2::SockRef::from(&socket).set_mark(hanare_host::MARK) {
        tracing::debug!(%error, "the API socket is not marked");
    }
    socket.connect(to).await
}
