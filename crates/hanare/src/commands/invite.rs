//! `hanare invite`: a one-time secret that lets one node enrol.

use hanare_hq::admin::InviteMake;
use hanare_model::invite::Invite;
use hanare_model::{NodeKind, NodeName, RoomId};
use serde_json::json;

use crate::context::{Context, Outcome};
use crate::durations::Span;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::qr;
use crate::times;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[arg(value_name = "OFFICE/ROOM")]
    room: RoomId,
    #[arg(long, value_enum, value_name = "endpoint|gateway")]
    kind: Kind,
    #[arg(long, value_name = "NODE")]
    name: Option<NodeName>,
    #[arg(long, value_name = "DURATION", default_value = "24h")]
    expires: Span,
    #[arg(long)]
    qr: bool,
    #[arg(long)]
    sheet: bool,
}

/// What an invite can make.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Kind {
    Endpoint,
    Gateway,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Outcome {
        let Self { room, kind, name, expires, qr, sheet } = self;
        let kind = match kind {
            Kind::Endpoint => NodeKind::Endpoint,
            Kind::Gateway => NodeKind::Gateway,
        };
        let request = InviteMake { room, kind, name, expires_seconds: expires.0.as_secs(), sheet };
        let invited = context.ask(request)?;
        let code = if qr && !context.out.json() { Some(code(&invited.text)?) } else { None };
        let document = json!({
            "invite": invited.text, "id": invited.id, "room": invited.room, "kind": invited.kind,
            "name": invited.name, "expires_at": invited.expires_at, "code": invited.code,
        });
        context.out.result("invite", &document, |_| match &code {
            Some(code) => format!("{}\n\n{code}", invited.text),
            None => invited.text.clone(),
        })?;
        context
            .out
            .talk("invite-once", &[("room", &invited.room), ("until", &times::tell(invited.expires_at))]);
        // Beside the data: what is printed from standard output does not carry its own code.
        if let Some(code) = invited.code.as_ref().filter(|_| !context.out.json()) {
            context.out.warn("invite-code", &[("code", code)]);
        }
        Ok(Exit::Good)
    }
}

/// The QR code of an invite, in the upper-case spelling that makes it small.
fn code(text: &str) -> Result<String, Failure> {
    let broken = |error| Failure::new(Exit::Bug, "bug").because(&error);
    let compact = Invite::parse(text).and_then(|invite| invite.to_qr()).map_err(broken)?;
    qr::draw(&compact)
}
