//! Tells headquarters that this node leaves: if it answers, in bounded time, and never as a reason to fail.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use hanare_host::kill_switch;
use hanare_model::Lease;
use hanare_model::api::{Leave, Refusal};
use tokio::time::timeout;

use super::daemon::Daemon;
use super::outside;
use super::records::Rest;
use crate::api::{ApiError, Connection, Identity};
use crate::marked;
use crate::state::NodeState;
use crate::state::journal::Journal;

/// How long each way may take: through the tunnel, past it.
const PATIENCE: Duration = Duration::from_secs(3);
/// Of that, for a connection to one address of several.
const ONE_ADDRESS: Duration = Duration::from_millis(1500);
/// And how long requests begin for what was not told before.
const RECORDS: Duration = Duration::from_secs(1);

/// What headquarters knows of a node that has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// Whether it knows that this node leaves; `None` if there was nobody to tell.
    pub left: Option<bool>,
    /// How many records of this node's ledger it is not known to hold.
    pub missing: u64,
}

/// By a running daemon. Headquarters knows of a node that it revoked, and may still miss what that has on its record.
pub(super) async fn from_daemon(daemon: &Daemon) -> Told {
    let mut rest = Rest::of(daemon);
    let is_revoked = daemon.revoked.is_some();
    if let Some(inside) = &daemon.inside
        && daemon.health.is_up(daemon.watch.now())
        && heard("through the tunnel", timeout(PATIENCE, inside.leave(&mut rest)).await)
    {
        return Told { left: Some(true), missing: rest.missing() };
    }
    if is_revoked && rest.missing() == 0 {
        return Told { left: Some(true), missing: 0 };
    }
    let leave = outside::leave(&daemon.hands, &daemon.api, &daemon.identity, &mut rest);
    let told = heard("past the tunnel", timeout(PATIENCE, leave).await);
    Told { left: Some(told || is_revoked), missing: rest.missing() }
}

/// Without a daemon: past the tunnel, by the marked sockets that the closed kill switch lets through.
pub(super) fn from_here(state: &Path) -> Told {
    let node = NodeState::new(state);
    let journal = Journal::open(&node).ok();
    let missing = journal.as_ref().map_or_else(|| Journal::unreadable(&node), |journal| journal.head().seq);
    let is_revoked = matches!(node.tombstone(), Ok(Some(_)));
    let (Ok(Some(stored)), Ok(Some(enrolment)), Ok(Some(keys))) =
        (node.lease(), node.enrolment(), node.keys())
    else {
        return Told { left: None, missing };
    };
    if is_revoked && missing == 0 {
        return Told { left: None, missing };
    }
    let untold = Told { left: (!is_revoked).then_some(false), missing };
    let Ok(identity) = Identity::new(&keys.signing, enrolment.pin) else { return untold };
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return untold;
    };
    // Where names led when the daemon ran: nobody else may be asked for them now.
    let known = kill_switch::policy::load(state).ok().flatten().map(|policy| policy.api).unwrap_or_default();
    // What is left of it is told with the farewell; it is no reason not to leave.
    let mut rest = Rest::unknown(journal.as_ref(), keys.signing.verify_key(), missing);
    let find = find_and_tell(known, &stored.lease, &identity, &mut rest);
    let told = runtime.block_on(async { timeout(PATIENCE, find).await });
    // A look-up under way must not hold the program back.
    runtime.shutdown_background();
    let told = heard("past the tunnel", told);
    Told { left: (!is_revoked).then_some(told), missing: rest.missing() }
}

async fn find_and_tell(
    mut addresses: BTreeSet<SocketAddr>,
    lease: &Lease,
    identity: &Identity,
    rest: &mut Rest<'_>,
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
    tell(&addresses, identity, rest).await
}

async fn tell(
    addresses: &BTreeSet<SocketAddr>,
    identity: &Identity,
    rest: &mut Rest<'_>,
) -> Result<(), ApiError> {
    let mut last = ApiError::Timeout { what: "connecting to headquarters' API" };
    for address in addresses {
        let connected = timeout(ONE_ADDRESS, async {
            let stream = marked::connect(*address).await.map_err(ApiError::io("connecting"))?;
            Connection::open(stream, identity).await
        });
        match connected.await {
            Ok(Ok(mut connection)) => match leave(&mut connection, rest).await {
                Ok(()) => return Ok(()),
                Err(error) => last = error,
            },
            Ok(Err(error)) => last = error,
            Err(_) => {}
        }
    }
    Err(last)
}

/// Says it on a connection, after what else headquarters should know.
pub(super) async fn leave(connection: &mut Connection, rest: &mut Rest<'_>) -> Result<(), ApiError> {
    if let Err(error) = rest.deliver(connection, tokio::time::Instant::now() + RECORDS).await {
        tracing::warn!(?error, "headquarters does not have all of this node's records");
    }
    match connection.tell("/v1/leave", &Leave { records_missing: rest.missing() }).await {
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
