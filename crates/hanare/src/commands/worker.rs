//! `hanare worker`: the process without privileges that a host process starts; not for people.

use std::net::SocketAddr;

use clap::Subcommand;
use hanare_tunnel::node::{self, WorkerOptions};

use crate::context::{Context, Outcome};
use crate::exit::Exit;
use crate::{environment, foreign, serve};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Hq(HqArgs),
    Node(NodeArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct HqArgs {
    #[arg(long)]
    listen: SocketAddr,
    #[arg(long)]
    api: SocketAddr,
    #[arg(long)]
    interface: String,
}

#[derive(Debug, clap::Args)]
pub(crate) struct NodeArgs {
    #[arg(long)]
    lan: bool,
}

impl Command {
    pub(crate) fn run(self, context: &Context) -> Outcome {
        match self {
            Self::Hq(HqArgs { listen, api, interface }) => {
                let options = hanare_hq::ServeOptions {
                    state: context.state.clone(),
                    runtime: context.runtime.clone(),
                    listen,
                    api,
                    interface,
                    credentials: environment::credentials(),
                };
                serve::run(context, options)
            }
            Self::Node(NodeArgs { lan }) => {
                let options =
                    WorkerOptions { state: context.state.clone(), runtime: context.runtime.clone(), lan };
                node::run_worker(&options).map_err(foreign::worker_error)?;
                Ok(Exit::Good)
            }
        }
    }
}
