//! The subcommands: one file each, with its arguments and what it does.

mod audit;
mod company;
mod device;
mod down;
mod guard;
mod handover;
mod hq;
mod invite;
mod join;
mod leave;
mod ledger;
mod lost;
mod node;
mod office;
mod person;
mod policy;
mod room;
mod site_keys;
mod status;
mod unlock;
mod up;
pub(crate) mod wipe;
mod work;
mod work_agent;
mod work_alone;
mod work_close;
mod work_field;
mod work_pam;
mod work_proof;
mod work_restore;
mod work_status;
mod worker;

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
    Person(person::Command),
    #[command(subcommand)]
    Office(office::Command),
    #[command(subcommand)]
    Room(room::Command),
    Invite(invite::Args),
    #[command(subcommand)]
    Node(node::Command),
    #[command(subcommand)]
    Policy(policy::Command),
    #[command(subcommand)]
    Ledger(ledger::Command),
    #[command(subcommand)]
    Handover(handover::Command),
    Join(join::Args),
    Up(up::Args),
    Status(status::Args),
    Down(down::Args),
    Leave(leave::Args),
    Unlock(unlock::Args),
    #[command(subcommand)]
    Work(work::Command),
    #[command(subcommand)]
    Wipe(wipe::Command),
    #[command(subcommand)]
    Audit(audit::Command),
    Device(device::Args),
    #[command(subcommand, hide = true)]
    Worker(worker::Command),
    #[command(hide = true)]
    Guard(guard::Args),
}

impl Command {
    /// Whether it runs until it is stopped, so that changes of state belong into its log.
    pub(crate) const fn is_service(&self) -> bool {
        matches!(
            self,
            Self::Up(_)
                | Self::Device(_)
                | Self::Worker(_)
                | Self::Hq(hq::Command::Serve(_))
                | Self::Wipe(wipe::Command::Agent(_))
        )
    }

    /// Does it.
    pub(crate) fn run(self, context: &Context) -> Outcome {
        match self {
            Self::Hq(command) => command.run(context),
            Self::Company(command) => command.run(context),
            Self::Person(command) => command.run(context),
            Self::Office(command) => command.run(context),
            Self::Room(command) => command.run(context),
            Self::Invite(args) => args.run(context),
            Self::Node(command) => command.run(context),
            Self::Policy(command) => command.run(context),
            Self::Ledger(command) => command.run(context),
            Self::Handover(command) => command.run(context),
            Self::Join(args) => args.run(context),
            Self::Up(args) => args.run(context),
            Self::Status(args) => args.run(context),
            Self::Down(args) => args.run(context),
            Self::Leave(args) => args.run(context),
            Self::Unlock(args) => args.run(context),
            Self::Work(command) => command.run(context),
            Self::Wipe(command) => command.run(context),
            Self::Audit(command) => command.run(context),
            Self::Device(args) => args.run(context),
            Self::Worker(command) => command.run(context),
            Self::Guard(args) => args.run(context),
        }
    }
}
