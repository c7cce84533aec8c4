//! `hanare audit`: is this office fit, and who says so.

mod attest;
mod chain;
mod checklist;
mod diff;
mod document;
mod explain;
mod facts;
mod formats;
mod history;
mod interview;
mod judging;
mod list;
mod office;
mod report;
mod run;
mod show;
mod site;
mod verify;
mod words;

use clap::Subcommand;

use crate::context::{Context, Outcome};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Run(run::Args),
    Facts(facts::Args),
    List(list::Args),
    Explain(explain::Args),
    Verify(verify::Args),
    Attest(attest::Attest),
    Waive(attest::Waive),
    Report(report::Args),
    Diff(diff::Args),
    History(history::Args),
    #[command(subcommand)]
    Site(site::Command),
    #[command(subcommand)]
    Checklist(checklist::Command),
}

impl Command {
    pub(crate) fn run(self, context: &Context) -> Outcome {
        match self {
            Self::Run(args) => args.run(context),
            Self::Facts(args) => args.run(context),
            Self::List(args) => args.run(context),
            Self::Explain(args) => args.run(context),
            Self::Verify(args) => args.run(context),
            Self::Attest(args) => args.run(context),
            Self::Waive(args) => args.run(context),
            Self::Report(args) => args.run(context),
            Self::Diff(args) => args.run(context),
            Self::History(args) => args.run(context),
            Self::Site(command) => command.run(context),
            Self::Checklist(command) => command.run(context),
        }
    }
}
