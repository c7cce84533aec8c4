//! `hanare worker`: the process without privileges that a host process starts; not for people.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Subcommand;
use hanare_tunnel::node::{self, WorkerOptions};

use crate::context::{Context, Outcome, block_on};
use crate::exit::Exit;
use crate::{environment, foreign, serve};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Hq(HqArgs),
    Node(NodeArgs),
    Desktop(DesktopArgs),
    Dial(DialArgs),
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

#[derive(Debug, clap::Args)]
pub(crate) struct DesktopArgs {
    bus: PathBuf,
    title: String,
    text: String,
}

#[derive(Debug, clap::Args)]
pub(crate) struct DialArgs {
    #[arg(long)]
    host: String,
    #[arg(long)]
    port: u16,
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
                    bucket: None,
                };
                serve::run(context, options)
            }
            Self::Node(NodeArgs { lan }) => {
                let options =
                    WorkerOptions { state: context.state.clone(), runtime: context.runtime.clone(), lan };
                node::run_worker(&options).map_err(foreign::worker_error)?;
                Ok(Exit::Good)
            }
            Self::Dial(DialArgs { host, port }) => {
                hanare_host::dial::serve(&host, port).map_err(foreign::host_error)?;
                Ok(Exit::Good)
            }
            Self::Desktop(DesktopArgs { bus, title, text }) => {
                // Nobody may be there to show it.
                let shown = block_on(hanare_host::desktop::notify(&bus, &title, &text))?;
                Ok(if shown.is_ok() { Exit::Good } else { Exit::No })
            }
        }
    }
}
