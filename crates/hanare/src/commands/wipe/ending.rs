//! The end of a work volume's opening: its one receipt, and what it tells.

use hanare_wipe::tree;
use hanare_wipe::volume::Ended;
use hanare_wipe::{Outcome, Verdict};

use super::signer;
use crate::context::Context;
use crate::failure::Failure;
use crate::voice::Voice;
use crate::{foreign, times};

/// Erases the leftovers that it was ordered with, writes the receipt and forgets the opening.
pub(crate) fn record(context: &Context, ended: Ended) -> Result<tree::Ended, Failure> {
    // Whatever became of the enrolment meanwhile: what has ended is recorded.
    let own = signer::own_or_new(context)?;
    hanare_wipe::run::finish(&context.state, own, ended, &times::now)
        .map_err(|error| foreign::run_error(error, None))
}

/// One line for a person.
pub(super) fn said(outcome: &Outcome, voice: &Voice) -> String {
    let seconds = outcome.volume.map_or(0.0, |end| end.seconds);
    let id = match outcome.verdict {
        Verdict::Pass => "volume-ended",
        Verdict::Partial => "volume-ended-partly",
        Verdict::Fail => "volume-readable",
    };
    voice.say_with(id, &[("seconds", &format!("{seconds:.2}"))])
}

/// What keeps it from being good.
pub(super) fn complain(context: &Context, outcome: &Outcome) {
    for entry in &outcome.skipped {
        let reason = context.out.voice().say(&format!("skip-{}", entry.reason.as_str()));
        context.out.warn("wipe-skipped", &[("count", &entry.count), ("reason", &reason)]);
    }
}
