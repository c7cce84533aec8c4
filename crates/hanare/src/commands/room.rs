//! `hanare room`: rooms and their prefixes.

use std::path::PathBuf;

use clap::Subcommand;
use hanare_hq::admin::{self, RoomAdd, RoomClose, RoomList, RoomRemove, RoomShow};
use hanare_model::{CompanyId, RoomId};
use ipnet::Ipv4Net;
use serde_json::json;

use crate::ask::Confirmation;
use crate::context::{Context, Outcome};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::input::{self, NewFile};
use crate::table;
use crate::times;
use crate::voice::Voice;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Add {
        #[arg(value_name = "OFFICE/ROOM")]
        id: RoomId,
        #[arg(long, value_name = "ID")]
        company: CompanyId,
        #[arg(long, value_name = "CIDR")]
        prefix: Option<Ipv4Net>,
    },
    List,
    Show {
        #[arg(value_name = "OFFICE/ROOM")]
        id: RoomId,
    },
    Close {
        #[arg(value_name = "OFFICE/ROOM")]
        id: RoomId,
        #[arg(long)]
        abandon_sealed: bool,
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
        #[command(flatten)]
        confirmation: Confirmation,
    },
    Remove {
        #[arg(value_name = "OFFICE/ROOM")]
        id: RoomId,
        #[command(flatten)]
        confirmation: Confirmation,
    },
}

impl Command {
    pub(crate) fn run(self, context: &Context) -> Outcome {
        match self {
            Self::Add { id, company, prefix } => {
                let added = context.ask(RoomAdd { id, company, prefix })?;
                let said = if added.created { "room-added" } else { "room-unchanged" };
                let (room, prefix) = (&added.item.id, &added.item.prefix);
                context.out.talk(said, &[("room", room), ("prefix", prefix)]);
                context.out.result("room.add", &added, |_| String::new())?;
            }
            Self::List => list(context)?,
            Self::Show { id } => {
                let room = context.ask(RoomShow { id })?;
                context.out.result("room.show", &room, |voice| show(&room, voice))?;
            }
            Self::Close { id, abandon_sealed, out, confirmation } => {
                close(context, &id, abandon_sealed, out, confirmation)?;
            }
            Self::Remove { id, confirmation } => {
                let what = context.out.voice().say_with("what-room", &[("id", &id)]);
                if confirmation.go_on(context, &what)? {
                    let removed = context.ask(RoomRemove { id })?;
                    context.out.talk("removed", &[("what", &what)]);
                    context.out.result("room.remove", &removed, |_| String::new())?;
                } else {
                    context
                        .out
                        .result("room.remove", &json!({"id": id, "dry_run": true}), |_| String::new())?;
                }
            }
        }
        Ok(Exit::Good)
    }
}

/// Gives a room up, and keeps the certificate, its signature, the room's part of the ledger and the key that checks both.
fn close(
    context: &Context,
    id: &RoomId,
    abandon_sealed: bool,
    out: Option<PathBuf>,
    confirmation: Confirmation,
) -> Result<(), Failure> {
    let dir = out.unwrap_or_else(|| PathBuf::from(format!("closed-{}", id.to_string().replace('/', "-"))));
    if dir.symlink_metadata().is_ok() {
        return Err(Failure::new(Exit::Impossible, "file-exists").with("path", dir.display()));
    }
    let what = context.out.voice().say_with("what-room-closing", &[("id", id)]);
    if !confirmation.go_on(context, &what)? {
        context.out.result("room.close", &json!({"id": id, "dry_run": true}), |_| String::new())?;
        return Ok(());
    }
    let closed = context.ask(RoomClose { id: id.clone(), abandon_sealed })?;
    input::new_folder(&dir)?;
    let keep = |name: &str, text: &str| NewFile::create(&dir.join(name), 0o600)?.keep(text.as_bytes());
    let certificate = &closed.certificate;
    keep("certificate.json", &certificate.document)?;
    keep("certificate.json.sig", &certificate.signature)?;
    keep("ledger.jsonl", &closed.ledger)?;
    keep("hq.pub", &format!("{}\n", certificate.key))?;
    let facts = &certificate.facts;
    context.out.result("room.close", &json!({"path": dir, "certificate": facts}), |_| String::new())?;
    let (nodes, keys) = (facts.nodes.len(), facts.keys_destroyed);
    context
        .out
        .talk("room-closed", &[("room", id), ("nodes", &nodes), ("keys", &keys), ("path", &dir.display())]);
    if !facts.abandoned.is_empty() {
        context.out.warn("room-closed-abandoned", &[("nodes", &facts.abandoned.join(", "))]);
    }
    Ok(())
}

fn list(context: &Context) -> Result<(), Failure> {
    let rooms = context.ask(RoomList {})?.items;
    let row = |room: &admin::Room| {
        let nodes = room.nodes.len().to_string();
        vec![room.id.to_string(), room.company.to_string(), room.prefix.to_string(), nodes]
    };
    context.out.result("room.list", &json!({"rooms": rooms}), |voice| {
        let headings = ["label-room", "label-company", "label-prefix", "label-nodes"];
        table::rows(voice, &headings, rooms.iter().map(row).collect())
    })?;
    Ok(())
}

fn show(room: &admin::Room, voice: &Voice) -> String {
    table::fields(
        voice,
        vec![
            ("label-room", room.id.to_string()),
            ("label-company", room.company.to_string()),
            ("label-prefix", room.prefix.to_string()),
            ("label-nodes-prefixes", table::list(&room.nodes_prefixes)),
            ("label-lan", table::list(&room.lan_prefixes)),
            ("label-nodes", table::list(&room.nodes)),
            ("label-open-invites", room.open_invites.to_string()),
            ("label-created", times::tell(room.created_at)),
        ],
    )
}
