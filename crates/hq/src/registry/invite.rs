//! Making invites.

use std::time::Duration;

use hanare_model::NodeKind;
use hanare_model::invite::{Invite, InviteId, InviteSecret, MAX_ENDPOINTS, SheetCode, SpkiPin};
use serde_json::json;

use super::rows::InviteRow;
use super::tenants::{exists, missing};
use super::{Change, Context, Decision, Registry};
use crate::admin::{InviteMake, Invited, Noun, Problem};
use crate::random;

/// An invite lives long enough to be typed in.
const LEAST_SECONDS: u64 = 1;
/// And not longer than a lease: what lies on a desk for longer is a key under the mat.
const MOST_SECONDS: u64 = hanare_model::lease::LEASE_DURATION.as_secs();

pub(super) fn make(registry: &Registry, context: &Context, ask: InviteMake) -> Result<Decision, Problem> {
    if !registry.rooms.contains_key(&ask.room) {
        return Err(missing(Noun::Room, &ask.room));
    }
    if ask.kind == NodeKind::External {
        return Err(Problem::InviteKind);
    }
    if !(LEAST_SECONDS..=MOST_SECONDS).contains(&ask.expires_seconds) {
        return Err(Problem::InviteDuration {
            asked: ask.expires_seconds,
            least: LEAST_SECONDS,
            most: MOST_SECONDS,
        });
    }
    if let Some(name) = ask.name.as_ref().filter(|name| registry.node_by_name(name).is_some()) {
        return Err(exists(Noun::Node, name));
    }
    if ask.kind == NodeKind::Gateway
        && let Some(gateway) = registry.nodes_of(&ask.room).find(|node| node.kind == NodeKind::Gateway)
    {
        return Err(Problem::GatewayTaken { room: ask.room.to_string(), node: gateway.name.to_string() });
    }
    let bug = |text: String| Problem::Bug { text };
    let id = InviteId::from_bytes(*random::bytes().map_err(|error| bug(error.to_string()))?);
    let secret = InviteSecret::from_bytes(*random::bytes().map_err(|error| bug(error.to_string()))?);
    let code = if ask.sheet {
        Some(SheetCode::from_random(*random::bytes().map_err(|error| bug(error.to_string()))?))
    } else {
        None
    };
    let expires_at = context.now.after(Duration::from_secs(ask.expires_seconds));
    let row = InviteRow {
        id: id.to_string(),
        fingerprint: secret.fingerprint(),
        code: code.as_ref().map(|code| code.fingerprint(&secret)),
        wrong_codes: 0,
        room: ask.room.clone(),
        kind: ask.kind,
        node: ask.name.clone(),
        expires_at,
        created_at: context.now,
        redeemed_by: None,
        closed: false,
    };
    let invite = Invite {
        id,
        secret,
        pin: SpkiPin::from_bytes(context.pin),
        api: context.api.iter().take(MAX_ENDPOINTS).cloned().collect(),
        expires_at,
        kind: ask.kind,
        name: ask.name.clone(),
        wants_code: ask.sheet,
    };
    let text = invite.to_line().map_err(|error| bug(error.to_string()))?;
    let invited = Invited {
        id: row.id.clone(),
        text,
        room: ask.room,
        kind: ask.kind,
        name: ask.name,
        expires_at,
        code: code.map(|code| code.expose().to_string()),
    };
    let data = json!({
        "room": row.room, "kind": row.kind, "node": row.node, "expires_at": row.expires_at, "sheet": ask.sheet,
    });
    Ok(Decision::answer(&invited)?.recorded(context, "invite.made", &row.id, data).with(Change::Invite(row)))
}
