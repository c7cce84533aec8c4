//! `hanare wipe sealed`: work that waits for headquarters on this machine, encrypted to its key.

use std::path::PathBuf;

use clap::Subcommand;
use hanare_handover::deliver::{TransportError, deliver_sealed};
use hanare_handover::seal::{Reserve, Spool, Waiting};
use hanare_tunnel::Line;
use hanare_tunnel::state::NodeState;
use serde_json::json;

use crate::agent::{Carrier, SEALED};
use crate::context::{Context, Outcome, block_on};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::{foreign, show, table};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    List,
    Deliver,
    Export { dir: PathBuf },
}

impl Command {
    pub(crate) fn run(self, context: &Context) -> Outcome {
        match self {
            Self::List => list(context),
            Self::Deliver => deliver(context),
            Self::Export { dir } => export(context, &dir),
        }
    }
}

/// What waits here. Of what is inside nothing is known on this machine.
pub(crate) fn waiting(context: &Context) -> Result<Vec<Waiting>, Failure> {
    Spool::look(&context.state.join(SEALED)).map_err(|error| failed(context, &error))
}

fn failed(context: &Context, error: &std::io::Error) -> Failure {
    let path = context.state.join(SEALED);
    Failure::new(Exit::Impossible, "agent-sealed").with("path", path.display()).because(error)
}

/// The spool, if there is one; the agent may be at work in it.
fn spool(context: &Context) -> Result<Option<Spool>, Failure> {
    match Spool::beside(&context.state.join(SEALED), Reserve(u64::MAX)) {
        Ok(spool) => Ok(Some(spool)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(context, &error)),
    }
}

fn list(context: &Context) -> Outcome {
    let waiting = waiting(context)?;
    let items: Vec<_> = waiting.iter().map(|item| json!({"id": item.id, "bytes": item.bytes})).collect();
    let bytes: u64 = waiting.iter().map(|item| item.bytes).sum();
    let told = json!({"sealed": items.len(), "bytes": bytes, "items": items});
    context.out.result("wipe.sealed.list", &told, |voice| {
        let row = |item: &Waiting| vec![item.id.to_string(), show::size(item.bytes)];
        table::rows(voice, &["label-id", "label-size"], waiting.iter().map(row).collect())
    })?;
    Ok(Exit::Good)
}

fn deliver(context: &Context) -> Outcome {
    let state = NodeState::new(&context.state);
    let (Some(keys), Some(enrolment), Some(lease)) = (
        state.keys().map_err(foreign::state_error)?,
        state.enrolment().map_err(foreign::state_error)?,
        state.lease().map_err(foreign::state_error)?,
    ) else {
        return Err(Failure::new(Exit::Impossible, "not-joined"));
    };
    let spool = spool(context)?;
    let posted = match &spool {
        None => hanare_handover::deliver::Posted::default(),
        Some(spool) => block_on(async {
            let line = Line::new(&keys, &enrolment, &lease.lease, None)
                .map_err(|error| Failure::new(Exit::Impossible, "agent-hq").because(&error))?;
            deliver_sealed(spool, &Carrier(line)).await.map_err(|error| undelivered(&error))
        })??,
    };
    let sealed = spool.as_ref().map_or(0, Spool::count);
    let told = json!({
        "delivered": posted.items, "bytes": posted.bytes, "refused": posted.refused, "sealed": sealed,
    });
    context.out.result("wipe.sealed.deliver", &told, |_| String::new())?;
    context.out.talk("sealed-delivered", &[("items", &posted.items), ("left", &sealed)]);
    Ok(if sealed == 0 { Exit::Good } else { Exit::Incomplete })
}

fn undelivered(error: &TransportError) -> Failure {
    let exit = match error {
        TransportError::Later(_) => Exit::Unreachable,
        TransportError::Ended(_) => Exit::Refused,
        TransportError::Answer(_) | TransportError::Forgotten => Exit::Incomplete,
    };
    Failure::new(exit, "sealed-undelivered").because(error)
}

/// Carries everything away: what is in the folder then, is brought to headquarters by hand.
fn export(context: &Context, dir: &std::path::Path) -> Outcome {
    let mut paths = Vec::new();
    if let Some(spool) = spool(context)? {
        for item in spool.waiting().map_err(|error| failed(context, &error))? {
            paths.push(spool.carry(&item, dir).map_err(|error| {
                Failure::new(Exit::Impossible, "sealed-export").with("path", dir.display()).because(&error)
            })?);
        }
    }
    context.out.result("wipe.sealed.export", &json!({"files": paths}), |_| {
        paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join("\n")
    })?;
    Ok(Exit::Good)
}
