//! One sentence for the person: what is safe at headquarters, what waits, and what was lost.

use super::record::{Ended, Record};
use super::socket::Standing;
use crate::failure::Phrase;
use crate::times;

/// What is to be said of the day that is open, or else of the last one.
pub(crate) fn now(standing: &Standing) -> Option<Phrase> {
    if standing.active {
        return Some(open(standing));
    }
    standing.last.as_ref().and_then(last)
}

/// What is to be said of the last day; nothing of one that goes on.
pub(crate) fn last(record: &Record) -> Option<Phrase> {
    if record.was_cut_off() {
        let about = |id| {
            Phrase::new(id)
                .with("person", &record.person)
                .with("at", times::tell(record.at))
                .with("held", record.held)
        };
        return Some(match record.waiting_since.filter(|_| record.waiting > 0) {
            None if record.sealed > 0 => about("day-cut-off-sealed").with("sealed", record.sealed),
            None => about("day-cut-off"),
            Some(since) => {
                about("day-cut-off-waiting").with("waiting", record.waiting).with("since", times::tell(since))
            }
        });
    }
    let Ended { lost, .. } = record.end?;
    let about = |id| Phrase::new(id).with("person", &record.person).with("held", record.held);
    Some(match (lost, record.sealed) {
        (0, 0) => about("day-ended"),
        (0, sealed) => about("day-ended-sealed").with("sealed", sealed),
        (lost, _) => about("day-ended-lost").with("lost", lost),
    })
}

fn open(standing: &Standing) -> Phrase {
    let id = match (&standing.trouble, standing.waiting) {
        (Some(_), _) => "day-trouble",
        (None, 0) => "day-safe",
        (None, _) => "day-sending",
    };
    Phrase::new(id).with("held", standing.files).with("waiting", standing.waiting)
}
