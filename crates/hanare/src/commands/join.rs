//! `hanare join`: enrols this machine.

use std::io::{self, BufRead as _, IsTerminal as _};
use std::path::{Path, PathBuf};

use hanare_model::NodeName;
use hanare_model::invite::{Invite, PREFIX, SheetCode};
use hanare_tunnel::join::{JoinOptions, Joined, join};

use crate::context::{Context, Outcome};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::voice::Voice;
use crate::{foreign, input, show, table, times};

/// The longest line that is read from a terminal.
const MAX_LINE: u64 = 4096;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[arg(value_name = "FILE|-")]
    invite: Option<PathBuf>,
    #[arg(long, value_name = "NODE")]
    name: Option<NodeName>,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Outcome {
        let Self { invite, name } = self;
        let is_piped = invite.as_deref().is_some_and(|path| path == Path::new("-"));
        let text = match invite {
            Some(path) if looks_like_invite(&path) => {
                return Err(Failure::new(Exit::Usage, "invite-in-argv"));
            }
            Some(path) => input::text(&path)?,
            None => ask(context, "join-ask-invite")?.ok_or(Failure::new(Exit::Usage, "invite-wanted"))?,
        };
        let invite = Invite::parse(&text).map_err(foreign::invite_error)?;
        let code = if invite.wants_code && !is_piped { told(context)? } else { None };
        let name = match &invite.name {
            Some(_) => name,
            None => name.or_else(host_name),
        };
        context.out.talk("join-connecting", &[("api", &table::list(&invite.api))]);
        let options = JoinOptions { state: context.state.clone(), invite, name, code };
        let joined = join(&options).map_err(foreign::join_error)?;
        context.out.result("join", &joined, |voice| shown(&joined, voice))?;
        context.out.talk(if joined.again { "joined-again" } else { "joined" }, &[("room", &joined.room)]);
        Ok(Exit::Good)
    }
}

fn shown(joined: &Joined, voice: &Voice) -> String {
    table::fields(
        voice,
        vec![
            ("label-node", joined.node.to_string()),
            ("label-kind", voice.say(show::kind(joined.kind))),
            ("label-room", joined.room.to_string()),
            ("label-company", joined.company.to_string()),
            ("label-addresses", show::bare_addresses(&joined.addresses)),
            ("label-lan", table::list(&joined.lan)),
            ("label-lease-until", times::tell(joined.lease_until)),
        ],
    )
}

/// A secret that was typed where a file's name belongs: everybody on this machine could read it there.
fn looks_like_invite(path: &Path) -> bool {
    path.to_str().is_some_and(|text| text.to_ascii_lowercase().starts_with(PREFIX))
}

/// A line from the person at the terminal; `None` if there is nobody. What is typed stays visible: an invite is copied from
/// paper too, and it is of no use to anybody once this machine has joined.
fn ask(context: &Context, question: &str) -> Result<Option<String>, Failure> {
    if !io::stdin().is_terminal() {
        return Ok(None);
    }
    context.out.warn(question, &[]);
    line().map(Some)
}

/// The code that a sheet wants: typed at the terminal, or the first line of what is piped in beside a file.
fn told(context: &Context) -> Result<Option<SheetCode>, Failure> {
    let typed = match ask(context, "join-ask-code")? {
        Some(typed) => typed,
        None => line()?,
    };
    if typed.is_empty() {
        return Ok(None);
    }
    SheetCode::parse(&typed).map(Some).ok_or(Failure::new(Exit::Input, "code-malformed"))
}

fn line() -> Result<String, Failure> {
    use std::io::Read as _;
    let mut line = String::new();
    io::stdin()
        .lock()
        .take(MAX_LINE)
        .read_line(&mut line)
        .map_err(|error| Failure::new(Exit::Impossible, "terminal").because(&error))?;
    Ok(line.trim().to_owned())
}

/// This machine's name, if it can be a node's.
fn host_name() -> Option<NodeName> {
    let uname = rustix::system::uname();
    let name = uname.nodename().to_str().ok()?.to_ascii_lowercase();
    name.split('.').next()?.parse().ok()
}
