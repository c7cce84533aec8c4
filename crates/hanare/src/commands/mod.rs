//! The subcommands: one file each, with its arguments and what it does.

mod company;
mod hq;
mod invite;
mod ledger;
mod node;
mod office;
mod room;

use clap::Subcommand;

use crate::context::{Context, Outcome};

/// All subcommands, in the order of the help: headquarters first, then a node.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    #[command(subcommand)]
    Hq(hq::Command),
    #[command(subcommand)]
    Company(company::Command),
    #[command(subcommand)]
    Office(office::Command),
    #[command(subcommand)]
    Room(room::Command),
    Invite(invite::Args),
    #[command(subcommand)]
    Node(node::Command),
    #[command(subcommand)]
    Ledger(ledger::Command),
}

impl Command {
    /// Whether it runs until it is stopped, so that changes of state belong into its log.
    pub(crate) const fn is_service(&self) -> bool {
        false
    }

    /// Does it.
    pub(crate) fn run(self, context: &Context) -> Outcome {
        match self {
            Self::Hq(command) => command.run(context),
            Self::Company(command) => command.run(context),
            Self::Office(command) => command.run(context),
            Self::Room(command) => command.run(context),
            Self::Invite(args) => args.run(context),
            Self::Node(command) => command.run(context),
            Self::Ledger(command) => command.run(context),
        }
    }
}
