//! `hanare wipe agent`: the daemon of an endpoint.

use std::path::PathBuf;

use crate::agent;
use crate::context::{Context, Outcome};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[arg(long, value_name = "DIR", default_value = "/srv/work")]
    work: PathBuf,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Outcome {
        let Self { work } = self;
        agent::run(context, &work)
    }
}
