//! `hanare hq`: headquarters itself.

mod init;
mod objects;
mod serve;
mod status;

use clap::Subcommand;
use hanare_host::hands::Ended;

use crate::context::{Context, Outcome};
use crate::exit::Exit;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Init(init::Args),
    Serve(serve::Args),
    Status,
    #[command(subcommand)]
    Objects(objects::Command),
}

impl Command {
    pub(crate) fn run(self, context: &Context) -> Outcome {
        match self {
            Self::Init(args) => args.run(context),
            Self::Serve(args) => args.run(context),
            Self::Status => status::run(context),
            Self::Objects(command) => command.run(context),
        }
    }
}

/// The exit status of a host process. A worker that failed has said why itself.
pub(super) fn ended(outcome: Ended) -> Exit {
    match outcome {
        Ended::Stopped | Ended::Left => Exit::Good,
        Ended::Worker(status) => u8::try_from(status).map_or(Exit::Bug, Exit::from_code),
    }
}
