//! `hanare wipe run`: the end of the day, now: tear down, erase, verify, receipt.

use hanare_wipe::receipt::Cause;
use hanare_wipe::volume::{self, State};
use serde_json::json;

use super::volume::places;
use super::{ending, report, signer};
use crate::ask::Confirmation;
use crate::context::{Context, Outcome};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::{foreign, times};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    confirmation: Confirmation,
    #[arg(long)]
    standalone: bool,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Outcome {
        signer::may_wipe(context, self.standalone)?;
        let what = context.out.voice().say("what-volume");
        if !self.confirmation.go_on(context, &what)? {
            let status = volume::status(places(context)).map_err(foreign::volume_error)?;
            let document = json!({"dry_run": true, "volume": status});
            context.out.result("wipe.run", &document, |voice| {
                voice.say(if status.state == State::Open {
                    "wipe-volume-would-go"
                } else {
                    "volume-not-open"
                })
            })?;
            return Ok(Exit::Good);
        }
        let ended =
            volume::end(places(context), Cause::Command, times::now()).map_err(foreign::volume_error)?;
        let Some(ended) = ended else {
            return Err(Failure::new(Exit::Impossible, "nothing-to-wipe"));
        };
        let (outcome, receipt) = ending::record(context, ended)?;
        report::tell_outcome(context, "wipe.run", &outcome, None, &receipt)
    }
}
