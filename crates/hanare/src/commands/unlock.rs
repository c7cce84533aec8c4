//! `hanare unlock`: opens the kill switch for a while, on the record.

use hanare_tunnel::control::{Client, MAX_UNLOCK_SECONDS};
use serde_json::json;

use crate::context::{Context, Outcome};
use crate::durations::{self, Span};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::foreign;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[arg(long = "for", value_name = "DURATION")]
    duration: Span,
    #[arg(long)]
    all: bool,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Outcome {
        let Self { reason, duration: Span(duration), all } = self;
        let seconds = duration.as_secs();
        if seconds > MAX_UNLOCK_SECONDS {
            let most = durations::short(MAX_UNLOCK_SECONDS);
            return Err(Failure::new(Exit::Input, "unlock-too-long").with("most", most));
        }
        Client::new(&context.runtime).unlock(&reason, duration, all).map_err(foreign::control_error)?;
        context.out.result("unlock", &json!({"seconds": seconds, "all": all}), |_| String::new())?;
        let span = durations::tell(seconds, context.out.voice());
        context.out.talk(if all { "unlocked-all" } else { "unlocked" }, &[("span", &span)]);
        Ok(Exit::Good)
    }
}
