//! Patience: every endpoint in turn, again and again with growing pauses, until somebody answers or the time is over.

use std::net::SocketAddr;
use std::time::Duration;

use hanare_model::Endpoint;
use hanare_model::api::{Granted, Refusal};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout_at};

use super::redeem::redeem;
use super::{JoinError, JoinOptions, PATIENCE, places};
use crate::api::{ApiError, Connection, Identity};
use crate::marked;
use crate::state::{Enrolment, Keys};

/// A connection that is not there by then never comes on a usable line.
const CONNECT: Duration = Duration::from_secs(5);
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(4);

pub(super) async fn redeem_with_patience(
    options: &JoinOptions,
    keys: &Keys,
    identity: &Identity,
) -> Result<(Enrolment, Granted), JoinError> {
    let deadline = Instant::now() + PATIENCE;
    let mut pause = FIRST_PAUSE;
    loop {
        let error = match timeout_at(deadline, one_round(options, keys, identity)).await {
            Ok(Ok(won)) => return Ok(won),
            Ok(Err(error)) => error,
            Err(_) => ApiError::Timeout { what: "joining" },
        };
        let wait = next_pause(&error, &mut pause);
        if !error.is_transient() || Instant::now() + wait >= deadline {
            return Err(verdict(options, error));
        }
        tracing::debug!(?error, wait_ms = wait.as_millis(), "headquarters is tried again");
        sleep(wait).await;
    }
}

/// Every endpoint once. What headquarters itself says ends the round; a wrong certificate counts only if no other endpoint
/// fails for a reason that may pass.
async fn one_round(
    options: &JoinOptions,
    keys: &Keys,
    identity: &Identity,
) -> Result<(Enrolment, Granted), ApiError> {
    let mut worst: Option<ApiError> = None;
    for endpoint in &options.invite.api {
        let error = match one_try(endpoint, options, keys, identity).await {
            Ok(won) => return Ok(won),
            Err(error @ ApiError::Refused(_)) => return Err(error),
            Err(error) => error,
        };
        if worst.as_ref().is_none_or(|worst| !worst.is_transient()) {
            worst = Some(error);
        }
    }
    Err(worst.unwrap_or(ApiError::Timeout { what: "an invite without endpoints" }))
}

async fn one_try(
    endpoint: &Endpoint,
    options: &JoinOptions,
    keys: &Keys,
    identity: &Identity,
) -> Result<(Enrolment, Granted), ApiError> {
    let stream = connect(endpoint).await?;
    let mut connection = Connection::open(stream, identity).await?;
    redeem(&mut connection, options, keys).await
}

async fn connect(endpoint: &Endpoint) -> Result<TcpStream, ApiError> {
    let deadline = Instant::now() + CONNECT;
    let lookup = tokio::net::lookup_host((endpoint.host(), endpoint.port()));
    let addresses: Vec<SocketAddr> = timeout_at(deadline, lookup)
        .await
        .map_err(|_| ApiError::Timeout { what: "looking up headquarters' name" })?
        .map_err(ApiError::io("looking up headquarters' name"))?
        .collect();
    let mut last = ApiError::Timeout { what: "connecting" };
    for address in addresses {
        match timeout_at(deadline, marked::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = ApiError::io("connecting")(error),
            Err(_) => return Err(ApiError::Timeout { what: "connecting" }),
        }
    }
    Err(last)
}

fn next_pause(error: &ApiError, pause: &mut Duration) -> Duration {
    if let ApiError::Refused(Refusal::TooMany { retry_after_seconds }) = error {
        return Duration::from_secs((*retry_after_seconds).max(1));
    }
    let now = *pause;
    *pause = (now * 2).min(LONGEST_PAUSE);
    now
}

fn verdict(options: &JoinOptions, error: ApiError) -> JoinError {
    let endpoints = places(&options.invite.api);
    match error {
        ApiError::Refused(refusal) => JoinError::Refused(refusal),
        ApiError::NotHeadquarters => JoinError::NotHeadquarters { endpoints },
        error @ ApiError::Setup { .. } => JoinError::Setup(error),
        last @ (ApiError::Connection { .. }
        | ApiError::Timeout { .. }
        | ApiError::Unavailable { .. }
        | ApiError::Answer { .. }) => JoinError::Unreachable { endpoints, last },
    }
}
