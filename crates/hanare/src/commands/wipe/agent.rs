//! `hanare wipe agent`: the daemon of an endpoint.

use std::path::PathBuf;

use super::plan;
use crate::agent::{self, Bounds};
use crate::context::{Context, Outcome};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::sizes::Size;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[arg(long, value_name = "DIR", default_value = "/srv/work", conflicts_with = "policy")]
    work: PathBuf,
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    #[arg(long, value_name = "SIZE")]
    reserve: Option<Size>,
    #[arg(long, value_name = "SIZE")]
    rate: Option<Size>,
}

/// Slower than this, headquarters gives up waiting for the end of a request.
const SLOWEST: u64 = 128 * 1024;

impl Args {
    pub(crate) fn run(self, context: &Context) -> Outcome {
        let Self { work, policy: file, reserve, rate } = self;
        let policy = file.as_deref().map(plan::read).transpose()?;
        if let (Some(policy), Some(file)) = (&policy, &file)
            && policy.volume.is_none()
        {
            return Err(Failure::new(Exit::Input, "policy-no-volume").with("path", file.display()));
        }
        let [reserve, rate] = [reserve, rate].map(|size| size.map(|Size(bytes)| bytes));
        if rate.is_some_and(|rate| rate < SLOWEST) {
            return Err(Failure::new(Exit::Input, "rate-too-slow"));
        }
        agent::run(context, &work, policy, Bounds { reserve, rate })
    }
}
