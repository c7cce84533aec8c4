//! Talks to headquarters' public API, past the tunnel: for a lease that ran out, a tombstone, a session made anew.

use std::net::SocketAddr;
use std::time::Duration;

use hanare_host::hands::Client;
use hanare_model::Timestamp;
use hanare_model::api::{Granted, Hello};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::farewell;
use super::records::Rest;
use crate::api::{ApiError, Connection, Identity};

const CONNECT: Duration = Duration::from_secs(5);

/// Asks for the lease (renewed, the same again, or a tombstone) and for headquarters' clock: by a clock that is weeks ahead
/// the lease seems to be over, and then nothing travels through the tunnel that could say otherwise.
pub(super) async fn lease(
    hands: &Client,
    api: &[SocketAddr],
    identity: &Identity,
) -> Result<(Granted, Option<Timestamp>), ApiError> {
    let mut connection = open(hands, api, identity).await?;
    let granted = connection.get("/v1/lease").await?;
    let clock = connection.get::<Hello>("/v1/hello").await.ok().map(|hello| hello.now);
    Ok((granted, clock))
}

/// Asks headquarters to build its side of the session anew: this node's clock may have gone back.
pub(super) async fn rebuild(hands: &Client, api: &[SocketAddr], identity: &Identity) -> Result<(), ApiError> {
    open(hands, api, identity).await?.tell("/v1/rebuild", &serde_json::json!({})).await
}

/// Says that this node leaves.
pub(super) async fn leave(
    hands: &Client,
    api: &[SocketAddr],
    identity: &Identity,
    rest: &mut Rest<'_>,
) -> Result<(), ApiError> {
    farewell::leave(&mut open(hands, api, identity).await?, rest).await
}

/// A connection, to whichever address answers.
pub(super) async fn open(
    hands: &Client,
    api: &[SocketAddr],
    identity: &Identity,
) -> Result<Connection, ApiError> {
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

/// The host process begins the connection: a worker has no socket of its own.
pub(super) async fn connect(hands: &Client, to: SocketAddr) -> Result<TcpStream, ApiError> {
    let socket = hands
        .run(move |hands| hands.api_socket(to))
        .await
        .map_err(|error| ApiError::connection("a socket")(Box::new(error)))?;
    let connected = async {
        let stream = TcpStream::from_std(socket.into())?;
        stream.writable().await?;
        stream.take_error()?.map_or(Ok(stream), Err)
    };
    connected.await.map_err(ApiError::io("connecting to headquarters' API"))
}
