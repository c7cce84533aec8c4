//! `hanare wipe tree`: erases whole directories, with everything in them.

use std::ffi::OsString;

use hanare_wipe::receipt::Cause;
use hanare_wipe::root::Root;
use hanare_wipe::tree::{Survey, wipe};
use serde_json::json;

use super::{report, signer};
use crate::ask::Confirmation;
use crate::context::{Context, Outcome};
use crate::exit::Exit;
use crate::foreign;
use crate::times;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[arg(required = true)]
    path: Vec<OsString>,
    #[command(flatten)]
    confirmation: Confirmation,
    #[arg(long)]
    standalone: bool,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Outcome {
        let roots = Root::judge(&self.path, &context.state).map_err(foreign::refused)?;
        signer::may_wipe(context, self.standalone)?;
        let what = context.out.voice().say_with("what-trees", &[("count", &roots.len())]);
        if !self.confirmation.go_on(context, &what)? {
            let Survey { files, bytes, skipped } = Survey::of(&roots);
            let document = json!({
                "dry_run": true, "files": files, "bytes": bytes, "skipped": skipped.into_skipped(),
            });
            context.out.result("wipe.tree", &document, |voice| {
                voice.say_with("wipe-would-go", &[("files", &files), ("bytes", &bytes)])
            })?;
            return Ok(Exit::Good);
        }
        let key = signer::own_or_new(context)?;
        let ended = wipe(&context.state, key, &roots, Cause::Command, &times::now);
        report::tell(context, "wipe.tree", &ended.map_err(foreign::tree_error)?)
    }
}
