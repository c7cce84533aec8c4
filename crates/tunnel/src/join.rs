//! Enrolment: redeems an invite, proves possession of both keys, stores the lease. Safe to repeat at any point.

mod redeem;
mod retry;

use std::path::PathBuf;
use std::time::Duration;

use hanare_model::api::Refusal;
use hanare_model::invite::SheetCode;
use hanare_model::{CompanyId, Endpoint, Invite, NodeKind, NodeName, RoomId, Timestamp};
use ipnet::IpNet;
use serde::Serialize;

use crate::api::{ApiError, Identity};
use crate::state::{NodeState, StateError, StoredLease};

/// How long an unreachable headquarters is tried (`INTERFACE`: 30 s).
pub const PATIENCE: Duration = Duration::from_secs(30);

/// What to join with.
#[derive(Debug, Clone)]
pub struct JoinOptions {
    /// The directory `--state`.
    pub state: PathBuf,
    /// The invite, already read: damage is found before anything else happens.
    pub invite: Invite,
    /// The name to ask for, if the invite leaves it open.
    pub name: Option<NodeName>,
    /// The code told over the phone, if [`Invite::wants_code`].
    pub code: Option<SheetCode>,
}

/// What joining brought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Joined {
    /// The node's name.
    pub node: NodeName,
    /// What it is.
    pub kind: NodeKind,
    /// Its tenant.
    pub company: CompanyId,
    /// Its room.
    pub room: RoomId,
    /// Its addresses inside the tunnel.
    pub addresses: Vec<IpNet>,
    /// A gateway's LAN prefixes.
    pub lan: Vec<IpNet>,
    /// When the lease ends.
    pub lease_until: Timestamp,
    /// Whether this device had redeemed the invite before.
    pub again: bool,
}

/// Why a node did not join. The exit status of `INTERFACE` stands in brackets.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// \[4\] The node is enrolled already, with another invite.
    #[error("this node is enrolled already as {node}")]
    AlreadyEnrolled {
        /// Under this name.
        node: NodeName,
    },
    /// \[6\] The node was revoked; only `leave`, which gives up its keys, makes it new.
    #[error("this node was revoked at {at}: {reason}")]
    Revoked {
        /// When.
        at: Timestamp,
        /// In the admin's words.
        reason: String,
    },
    /// \[3\] The invite was printed on a sheet and the code told over the phone is missing.
    #[error("this invite wants the code that is told over the phone")]
    CodeWanted,
    /// \[6\] Somebody else answered at headquarters' address.
    #[error("whoever answers at {endpoints} does not have the certificate that the invite names")]
    NotHeadquarters {
        /// Where.
        endpoints: String,
    },
    /// \[6\] Headquarters said no.
    #[error("headquarters refused the invite: {}", refusal_text(.0))]
    Refused(Refusal),
    /// \[5\] Nobody answered in [`PATIENCE`].
    #[error("headquarters did not answer at {endpoints}")]
    Unreachable {
        /// Where it was tried.
        endpoints: String,
        /// The last failure.
        #[source]
        last: ApiError,
    },
    /// \[6\] What headquarters granted does not fit together; whoever has its certificate does not have its signing key.
    #[error("headquarters' lease is not in order: {0}")]
    Lease(String),
    /// \[4\] TLS cannot be set up on this machine.
    #[error(transparent)]
    Setup(ApiError),
    /// \[4\] The node's files cannot be read or written.
    #[error(transparent)]
    State(#[from] StateError),
    /// \[4\] The system gave no threads or sockets to work with.
    #[error("the program cannot start its network part")]
    Runtime(#[source] std::io::Error),
}

/// Joins, blocking; see [`join_async`].
///
/// # Errors
/// See [`JoinError`].
pub fn join(options: &JoinOptions) -> Result<Joined, JoinError> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(JoinError::Runtime)?;
    let joined = runtime.block_on(join_async(options));
    // A name look-up under way must not hold the program back.
    runtime.shutdown_background();
    joined
}

/// Redeems the invite with this machine's keys, which are made on the first try and used again on every later one: for
/// headquarters the second try is the same device. Connects with patience, stores the lease last.
///
/// # Errors
/// See [`JoinError`].
pub async fn join_async(options: &JoinOptions) -> Result<Joined, JoinError> {
    let state = NodeState::new(&options.state);
    if let Some(tombstone) = state.tombstone()? {
        return Err(JoinError::Revoked { at: tombstone.revoked_at, reason: tombstone.reason });
    }
    let stored = state.lease()?;
    if let Some(StoredLease { lease, .. }) = &stored {
        let same = state.enrolment()?.is_some_and(|known| {
            known.invite == options.invite.id.to_string() && known.pin == options.invite.pin
        });
        if !same {
            return Err(JoinError::AlreadyEnrolled { node: lease.node.clone() });
        }
    }
    // Whoever redeemed it before has told the code then.
    if options.invite.wants_code && options.code.is_none() && stored.is_none() {
        return Err(JoinError::CodeWanted);
    }
    let keys = state.make_keys()?;
    let identity = Identity::new(&keys.signing, options.invite.pin).map_err(JoinError::Setup)?;
    let (enrolment, granted) = retry::redeem_with_patience(options, &keys, &identity).await?;
    let lease = redeem::check(&enrolment, &granted, &keys, stored.as_ref())?;
    state.store_enrolment(&enrolment, &granted.lease)?;
    tracing::info!(node = %lease.node, room = %lease.room, serial = lease.serial, "joined");
    Ok(Joined {
        node: lease.node,
        kind: lease.kind,
        company: lease.company,
        room: lease.room,
        addresses: lease.addresses,
        lan: if lease.kind == NodeKind::Gateway { lease.lan } else { Vec::new() },
        lease_until: lease.expires_at,
        again: stored.is_some(),
    })
}

fn places(endpoints: &[Endpoint]) -> String {
    endpoints.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn refusal_text(refusal: &Refusal) -> String {
    match refusal {
        Refusal::UnknownInvite => "it does not know this invite".to_owned(),
        Refusal::Expired { at } => format!("it expired at {at}"),
        Refusal::Used => "another device redeemed it".to_owned(),
        Refusal::Proof => "the proof of the node's keys does not hold".to_owned(),
        Refusal::Code => "the code told over the phone is wrong".to_owned(),
        Refusal::Blocked => "too many wrong codes have blocked it".to_owned(),
        Refusal::Name => "the node's name is taken or not a name".to_owned(),
        Refusal::Malformed => "it does not understand the request".to_owned(),
        Refusal::NotEnrolled => "this key belongs to no node".to_owned(),
        Refusal::Revoked { .. } => "the node was revoked".to_owned(),
        Refusal::Work { .. } => "it speaks of a person's work".to_owned(),
        Refusal::TooMany { retry_after_seconds } => {
            format!("too many tries from here, wait {retry_after_seconds} s")
        }
    }
}

#[cfg(test)]
mod tests;
