//! `hanare wipe agent`: the daemon of an endpoint.

use std::path::PathBuf;

use super::plan;
use crate::agent;
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
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Outcome {
        let Self { work, policy: file, reserve } = self;
        let policy = file.as_deref().map(plan::read).transpose()?;
        if let (Some(policy), Some(file)) = (&policy, &file)
            && policy.volume.is_none()
        {
            return Err(Failure::new(Exit::Input, "policy-no-volume").with("path", file.display()));
        }
        agent::run(context, &work, policy, reserve.map(|Size(bytes)| bytes))
    }
}
