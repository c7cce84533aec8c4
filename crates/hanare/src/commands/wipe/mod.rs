//! `hanare wipe`: nothing left in the room.

mod receipt;
mod signer;

use clap::Subcommand;

use crate::context::{Context, Outcome};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    #[command(subcommand)]
    Receipt(receipt::Command),
}

impl Command {
    pub(crate) fn run(self, context: &Context) -> Outcome {
        match self {
            Self::Receipt(command) => command.run(context),
        }
    }
}
