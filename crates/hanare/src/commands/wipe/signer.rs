//! The key that signs this machine's receipts: an enrolled node's signing key, otherwise one of the machine's own.

use hanare_model::SigningKey;
use hanare_model::lease::NodeKind;
use hanare_tunnel::state::NodeState;
use hanare_wipe::receipt;

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::foreign;

/// The enrolled node's key; `None` on a machine that is not enrolled.
pub(super) fn enrolled(context: &Context) -> Result<Option<SigningKey>, Failure> {
    let node = NodeState::new(&context.state);
    if node.enrolment().map_err(foreign::state_error)?.is_none() {
        return Ok(None);
    }
    Ok(node.keys().map_err(foreign::state_error)?.map(|keys| keys.signing))
}

/// The key that this machine's receipts are signed with, if it has one.
pub(super) fn own(context: &Context) -> Result<Option<SigningKey>, Failure> {
    match enrolled(context)? {
        Some(key) => Ok(Some(key)),
        None => receipt::standalone_key(&context.state).map_err(foreign::receipt_error),
    }
}

/// The same, made on first use.
pub(crate) fn own_or_new(context: &Context) -> Result<SigningKey, Failure> {
    match enrolled(context)? {
        Some(key) => Ok(key),
        None => receipt::make_standalone_key(&context.state).map_err(foreign::receipt_error),
    }
}

/// Refuses on a machine that is not enrolled as an endpoint, unless `standalone` says that it need not be.
pub(super) fn may_wipe(context: &Context, standalone: bool) -> Result<(), Failure> {
    if standalone {
        return Ok(());
    }
    let lease = NodeState::new(&context.state).lease().map_err(foreign::state_error)?;
    if lease.is_some_and(|stored| stored.lease.kind == NodeKind::Endpoint) {
        return Ok(());
    }
    Err(Failure::new(Exit::Refused, "not-an-endpoint"))
}
