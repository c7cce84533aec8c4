//! `hanare wipe agent`: the daemon of an endpoint.

use std::path::PathBuf;

use crate::agent;
use crate::context::{Context, Outcome};
use crate::sizes::Size;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[arg(long, value_name = "DIR", default_value = "/srv/work")]
    work: PathBuf,
    #[arg(long, value_name = "SIZE")]
    reserve: Option<Size>,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Outcome {
        let Self { work, reserve } = self;
        agent::run(context, &work, reserve.map(|Size(bytes)| bytes))
    }
}
