//! `hanare wipe`: nothing left in the room.

mod agent;
mod counted;
pub(crate) mod ending;
mod last;
mod plan;
mod receipt;
mod report;
mod resume;
mod run;
pub(crate) mod sealed;
pub(crate) mod signer;
mod tree;
mod volume;

use clap::Subcommand;

pub(crate) use self::receipt::cause;
pub(crate) use self::report::status;
pub(crate) use self::volume::places;

use crate::context::{Context, Outcome};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    #[command(subcommand)]
    Volume(volume::Command),
    Plan(plan::Args),
    Run(run::Args),
    Tree(tree::Args),
    Resume(resume::Args),
    Last,
    Agent(agent::Args),
    #[command(subcommand)]
    Receipt(receipt::Command),
    #[command(subcommand)]
    Sealed(sealed::Command),
}

impl Command {
    pub(crate) fn run(self, context: &Context) -> Outcome {
        match self {
            Self::Volume(command) => command.run(context),
            Self::Run(args) => args.run(context),
            Self::Plan(args) => args.run(context),
            Self::Tree(args) => args.run(context),
            Self::Resume(args) => args.run(context),
            Self::Last => last::run(context),
            Self::Agent(args) => args.run(context),
            Self::Receipt(command) => command.run(context),
            Self::Sealed(command) => command.run(context),
        }
    }
}
