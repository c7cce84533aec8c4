//! `hanare wipe`: nothing left in the room.

mod receipt;
mod report;
mod resume;
mod signer;
mod tree;

use clap::Subcommand;

use crate::context::{Context, Outcome};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Tree(tree::Args),
    Resume,
    #[command(subcommand)]
    Receipt(receipt::Command),
}

impl Command {
    pub(crate) fn run(self, context: &Context) -> Outcome {
        match self {
            Self::Tree(args) => args.run(context),
            Self::Resume => resume::run(context),
            Self::Receipt(command) => command.run(context),
        }
    }
}
