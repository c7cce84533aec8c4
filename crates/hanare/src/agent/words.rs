//! One sentence for the person: what is safe at headquarters, what waits, and what was lost.

use hanare_handover::seal::Level;

use super::record::{Ended, Record};
use super::socket::Standing;
use crate::failure::Phrase;
use crate::times;
use crate::voice::Voice;

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
    let id = match (standing.reserve, &standing.trouble, standing.waiting) {
        (Level::Full | Level::Over, _, 1..) if standing.exposed > 0 => "day-full-exposed",
        (Level::Full | Level::Over, ..) => "day-full",
        _ if standing.alone => "day-alone",
        (_, Some(_), _) => "day-trouble",
        (_, None, 0) => "day-safe",
        (_, None, _) => "day-sending",
    };
    let phrase = Phrase::new(id).with("held", standing.files).with("waiting", standing.waiting);
    phrase.with("sealed", standing.sealed).with("exposed", standing.exposed)
}

/// How far the reserve for sealed items is used, if that is worth saying.
pub(crate) fn reserve(level: Level, voice: &Voice) -> Option<String> {
    Some(voice.say(match level {
        Level::Calm => return None,
        Level::Warn => "reserve-warn",
        Level::Full => "reserve-full",
        Level::Over => "reserve-over",
    }))
}
