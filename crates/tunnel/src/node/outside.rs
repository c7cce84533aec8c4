//! Talks to headquarters' public API, past the tunnel: for a lease that ran out, a tombstone, a session made anew.

use std::net::SocketAddr;
use std::time::Duration;

use hanare_host::hands::Client;
use hanare_model::api::Granted;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::api::{ApiError, Connection, Identity};

const CONNECT: Duration = Duration::from_secs(5);

/// Asks for the lease: renewed, the same again, or a tombstone.
pub(super) async fn lease(
    hands: &Client,
    api: &[SocketAddr],
    identity: &Identity,
) -> Result<Granted, ApiError> {
    open(hands, api, identity).await?.get("/v1/lease").await
}

/// Asks headquarters to build its side of the session anew: this node's clock may have gone back.
pub(super) async fn rebuild(hands: &Client, api: &[SocketAddr], identity: &Identity) -> Result<(), ApiError> {
    open(hands, api, identity).await?.tell("/v1/rebuild", &serde_json::json!({})).await
}

async fn open(hands: &Client, api: &[SocketAddr], identity: &Identity) -> Result<Connection, ApiError> {
    let mut last = ApiError::Timeout { what: "finding headquarters' API" };
    for address in api {
        match timeout(CONNECT, connect(hands, *address)).await {
            Ok(Ok(stream)) => match Connection::open(stream, identity).await {
                Ok(connection) => return Ok(connection),
                Err(error) => last = error,
            },
            Ok(Err(error)) => last = error,
            Err(_) => last = ApiError::Timeout { what: "connecting to headquarters' API" },
        }
    }
    Err(last)
}

async fn connect(hands: &Client, to: SocketAddr) -> Result<TcpStream, ApiError> {
    let socket = hands
        .run(move |hands| hands.api_socket(to))
        .await
        .map_err(|error| ApiError::connection("a marked socket")(Box::new(error)))?;
    let socket = TcpSocket::from_std_stream(socket.into());
    socket.connect(to).await.map_err(ApiError::io("connecting to headquarters' API"))
}
