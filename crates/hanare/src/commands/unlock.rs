//! `hanare unlock`: opens the kill switch for a while, on the record.

use std::ffi::OsString;
use std::os::fd::AsFd as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

use hanare_tunnel::control::{Client, ControlError, MAX_UNLOCK_SECONDS};
use hanare_tunnel::node;
use serde_json::json;

use crate::context::{Context, Outcome};
use crate::durations::{self, Span};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::{environment, foreign};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[arg(long = "for", value_name = "DURATION")]
    duration: Span,
    #[arg(long)]
    all: bool,
    #[arg(last = true, value_name = "-- PROGRAM", conflicts_with = "all")]
    program: Vec<OsString>,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Outcome {
        let Self { reason, duration: Span(duration), all, program } = self;
        let seconds = duration.as_secs();
        if seconds > MAX_UNLOCK_SECONDS {
            let most = durations::short(MAX_UNLOCK_SECONDS);
            return Err(Failure::new(Exit::Input, "unlock-too-long").with("most", most));
        }
        let name = program.first().map(|name| name.to_string_lossy().into_owned());
        if let Some(name) = name.as_ref().filter(|name| environment::find_program(name).is_none()) {
            // Before anything is open.
            return Err(Failure::new(Exit::Impossible, "no-such-program").with("name", name));
        }
        let asked = Client::new(&context.runtime).unlock(&reason, duration, all, name.as_deref());
        if let Err(error) = asked {
            // Whoever may change the network themselves does not depend on a daemon, nor does the record.
            let is_alone = matches!(error, ControlError::NotRunning { .. });
            let opened = if is_alone {
                node::unlock(&context.state, &reason, duration, all, name.as_deref())
                    .map_err(|problem| foreign::control_error(ControlError::Refused(problem)))?
            } else {
                None
            };
            opened.ok_or_else(|| foreign::control_error(error))?;
        }
        let document = json!({"seconds": seconds, "all": all, "program": name});
        context.out.result("unlock", &document, |_| String::new())?;
        let span = durations::tell(seconds, context.out.voice());
        let Some((first, arguments)) = program.split_first() else {
            context.out.talk(if all { "unlocked-all" } else { "unlocked" }, &[("span", &span)]);
            return Ok(Exit::Good);
        };
        let name = name.unwrap_or_default();
        context.out.talk("unlocked-program", &[("span", &span), ("name", &name)]);
        // This process is the one that was let in; what it becomes, and starts, is let in with it.
        let mut becomes = Command::new(first);
        becomes.args(arguments);
        if context.out.json() {
            // stdout has its one document.
            becomes.stdout(
                std::io::stderr().as_fd().try_clone_to_owned().map_or_else(|_| Stdio::null(), Stdio::from),
            );
        }
        let error = becomes.exec();
        Err(Failure::new(Exit::Impossible, "program-not-started").with("name", name).because(&error))
    }
}
