//! `hanare node`: what has a `WireGuard` key, as headquarters knows it.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use hanare_hq::admin::{
    self, NodeAcknowledge, NodeAddExternal, NodeEndDay, NodeList, NodeReceipts, NodeRevoke, NodeShow,
};
use hanare_ledger::sshsig;
use hanare_model::{NodeName, RoomId};
use hanare_wipe::receipt::signature_path;
use serde_json::json;

use super::lost;
use crate::ask::Confirmation;
use crate::context::{Context, Outcome};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::input::NewFile;
use crate::{input, qr, show, table};

/// More than a wg-quick file takes with any number of headquarters' networks that fits into a QR code, and with many that do not.
const ROOM: usize = 64 * 1024;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    List,
    Show {
        #[arg(value_name = "NODE")]
        name: NodeName,
    },
    Revoke {
        #[arg(value_name = "NODE")]
        name: NodeName,
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        #[arg(long)]
        abandon_sealed: bool,
        #[command(flatten)]
        confirmation: Confirmation,
    },
    EndDay {
        #[arg(value_name = "NODE")]
        name: NodeName,
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        #[command(flatten)]
        confirmation: Confirmation,
    },
    Lost(lost::Args),
    Receipts {
        #[arg(value_name = "NODE")]
        name: NodeName,
        #[arg(value_name = "DIR")]
        dir: PathBuf,
    },
    Acknowledge {
        #[arg(value_name = "NODE")]
        name: NodeName,
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    Add(AddArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct AddArgs {
    #[arg(value_name = "OFFICE/ROOM")]
    room: RoomId,
    #[arg(long, value_enum, value_name = "external")]
    kind: Kind,
    #[arg(long, value_name = "NODE")]
    name: NodeName,
    #[arg(long, value_name = "FILE|-")]
    wg_quick: Option<PathBuf>,
    #[arg(long)]
    qr: bool,
    #[arg(long, value_name = "ADDRESS", value_delimiter = ',')]
    dns: Vec<IpAddr>,
}

/// What can be added without an invite.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Kind {
    External,
}

impl Command {
    pub(crate) fn run(self, context: &Context) -> Outcome {
        match self {
            Self::List => {
                let nodes = context.ask(NodeList {})?.items;
                context.out.result("node.list", &json!({"nodes": nodes}), |voice| {
                    let rows = nodes.iter().map(|node| show::node_row(node, voice)).collect();
                    table::rows(voice, &show::NODE_HEADINGS, rows)
                })?;
            }
            Self::Show { name } => {
                let node = context.ask(NodeShow { name })?;
                context.out.result("node.show", &node, |voice| show::node(&node, voice))?;
            }
            Self::Revoke { name, reason, abandon_sealed, confirmation } => {
                revoke(context, NodeRevoke { name, reason, abandon_sealed }, confirmation)?;
            }
            Self::EndDay { name, reason, confirmation } => {
                return end_day(context, name, reason, confirmation);
            }
            Self::Lost(args) => return args.run(context),
            Self::Receipts { name, dir } => receipts(context, &name, &dir)?,
            Self::Acknowledge { name, reason } => {
                let done = context.ask(NodeAcknowledge { name: name.clone(), reason })?;
                let alarms = done.missing + done.refused + done.gaps + done.unknown;
                context.out.talk("acknowledged", &[("node", &name), ("count", &alarms)]);
                context.out.result("node.acknowledge", &done, |_| String::new())?;
            }
            Self::Add(args) => args.run(context)?,
        }
        Ok(Exit::Good)
    }
}

/// Writes a node's receipts into a new folder, as its machine wrote them, with the key that checks them.
fn receipts(context: &Context, name: &NodeName, dir: &Path) -> Result<(), Failure> {
    let mut page = context.ask(NodeReceipts { name: name.clone(), after: None })?;
    input::new_folder(dir)?;
    if let Some(key) = &page.signing_key {
        let line = format!("{}\n", sshsig::openssh_key(key, name.as_str()));
        NewFile::create(&dir.join("node.pub"), 0o600)?.keep(line.as_bytes())?;
    }
    let mut count = 0;
    loop {
        for held in &page.receipts {
            let hash: String = held.place.hash.to_string().chars().take(8).collect();
            let path = dir.join(format!("{:08}-{hash}.json", held.place.counter));
            NewFile::create(&path, 0o600)?.keep(held.signed.document.as_bytes())?;
            NewFile::create(&signature_path(&path), 0o600)?.keep(held.signed.signature.as_bytes())?;
            count += 1;
        }
        let Some(after) = page.next else { break };
        page = context.ask(NodeReceipts { name: name.clone(), after: Some(after) })?;
    }
    context.out.talk("receipts-written", &[("count", &count), ("path", &dir.display())]);
    let document = json!({"node": name, "receipts": count, "path": dir});
    context.out.result("node.receipts", &document, |_| String::new())?;
    Ok(())
}

fn revoke(context: &Context, ask: NodeRevoke, confirmation: Confirmation) -> Result<(), Failure> {
    let what = context.out.voice().say_with("what-node", &[("id", &ask.name)]);
    if !confirmation.go_on(context, &what)? {
        let node = context.ask(NodeShow { name: ask.name })?;
        context.out.result("node.revoke", &json!({"node": node, "dry_run": true}), |_| String::new())?;
        return Ok(());
    }
    let revoked = context.ask(ask)?;
    let said = match (revoked.changed, revoked.acknowledged) {
        (false, _) => "revoked-before",
        (true, true) => "revoked-acknowledged",
        (true, false) => "revoked",
    };
    context.out.talk(said, &[("node", &revoked.node.name)]);
    context.out.result("node.revoke", &revoked, |_| String::new())?;
    Ok(())
}

fn end_day(context: &Context, name: NodeName, reason: Option<String>, confirmation: Confirmation) -> Outcome {
    let what = context.out.voice().say_with("what-day", &[("id", &name)]);
    if !confirmation.go_on(context, &what)? {
        let node = context.ask(NodeShow { name })?;
        context
            .out
            .result("node.end-day", &json!({"node": node.name, "dry_run": true}), |_| String::new())?;
        return Ok(Exit::Good);
    }
    let ordered = context.ask(NodeEndDay { name, reason })?;
    context.out.result("node.end-day", &ordered, |_| String::new())?;
    match &ordered.person {
        Some(person) => context.out.talk("day-ordered", &[("node", &ordered.node), ("person", person)]),
        None => context.out.talk("day-not-open", &[("node", &ordered.node)]),
    }
    Ok(if ordered.person.is_some() { Exit::Good } else { Exit::No })
}

impl AddArgs {
    fn run(self, context: &Context) -> Result<(), Failure> {
        let Self { room, kind: Kind::External, name, wg_quick, qr, dns } = self;
        // The only copy of the key comes back once: without a place for it there would be no use in making it.
        let to_stdout = wg_quick.as_deref().is_none_or(|path| path == Path::new("-"));
        let file = match wg_quick.as_deref() {
            Some(path) if !to_stdout => {
                let mut file = NewFile::create(path, 0o600)?;
                file.reserve(ROOM)?;
                Some(file)
            }
            Some(_) | None => None,
        };
        let external = context.ask(NodeAddExternal { room, name, dns })?;
        let shown = to_stdout && (wg_quick.is_some() || !qr);
        let text = if shown { Some(external.wg_quick.as_str()) } else { None };
        let in_file = file.is_some();
        let code = code_and_file(context, &external, qr, file)
            .map_err(|failure| lost_key(context, &external, failure))?;
        let document = document(&external, text, wg_quick.as_deref());
        let printed = context.out.result("node.add", &document, |_| {
            text.map(str::to_owned).into_iter().chain(code).collect::<Vec<_>>().join("\n")
        });
        if let Err(error) = printed {
            let failure = Failure::from(error);
            return Err(if in_file { failure } else { lost_key(context, &external, failure) });
        }
        context.out.talk("external-once", &[("node", &external.node.name)]);
        Ok(())
    }
}

/// Writes the key to its file, once nothing else stands in the way of that.
fn code_and_file(
    context: &Context,
    external: &admin::ExternalNode,
    qr: bool,
    file: Option<NewFile>,
) -> Result<Option<String>, Failure> {
    let code = if qr && !context.out.json() { Some(qr::draw(&external.wg_quick)?) } else { None };
    if let Some(file) = file {
        file.keep(external.wg_quick.as_bytes())?;
    }
    Ok(code)
}

/// Nobody has the node's key nor ever will: it is revoked. The failure that led here is what the admin reads.
fn lost_key(context: &Context, external: &admin::ExternalNode, failure: Failure) -> Failure {
    let revoke = NodeRevoke { name: external.node.name.clone(), reason: None, abandon_sealed: false };
    if let Err(second) = context.ask(revoke) {
        tracing::warn!(code = second.code, node = %external.node.name, "a node whose key is lost could not be revoked");
    }
    failure
}

/// With `--json` the file's text is part of the document only if it went nowhere else.
fn document(external: &admin::ExternalNode, text: Option<&str>, path: Option<&Path>) -> serde_json::Value {
    let text = if path.is_none() { Some(external.wg_quick.as_str()) } else { text };
    json!({"node": external.node, "wg_quick": text, "path": path.filter(|path| *path != Path::new("-"))})
}
