//! The end of a work volume's opening: its one receipt, and what it tells.

use std::path::PathBuf;

use hanare_wipe::receipt::Receipts;
use hanare_wipe::volume::Ended;
use hanare_wipe::{Outcome, Verdict};

use super::signer;
use crate::context::Context;
use crate::failure::Failure;
use crate::foreign;
use crate::voice::Voice;

/// Writes the receipt and forgets the opening.
pub(super) fn record(context: &Context, ended: Ended) -> Result<(Outcome, PathBuf), Failure> {
    // Whatever became of the enrolment meanwhile: what has ended is recorded.
    let own = signer::own_or_new(context)?;
    let receipts = Receipts::open(&context.state, own).map_err(foreign::receipt_error)?;
    let path = receipts.write(&ended.ending).map_err(foreign::receipt_error)?;
    let outcome = ended.ending.outcome.clone();
    ended.recorded().map_err(foreign::volume_error)?;
    Ok((outcome, path))
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
