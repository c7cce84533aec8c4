//! The reasons that libraries give, sorted into phrases of the catalogue. Their own words nobody can translate: they come behind, as a
//! marked detail.

use std::error::Error;
use std::io::{self, ErrorKind};

use hanare_tunnel::ApiError;

use super::system::system_reason;
use crate::failure::{Phrase, chain};

/// Why `error` happened, in the person's language.
pub(crate) fn reason(error: &(dyn Error + 'static)) -> Phrase {
    let words = chain(error);
    if let Some(phrase) = system_reason(error) {
        tracing::debug!(reason = words, "in the system's words");
        return phrase;
    }
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(phrase) = known(error, &words) {
            return phrase;
        }
        next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            // What an I/O error wraps is not its source, only that one's source is.
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    Phrase::new("cause-other").detail(words)
}

/// Where a text stops being the JSON that was expected.
pub(super) fn json(line: usize, column: usize, words: &str) -> Phrase {
    let phrase = match line {
        // A value that was taken apart had no text any more.
        0 => Phrase::new("cause-json-value"),
        _ => Phrase::new("cause-json").with("line", line).with("column", column),
    };
    phrase.detail(words)
}

fn known(error: &(dyn Error + 'static), words: &str) -> Option<Phrase> {
    if let Some(error) = error.downcast_ref::<serde_json::Error>() {
        return Some(json(error.line(), error.column(), words));
    }
    if let Some(error) = error.downcast_ref::<ApiError>() {
        return match error {
            ApiError::Timeout { .. } => Some(Phrase::new("cause-timeout")),
            ApiError::Unavailable { status } => Some(Phrase::new("cause-unavailable").with("status", status)),
            ApiError::Connection { .. }
            | ApiError::NotHeadquarters
            | ApiError::Refused(_)
            | ApiError::Answer { .. }
            | ApiError::Setup { .. } => Some(Phrase::new("cause-line").detail(words)),
        };
    }
    if error.is::<std::str::Utf8Error>() || error.is::<std::string::FromUtf8Error>() {
        return Some(Phrase::new("cause-not-text").detail(words));
    }
    let error = error.downcast_ref::<io::Error>()?;
    let is = |kind| error.kind() == kind;
    let id = match () {
        () if is(ErrorKind::UnexpectedEof) => "cause-ends-early",
        () if is(ErrorKind::TimedOut) => "cause-timeout",
        () if is(ErrorKind::InvalidData) && error.get_ref().is_none() => "cause-content",
        () if is(ErrorKind::InvalidData) && error.to_string().contains("UTF-8") => "cause-not-text",
        () => return None,
    };
    Some(Phrase::new(id).detail(words))
}
