//! Tells headquarters that this node leaves: if it answers, in bounded time, and never as a reason to fail.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use hanare_host::kill_switch;
use hanare_model::Lease;
use hanare_model::api::Refusal;
use tokio::time::timeout;

use super::daemon::Daemon;
use super::{outside, records};
use crate::api::{ApiError, Connection, Identity};
use crate::marked;
use crate::state::NodeState;
use crate::state::journal::Journal;

/// How long each way may take: through the tunnel, past it.
const PATIENCE: Duration = Duration::from_secs(3);
/// One address of several.
const ONE_ADDRESS: Duration = Duration::from_millis(1500);
/// And of that, how long for what was not told before.
const RECORDS: Duration = Duration::from_secs(1);

/// By a running daemon; whether headquarters knows.
pub(super) async fn from_daemon(daemon: &Daemon) -> bool {
    if daemon.revoked.is_some() {
        return true;
    }
    if let Some(inside) = &daemon.inside
        && daemon.health.is_up(daemon.watch.now())
        && heard("through the tunnel", timeout(PATIENCE, inside.leave(&daemon.journal)).await)
    {
        return true;
    }
    let leave = outside::leave(&daemon.hands, &daemon.api, &daemon.identity, &daemon.journal);
    heard("past the tunnel", timeout(PATIENCE, leave).await)
}

/// Without a daemon: past the tunnel, by the marked sockets that the closed kill switch lets through. `None` if there is nobody
/// to tell, or nothing to tell them.
pub(super) fn from_here(state: &Path) -> Option<bool> {
    let node = NodeState::new(state);
    if !matches!(node.tombstone(), Ok(None)) {
        return None;
    }
    let (Ok(Some(stored)), Ok(Some(enrolment)), Ok(Some(keys))) =
        (node.lease(), node.enrolment(), node.keys())
    else {
        return None;
    };
    let Ok(identity) = Identity::new(&keys.signing, enrolment.pin) else { return Some(false) };
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return Some(false);
    };
    // Where names led when the daemon ran: nobody else may be asked for them now.
    let known = kill_switch::policy::load(state).ok().flatten().map(|policy| policy.api).unwrap_or_default();
    // What is left of it is told with the farewell; it is no reason not to leave.
    let journal = Journal::open(&node).ok();
    let find = find_and_tell(known, &stored.lease, &identity, journal.as_ref());
    let told = runtime.block_on(async { timeout(PATIENCE, find).await });
    // A look-up under way must not hold the program back.
    runtime.shutdown_background();
    Some(heard("past the tunnel", told))
}

async fn find_and_tell(
    mut addresses: BTreeSet<SocketAddr>,
    lease: &Lease,
    identity: &Identity,
    journal: Option<&Journal>,
) -> Result<(), ApiError> {
    for endpoint in &lease.hq.api {
        match endpoint.address() {
            Some(address) => drop(addresses.insert(address)),
            None if addresses.is_empty() => {
                let found = tokio::net::lookup_host((endpoint.host(), endpoint.port())).await;
                addresses.extend(found.map_err(ApiError::io("looking up headquarters' name"))?);
            }
            None => {}
        }
    }
    tell(&addresses, identity, journal).await
}

async fn tell(
    addresses: &BTreeSet<SocketAddr>,
    identity: &Identity,
    journal: Option<&Journal>,
) -> Result<(), ApiError> {
    let mut last = ApiError::Timeout { what: "connecting to headquarters' API" };
    for address in addresses {
        let told = timeout(ONE_ADDRESS, async {
            let stream = marked::connect(*address).await.map_err(ApiError::io("connecting"))?;
            leave(&mut Connection::open(stream, identity).await?, journal).await
        });
        match told.await {
            Ok(Err(error)) => last = error,
            Ok(Ok(())) => return Ok(()),
            Err(_) => {}
        }
    }
    Err(last)
}

/// Says it on a connection, after what else headquarters should know.
pub(super) async fn leave(connection: &mut Connection, journal: Option<&Journal>) -> Result<(), ApiError> {
    if let Some(journal) = journal {
        match timeout(RECORDS, records::deliver(connection, journal)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(?error, "headquarters does not have all of this node's records"),
            Err(_) => tracing::warn!("headquarters did not take this node's records in time"),
        }
    }
    match connection.tell("/v1/leave", &serde_json::json!({})).await {
        // Whom headquarters does not have any more need not leave.
        Err(ApiError::Refused(Refusal::Revoked { .. } | Refusal::NotEnrolled)) => Ok(()),
        told => told,
    }
}

fn heard(way: &str, told: Result<Result<(), ApiError>, tokio::time::error::Elapsed>) -> bool {
    match told {
        Ok(Ok(())) => true,
        Ok(Err(error)) => {
            tracing::info!(?error, way, "headquarters was not told that this node leaves");
            false
        }
        Err(_) => {
            tracing::info!(way, "headquarters was not told in time that this node leaves");
            false
        }
    }
}
